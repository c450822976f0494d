"""The portal killed with -9 at every point between two writes: nothing lost, nothing twice, nothing orphaned (I5, I12).

A first life tells the points that it passes: each commit and each order to the launcher has one before and one after.
Then each round arms a portal to die at one of them and takes a session through its life as far as that goes. The next
portal must bring it to its end, and is then armed itself. The gateway stays up throughout.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from armchair.client.errors import ApiError, ClientError
from armchair.testing.crash import KILL_AT, POINTS, WALK

from .portal_stage import PortalProcess, Stage, eventually, typed  # noqa: TID252 - one folder's own

Answer = TypeVar("Answer")
Point = tuple[str, int]
NEVER = ("never", 0)
# the postman goes his own pace: he may come before or after the reconciler is done
LAST = {"after:forget", "after:letters"}


class PortalDied(Exception):
    """The portal was killed in the middle of a step."""


class Walk:
    """Arms the portal that runs now, and tells what it passed since."""

    def __init__(self, home: Path) -> None:
        self._directory = home / WALK
        self._directory.mkdir(exist_ok=True)

    def arm(self, point: Point) -> None:
        (self._directory / POINTS).unlink(missing_ok=True)
        draft = self._directory / "draft"
        draft.write_text(f"{point[0]} {point[1]}")
        draft.rename(self._directory / KILL_AT)

    def disarm(self) -> None:
        (self._directory / KILL_AT).unlink()

    def passed(self) -> list[str]:
        with suppress(FileNotFoundError):
            return (self._directory / POINTS).read_text().split()
        return []


@dataclass(slots=True)
class Life:
    """One session's life in steps. A step that a portal's death broke off is taken again; one that was answered is not."""

    stage: Stage
    key: str
    session: str = ""
    done: list[str] = field(default_factory=list)

    def go(self, *steps: str) -> None:
        """Take the steps that are not done yet. Raises PortalDied."""
        for step in steps:
            if step not in self.done:
                getattr(self, step)()
                self.done.append(step)

    def launch(self) -> None:
        self.session = self._ask(lambda: self.stage.client.launch("hello", key=self.key, title=self.key).id)

    def ready(self) -> None:
        self._until("ready")

    def stop(self) -> None:
        self._ask(lambda: self.stage.client.stop(self.session).id)

    def leave(self) -> None:
        """The application ends of its own accord: the gateway leads to it, with or without a portal."""
        # a report of its agent may come to the point before we do
        entry = self._ask(lambda: self.stage.client.entry(self.session))
        self.stage.get(self.session, "/exit/0", entry)

    def ended(self) -> None:
        self._until("ended")

    def _ask(self, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except ClientError as error:
            if isinstance(error, ApiError) and error.status < 500:
                raise
            # only a portal that is dying may leave a question without an answer
            self.portal.wait(5)
            raise PortalDied from error

    def _until(self, phase: str) -> None:
        eventually(lambda: self._is(phase), f"the session {self.key} is {phase}", 15)

    def _is(self, phase: str) -> bool:
        if not self.portal.alive:
            raise PortalDied
        with suppress(ClientError):
            found = self.stage.client.session(self.session)
            assert found.phase == phase or not found.ended, found.data
            return found.phase == phase
        return False

    @property
    def portal(self) -> PortalProcess:
        assert self.stage.portal is not None
        return self.stage.portal

    def unasked(self) -> None:
        """A launch without an answer: if it was stored, it becomes ready by itself, and asking again finds it."""
        found = [one for one in self.stage.client.sessions(text=self.key).sessions if one.title == self.key]
        assert len(found) <= 1, found
        if found:
            self.stage.reach(found[0].id, "ready")
            assert self.stage.client.launch("hello", key=self.key, title=self.key).id == found[0].id

    def check(self, outcome: str) -> None:
        """It ended as it should, once, and nothing of it runs."""
        ended = self.stage.client.session(self.session)
        assert ended.data["outcome"]["kind"] == outcome, ended.data
        codes = Counter(one["code"] for one in self.stage.client.timeline(self.session))
        assert codes["session.accepted"] == codes["run.ended"] == codes["agent.enrolled"] == codes["session.ready"] == 1, codes
        assert codes["job.submitted"] + codes["job.adopted"] == 1, codes
        assert self.stage.jobs() == []


def one_life(stage: Stage, title: str, point: Point, before: tuple[str, ...], steps: tuple[str, ...]) -> tuple[Life, list[str]]:
    """A life to its end or to the portal's, `before` being taken unharmed.

    With it the points of `steps` that it passed; none when the portal died.
    """
    armed, life = Walk(stage.home), Life(stage, title)
    life.go(*before)
    armed.arm(point)
    with suppress(PortalDied):
        life.go(*steps)
    eventually(lambda: set(armed.passed()) >= LAST or armed.passed().count(point[0]) >= point[1] > 0, "all points are passed")
    killed = armed.passed().count(point[0]) >= point[1] > 0
    if killed:
        life.portal.wait()
    armed.disarm()
    return life, [] if killed else armed.passed()


def walk(stage: Stage, outcome: str, before: tuple[str, ...], steps: tuple[str, ...]) -> list[Point]:
    """Kill a portal at each point of `steps` in turn; the points where one died, after checking what came of it."""
    life, passed = one_life(stage, f"{outcome} unharmed", NEVER, before, steps)
    life.check(outcome)
    points = [(name, number + 1) for name, count in Counter(passed).items() for number in range(count)]
    died: list[Point] = []
    for point in points:
        life, passed = one_life(stage, "{} {} {}".format(outcome, *point), point, before, steps)
        if not passed:
            died.append(point)
            stage.up()
            _take_over(stage, life, steps)
        life.check(outcome)
    # two changes at the same time may become one, so that the last of them has no number
    assert len(died) >= len(points) - 4, (points, died)
    assert {name for name, _ in died} == {name for name, _ in points}
    assert stage.client.sessions().total == len(points) + 1
    return died


def _take_over(stage: Stage, life: Life, steps: tuple[str, ...]) -> None:
    """The next portal's part. An end whose request broke off may be under way: then there may be no job any more."""
    may_end = "ready" in life.done
    if "launch" not in life.done:
        life.unasked()
    life.go(*steps[:2])
    assert len(stage.jobs(life.session)) <= 1
    assert may_end or stage.jobs(life.session)
    life.go(*steps)


def test_killed_at_each_point_from_the_launch_to_an_end_that_was_asked_for(stage: Stage) -> None:
    died = walk(stage, "cancelled", (), ("launch", "ready", "stop", "ended"))
    assert len(died) >= 20, died
    orders = {f"{when}:{what}" for when in ("before", "after") for what in ("create", "change", "submit", "cancel", "forget")}
    assert orders <= {name for name, _ in died}, died


def test_killed_at_each_point_of_an_end_that_nobody_asked_for(stage: Stage) -> None:
    died = walk(stage, "finished", ("launch", "ready"), ("leave", "ended"))
    assert len(died) >= 6, died
    orders = {"before:change", "after:change", "before:forget", "after:forget"}
    assert orders <= {name for name, _ in died}, died


def test_streams_and_typing_go_on_while_the_portal_is_dead_and_when_it_is_back(stage: Stage) -> None:
    session = stage.launch()
    entry = stage.client.entry(session.id)
    assert stage.portal is not None
    with stage.stream(session.id) as connection:
        typed(connection, b"before\n")
        stage.portal.kill()
        typed(connection, b"meanwhile " * 50_000)
        assert stage.get(session.id, entry=entry) == (200, "hello"), "new requests too, on the ticket that is there"
        stage.up()
        typed(connection, b"afterwards\n")
        assert stage.client.session(session.id).phase == "ready"
        stage.client.stop(session.id)
        assert connection.recv(1) == b"", "the end of the session is the end of its streams"
    assert stage.outcome(session.id)[0] == "cancelled"


def test_what_ends_while_the_portal_is_dead_is_told_as_it_was(stage: Stage) -> None:
    by_itself, killed, endless = (stage.launch(title=title) for title in ("by itself", "killed", "endless"))
    entry = stage.client.entry(by_itself.id)
    assert stage.portal is not None
    stage.portal.kill()
    stage.get(by_itself.id, "/exit/3", entry=entry)
    os.kill(stage.agent(killed.id), signal.SIGKILL)
    eventually(lambda: not stage.jobs(killed.id), "the killed one's job has ended")
    stage.up()
    kind, ended = stage.outcome(by_itself.id)
    assert (kind, ended.data["outcome"]["exit_code"]) == ("failed", 3)
    kind, ended = stage.outcome(killed.id)
    assert (kind, ended.data["outcome"]["signal"]) == ("failed", 9)
    assert stage.client.session(endless.id).phase == "ready"


def test_a_portal_told_to_end_leaves_sessions_and_streams_alone(stage: Stage) -> None:
    session = stage.launch()
    assert stage.portal is not None
    with stage.stream(session.id) as connection:
        stage.portal.send(signal.SIGTERM)
        stage.portal.wait()
        typed(connection, b"still here\n")
        stage.up()
        typed(connection, b"and still\n")
    assert stage.client.session(session.id).phase == "ready"
