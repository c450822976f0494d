"""However an application ends, the portal tells it as what it was, at once, and nothing of it stays."""

import os
import signal
import time
from pathlib import Path

import pytest

from armchair.client.models import Session

from .portal_stage import Stage, eventually, typed  # noqa: TID252 - one folder's own


def words(session: Session) -> str:
    return " ".join((session.state, session.detail, session.outcome))


@pytest.mark.parametrize(
    ("path", "kind", "code", "number"),
    [("/exit/0", "finished", 0, None), ("/exit/3", "failed", 3, None), ("/signal/11", "failed", None, 11)],
)
def test_an_application_that_ends_by_itself(
    stage: Stage, path: str, kind: str, code: int | None, number: int | None
) -> None:
    session = stage.launch()
    stage.get(session.id, path)
    told, ended = stage.outcome(session.id, 5)
    outcome = ended.data["outcome"]
    assert (told, outcome["exit_code"], outcome["signal"]) == (kind, code, number)
    assert outcome["by"] == "system"
    assert stage.jobs() == []


def test_one_that_exits_at_once_is_told_within_two_seconds_with_its_last_words(stage: Stage) -> None:
    begin = time.monotonic()
    session = stage.launch("exits-at-once", phase="ended")
    assert time.monotonic() - begin < 2
    assert session.data["outcome"]["kind"] == "failed"
    assert session.data["outcome"]["exit_code"] == 4
    assert "no licence server was found" in stage.client.log(session.id)


def test_one_that_takes_too_much_memory(stage: Stage) -> None:
    session = stage.launch(size="narrow")
    stage.get(session.id, "/grow")
    kind, ended = stage.outcome(session.id, 8)
    assert kind == "out_of_memory", ended.data
    assert "memory" in words(ended)


def test_one_whose_time_is_over(stage: Stage) -> None:
    session = stage.launch(size="brief")
    kind, ended = stage.outcome(session.id, 12)
    assert kind == "timed_out", ended.data


def test_one_that_its_owner_ends(stage: Stage) -> None:
    session = stage.launch()
    stage.client.stop(session.id)
    kind, ended = stage.outcome(session.id, 5)
    assert (kind, ended.data["outcome"]["by"]) == ("cancelled", "owner")


def test_an_end_asked_for_twice_and_after_the_end_changes_nothing(stage: Stage) -> None:
    session = stage.launch()
    stage.client.stop(session.id)
    stage.client.stop(session.id)
    _, ended = stage.outcome(session.id, 5)
    again = stage.client.stop(session.id)
    assert again.data["outcome"] == ended.data["outcome"]
    assert [one["code"] for one in stage.client.timeline(session.id)].count("stop.asked") == 1


def test_one_whose_agent_is_killed(stage: Stage) -> None:
    session = stage.launch()
    os.kill(stage.agent(session.id), signal.SIGKILL)
    kind, ended = stage.outcome(session.id, 8)
    assert kind == "failed"
    assert ended.data["outcome"]["signal"] == 9


def test_one_that_never_listens_keeps_starting_and_can_be_ended(stage: Stage) -> None:
    session = stage.launch("never-listens", phase="starting")
    eventually(lambda: _codes(stage, session).count("agent.enrolled"), "its agent enrols")
    assert stage.client.session(session.id).phase == "starting"
    stage.client.stop(session.id)
    kind, _ = stage.outcome(session.id, 8)
    assert kind == "cancelled"


def test_one_that_listens_late_becomes_ready(stage: Stage) -> None:
    signal_file = stage.home / "go"
    session = stage.launch("listens-late", phase="starting", answers={"signal": str(signal_file)})
    eventually(lambda: _codes(stage, session).count("agent.enrolled"), "its agent enrols")
    assert stage.client.session(session.id).phase == "starting"
    signal_file.touch()
    stage.reach(session.id, "ready", 5)
    assert stage.get(session.id)[0] == 200


def test_one_that_floods_its_log_stays_usable_and_bounded(stage: Stage) -> None:
    session = stage.launch("floods")
    directory = stage.home / "user/.local/state/armchair/sessions" / session.id
    eventually(lambda: (directory / "log.2").exists(), "the log is cut", 20)
    connection = stage.stream(session.id)
    typed(connection, b"still here\n")
    connection.close()
    log = stage.client.log(session.id)
    assert 0 < len(log.encode()) <= 64 * 1024
    assert sum(file.stat().st_size for file in directory.iterdir()) < 17 << 20
    stage.client.stop(session.id)
    assert stage.outcome(session.id, 8)[0] == "cancelled"


@pytest.mark.parametrize("app", ["ignores-term", "forks-daemons"])
def test_one_that_resists_is_ended_whole(stage: Stage, app: str) -> None:
    session = stage.launch(app)
    before = _of_session(stage, session)
    assert len(before) >= (7 if app == "forks-daemons" else 2)
    stage.client.stop(session.id)
    kind, _ = stage.outcome(session.id, 10)
    assert kind == "cancelled"
    eventually(lambda: not _of_session(stage, session), "the whole tree has ended", 3)


def test_an_answer_with_everything_in_it_reaches_the_application_as_it_is(stage: Stage) -> None:
    hostile = "a 'b' \"c\" $(touch /tmp/no) `id` ; & | \\ %s {x} ünï 🪑 \t" + "x" * 9000
    session = stage.launch(answers={"word": hostile}, title="T'\"$(x)")
    assert stage.get(session.id)[1] == hostile.strip() or stage.get(session.id)[1] == hostile


def _codes(stage: Stage, session: Session) -> list[str]:
    return [one["code"] for one in stage.client.timeline(session.id)]


def _of_session(stage: Stage, session: Session) -> list[int]:
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
