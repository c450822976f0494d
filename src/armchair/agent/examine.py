"""What `armchair doctor` runs on a node, as a job: it looks around as an agent would and says what it finds.

Each line of its output is one JSON object, `{"check": code, "ok": bool, …}`; the first bears the mark of its token. On its way
it waits a little for a connection from the portal's machine that begins with the configuration's token, and answers with the
node's time.
"""

import email.utils
import hmac
import http.client
import json
import os
import random
import socket
import ssl
import sys
import time
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple
from urllib.parse import urlsplit

from armchair.agent import kernel
from armchair.agent.enrol import GivenUp
from armchair.agent.interfaces import addresses
from armchair.agent.main import bind
from armchair.wire import config as wire_config
from armchair.wire.config import AgentConfig
from armchair.wire.messages import API

PATIENCE = 6.0
CALLED_WITHIN = 30.0
PROBE = 64 << 10


# one thing looked at: its code, whether it is well, and facts
Look = Tuple[str, bool, Dict[str, Any]]


def main(line: str, survey: Callable[[], Iterable[Look]]) -> int:
    """Say all of it. `survey` looks at what programs need that run beside an agent."""
    config = wire_config.load(line)
    python = "%d.%d.%d" % sys.version_info[:3]
    mark = wire_config.examination_mark(config.token)
    say("node", True, mark=mark, node=socket.gethostname(), python=python, addresses=[address for _, address in addresses()])
    listener = _bind(config)
    _portal(config)
    if config.hub:
        _hub(config)
    for directory in ("/tmp", "/dev/shm"):
        _temporary(directory)
    _namespaces()
    _home()
    if listener is not None and not config.hub:
        say("listens", True, port=listener.getsockname()[1])
        _be_called(listener, config.token)
    # last, as it starts programs, which may hang
    for check, ok, facts in survey():
        say(check, ok, **facts)
    say("done", True)
    return 0


def say(check: str, ok: bool, **facts: Any) -> None:
    """One line."""
    found: Dict[str, Any] = {"check": check, "ok": ok}
    found.update(facts)
    print(json.dumps(found), flush=True)


def _bind(config: AgentConfig) -> Optional[socket.socket]:
    try:
        return bind(config)
    except GivenUp as trouble:
        say("bind", False, problem=str(trouble))
        return None


def _portal(config: AgentConfig) -> None:
    """Whether the portal's agents listener can be reached, is who it should be and answers; and what time it is there."""
    parts = urlsplit(config.portal)
    host, port = parts.hostname or "", parts.port or 443
    began = time.time()
    raw, problem = _connect(host, port)
    if raw is None:
        say("portal", False, address="%s:%d" % (host, port), **problem)
        return
    with raw:
        try:
            tls = _context(config).wrap_socket(raw, server_hostname=host)
            tls.sendall(("GET %s/commands HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (API, host)).encode())
            answer = http.client.HTTPResponse(tls)
            answer.begin()
        except (OSError, ValueError, http.client.HTTPException) as error:
            why = "tls" if isinstance(error, ssl.SSLError) else "silent"
            say("portal", False, address="%s:%d" % (host, port), why=why, problem=str(error), now=time.time())
            return
        took = time.time() - began
        say("portal", True, address="%s:%d" % (host, port), status=answer.status, seconds=round(took, 3))
        date = email.utils.parsedate_to_datetime(answer.getheader("Date", "")) if answer.getheader("Date") else None
        if date is not None:
            # it counts whole seconds
            skew = (began + took / 2) - (date.timestamp() + 0.5)
            say("clock", abs(skew) - took / 2 - 0.5 <= 2.0, skew=round(skew, 1))


def _hub(config: AgentConfig) -> None:
    host, _, port = config.hub.rpartition(":")
    host = host.strip("[]")
    raw, problem = _connect(host, int(port))
    if raw is not None:
        with raw:
            try:
                _context(config).wrap_socket(raw, server_hostname=host).close()
            except OSError as error:
                # without a run's certificate it ends there, but by then the hub has shown its own
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    problem = {"why": "tls", "problem": str(error)}
    say("hub", not problem, address=config.hub, **problem)


def _connect(host: str, port: int) -> Tuple[Optional[socket.socket], Dict[str, str]]:
    try:
        socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except OSError as error:
        return None, {"why": "name", "problem": str(error)}
    try:
        # by name, as an agent does: of several addresses one that answers will do
        return socket.create_connection((host, port), PATIENCE), {}
    except socket.timeout:
        return None, {"why": "timeout", "problem": ""}
    except OSError as error:
        return None, {"why": "refused", "problem": error.strerror or str(error)}


def _context(config: AgentConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=config.portal_ca)
    return context


def _temporary(directory: str) -> None:
    """Whether files can be made there, how much room there is, on what, and whether what lies there may be executed."""
    facts: Dict[str, Any] = {"directory": directory, "kind": _kind(directory), "problem": "", "executes": False}
    path = os.path.join(directory, "armchair-doctor-%016x" % random.SystemRandom().getrandbits(64))
    try:
        found = os.statvfs(directory)
        facts["free"] = found.f_bavail * found.f_frsize
        # a new one: anybody may have put a link or a file of theirs there
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o700), "w") as file:
            file.write("#!/bin/sh\nexit 0\n")
        facts["executes"] = os.spawnv(os.P_WAIT, path, [path]) == 0
    except OSError as error:
        facts["problem"] = error.strerror or str(error)
    finally:
        try:
            os.unlink(path)
        except OSError:
            pass
    say("temporary", not facts["problem"], **facts)


def _kind(directory: str) -> str:
    """The file system's kind, as the kernel calls it."""
    best, kind = "", ""
    try:
        with open("/proc/mounts") as file:
            for line in file:
                words = line.split()
                inside = directory == words[1] or directory.startswith(words[1].rstrip("/") + "/")
                if inside and len(words[1]) >= len(best):
                    best, kind = words[1], words[2]
    except (OSError, IndexError):
        return ""
    return kind


def _namespaces() -> None:
    """Whether an application can be given a network of its own."""
    pid = os.fork()
    if pid == 0:
        number = 0
        try:
            kernel.isolate_network()
        except OSError as error:
            number = error.errno or 1
        os._exit(number & 0xFF)
    status = os.waitpid(pid, 0)[1]
    number = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1
    say("namespaces", number == 0, problem=os.strerror(number) if number else "")


def _home() -> None:
    home = os.path.expanduser("~")
    path = os.path.join(home, ".armchair-doctor-%d" % os.getpid())
    problem, present = "", os.path.isdir(home)
    if present:
        try:
            with open(path, "wb") as file:
                file.write(b"x" * PROBE)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            problem = error.strerror or str(error)
        finally:
            try:
                os.unlink(path)
            except OSError:
                pass
    say("home", present and not problem, directory=home, present=present, problem=problem)


def _be_called(listener: socket.socket, token: str) -> None:
    """Answer whoever knows the token with the node's time; others hear nothing."""
    end = time.monotonic() + CALLED_WITHIN
    calls: List[str] = []
    while time.monotonic() < end and len(calls) < 100:
        listener.settimeout(max(0.1, end - time.monotonic()))
        try:
            connection, peer = listener.accept()
            calls.append(peer[0])
            with connection:
                connection.settimeout(2.0)
                said = connection.recv(200).decode("ascii", "replace").strip()
                if hmac.compare_digest(said.encode(), token.encode()):
                    connection.sendall(b"%.3f\n" % time.time())
                    say("called", True, by=peer[0])
                    return
        except OSError:
            continue
