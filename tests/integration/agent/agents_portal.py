"""A stand-in for the portal's agents listener: real TLS, real certificates, scripted answers."""

import datetime as dt
import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from armchair.wire import runspec
from armchair.wire.runspec import RunSpec

SESSION_HOST = "abc.apps.test"


class Authority:
    """A CA of the tests' own."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self.cert = self._builder(self.name, self.key).add_extension(basic, critical=True).sign(self.key, hashes.SHA256())
        self.pem = self.cert.public_bytes(serialization.Encoding.PEM).decode()

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )

    def issue(self, name: str, usage: x509.ObjectIdentifier) -> tuple[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            general: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            general = x509.DNSName(name)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        cert = (
            self._builder(subject, key)
            .add_extension(x509.SubjectAlternativeName([general]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return cert.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


class AgentsPortal:
    """Answers enrolments with `spec`; keeps what agents say. `refusals`: statuses to answer before the first 200."""

    def __init__(self, directory: Path, spec: RunSpec) -> None:
        self.spec = spec
        self.directory = directory
        self.agents_ca, self.sessions_ca, self.gateway_ca = (
            Authority("agents CA"),
            Authority("sessions CA"),
            Authority("gateway CA"),
        )
        self.enrolments: list[dict[str, Any]] = []
        self.bearers: list[str] = []
        self.reports: list[dict[str, Any]] = []
        self.refusals: list[int] = []
        self.report_status = 200
        self.refuse_logs = False
        self.commands: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.port = 0

    def wait(self, condition: Callable[[], Any], seconds: float = 20) -> Any:
        with self.changed:
            assert self.changed.wait_for(condition, seconds), f"never came: {self.reports[-3:]}"
            return condition()

    @property
    def agent_port(self) -> int:
        return int(self.wait(lambda: self.enrolments)[-1]["port"])

    def wait_ready(self) -> int:
        self.wait(lambda: any(report["ready"] for report in self.reports))
        return self.agent_port

    def end(self) -> dict[str, Any]:
        return dict(self.wait(lambda: next((r["end"] for r in self.reports if r["end"]), None)))

    def client_context(self, authority: Authority | None = None, *, certificate: bool = True) -> ssl.SSLContext:
        """TLS as the gateway speaks it to agents; with another authority, an impostor's."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.sessions_ca.pem)
        if certificate:
            path = self.directory / f"client-{id(authority)}.pem"
            path.write_text("".join((authority or self.gateway_ca).issue("gateway", CLIENT)))
            context.load_cert_chain(path)
        return context

    def answer(self, method: str, path: str, bearer: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.changed:
            self.changed.notify_all()
            if path.endswith("/enrol"):
                self.bearers.append(bearer)
                if self.refusals:
                    return self.refusals.pop(0), {}
                self.enrolments.append(body)
                certificate, key = self.sessions_ca.issue(SESSION_HOST, SERVER)
                return 200, {
                    "certificate": certificate,
                    "key": key,
                    "gateway_ca": self.gateway_ca.pem,
                    "credential": "the-credential",
                    "spec": runspec.dump(self.spec),
                    "version": 1,
                }
            assert bearer == "the-credential"
            if path.endswith("/report") and self.refuse_logs and body["log"]:
                return 413, {}
            if path.endswith("/report"):
                self.reports.append(body)
                return self.report_status, {}
        with self.changed:
            self.changed.wait_for(lambda: self.commands, 5)
            return 200, {"commands": self.commands}


@contextmanager
def serving(portal: AgentsPortal, port: int = 0) -> Iterator[AgentsPortal]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            bearer = self.headers["Authorization"].removeprefix("Bearer ")
            status, answer = portal.answer(self.command, self.path.partition("?")[0], bearer, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _do  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = portal.directory / "agents.pem"
    certificate.write_text("".join(portal.agents_ca.issue("127.0.0.1", SERVER)))
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    portal.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield portal
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
