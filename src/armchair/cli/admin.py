"""`armchair admin`: what operators do, from the command line."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from armchair.cli.connection import connect
from armchair.cli.output import Json, Reference, note, print_json, say, table

_LIVING = ["accepted", "queued", "starting", "ready", "ending"]
_PAGE = 200
_HOUR = 3600

Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The person's login.")]
Cluster = Annotated[str, typer.Argument(metavar="[CLUSTER]", help="A cluster's name; left out: the whole portal.")]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    admin = typer.Typer(help="For operators: everybody's sessions, closed clusters, a banner.", no_args_is_help=True)
    admin.command("sessions")(sessions)
    admin.command("end")(end)
    admin.command("end-all")(end_all)
    admin.command("portal")(portal)
    admin.command("drain")(drain)
    admin.command("banner")(banner)
    app.add_typer(admin, name="admin")


def sessions(
    text: Annotated[str, typer.Option("--search", help="Only with this in title, application, number, owner or cluster.")] = "",
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also those that have ended.")] = False,
    as_json: Json = False,
) -> None:
    """List everybody's sessions."""
    with connect() as client:
        page = client.admin.sessions(text=text, phase=[] if everything else _LIVING, page_size=_PAGE)
    if as_json:
        print_json(page)
        return
    rows = [_row(one) for one in page["sessions"]]
    if rows:
        table(("ID", "OWNER", "TITLE", "SIZE", "WHERE", "STATE"), rows)
    else:
        note("No session matches." if text else "There are no sessions.")
    if page["total"] > len(rows):
        note(f"{page['total'] - len(rows)} more: narrow it with --search.")


def end(reference: Reference, as_json: Json = False) -> None:
    """End anybody's session. Its owner reads that an operator ended it."""
    with connect() as client:
        session = client.admin.end(reference)
    if as_json:
        print_json(session)
    else:
        say(f"#{session['number']} {session['title']} of {session['owner']}: {session['state']['title']}")


def end_all(
    login: Login, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False, as_json: Json = False
) -> None:
    """End all sessions of one person, after a question that says how many."""
    with connect() as client:
        if not yes:
            living = client.admin.sessions(text=login, phase=_LIVING, page_size=_PAGE)["sessions"]
            count = sum(one["owner"] == login for one in living)
            if count == 0:
                if as_json:
                    print_json({"ended": 0})
                else:
                    note(f"{login} has no running session.")
                return
            typer.confirm(f"End {count} session{'' if count == 1 else 's'} of {login}?", abort=True, err=True)
        ended = client.admin.end_all(login)
    if as_json:
        print_json({"ended": ended})
    else:
        say(f"{ended} session{'' if ended == 1 else 's'} of {login}: the end was asked for.")


def portal(as_json: Json = False) -> None:
    """Show clusters, who is logged in, notices and the last warnings and errors."""
    with connect() as client:
        found = client.admin.portal()
    if as_json:
        print_json(found)
        return
    table(("CLUSTER", "STATE", "SESSIONS", "ASKED"), [_cluster(one) for one in found["clusters"]])
    for one in found["drains"]:
        say(f"Takes no new sessions: {one['cluster'] or 'the whole portal'}. {one['text']} ({one['by']})")
    if found["banner"]:
        say(f"Banner: {found['banner']['text']} ({found['banner']['by']})")
    say(f"Logged in: {', '.join(one['login'] for one in found['people']) or 'nobody'}")
    for problem in found["problems"]:
        say(f"{problem['file']}:{problem['line']}: {problem['message']}")
    if found["troubles"]:
        table(("TIME", "LEVEL", "EVENT"), [(one["at"], one["level"], one["text"]) for one in found["troubles"]])


def drain(
    cluster: Cluster = "",
    text: Annotated[str, typer.Option("--text", help="Why, and how long: told to everybody who wants to start.")] = "",
    off: Annotated[bool, typer.Option("--off", help="Take new sessions again.")] = False,
    as_json: Json = False,
) -> None:
    """Let a cluster, or the whole portal, take no new sessions. Running ones go on."""
    with connect() as client:
        if off:
            client.admin.undrain(cluster)
        else:
            client.admin.drain(cluster, text)
    what = cluster or "The portal"
    _said(
        {"cluster": cluster, "drained": not off}, f"{what} takes {'new sessions again' if off else 'no new sessions'}.", as_json
    )


def banner(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="The sentence.")] = "",
    warning: Annotated[bool, typer.Option("--warning", help="Mark it as a warning.")] = False,
    hours: Annotated[
        int | None, typer.Option(min=1, max=8784, help="How long it is shown; until it is removed if left out.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Remove it.")] = False,
    as_json: Json = False,
) -> None:
    """Show a sentence on all pages, or remove it."""
    if not off and not text:
        raise typer.BadParameter("Say what it is to say, or --off to remove it.")
    with connect() as client:
        if off:
            client.admin.remove_banner()
        else:
            client.admin.banner(text, "warning" if warning else "info", hours * _HOUR if hours else None)
    _said({"banner": None if off else text}, "The banner is gone." if off else "The banner is on all pages.", as_json)


def _said(data: Mapping[str, object], text: str, as_json: bool) -> None:
    if as_json:
        print_json(dict(data))
    else:
        say(text)


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    where = "/".join(part for part in (one["cluster"], one["partition"]) if part)
    place = f"{where} {one['node']}".strip()
    return f"#{one['number']}", one["owner"], one["title"], one["resources"]["text"], place, one["state"]["title"]


def _cluster(one: Mapping[str, Any]) -> tuple[str, ...]:
    if one["problem"]:
        state = one["problem"]
    elif one["silent_since"]:
        state = f"silent since {one['silent_since']}"
    else:
        state = f"answers ({one['took'] * 1000:.0f} ms)" if one["answered_at"] else "not asked yet"
    return one["name"], state + (", drained" if one["drained"] else ""), str(one["living"]), str(one["queries"])
