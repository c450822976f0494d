"""`armchair launch`: start a session, and wait for it if asked to."""

import json
import secrets
from typing import Annotated

import typer

from armchair.cli.connection import connect
from armchair.cli.output import BAD_INPUT, ENDED_BEFORE_READY, GAVE_UP, Json, note, print_json, say
from armchair.cli.waiting import wait_for
from armchair.client.models import Where

_LOG_LINES = 10
_UNITS = {"s": 1, "m": 60, "h": 3600}


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(launch)


def launch(  # noqa: PLR0913 - one parameter for each option
    app: Annotated[str, typer.Argument(metavar="APP", help="The application's name: see `armchair apps`.")],
    *,
    size: Annotated[str, typer.Option(help="A size's name; the first when left out.")] = "",
    answers: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Answer a field of its form; may be repeated.")
    ] = None,
    title: Annotated[str, typer.Option(help="What to call the session.")] = "",
    cluster: Annotated[str, typer.Option(help="Where to run: see `armchair cluster`. The first when left out.")] = "",
    partition: Annotated[str, typer.Option(help="The cluster's partition.")] = "",
    account: Annotated[str, typer.Option(help="The group account to charge.")] = "",
    qos: Annotated[str, typer.Option(help="The QOS (quality of service).")] = "",
    reservation: Annotated[str, typer.Option(help="A reservation of yours.")] = "",
    cores: Annotated[str, typer.Option(help="Cores, in place of the size's.")] = "",
    memory: Annotated[str, typer.Option(help="Memory, like 16GB, in place of the size's.")] = "",
    time: Annotated[str, typer.Option(help="Longest time, like 4h, in place of the size's.")] = "",
    gpus: Annotated[str, typer.Option(help="GPUs, like 2 or a100:2, in place of the size's.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is ready.")] = False,
    timeout: Annotated[str, typer.Option(help="How long to wait at most: 30s, 10m, 2h. The session goes on.")] = "",
    as_json: Json = False,
) -> None:
    """Start a session. Exit 2: bad input, 3: it ended before it was ready. With --wait: 0 ready, 4 gave up waiting."""
    filled, seconds = _answers(answers or []), _seconds(timeout)
    with connect() as client:
        # the key makes a repetition after a lost answer the same session
        kind, count = gpus.rpartition(":")[::2]
        place = {"partition": partition, "account": account, "qos": qos, "reservation": reservation, "gpu_type": kind}
        numbers = {"cores": cores, "memory": memory, "walltime": time, "gpus": count}
        where = Where(cluster=cluster, placement=_given(place), resources=_given(numbers))
        session = client.launch(app, size=size, answers=filled, title=title, where=where, key=secrets.token_urlsafe(16))
        if wait:
            session = wait_for(client, session, lambda one: one.ready or one.ended, seconds, quiet=as_json)
        log = client.log(session.id).splitlines()[-_LOG_LINES:] if session.ended else []
    if as_json:
        print_json(dict(session.data))
    elif session.ended:
        note(f"#{session.number} {session.title} ended before it was ready. {session.outcome}")
        for line in log:
            note(f"  {line}")
    else:
        say(f"#{session.number} {session.title}: {session.state}")
        say(session.data["join_url"])
    if session.ready or not (wait or session.ended):
        return
    if not session.ended and not as_json:
        note(f"It is not ready after {timeout}; it goes on. `armchair show {session.number}` tells how it stands.")
    raise typer.Exit(ENDED_BEFORE_READY if session.ended else GAVE_UP)


def _given(options: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value}


def _answers(texts: list[str]) -> dict[str, object]:
    answers: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            _bad_input(f"--set {json.dumps(text, ensure_ascii=False)}: write FIELD=VALUE.")
        if name in answers:
            _bad_input(f"--set {name}: given twice.")
        answers[name] = value
    return answers


def _seconds(text: str) -> float | None:
    if not text:
        return None
    number, unit = (text[:-1], text[-1]) if text[-1] in _UNITS else (text, "s")
    try:
        seconds = float(number) * _UNITS[unit]
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        _bad_input(f"--timeout {text}: write a number with a unit, for example 30s, 10m or 2h.")
    return seconds


def _bad_input(text: str) -> None:
    note(f"armchair: {text}")
    raise typer.Exit(BAD_INPUT)
