"""The helper's record: what uses somebody's power stands in it, and what can't stand in it is not done."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from armchair.domain.errors import Refused
from armchair.helper.audit import Audit
from armchair.helper.config import HelperConfig
from armchair.helper.people import Account
from armchair.helper.server import Helper
from armchair.sessions.ports import TicketClaims

Configured = Callable[..., HelperConfig]
SESSION, ANOTHER = "a" * 26, "b" * 26
MARK = "armchair-abc123-0123456789abcdef0123456789abcdef"


class Desk:
    """A helper, and a person who is logged in with one session."""

    def __init__(self, config: HelperConfig, me: Account) -> None:
        self.config, self.me, self.helper = config, me, Helper(config)
        self.assertion, _ = self.helper._statements.assertion(me)
        self.mandate = ""

    async def ask(self, what: str, **question: object) -> dict[str, Any]:
        return dict(await self.helper.answer({"do": what, **question}))

    async def begin(self) -> None:
        given = await self.ask("mandate", assertion=self.assertion, session=SESSION, mark=MARK, cluster="slurm")
        self.mandate = given["mandate"]

    def ticket(self, session: str = SESSION) -> dict[str, object]:
        claims: dict[str, Any] = {field.name: 0 if field.type is int else "" for field in fields(TicketClaims)}
        claims |= {"session": session, "run": f"{session}-1", "subject": self.me.login, "expires_at": int(time.time()) + 60}
        return {"assertion": self.assertion, "mandate": self.mandate, "claims": claims}

    def noted(self) -> list[tuple[str, str, str, str]]:
        lines = [json.loads(line) for line in self.config.audit_log.read_text().splitlines()]
        return [(one["what"], one["result"], one["login"], one["session"]) for one in lines]


@pytest.fixture
async def desk(configured: Configured, me: Account) -> Desk:
    desk = Desk(configured(), me)
    await desk.begin()
    return desk


async def test_keys_and_tickets_that_were_given_are_noted(desk: Desk) -> None:
    await desk.ask("ticket", **desk.ticket())
    await desk.ask("identity", mandate=desk.mandate, run=f"{SESSION}-1")
    assert desk.noted() == [(what, "given", desk.me.login, SESSION) for what in ("mandate", "ticket", "identity")]


async def test_so_is_what_was_refused(desk: Desk) -> None:
    wrong: list[tuple[str, str, dict[str, object]]] = [
        ("ticket", "not_your_session", desk.ticket(ANOTHER)),
        ("identity", "not_your_session", {"mandate": desk.mandate, "run": f"{ANOTHER}-1"}),
        ("tail", "command_not_allowed", {"mandate": desk.mandate, "path": "/etc/passwd"}),
        ("mandate", "mandate_unknown", {"assertion": desk.assertion, "session": SESSION, "mark": "mine", "cluster": "slurm"}),
    ]
    for what, code, question in wrong:
        with pytest.raises(Refused, match=code):
            await desk.ask(what, **question)
    assert [(what, result) for what, result, _, _ in desk.noted()[1:]] == [(what, code) for what, code, _ in wrong]


async def test_what_can_not_be_noted_is_not_given(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(desk.helper._audit, "note", full)
    with pytest.raises(OSError, match="No space"):
        await desk.ask("identity", mandate=desk.mandate, run=f"{SESSION}-1")


def test_half_a_line_is_no_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a disk takes it that has room for half of it."""
    path = tmp_path / "audit.jsonl"
    audit, write = Audit(path), os.write
    with monkeypatch.context() as disk:
        disk.setattr(os, "write", lambda file, data: write(file, data[:20]))
        with pytest.raises(OSError, match="No space"):
            audit.note("act", "asked", login="ada")
    audit.note("act", "asked", login="bob")
    audit.note("act", "exit 0", login="bob")
    audit.close()
    half, *whole = path.read_text().splitlines()
    assert len(half) == 20
    assert [json.loads(line)["result"] for line in whole] == ["asked", "exit 0"]
