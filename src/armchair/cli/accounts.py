"""Commands for logging in and for tokens."""

from typing import Annotated

import typer

from armchair.cli.connection import connect
from armchair.cli.output import Json, note, print_json, table

_SCOPES = "sessions:read,sessions:write,apps:read"
_DAY = 86400


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("login")(login)
    tokens = typer.Typer(help="Tokens for programs.", no_args_is_help=True)
    tokens.command("create")(create)
    tokens.command("list")(show)
    tokens.command("revoke")(revoke)
    app.add_typer(tokens, name="token")


def login(as_json: Json = False) -> None:
    """Print a link that logs a browser in, once, within ten minutes."""
    with connect() as client:
        link = client.login_link()
    if as_json:
        print_json({"url": link})
    else:
        typer.echo(link)


def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scopes: Annotated[
        str, typer.Option(help="What it may do, separated by commas. Also: tokens:write, operate, admin.")
    ] = _SCOPES,
    days: Annotated[int | None, typer.Option(min=1, help="How long it is good; without end when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Make a token. It is shown this once."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    with connect() as client:
        secret, token = client.create_token(name, wanted, days * _DAY if days else None)
    if as_json:
        print_json({"secret": secret, "token": token.data})
    else:
        note("Keep it well: it is not shown again. Programs use it as ARMCHAIR_TOKEN.")
        typer.echo(secret)


def show(as_json: Json = False) -> None:
    """List your tokens, without their secrets."""
    with connect() as client:
        tokens = client.tokens()
    if as_json:
        print_json({"tokens": [token.data for token in tokens]})
    else:
        rows = [(one.name, ", ".join(one.scopes), one.expires_at or "never", one.id) for one in tokens]
        table(("NAME", "SCOPES", "ENDS", "ID"), rows)


def revoke(name: Annotated[str, typer.Argument(metavar="NAME", help="The token's name or id.")], as_json: Json = False) -> None:
    """End a token and everything that came from it."""
    with connect() as client:
        client.revoke_token(name)
    if as_json:
        print_json({"revoked": name})
    else:
        typer.echo(f"{name} has ended.")
