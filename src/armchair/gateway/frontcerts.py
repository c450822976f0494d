"""The certificates that browsers see: read from where the site keeps them, checked, copied, and given to a running HAProxy.

HAProxy serves from copies in the gateway's own directory. A bad file therefore never reaches it, not at a restart either: the
copy of the last good one goes on, and what is wrong with the new one is told.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from armchair.domain.errors import BadSettings, Unavailable
from armchair.gateway import files
from armchair.gateway.names import Names
from armchair.gateway.settings import GatewaySettings
from armchair.sessions.ports import Notice

FOLDER = "tls"
SOON = timedelta(days=14)
_MOST_BYTES = 256 * 1024
_MOST_FILES = 50


log = structlog.get_logger()


class BadCertificate(ValueError):
    """What is wrong with a file, as a code with parameters."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.params: Mapping[str, str] = params


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A good certificate with its chain and key, as HAProxy reads it, and what is known of it."""

    pem: bytes
    names: frozenset[str]
    ends: datetime
    fingerprint: str


def pair(certificates: bytes, key: bytes, now: datetime) -> Pair:
    """The pair in these PEM texts. Raises BadCertificate."""
    try:
        chain = x509.load_pem_x509_certificates(certificates)
    except ValueError:
        raise BadCertificate("certificate_unreadable") from None
    try:
        private = load_pem_private_key(key, password=None)
    except TypeError:
        raise BadCertificate("certificate_key_locked") from None
    except ValueError:
        raise BadCertificate("certificate_no_key") from None
    leaf, form = chain[0], (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise BadCertificate("certificate_key_differs")
    if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
        begins, ends = (f"{at:%Y-%m-%d %H:%M} UTC" for at in (leaf.not_valid_before_utc, leaf.not_valid_after_utc))
        raise BadCertificate("certificate_not_valid_now", begins=begins, ends=ends)
    return Pair(
        pem=b"".join(one.public_bytes(Encoding.PEM) for one in chain) + _pem_of_key(key),
        names=frozenset(_names(leaf)),
        ends=leaf.not_valid_after_utc,
        fingerprint=leaf.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - HAProxy names certificates by it; no proof rests on it
    )


def covers(pairs: Sequence[Pair], names: Names) -> None:
    """Raises BadCertificate unless these certificates together are for the portal's host and every session's."""
    known = frozenset[str]().union(*(one.names for one in pairs))
    wild = "*." + names.portal_host.partition(".")[2]
    missing = [] if {names.portal_host, wild} & known else [names.portal_host]
    missing += [] if f"*.{names.apps_domain}" in known else [f"*.{names.apps_domain}"]
    if missing:
        raise BadCertificate("certificate_misses_names", names=", ".join(missing))


class FrontCertificates:
    """The certificates of one gateway. Without `tls_certificate` there are none, and nothing happens."""

    def __init__(self, settings: GatewaySettings, names: Names, directory: Path) -> None:
        self._sources = tuple(Path(one).absolute() for one in settings.tls_certificate)
        self._key = Path(settings.tls_key).absolute() if settings.tls_key else None
        self._names = names
        self._folder = directory / FOLDER
        self.problem: BadCertificate | None = None
        if self._key is not None and len(self._sources) != 1:
            raise _bad("gateway.tls_key", "it goes with exactly one file in gateway.tls_certificate")

    @property
    def files(self) -> tuple[str, ...]:
        """The copies, as the configuration names them."""
        if not self._sources or not self._folder.is_dir():
            return ()
        return tuple(f"{FOLDER}/{path.name}" for path in sorted(self._folder.glob("*.pem")))

    def stamp(self) -> tuple[object, ...]:
        """Changes when a source does."""
        return tuple((str(path), files.stamp(path)) for path in self._watched())

    def take_over(self, now: datetime) -> None:
        """Copy the sources if all of them are good; otherwise keep the last good ones and remember the problem.

        Raises Unavailable with that problem when there are no earlier ones to go on with.
        """
        if not self._sources:
            return
        try:
            pairs = self._read(now)
            covers(tuple(pairs.values()), self._names)
        except BadCertificate as problem:
            if self.problem is None or str(self.problem.params) != str(problem.params):
                log.error("gateway.certificate_refused", code=problem.code, **problem.params)  # noqa: TRY400 - no fault of ours
            self.problem = problem
            if not self.files:
                raise Unavailable(problem.code, **problem.params) from problem
            return
        self.problem = None
        files.private_directory(self._folder)
        for name, found in pairs.items():
            path = self._folder / name
            if not path.exists() or path.read_bytes() != found.pem:
                files.write(path, found.pem)
        for path in self._folder.glob("*.pem"):
            if path.name not in pairs:
                path.unlink()

    def served(self) -> dict[str, Pair]:
        """The copies as they should be served, by the name in the configuration. Expired ones too."""
        found = {}
        for name in self.files:
            pem = (self._folder.parent / name).read_bytes()
            found[name] = pair(pem, pem, x509.load_pem_x509_certificate(pem).not_valid_before_utc)
        return found

    def ends(self) -> datetime | None:
        """When the first of the served certificates ends."""
        return min((one.ends for one in self.served().values()), default=None)

    async def hand_over(self, say: Callable[[str], Awaitable[str]]) -> bool:
        """Have a running HAProxy serve the copies, without closing a connection; False: it does not, and has to be reloaded."""
        for name, wanted in self.served().items():
            if wanted.fingerprint in await say(f"@1 show ssl cert {name}"):
                continue
            await say(f"@1 set ssl cert {name} <<\n{wanted.pem.decode('ascii').strip()}\n")
            answer = await say(f"@1 commit ssl cert {name}")
            if wanted.fingerprint not in await say(f"@1 show ssl cert {name}"):
                log.warning("gateway.certificate_not_taken", file=name, answer=" ".join(answer.split()))
                return False
            log.info("gateway.certificate_taken_over", file=name, ends=wanted.ends.isoformat())
        return True

    def notices(self, now: datetime) -> list[Notice]:
        """What an administrator should know."""
        return _notices((self.problem.code, self.problem.params) if self.problem else None, self.ends(), now)

    def report(self) -> bytes:
        """The same for `read_report`, in another process at any later time."""
        ends = self.ends()
        problem = {"code": self.problem.code, "params": dict(self.problem.params)} if self.problem else None
        return json.dumps({"problem": problem, "ends": ends.isoformat() if ends else None}).encode()

    def _read(self, now: datetime) -> dict[str, Pair]:
        found: dict[str, Pair] = {}
        sources = list(self._expanded())
        if not sources:
            raise BadCertificate("certificate_missing", path=", ".join(map(str, self._sources)))
        for number, path in enumerate(sources[:_MOST_FILES]):
            try:
                text = _content(path)
                found[f"{number:02}.pem"] = pair(text, _content(self._key) if self._key else text, now)
            except BadCertificate as problem:
                raise BadCertificate(problem.code, **{"path": str(path), **problem.params}) from None
        return found

    def _expanded(self) -> Iterator[Path]:
        for source in self._sources:
            yield from sorted(source.glob("*.pem")) if source.is_dir() else [source]

    def _watched(self) -> Iterator[Path]:
        yield from self._sources
        yield from self._expanded()
        if self._key is not None:
            yield self._key


def read_report(path: Path, now: datetime) -> list[Notice]:
    """What an administrator should know, from what `FrontCertificates.report` left there; nothing when there is none."""
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    problem, ends = told["problem"], told["ends"]
    return _notices(
        (problem["code"], problem["params"]) if problem else None, datetime.fromisoformat(ends) if ends else None, now
    )


def _notices(problem: tuple[str, Mapping[str, str]] | None, ends: datetime | None, now: datetime) -> list[Notice]:
    found = [Notice(code=problem[0], params=problem[1])] if problem else []
    if ends is not None and ends - now < SOON:
        found.append(Notice(code="certificate_ends_soon", params={"ends": f"{ends:%Y-%m-%d %H:%M} UTC"}))
    return found


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MOST_BYTES)
    except OSError as error:
        raise BadCertificate("certificate_missing", path=str(path), problem=error.strerror or "") from None


def _pem_of_key(text: bytes) -> bytes:
    """The key's part of a PEM text that may hold certificates too."""
    lines = text.decode("ascii", "replace").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("-----BEGIN") and "PRIVATE KEY" in line)
    end = next(number for number, line in enumerate(lines) if number > begin and line.startswith("-----END"))
    return ("\n".join(lines[begin : end + 1]) + "\n").encode()


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in found.get_values_for_type(x509.DNSName)]


def _bad(key: str, problem: str) -> BadSettings:
    return BadSettings("bad_settings", key=key, origin="", problem=problem)
