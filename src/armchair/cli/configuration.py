"""Commands that look at the portal's settings and health: config show, doctor."""

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from armchair.cli.connection import connect
from armchair.cli.home import Home, settings_of
from armchair.cli.output import FAILED, Json, print_json, table

_SOME_FREE = 1 << 30


def add(app: typer.Typer) -> None:
    """Add the commands."""
    config = typer.Typer(help="The portal's settings.", no_args_is_help=True)
    config.callback()(lambda: None)  # keeps `show` a command of its own while it is the only one
    config.command("show")(show)
    app.add_typer(config, name="config")
    app.command("doctor")(doctor)


def show(
    home: Home = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Instead of <home>/armchair.toml.")] = None,
    as_json: Json = False,
) -> None:
    """Print every setting with its value and where that came from."""
    from armchair.settings import shown  # noqa: PLC0415 - slow to load

    _, loaded = settings_of(home, config)
    rows = [(key, shown(value), origin) for key, value, origin in loaded.rows()]
    if as_json:
        print_json({key: {"value": value, "origin": origin} for key, value, origin in rows})
    else:
        table(("SETTING", "VALUE", "FROM"), rows)


def doctor(home: Home = None, as_json: Json = False) -> None:
    """Look at this machine and at the portal. Exit 0 when all is well, else 1."""
    checks = [*_machine(home), *_portal()]
    if as_json:
        print_json({"checks": [{"name": n, "ok": ok, "detail": d, "cure": c} for n, ok, d, c in checks]})
    else:
        for name, ok, detail, cure in checks:
            typer.echo(f"{'ok  ' if ok else 'BAD '} {name}: {detail}")
            if not ok and cure:
                typer.echo(f"     {cure}")
    if not all(ok for _, ok, _, _ in checks):
        raise typer.Exit(FAILED)


def _machine(home: Path | None) -> list[tuple[str, bool, str, str]]:
    where, _ = settings_of(home)
    there = next(path for path in (where, *where.parents) if path.exists())
    free = shutil.disk_usage(there).free
    haproxy = shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    return [
        ("python", sys.version_info >= (3, 11), sys.version.split()[0], "Armchair needs Python 3.11 or newer."),
        ("home", os.access(there, os.W_OK), str(where), f"This account can't write in {there}."),
        ("disk", free > _SOME_FREE, f"{free / 2**30:.1f} GB free in {there}", "Make room: launches fail on a full disk."),
        ("haproxy", True, haproxy or "none installed; the one that came with the package is used on loopback", ""),
    ]


def _portal() -> list[tuple[str, bool, str, str]]:
    # imported here for the same reason as in connection.py
    from armchair.client import ClientError  # noqa: PLC0415

    try:
        with connect() as client:
            status, checks = client.status(), client.doctor()
    except ClientError as error:
        return [("portal", False, str(error), "Start it with `armchair serve`.")]
    first = ("portal", True, f"{status.url} answers (version {status.version}, process {status.pid})", "")
    return [first, *((one.name, one.ok, one.detail, one.cure) for one in checks)]
