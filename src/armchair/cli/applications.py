"""Commands on applications and their kits: apps, app check, kit."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from armchair.cli.connection import connect
from armchair.cli.home import Home, settings_of
from armchair.cli.output import BAD_INPUT, FAILED, Json, note, print_json, table

_STEPS = {
    "kit.creating": "making its environment",
    "kit.downloading": "downloading its packages",
    "kit.checking": "looking whether it works",
    "kit.ready": "ready",
}


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("apps")(apps)
    one = typer.Typer(help="For those who write applications.", no_args_is_help=True)
    one.callback()(lambda: None)  # keeps `check` a command of its own while it is the only one
    one.command("check")(check)
    app.add_typer(one, name="app")
    kit = typer.Typer(help="Environments that applications run in.", no_args_is_help=True)
    kit.command("list")(kits)
    kit.command("install")(install)
    kit.command("status")(status)
    app.add_typer(kit, name="kit")


def apps(as_json: Json = False) -> None:
    """List the applications that can be started."""
    with connect() as client:
        found = client.applications()
    if as_json:
        print_json({"applications": [one.data for one in found]})
        return
    rows = [
        (
            one.name,
            one.title,
            " ".join(one.sizes),
            "can't be started" if one.missing else "if the nodes have it" if one.unseen else "",
        )
        for one in found
    ]
    table(("NAME", "TITLE", "SIZES", ""), rows)
    for one in found:
        for what, cure in one.missing:
            note(f"{one.title}: {what} is missing. {cure}")


def check(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The application's directory.")],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Explain each mistake in an application's directory. Exit 0 when there is none, else 2."""
    from armchair import offline  # noqa: PLC0415 - slow to load, and only some commands need it

    where, loaded = settings_of(home)
    problems = offline.check_application(loaded.settings, where, directory)
    if as_json:
        rows = [{"file": one.file, "line": one.line, "key": one.key, "message": one.message} for one in problems]
        print_json({"ok": not problems, "problems": rows})
    else:
        for problem in problems:
            typer.echo(str(problem))
        if not problems:
            typer.echo(f"{directory} is good.")
    if problems:
        raise typer.Exit(BAD_INPUT)


def kits(home: Home = None, as_json: Json = False) -> None:
    """List the kits."""
    _show(None, home, as_json=as_json)


def status(name: Annotated[str, typer.Argument(help="The kit's name.")], home: Home = None, as_json: Json = False) -> None:
    """Whether a kit is installed. Exit 0 when it is, else 1."""
    if not _show(name, home, as_json=as_json):
        raise typer.Exit(FAILED)


def install(
    name: Annotated[str, typer.Argument(help="The kit's name.")],
    directory: Annotated[
        Path | None, typer.Option("--directory", metavar="DIR", help="Where it goes, in place of the settings' kits_directory.")
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Install a kit, once; it is left alone when it is there."""
    from armchair import offline  # noqa: PLC0415 - as above

    def progress(step: str) -> None:
        if not as_json:
            note(f"kit {name}: {_STEPS.get(step, step)}")

    where, loaded = settings_of(home)
    kit = asyncio.run(offline.install_kit(loaded.settings, where, name, progress, directory))
    if as_json:
        print_json({"name": kit.name, "ready": kit.ready, "version": kit.version, "directory": kit.directory})


def _show(name: str | None, home: Path | None, *, as_json: bool) -> bool:
    """Print all kits, or the one; True when each of them is ready."""
    from armchair import offline  # noqa: PLC0415 - as above

    where, loaded = settings_of(home)
    found = [one for one in offline.kits(loaded.settings, where) if name in {None, one.name}]
    if as_json:
        rows = [{"name": kit.name, "ready": kit.ready, "version": kit.version, "directory": kit.directory} for kit in found]
        print_json({"kits": rows})
    else:
        table(
            ("NAME", "STATE", "DIRECTORY"), [(k.name, "installed" if k.ready else "not installed", k.directory) for k in found]
        )
    return bool(found) and all(kit.ready for kit in found)
