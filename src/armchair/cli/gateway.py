"""`armchair gateway run`, `armchair hub run`, `armchair keys`: both as services of their own, and the keys of tickets."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from armchair.cli.home import Home, settings_of
from armchair.cli.output import Json, print_json, table

if TYPE_CHECKING:
    from armchair.settings import Settings

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Instead of <home>/armchair.toml.")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    gateway = typer.Typer(help="The gateway as a service of its own.", no_args_is_help=True)
    gateway.callback()(lambda: None)  # keeps `run` a command of its own while it is the only one
    gateway.command("run")(run)
    app.add_typer(gateway, name="gateway")
    hub = typer.Typer(help="The hub, where agents connect out.", no_args_is_help=True)
    hub.callback()(lambda: None)
    hub.command("run")(run_hub)
    app.add_typer(hub, name="hub")
    keys = typer.Typer(help="The keys that tickets are signed with.", no_args_is_help=True)
    keys.command("show")(show)
    keys.command("rotate")(rotate)
    app.add_typer(keys, name="keys")


def run(home: Home = None, config: Config = None) -> None:
    """Run the gateway in the foreground, with gateway.managed = false; SIGHUP takes over changed settings."""
    from armchair import gatehouse  # noqa: PLC0415 - slow to load
    from armchair.cli.logs import to_stderr  # noqa: PLC0415 - as above

    where, loaded = settings_of(home, config)
    to_stderr()
    asyncio.run(gatehouse.run(loaded.settings, where))


def run_hub(home: Home = None, config: Config = None) -> None:
    """Run the hub in the foreground, with gateway.managed = false, as the gateway's account; SIGTERM ends it."""
    from armchair import meetinghouse  # noqa: PLC0415 - as above
    from armchair.cli.logs import to_stderr  # noqa: PLC0415 - as above

    where, loaded = settings_of(home, config)
    to_stderr()
    asyncio.run(meetinghouse.run(loaded.settings, where))


def show(home: Home = None, config: Config = None, as_json: Json = False) -> None:
    """List the keys that tickets are signed with."""
    from armchair import gatehouse  # noqa: PLC0415 - as above

    where, loaded = settings_of(home, config)
    rows = gatehouse.ticket_keys(loaded.settings, where)
    if as_json:
        print_json([{"id": kid, "state": state, "until": until or None} for kid, state, until in rows])
    else:
        table(("KEY", "STATE", "UNTIL"), rows)


def rotate(
    home: Home = None,
    config: Config = None,
    compromised: Annotated[
        bool, typer.Option("--compromised", help="Refuse at once what the present key signed; everybody comes in again.")
    ] = False,
    authorities: Annotated[
        bool, typer.Option("--authorities", help="Change the authorities behind the certificates instead, in two steps.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Sign tickets with a new key. Running sessions and open pages go on."""
    from armchair import gatehouse  # noqa: PLC0415 - as above

    where, loaded = settings_of(home, config)
    if authorities:
        _rotate_authorities(loaded.settings, where, yes=yes)
        return
    gatehouse.rotate(loaded.settings, where, datetime.now(UTC), compromised=compromised)
    soon = "A new key signs tickets as soon as the gateway knows it."
    typer.echo("Tickets are signed with a new key." if compromised else soon)


def _rotate_authorities(settings: "Settings", home: Path, *, yes: bool) -> None:
    from armchair import gatehouse  # noqa: PLC0415 - as above

    def agreed(since: datetime) -> bool:
        lost = f"Sessions that began before {since:%Y-%m-%d %H:%M} UTC can't be reached after this. Go on?"
        return yes or typer.confirm(lost, err=True, abort=True)

    if gatehouse.rotate_authorities(settings, home, datetime.now(UTC), agreed):
        typer.echo("The next authorities are there. Start the portal again (and the helper), so that new sessions know them.")
        typer.echo("Repeat this command once all sessions that began before have ended.")
    else:
        typer.echo("The next authorities sign from now on. Start the portal again (and the helper).")
