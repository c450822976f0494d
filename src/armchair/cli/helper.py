"""`armchair helper run`: the privileged helper of a site, as a service of its own."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Instead of /etc/armchair/helper.toml.")]


def add(app: typer.Typer) -> None:
    """Add the command."""
    helper = typer.Typer(help="The privileged helper of a site.", no_args_is_help=True)
    helper.callback()(lambda: None)  # keeps `run` a command of its own while it is the only one
    helper.command("run")(run)
    app.add_typer(helper, name="helper")


def run(config: Config = None) -> None:
    """Run the helper in the foreground: it checks passwords, signs, and acts for people who have logged in."""
    from armchair.cli.logs import to_stderr  # noqa: PLC0415 - slow to load
    from armchair.helper.config import DEFAULT  # noqa: PLC0415 - as above
    from armchair.helper.run import run as serve  # noqa: PLC0415 - as above

    to_stderr()
    asyncio.run(serve(config or DEFAULT))
