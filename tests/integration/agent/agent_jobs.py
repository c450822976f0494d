"""Job scripts run for real beside the stand-in for the portal, for all tests of the agent."""

import http.client
import os
import signal
import socket
import ssl
import subprocess  # noqa: TID251 - runs job scripts as a launcher would
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from armchair.agent.usage import descendants
from armchair.domain.secret import Secret
from armchair.sessions.agentscript import AgentScripts
from armchair.wire.runspec import RunSpec, SpecFile

from .agents_portal import SESSION_HOST, AgentsPortal, serving  # noqa: TID252 - one folder's own

TOKEN = "enrolment-token-that-must-not-show"

SERVER_PY = """
import http.server, os, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/environment":
            body = repr(sorted(os.environ.items())).encode()
        elif self.path.startswith("/big"):
            body = b"x" * int(self.path[4:])
        else:
            body = b"hello"
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200); self.send_header("Content-Length", "8"); self.end_headers()
        self.wfile.write(b"%08d" % len(body))
    def log_message(self, *a): pass
    def address_string(self): return "x"
class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 256
class Tcp(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
print("serving", flush=True)
if "ARMCHAIR_PORT" in os.environ:
    Tcp(("127.0.0.1", int(os.environ["ARMCHAIR_PORT"])), Handler).serve_forever()
else:
    Unix(os.environ["ARMCHAIR_SOCKET"], Handler).serve_forever()
"""


def spec_of(tmp_path: Path, body: str, **changes: Any) -> RunSpec:
    fields: dict[str, Any] = {
        "argv": ("run.sh",),
        "environment": {"COLOUR": "green", "PY": sys.executable},
        "unset": (),
        "directory": str(tmp_path),
        "files": (
            SpecFile("run.sh", "#!/bin/sh\n" + textwrap.dedent(body), 0o700),
            SpecFile("server.py", SERVER_PY, 0o600),
        ),
        "transport": "unix",
        "host": SESSION_HOST,
        "ready_path": "/",
        "ready_statuses": ((200, 399),),
        "stop_signal": "TERM",
        "stop_grace": 2.0,
        "log_directory": str(tmp_path / "logs"),
        "memory": None,
    }
    fields.update(changes)
    return RunSpec(**fields)


SERVE = 'exec "$PY" "$ARMCHAIR_DIR/server.py"\n'

Start = Callable[..., tuple[AgentsPortal, subprocess.Popen[bytes]]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a job script whose application is the given run.sh; everything is ended afterwards."""
    opened: list[Any] = []

    def run(
        body: str = SERVE,
        *,
        user: int | None = None,
        prepare: Callable[[AgentsPortal], None] | None = None,
        temporary: Path = Path("/tmp"),
        umask: int = -1,
        **changes: Any,
    ) -> tuple[AgentsPortal, subprocess.Popen[bytes]]:
        portal = AgentsPortal(tmp_path, spec_of(tmp_path, body, **changes))
        if prepare:
            prepare(portal)
        context = serving(portal)
        context.__enter__()
        scripts = AgentScripts(agents_url=lambda: f"https://127.0.0.1:{portal.port}", agents_ca=portal.agents_ca.pem)
        job = subprocess.Popen(
            ["/bin/sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            umask=umask,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(temporary)},
        )
        assert job.stdin is not None
        job.stdin.write(scripts.render(Secret(TOKEN), "local").script.reveal().encode())
        job.stdin.close()
        opened.append((context, job))
        return portal, job

    yield run
    for context, job in opened:
        for pid in [*descendants(job.pid), job.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        job.wait()
        job.stdout.close()
        context.__exit__(None, None, None)


def get(portal: AgentsPortal, path: str = "/", context: ssl.SSLContext | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", portal.agent_port, timeout=10)
    raw = socket.create_connection(("127.0.0.1", portal.agent_port), 10)
    connection.sock = (context or portal.client_context()).wrap_socket(raw, server_hostname=SESSION_HOST)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("it never came true")
