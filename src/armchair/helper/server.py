"""The helper's socket: lets in one account's processes, answers each question once, and writes down who asked for what."""

import asyncio
import contextlib
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog

from armchair.domain.errors import ArmchairError, BadSettings
from armchair.domain.secret import Secret
from armchair.helper import protocol
from armchair.helper.acts import Acts
from armchair.helper.aside import aside
from armchair.helper.audit import Audit
from armchair.helper.config import HelperConfig
from armchair.helper.logins import Logins
from armchair.helper.owners import Owners
from armchair.helper.protocol import Malformed, Message
from armchair.helper.signer import Signer, statement_key, ticket_claims
from armchair.helper.statements import Statements
from armchair.launchers.command import Completed

log = structlog.get_logger(__name__)

Answer = Mapping[str, Any]
_ASK_WITHIN = 30.0
_PEER = struct.Struct("3i")


class Helper:
    """Answers questions. Every one that uses somebody's power is written to the audit log, with its result: all but those that
    only ask who somebody is, or what the queue is like.
    """

    def __init__(self, config: HelperConfig) -> None:
        self.config = config
        self._audit = Audit(config.audit_log)
        self._statements = Statements(config, statement_key(config))
        self._logins = Logins(config, self._statements, self._audit)
        self._acts = Acts(config)
        self.owners = Owners(config.state_directory / "sessions")
        self.signer = Signer(config)
        self._questions: Mapping[str, Callable[[Message], Awaitable[Answer]]] = {
            "ping": self._ping,
            "login.begin": self._login_begin,
            "login.answer": self._login_answer,
            "person": self._person,
            "mandate": self._mandate,
            "read": self._read,
            "would_start": self._would_start,
            "act": self._act,
            "tail": self._tail,
            "ticket": self._ticket,
            "identity": self._identity,
        }

    async def answer(self, question: Message) -> Answer:
        """The answer to one question. Raises ArmchairError and Malformed."""
        what = protocol.text(question, "do", 40)
        if what not in self._questions:
            raise Malformed("no such question")
        return await self._questions[what](question)

    async def _ping(self, _question: Message) -> Answer:
        return {"instance": self.signer.keys.instance}

    async def _login_begin(self, question: Message) -> Answer:
        return await self._logins.begin(protocol.text(question, "login", 256), protocol.text(question, "address", 64))

    async def _login_answer(self, question: Message) -> Answer:
        answers = [Secret(text) for text in protocol.texts(question, "answers", 10)]
        return await self._logins.answer(protocol.text(question, "conversation", 64), answers)

    async def _person(self, question: Message) -> Answer:
        """Whose assertion this is, with the roles of now."""
        person = await aside(self._statements.asserted, protocol.text(question, "assertion"))
        return {"login": person.login, "name": person.name, "uid": person.uid, "roles": list(person.roles)}

    async def _mandate(self, question: Message) -> Answer:
        person = await aside(self._statements.asserted, protocol.text(question, "assertion"))
        session, mark, cluster = (protocol.text(question, name, 128) for name in ("session", "mark", "cluster"))
        with self._audit.noting("mandate", login=person.login, session=session, cluster=cluster):
            self.owners.claim(session, person.uid)
            mandate = self._statements.mandate(person, session, mark, cluster)
        return {"mandate": mandate}

    async def _read(self, question: Message) -> Answer:
        return _completed(
            await self._acts.read(protocol.text(question, "cluster", 64), protocol.texts(question, "argv"), _time(question))
        )

    async def _would_start(self, question: Message) -> Answer:
        login, argv = protocol.text(question, "login", 64), protocol.texts(question, "argv")
        stdin = Secret("#!/bin/sh\n")
        return _completed(
            await self._acts.would_start(protocol.text(question, "cluster", 64), login, argv, stdin, _time(question))
        )

    async def _act(self, question: Message) -> Answer:
        mandate = await aside(self._statements.mandated, protocol.text(question, "mandate"))
        argv = protocol.texts(question, "argv")
        stdin = Secret(protocol.text(question, "stdin", protocol.QUESTION_LIMIT)) if "stdin" in question else None
        facts = {"login": mandate.account.login, "session": mandate.session, "argv": argv}
        # before it is done: what can't be written down is not done
        self._audit.note("act", "asked", **facts)
        try:
            done = await self._acts.act(mandate, argv, stdin, _time(question))
        except ArmchairError as error:
            self._audit.note("act", error.code, **facts)
            raise
        said = (done.stdout if done.exit_code == 0 else done.stderr).strip()[:200]
        self._audit.note("act", f"exit {done.exit_code}", **facts, said=said)
        return _completed(done)

    async def _tail(self, question: Message) -> Answer:
        mandate = await aside(self._statements.mandated, protocol.text(question, "mandate"))
        path = protocol.text(question, "path", 500)
        with self._audit.noting("tail", login=mandate.account.login, session=mandate.session, path=path):
            text = await self._acts.tail(mandate, path)
        return {"text": text}

    async def _ticket(self, question: Message) -> Answer:
        assertion = protocol.text(question, "assertion")
        person, until = await aside(self._statements.asserted, assertion), self._statements.counts_until(assertion)
        mandate = await aside(self._statements.mandated, protocol.text(question, "mandate"))
        claims = ticket_claims(question.get("claims"))
        with self._audit.noting("ticket", login=person.login, session=mandate.session):
            ticket = self.signer.ticket(person, mandate, claims, until)
        return {"ticket": ticket}

    async def _identity(self, question: Message) -> Answer:
        mandate = await aside(self._statements.mandated, protocol.text(question, "mandate"))
        run = protocol.text(question, "run", 80)
        with self._audit.noting("identity", login=mandate.account.login, session=mandate.session, run=run):
            made = self.signer.identity(mandate, run)
        return {"certificate": made.certificate, "key": made.key.reveal()}


def _completed(done: Completed) -> Answer:
    return {"program": done.program, "exit_code": done.exit_code, "stdout": done.stdout, "stderr": done.stderr}


def _time(question: Message) -> timedelta:
    return timedelta(seconds=protocol.number(question, "timeout", 0.1, 300))


class Door:
    """Takes connections from the web process's account (and root, who needs no door) and answers one question on each."""

    def __init__(self, helper: Helper) -> None:
        self._helper = helper
        try:
            self._uids = {0, pwd.getpwnam(helper.config.web_account).pw_uid}
        except KeyError:
            problem = "there is no such account on this machine"
            raise BadSettings("bad_settings", key="web_account", origin="", problem=problem) from None

    async def serve(self, when_up: Callable[[], None] = lambda: None) -> None:
        """Listen until cancelled."""
        server = await asyncio.start_unix_server(
            self._converse, sock=_listener(self._helper.config), limit=protocol.QUESTION_LIMIT
        )
        when_up()
        async with server:
            await server.serve_forever()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            uid = _peer(writer)
            if uid not in self._uids:
                log.warning("helper.stranger", uid=uid)
                return
            async with asyncio.timeout(_ASK_WITHIN):
                line = await reader.readline()
            if line:
                writer.write(protocol.dump(await self._answer(line)))
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            return
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, line: bytes) -> Message:
        try:
            return {"ok": await self._helper.answer(protocol.load(line))}
        except Malformed as error:
            return {"error": "malformed", "params": {"problem": str(error)}}
        except ArmchairError as error:
            return {"error": error.code, "params": {name: _plain(value) for name, value in error.params.items()}}
        except Exception:  # the edge of one question: the others must have their answers
            log.exception("helper.failed")
            return {"error": "helper_failed", "params": {}}


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | list) else str(value)


def _peer(writer: asyncio.StreamWriter) -> int:
    peer: socket.socket = writer.get_extra_info("socket")
    _, uid, _ = _PEER.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return int(uid)


def _listener(config: HelperConfig) -> socket.socket:
    """A socket that only the web process's group may open: the peer's uid is asked for besides."""
    path = config.socket
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    before = os.umask(0o117)
    try:
        listener.bind(str(new))
    finally:
        os.umask(before)
    with contextlib.suppress(KeyError, PermissionError):
        os.chown(new, -1, pwd.getpwnam(config.web_account).pw_gid)
    listener.listen(256)
    new.rename(path)
    return listener
