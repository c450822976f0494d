"""The home of a portal and its settings, for commands that work on them directly."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from armchair.settings import Loaded

Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        readable=False,  # a site's gateway may pass through the portal's home and not list it
        help="Where the portal keeps everything (default: in the user's state directory).",
    ),
]


def settings_of(home: Path | None, config: Path | None = None) -> tuple[Path, "Loaded"]:
    """(the home, its settings). Raises BadSettings."""
    # imported here: commands that only talk to the portal need no settings, which take long to load
    from armchair.settings import default_home, load  # noqa: PLC0415

    where = home.absolute() if home else default_home()
    return where, load(where, config)
