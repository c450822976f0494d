"""`armchair`: the commands and what their mistakes look like."""

import sys

import typer

from armchair.cli import (
    accounts,
    admin,
    applications,
    attach,
    clusters,
    configuration,
    gateway,
    helper,
    launch,
    serve,
    sessions,
    setup,
)
from armchair.cli.output import complain

app = typer.Typer(
    name="armchair",
    help="Interactive applications in the browser. Start the portal with `armchair serve`; ID is a session's id or number.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help starts faster
)
for room in (serve, launch, sessions, attach, clusters, accounts, applications, configuration, gateway, helper, setup, admin):
    room.add(app)


def main() -> None:
    """Run one command. Exit 0 well, 1 failed, 2 bad input, 3 ended before ready, 4 gave up waiting."""
    try:
        app()
    except Exception as error:  # the edge of the program: what we foresaw is explained, the rest is a traceback
        code = complain(error)
        if code is None:
            raise
        sys.exit(code)


if __name__ == "__main__":
    main()
