"""Commands on sessions that exist: ls, show, logs, open, stop, extend, keep, idle, tell."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from armchair.cli.browser import browse
from armchair.cli.connection import connect
from armchair.cli.jar import write_jar
from armchair.cli.output import GAVE_UP, Json, Reference, note, print_json, say, table, write_log
from armchair.cli.waiting import follow_log, wait_for
from armchair.client.models import Session

_PAGE = 200
_STOP_WAIT = 120.0


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("ls")(ls)
    app.command("show")(show)
    app.command("logs")(logs)
    app.command("open")(open_session)
    app.command("stop")(stop)
    app.command("extend")(extend)
    app.command("keep")(keep)
    app.command("idle")(idle)
    app.command("tell")(tell)


def ls(
    text: Annotated[str, typer.Option("--search", help="Only sessions with this in title, application or number.")] = "",
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also those that have ended.")] = False,
    as_json: Json = False,
) -> None:
    """List your sessions."""
    phases = [] if everything else ["accepted", "queued", "starting", "ready", "ending"]
    with connect() as client:
        page = client.sessions(text=text, phase=phases, page_size=_PAGE)
    if as_json:
        print_json(page.data)
        return
    rows = [(f"#{one.number}", one.title, one.app, one.state, _local(one.created_at)) for one in page.sessions]
    if rows:
        table(("ID", "TITLE", "APPLICATION", "STATE", "STARTED"), rows)
    else:
        note("No sessions." if everything else "No sessions are running. `armchair ls --all` shows those that ended.")
    if page.total > len(rows):
        note(f"{page.total - len(rows)} more: narrow it with --search.")


def show(reference: Reference, as_json: Json = False) -> None:
    """Show one session and its timeline."""
    with connect() as client:
        session, events = client.session(reference), client.timeline(reference)
    if as_json:
        print_json({**session.data, "events": events})
        return
    say(f"#{session.number} {session.title}: {session.state}")
    for line in (session.detail, session.outcome):
        if line:
            say(line)
    say(f"{session.data['app_title']} · {session.data['resources']['text']}")
    say(session.data["join_url"])
    table(("TIME", "EVENT"), [(_local(datetime.fromisoformat(one["at"])), one["text"]) for one in events])


def logs(
    reference: Reference,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the session has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Print the end of what the application wrote."""
    with connect() as client:
        if not follow:
            text = client.log(reference)
            if as_json:
                print_json({"log": text})
            else:
                write_log(text)
            return
        for text in follow_log(client, reference):
            if as_json:
                print_json({"log": text})
            else:
                write_log(text)


def open_session(
    reference: Reference,
    print_url: Annotated[bool, typer.Option("--print-url", help="Print the application's address; open nothing.")] = False,
    cookie_jar: Annotated[
        Path | None,
        typer.Option("--cookie-jar", metavar="FILE", help="Write a cookie file with which `curl -b FILE URL` gets in."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Open a session in the browser, or prepare other programs to reach its application."""
    with connect() as client:
        if cookie_jar is not None:
            entry = client.entry(reference)
            write_jar(cookie_jar, entry)
            url = entry.url
        elif print_url or as_json:
            url = client.session(reference).url
        else:
            page = client.session(reference).data["join_url"]
            url = client.join_link(reference)
            if browse(url):
                note(f"Opened in the browser. If it may not read files of yours, go to {page}")
            else:
                note("There is no browser to open. This address works once, within 30 seconds:")
                say(url)
            return
    if as_json:
        print_json({"url": url, "cookie_jar": str(cookie_jar) if cookie_jar else None})
    else:
        say(url)


def stop(
    reference: Reference,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended.")] = False,
    as_json: Json = False,
) -> None:
    """End a session."""
    with connect() as client:
        session = client.stop(reference)
        if wait:
            session = wait_for(client, session, lambda one: one.ended, _STOP_WAIT, quiet=as_json)
    if as_json:
        print_json(session.data)
    else:
        say(f"#{session.number} {session.title}: {session.outcome or session.state}")
    if wait and not session.ended:
        note("It has not ended yet; the order stands.")
        raise typer.Exit(GAVE_UP)


def extend(
    reference: Reference,
    by: Annotated[
        str, typer.Option("--by", metavar="TIME", help="How much: 30m, 2h. Left out: as much as the site adds at once.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Give a session more time."""
    with connect() as client:
        seconds = _seconds(by) if by else client.session(reference).data["extend_by"]
        if seconds is None:
            # nothing is offered now; asking says why
            seconds = 60
        session = client.extend(reference, seconds)
    _say(session, as_json)


def keep(reference: Reference, as_json: Json = False) -> None:
    """Keep a session that is to end because nobody uses it."""
    with connect() as client:
        session = client.keep(reference)
    _say(session, as_json)


def idle(
    reference: Reference,
    after: Annotated[str, typer.Argument(metavar="TIME", help="1h, 2d; or `site`: as the site has it.")],
    as_json: Json = False,
) -> None:
    """Choose when a session ends because nobody uses it."""
    seconds = None if after == "site" else _seconds(after, "TIME")
    with connect() as client:
        session = client.end_when_idle(reference, seconds)
    if as_json:
        print_json(session.data)
        return
    found = session.data["idle"]["after"]
    say(f"#{session.number} {session.title}: {_when_idle(found)}")


def tell(
    reference: Reference,
    mail: Annotated[bool, typer.Option("--mail", help="By e-mail.")] = False,
    webhook: Annotated[str, typer.Option("--webhook", metavar="URL", help="By a request to this address.")] = "",
    on: Annotated[
        str,
        typer.Option(
            "--on", metavar="OCCASIONS", help="Any of start, end_near, idle_near, end, separated by commas; or nothing."
        ),
    ] = "start",
    as_json: Json = False,
) -> None:
    """Be told when a session starts, is about to end, or has ended."""
    if mail == bool(webhook):
        raise typer.BadParameter("Say one of --mail and --webhook URL.", param_hint="--mail")
    occasions = [] if on == "nothing" else [one.strip() for one in on.split(",")]
    with connect() as client:
        told = client.tell(reference, "mail" if mail else "webhook", occasions, webhook)
    if as_json:
        print_json(told)
        return
    say(f"You are told of: {', '.join(told['occasions']) or 'nothing'}.")
    if told["secret"]:
        say(f"Requests are signed with the key {told['secret']}")


def _say(session: Session, as_json: bool) -> None:
    if as_json:
        print_json(session.data)
    else:
        say(f"#{session.number} {session.title}: {session.state} {session.detail}".rstrip())


def _when_idle(seconds: int | None) -> str:
    if seconds is None:
        return "it goes on when nobody uses it."
    size, unit = next((size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if seconds % size == 0)
    return f"it ends after {seconds // size}{unit} without use."


def _seconds(text: str, hint: str = "--by") -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,6})\s*([smhd])", text.strip())
    if found is None:
        raise typer.BadParameter("Write a whole number with a unit, such as 30m or 2h.", param_hint=hint)
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
