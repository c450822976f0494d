"""Enrolment: the first call to the portal, repeated until it is answered; turns a token into an identity and a RunSpec."""

import os
import random
import socket
import ssl
import sys
import time
from typing import Callable, NamedTuple, Tuple

from armchair.agent.portal import Caller, PortalAway, trust
from armchair.agent.say import say
from armchair.wire import runspec
from armchair.wire.config import AgentConfig
from armchair.wire.messages import EXIT_NO_PORTAL, EXIT_NO_ROOM, EXIT_REFUSED, EnrolAnswer, EnrolRequest

NOT_YET = 409
REFUSED = (401, 403, 410, 413, 422)


class GivenUp(Exception):
    """There will be no enrolment. `code` is the job's exit code, the text a sentence for the job's output."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Enrolled(NamedTuple):
    """What the portal gave: TLS to meet the gateway with, and to call the hub with, the credential and what to run.

    `caller` has a connection to the portal already; `trust` is for more of them.
    """

    caller: Caller
    trust: ssl.SSLContext
    context: ssl.SSLContext
    hub: ssl.SSLContext
    credential: str
    spec: runspec.RunSpec


def enrol(config: AgentConfig, port: int, meanwhile: Callable[[], object]) -> Enrolled:
    """Ask the portal in until it answers; `meanwhile` is called while it thinks. Raises GivenUp."""
    nonce = "%032x" % random.SystemRandom().getrandbits(128)
    request = EnrolRequest(port=port, python="%d.%d.%d" % sys.version_info[:3], node=socket.gethostname()[:200], nonce=nonce)
    trusted = trust(config.portal_ca)
    caller = Caller(config.portal, trusted)
    answer = _ask(caller, config, request, meanwhile)
    context, hub = _contexts(answer, config.portal_ca)
    return Enrolled(caller, trusted, context, hub, answer.credential, runspec.load(answer.spec))


def _ask(caller: Caller, config: AgentConfig, request: EnrolRequest, meanwhile: Callable[[], object]) -> EnrolAnswer:
    began, pause, told = time.monotonic(), 0.02, ""
    while True:
        try:
            status, body = caller.call("POST", "/enrol", config.token, dict(request._asdict()), meanwhile=meanwhile)
        except PortalAway as away:
            status, body, pause = 0, {}, max(pause, 0.2)
            if str(away) != told:
                told = str(away)
                say("The portal does not answer (%s). Trying again." % told)
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


def _contexts(answer: EnrolAnswer, portal_ca: str) -> Tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS that lets in only the gateway, and a client's that trusts only the portal's hub, both with the run's key.

    The key touches a file, 0600 and gone at once: OpenSSL wants one.
    """
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=answer.gateway_ca)
    client.load_verify_locations(cadata=portal_ca)
    path = _node_local_file()
    try:
        with open(path, "w") as file:
            file.write(answer.certificate + "\n" + answer.key)
        for context in (server, client):
            context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1 | ssl.OP_NO_COMPRESSION
            context.load_cert_chain(path)
    except OSError as error:
        raise GivenUp(EXIT_NO_ROOM, "%s can't be written on this node: %s." % (os.path.dirname(path), error.strerror))
    finally:
        os.unlink(path)
    return server, client


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
    raise GivenUp(EXIT_NO_ROOM, "There is no directory on this node to write to: /dev/shm and /tmp are not writable.")
