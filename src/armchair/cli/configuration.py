"""Commands that look at the portal's settings and health: config show, doctor."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from armchair.cli.connection import connect
from armchair.cli.home import Home, settings_of
from armchair.cli.output import FAILED, Json, print_json, table

if TYPE_CHECKING:
    from armchair.settings import Settings

_SOME_FREE = 1 << 30
_MARKS = {"ok": "ok  ", "warning": "warn", "bad": "BAD "}


class Check(NamedTuple):
    """One thing that was looked at. What is not ok and not grave is a warning: only some applications need it."""

    name: str
    ok: bool
    detail: str
    cure: str = ""
    grave: bool = True

    @property
    def verdict(self) -> str:
        """In one word: "ok", "warning" or "bad"."""
        return "ok" if self.ok else "bad" if self.grave else "warning"

    def row(self) -> dict[str, object]:
        """For JSON."""
        return {"name": self.name, "verdict": self.verdict, "ok": self.ok, "detail": self.detail, "cure": self.cure}


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


def doctor(
    home: Home = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Instead of <home>/armchair.toml.")] = None,
    cluster: Annotated[
        str, typer.Option("--cluster", metavar="NAME", help="Look at this cluster with a job of a minute.")
    ] = "",
    partition: Annotated[str, typer.Option("--partition", help="Where the job runs.")] = "",
    account: Annotated[str, typer.Option("--account", help="Who pays for it.")] = "",
    wait: Annotated[float, typer.Option("--wait", metavar="SECONDS", help="How long the job may queue at most.")] = 120.0,
    as_json: Json = False,
) -> None:
    """Look at this machine and the portal, or with --cluster at a cluster. Exit 0 when all is well, else 1."""
    if cluster:
        from armchair.cli.examination import examine  # noqa: PLC0415 - slow to load
        from armchair.domain.session import Placement  # noqa: PLC0415 - as above

        where, loaded = settings_of(home, config)
        if not loaded.settings.clusters and cluster == "slurm":
            from armchair.settings import ServeOptions  # noqa: PLC0415 - as above

            # as `serve --launcher slurm` has it
            loaded = ServeOptions(home=where, config=config, launcher=cluster).load()
        place = Placement(partition=partition, account=account)
        raise typer.Exit(examine(loaded.settings, where, cluster, place, wait, as_json=as_json))
    where, loaded = settings_of(home, config)
    checks = [*_machine(where), *_programs(loaded.settings), *_portal()]
    if as_json:
        print_json({"checks": [one.row() for one in checks]})
    else:
        for one in checks:
            typer.echo(f"{_MARKS[one.verdict]} {one.name}: {one.detail}")
            if not one.ok and one.cure:
                typer.echo(f"     {one.cure}")
    if any(one.verdict == "bad" for one in checks):
        raise typer.Exit(FAILED)


def _machine(where: Path) -> list[Check]:
    there = next(path for path in (where, *where.parents) if path.exists())
    free = shutil.disk_usage(there).free
    haproxy = shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    return [
        Check("python", sys.version_info >= (3, 11), sys.version.split()[0], "Armchair needs Python 3.11 or newer."),
        Check("home", os.access(there, os.W_OK), str(where), f"This account can't write in {there}."),
        Check("disk", free > _SOME_FREE, f"{free / 2**30:.1f} GB free in {there}", "Make room: launches fail on a full disk."),
        Check("haproxy", True, haproxy or "none installed; the one that came with the package is used on loopback"),
    ]


def _programs(settings: "Settings") -> list[Check]:
    """What programs need that run on this machine; nothing where all of them run elsewhere."""
    if all(launcher != "local" for launcher, _ in settings.cluster_launchers().values()):
        return []
    from armchair.doctor import this_machine  # noqa: PLC0415 - slow to load
    from armchair.words.findings import finding  # noqa: PLC0415 - as above

    return [Check(one.code, one.ok, *finding(one.code, one.params, ok=one.ok), one.grave) for one in this_machine()]


def _portal() -> list[Check]:
    # imported here for the same reason as in connection.py
    from armchair.client import ClientError  # noqa: PLC0415

    try:
        with connect() as client:
            status, checks = client.status(), client.doctor()
    except ClientError as error:
        return [Check("portal", False, str(error), "Start it with `armchair serve`.")]
    first = Check("portal", True, f"{status.url} answers (version {status.version}, process {status.pid})")
    return [first, *(Check(one.name, one.ok, one.detail, one.cure) for one in checks)]
