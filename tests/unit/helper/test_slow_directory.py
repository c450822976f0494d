"""A directory that hangs over one account holds up nobody who asks about something else."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping

import pytest

from armchair.domain.errors import ArmchairError
from armchair.helper import names
from armchair.helper.config import HelperConfig
from armchair.helper.people import Account
from armchair.helper.server import Helper

SUBMIT = ["sbatch", "--test-only", "--export=NONE", "--chdir=/"]
MARK = "armchair-abc123-0123456789abcdef0123456789abcdef"
QUESTIONS: tuple[Mapping[str, object], ...] = (
    {"do": "person"},
    {"do": "mandate", "session": "s" * 26, "mark": MARK, "cluster": "slurm"},
    {"do": "act", "argv": ["scancel", "x"], "timeout": 1},
    {"do": "tail", "path": "no"},
    {"do": "ticket", "claims": {}},
    {"do": "identity", "run": "x"},
    {"do": "would_start", "login": "somebody", "argv": SUBMIT, "cluster": "slurm", "timeout": 1},
    {"do": "login.begin", "login": "somebody", "address": "here"},
)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["do"])
async def test_others_have_their_answers(
    configured: Callable[..., HelperConfig], me: Account, monkeypatch: pytest.MonkeyPatch, question: Mapping[str, object]
):
    helper = Helper(configured())
    assertion, _ = helper._statements.assertion(me)
    words = {"assertion": assertion, "mandate": helper._statements.mandate(me, "s" * 26, MARK, "slurm")}
    asked, answered, given_up = threading.Event(), threading.Event(), threading.Event()

    def hangs(_login: str) -> None:
        asked.set()
        if not answered.wait(5):
            given_up.set()

    monkeypatch.setattr(names, "user", hangs)
    slow = asyncio.create_task(helper.answer({**words, **question}))
    try:
        assert await asyncio.to_thread(asked.wait, 5)
        await helper.answer({"do": "ping"})
        assert not given_up.is_set(), "this one was answered before the directory was"
    finally:
        answered.set()
        slow.cancel()
        with contextlib.suppress(ArmchairError, asyncio.CancelledError):
            await slow
