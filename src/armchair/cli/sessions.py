"""Commands on sessions that exist: ls, show, logs, open, stop."""

import sys
import webbrowser
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from armchair.cli.connection import connect
from armchair.cli.jar import write_jar
from armchair.cli.output import GAVE_UP, Json, Reference, note, print_json, table
from armchair.cli.waiting import wait_for

_PAGE = 200
_STOP_WAIT = 120.0


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("ls")(ls)
    app.command("show")(show)
    app.command("logs")(logs)
    app.command("open")(open_session)
    app.command("stop")(stop)


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
    typer.echo(f"#{session.number} {session.title}: {session.state}")
    for line in (session.detail, session.outcome):
        if line:
            typer.echo(line)
    typer.echo(f"{session.data['app_title']} · {session.data['resources']['text']}")
    typer.echo(session.data["join_url"])
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
                _write(text)
            return
        for event in client.follow(reference, log=True):
            if event.name == "log":
                if as_json:
                    print_json({"log": event.data["text"]})
                else:
                    _write(event.data["text"])


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
            url = client.join_link(reference)
            if not webbrowser.open(url):
                note("There is no browser to open. This address works once, within 30 seconds:")
                typer.echo(url)
            return
    if as_json:
        print_json({"url": url, "cookie_jar": str(cookie_jar) if cookie_jar else None})
    else:
        typer.echo(url)


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
        typer.echo(f"#{session.number} {session.title}: {session.outcome or session.state}")
    if wait and not session.ended:
        note("It has not ended yet; the order stands.")
        raise typer.Exit(GAVE_UP)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
