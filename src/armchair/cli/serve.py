"""`armchair serve` and `armchair down`: run the portal, and end everything."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from armchair.cli.home import Home, settings_of
from armchair.cli.output import FAILED, Json, note, print_json

if TYPE_CHECKING:
    from armchair.bootstrap import Running
    from armchair.settings import Settings

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Instead of <home>/armchair.toml.")]
Listen = Annotated[
    str,
    typer.Option("--listen", metavar="ADDRESS:PORT", help="Where browsers connect; unix:/path for a socket of your own."),
]

Launcher = Annotated[
    str,
    typer.Option(
        "--launcher", metavar="NAME", help="Start sessions with this launcher, such as slurm, without a configuration."
    ),
]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    app.command()(down)


def serve(home: Home = None, listen: Listen = "", config: Config = None, launcher: Launcher = "") -> None:
    """Run the portal until Ctrl-C; sessions and gateway go on afterwards."""
    # imported here: these load the whole portal, and only this command needs it
    from armchair.cli.logs import to_home  # noqa: PLC0415
    from armchair.settings import ServeOptions, default_home  # noqa: PLC0415

    options = ServeOptions(home=home.absolute() if home else default_home(), listen=listen, config=config, launcher=launcher)
    loaded = options.load()
    to_home(options.home, calm=sys.stderr.isatty())
    if os.geteuid() == 0:
        note("Warning: the portal runs as root, and so does every session. Use an ordinary account if you can.")
    asyncio.run(_serve(options.home, loaded.settings))


async def _serve(home: Path, settings: "Settings") -> None:
    from armchair import bootstrap  # noqa: PLC0415 - as above
    from armchair.cli.greeting import farewell, greet  # noqa: PLC0415 - as above

    last: list[asyncio.Task[str]] = []

    async def when_up(running: "Running") -> None:
        for line in await greet(running, home, settings):
            typer.echo(line)
        sys.stdout.flush()
        # counted as the end begins: afterwards the store is closed
        last.append(asyncio.create_task(farewell(running)))

    await bootstrap.serve(settings, home, when_up)
    for words in await asyncio.gather(*last, return_exceptions=True):
        note(words if isinstance(words, str) else "The portal has ended.")


def down(
    home: Home = None,
    config: Config = None,
    keep_sessions: Annotated[bool, typer.Option("--keep-sessions", help="End only portal and gateway.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """End everything: sessions, portal and gateway; also when the portal is dead."""
    from armchair.cli.ending import end_everything  # noqa: PLC0415 - as above
    from armchair.cli.logs import to_home  # noqa: PLC0415 - as above

    where, loaded = settings_of(home, config)
    if not (where / "keys").is_dir():
        note(f"No portal was ever started in {where}: nothing to end.")
        return

    to_home(where, calm=True)

    def agreed(live: int) -> bool:
        sessions = f"{live} running session{'s' if live > 1 else ''}"
        asks = live and not yes and not as_json and sys.stdin.isatty()
        if asks and not typer.confirm(f"This ends {sessions}. Go on?", err=True):
            return False
        if live:
            note(f"Ending {sessions}. Programs get the time they need to save their work.")
        return True

    ended = end_everything(loaded.settings, where, agreed, keep_sessions=keep_sessions)
    if as_json:
        print_json({"sessions_ended": ended.sessions, "sessions_left": ended.left, "portal_ended": ended.portal})
    else:
        sessions = f"{ended.sessions} session{'' if ended.sessions == 1 else 's'}"
        typer.echo(f"{sessions} ended. Portal and gateway are down.")
    if ended.left:
        numbers = ", ".join(f"#{number}" for number in ended.left)
        note(f"These have not ended in time: {numbers}. The next portal goes on with that.")
        raise typer.Exit(FAILED)
