"""What the agent says where its words can't be kept, and how it leaves."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from armchair.agent import enrol, life
from armchair.agent.dial import Dialler
from armchair.agent.portal import PortalAway
from armchair.agent.start import Begun, CannotStart
from armchair.wire.config import AgentConfig
from armchair.wire.messages import End

CONFIG = AgentConfig(portal="https://127.0.0.1:1", portal_ca="", token="t", give_up=600.0)


def in_child(do: Callable[[], None], *, output: str = "/dev/full") -> int:
    """The status of a process that did this with its output there."""
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(os.open(output, os.O_WRONLY), 2)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            do()
            os._exit(0)
        finally:
            os._exit(99)
    return os.waitpid(pid, 0)[1]


def test_a_full_disk_does_not_end_the_wait_for_the_portal() -> None:
    answers: list[object] = [PortalAway("away"), (200, dict.fromkeys(enrol.EnrolAnswer._fields, "x"))]

    class Caller:
        def call(self, *_: object, **__: object) -> object:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    def ask() -> None:
        request = enrol.EnrolRequest(1, "3.6.8", "n", "0")
        assert enrol._ask(Caller(), CONFIG, request, lambda: None).spec == "x"  # type: ignore[arg-type]  # it only calls

    assert in_child(ask) == 0


def test_a_full_disk_does_not_end_the_way_to_the_hub() -> None:
    def call() -> None:
        dialler = Dialler.__new__(Dialler)
        dialler._told, dialler._over = "", life.threading.Event()
        dialler._tell("away")

    assert in_child(call) == 0


def test_a_full_disk_does_not_keep_from_the_portal_that_nothing_started(tmp_path: Path) -> None:
    heard = tmp_path / "heard"

    class Reporter:
        def end(self, end: End) -> None:
            heard.write_text(end.detail)

    def begin() -> None:
        one = life.Life.__new__(life.Life)
        one._reporter = lambda _: Reporter()  # type: ignore[method-assign,assignment,return-value]  # it only hears
        assert one._not_started(Begun(None, None, CannotStart("disk_full", "There is no space left.")), life.Log("")) == 1

    assert in_child(begin) == 0
    assert heard.read_text() == "disk_full"


def test_the_job_ends_as_the_application_did_also_by_a_signal_without_a_name() -> None:
    number = signal.SIGRTMIN + 5
    status = in_child(lambda: life.Life.__new__(life.Life)._leave(End(None, number, "", "", "")) and None, output="/dev/null")
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == number
