"""`armchair setup`: makes this machine a site's portal, or says what is missing."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from armchair.cli.output import FAILED, note

if TYPE_CHECKING:
    from armchair.setup.site import Site

Check = Annotated[bool, typer.Option("--check", help="Change nothing; say what is wrong, and the cure.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be changed.")]
Root = Annotated[Path, typer.Option("--root", metavar="DIR", help="Write the files under this directory, make no accounts.")]
Program = Annotated[
    Path | None,
    typer.Option("--program", metavar="FILE", help="The armchair command that the services run. Default: this one."),
]
Origin = Annotated[str, typer.Option("--origin", metavar="URL", help="Where browsers will find the portal.")]
Apps = Annotated[str, typer.Option("--apps-domain", metavar="DOMAIN", help="The domain of the sessions' own host names.")]
Nodes = Annotated[
    list[str] | None,
    typer.Option("--nodes", metavar="NETWORK", help="A network of the compute nodes; may be repeated. Left out: 10.0.0.0/8."),
]


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(setup)


def setup(
    check: Check = False,
    dry_run: DryRun = False,
    root: Root = Path("/"),
    program: Program = None,
    origin: Origin = "https://armchair.example.org",
    apps_domain: Apps = "apps-example.org",
    nodes: Nodes = None,
) -> None:
    """Make this machine a portal for many people: accounts, directories, services, sudo rules. Run it as root, and again.

    Settings that are there are kept. Names of accounts and places come from /etc/armchair/helper.toml, if it is there, and
    whether there is a hub from /etc/armchair/armchair.toml.
    """
    from armchair.setup.site import Site, helper_of, hub_of  # noqa: PLC0415 - slow to load

    first = Site(program=(program or Path(sys.argv[0])).absolute(), origin=origin, apps_domain=apps_domain)
    site = Site(
        program=first.program,
        helper=helper_of(first.settings_directory, root, apps_domain, first.host),
        origin=origin,
        apps_domain=apps_domain,
        nodes=tuple(nodes) if nodes else first.nodes,
        # the check reads them by itself: settings that can't be read are one of its findings
        hub="" if check else hub_of(first, root),
        debian=Path("/etc/pam.d/common-auth").exists(),
    )
    if check:
        asyncio.run(_check(site))
    elif os.geteuid() != 0 and root == Path("/") and not dry_run:
        note("Only root can do this. `armchair setup --root DIR` shows what it would write.")
        raise typer.Exit(FAILED)
    else:
        asyncio.run(_make(site, root.absolute(), dry_run=dry_run))


async def _check(site: "Site") -> None:
    from armchair.setup.check import findings  # noqa: PLC0415 - as above

    found = await findings(site)
    for one in found:
        typer.echo(f"{one.what}\n    {one.cure}")
    if found:
        raise typer.Exit(FAILED)
    typer.echo("All is as it should be.")


async def _make(site: "Site", root: Path, *, dry_run: bool) -> None:
    from armchair.setup.plan import things  # noqa: PLC0415 - as above
    from armchair.setup.things import Ground  # noqa: PLC0415 - as above

    ground, changed = Ground(root=root), 0
    for thing in things(site):
        wrong = thing.wrong(ground)
        if wrong:
            changed += 1
            typer.echo(wrong if dry_run else f"{wrong} Made so.")
            if not dry_run:
                await thing.mend(ground)
    if not changed:
        typer.echo("Everything was there already.")
    if ground.is_machine and not dry_run:
        services = " ".join(site.services)
        note(f"Next: systemctl daemon-reload; systemctl enable --now {services}; armchair setup --check")
