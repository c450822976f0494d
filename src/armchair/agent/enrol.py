"""Enrolment: the first call to the portal, repeated until it is answered; turns a token into an identity and a RunSpec."""

import os
import random
import socket
import ssl
import sys
import time
from typing import NamedTuple

from armchair.agent.portal import Caller, PortalAway
from armchair.wire import runspec
from armchair.wire.config import AgentConfig
from armchair.wire.messages import EXIT_NO_PORTAL, EXIT_REFUSED, EnrolAnswer, EnrolRequest

NOT_YET = 409
REFUSED = (401, 403, 410, 413, 422)


class GivenUp(Exception):
    """There will be no enrolment. `code` is the job's exit code, the text a sentence for the job's output."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Enrolled(NamedTuple):
    """What the portal gave: TLS to meet the gateway with, the credential and what to run."""

    context: ssl.SSLContext
    credential: str
    spec: runspec.RunSpec


def enrol(config: AgentConfig, port: int) -> Enrolled:
    """Ask the portal in until it answers. Raises GivenUp."""
    nonce = "%032x" % random.SystemRandom().getrandbits(128)
    request = EnrolRequest(port=port, python="%d.%d.%d" % sys.version_info[:3], node=socket.gethostname()[:200], nonce=nonce)
    caller = Caller(config.portal, config.portal_ca)
    try:
        answer = _ask(caller, config, request)
    finally:
        caller.close()
    return Enrolled(_context(answer), answer.credential, runspec.load(answer.spec))


def _ask(caller: Caller, config: AgentConfig, request: EnrolRequest) -> EnrolAnswer:
    began, pause, told = time.monotonic(), 0.02, ""
    while True:
        try:
            status, body = caller.call("POST", "/enrol", config.token, dict(request._asdict()))
        except PortalAway as away:
            status, body, pause = 0, {}, max(pause, 0.2)
            if str(away) != told:
                told = str(away)
                print("The portal does not answer (%s). Trying again." % told, file=sys.stderr, flush=True)
        if status == 200:
            return _answer(body)
        if status in REFUSED:
            raise GivenUp(EXIT_REFUSED, "The portal did not admit this job (status %d). It ends here." % status)
        if time.monotonic() - began > config.give_up:
            raise GivenUp(EXIT_NO_PORTAL, "The portal could not be reached for %d s. The job ends." % config.give_up)
        time.sleep(pause * random.uniform(0.8, 1.2))
        pause = min(pause * 2, 0.5 if status == NOT_YET else 10.0)


def _answer(body: object) -> EnrolAnswer:
    if not isinstance(body, dict) or not set(EnrolAnswer._fields) <= set(body):
        raise GivenUp(EXIT_REFUSED, "The portal's answer can't be read: is it of another version?")
    return EnrolAnswer(**{name: body[name] for name in EnrolAnswer._fields})


def _context(answer: EnrolAnswer) -> ssl.SSLContext:
    """A server's TLS that lets in only the gateway. The key touches a file, 0600 and gone at once: OpenSSL wants one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1 | ssl.OP_NO_COMPRESSION
    context.load_verify_locations(cadata=answer.gateway_ca)
    path = _node_local_file()
    try:
        with open(path, "w") as file:
            file.write(answer.certificate + "\n" + answer.key)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
    return context


def _node_local_file() -> str:
    """An empty file of ours that others can't read, in memory where possible."""
    for directory in ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR", ""), "/tmp"):
        if not directory or not os.access(directory, os.W_OK):
            continue
        path = os.path.join(directory, "armchair-%d-%016x" % (os.getpid(), random.SystemRandom().getrandbits(64)))
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o600))
        except OSError:
            continue
        return path
    raise GivenUp(EXIT_REFUSED, "There is no directory on this node to write to: /dev/shm and /tmp are not writable.")
