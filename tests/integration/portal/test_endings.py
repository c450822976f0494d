"""However an application ends, the portal tells it as what it was, at once, and nothing of it stays."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from armchair.client.models import Session

from .portal_stage import Stage, eventually, typed  # noqa: TID252 - one folder's own


def words(session: Session) -> str:
    return f"{session.state} {session.detail} {session.outcome}"


@pytest.mark.parametrize(
    ("path", "kind", "code", "number"),
    [("/exit/0", "finished", 0, None), ("/exit/3", "failed", 3, None), ("/signal/11", "failed", None, 11)],
)
def test_an_application_that_ends_by_itself(lasting: Stage, path: str, kind: str, code: int | None, number: int | None) -> None:
    session = lasting.launch()
    lasting.get(session.id, path)
    told, ended = lasting.outcome(session.id)
    outcome = ended.data["outcome"]
    assert (told, outcome["exit_code"], outcome["signal"]) == (kind, code, number)
    assert outcome["by"] == "system"
    assert lasting.jobs() == []


def test_one_that_exits_at_once_is_told_with_its_last_words(lasting: Stage) -> None:
    session = lasting.launch("exits-at-once", phase="ended")
    assert session.data["outcome"]["kind"] == "failed"
    assert session.data["outcome"]["exit_code"] == 4
    assert "no licence server was found" in lasting.client.log(session.id)


def test_one_that_takes_too_much_memory(lasting: Stage) -> None:
    session = lasting.launch(size="narrow")
    lasting.get(session.id, "/grow")
    kind, ended = lasting.outcome(session.id)
    assert kind == "out_of_memory", ended.data
    assert "It needed more than its 96 MB" in words(ended)


def test_one_whose_time_is_over(lasting: Stage) -> None:
    session = lasting.launch(size="brief")
    kind, ended = lasting.outcome(session.id)
    assert kind == "timed_out", ended.data


def test_one_that_its_owner_ends(lasting: Stage) -> None:
    session = lasting.launch()
    lasting.client.stop(session.id)
    kind, ended = lasting.outcome(session.id)
    assert (kind, ended.data["outcome"]["by"]) == ("cancelled", "owner")


def test_an_end_asked_for_twice_and_after_the_end_changes_nothing(lasting: Stage) -> None:
    session = lasting.launch()
    lasting.client.stop(session.id)
    lasting.client.stop(session.id)
    _, ended = lasting.outcome(session.id)
    again = lasting.client.stop(session.id)
    assert again.data["outcome"] == ended.data["outcome"]
    assert [one["code"] for one in lasting.client.timeline(session.id)].count("stop.asked") == 1


def test_one_whose_agent_is_killed(lasting: Stage) -> None:
    session = lasting.launch()
    os.kill(lasting.agent(session.id), signal.SIGKILL)
    kind, ended = lasting.outcome(session.id)
    assert kind == "failed"
    assert ended.data["outcome"]["signal"] == 9


def test_one_that_never_listens_keeps_starting_and_can_be_ended(lasting: Stage) -> None:
    session = lasting.launch("never-listens", phase="starting")
    eventually(lambda: _codes(lasting, session).count("agent.enrolled"), "its agent enrols")
    assert lasting.client.session(session.id).phase == "starting"
    lasting.client.stop(session.id)
    kind, _ = lasting.outcome(session.id)
    assert kind == "cancelled"


def test_one_that_listens_late_becomes_ready(lasting: Stage) -> None:
    signal_file = lasting.home / "go"
    session = lasting.launch("listens-late", phase="starting", answers={"signal": str(signal_file)})
    eventually(lambda: _codes(lasting, session).count("agent.enrolled"), "its agent enrols")
    assert lasting.client.session(session.id).phase == "starting"
    signal_file.touch()
    lasting.reach(session.id, "ready", 5)
    assert lasting.get(session.id)[0] == 200


def test_one_that_floods_its_log_stays_usable_and_bounded(lasting: Stage) -> None:
    session = lasting.launch("floods")
    directory = lasting.home / "user/.local/state/armchair/sessions" / session.id
    eventually((directory / "log.2").exists, "the log is cut", 20)
    with lasting.stream(session.id) as connection:
        typed(connection, b"still here\n")
    log = lasting.client.log(session.id)
    assert 0 < len(log.encode()) <= 64 * 1024
    assert sum(file.stat().st_size for file in directory.iterdir()) < 17 << 20
    lasting.client.stop(session.id)
    assert lasting.outcome(session.id)[0] == "cancelled"


@pytest.mark.parametrize("kind", ["control", "no_utf8"])
def test_one_that_prints_garbage_is_heard_all_the_same(lasting: Stage, kind: str) -> None:
    session = lasting.launch("prints-garbage", answers={"kind": kind})
    eventually(lambda: len(lasting.client.log(session.id)) > 60_000, "the tail is told")
    lasting.get(session.id, "/exit/5")
    told, ended = lasting.outcome(session.id)
    assert (told, ended.data["outcome"]["exit_code"]) == ("failed", 5)


@pytest.mark.parametrize("app", ["ignores-term", "forks-daemons"])
def test_one_that_resists_is_ended_whole(lasting: Stage, app: str) -> None:
    session = lasting.launch(app)
    before = _of_session(lasting, session)
    assert len(before) >= (7 if app == "forks-daemons" else 2)
    lasting.client.stop(session.id)
    kind, _ = lasting.outcome(session.id)
    assert kind == "cancelled"
    eventually(lambda: not _of_session(lasting, session), "the whole tree has ended")


def test_an_answer_with_everything_in_it_reaches_the_application_as_it_is(lasting: Stage) -> None:
    hostile = "a 'b' \"c\" $(touch /tmp/no) `id` ; & | \\ %s {x} ünï 🪑" + "x" * 3000
    session = lasting.launch(answers={"word": hostile}, title="T'\"$(x)")
    assert lasting.get(session.id)[1] == hostile
    assert session.title == "T'\"$(x)"


@pytest.fixture(autouse=True)
def _nothing_stays(lasting: Stage) -> Iterator[None]:
    """These tests share a portal; each ends what it began."""
    yield
    for one in lasting.live():
        lasting.client.stop(one.id)
    eventually(lambda: not lasting.jobs() and not lasting.live(), "all sessions have ended")


def _codes(lasting: Stage, session: Session) -> list[str]:
    return [one["code"] for one in lasting.client.timeline(session.id)]


def _of_session(lasting: Stage, session: Session) -> list[int]:
    """The living processes that carry the session in their environment."""
    word = f"ARMCHAIR_SESSION={session.id}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and word in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found
