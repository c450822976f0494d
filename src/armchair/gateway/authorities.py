"""The three authorities and their change, which running sessions survive: next → current → previous.

    <name>-ca.pem   signs; <name>-ca.next.pem   about to sign; <name>-ca.previous.crt   has signed certificates that still serve
    <name>-ca.crt   all their certificates, which others trust

A change takes two steps, days apart. The first makes the next authorities known: whoever is told an authority from then on
trusts both. The second, once everybody who knows only the present ones has gone, signs with the next. Each write is atomic, and
the files of certificates are put right at each load, so that a stop anywhere does no harm.
"""

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from armchair.domain.errors import Unavailable
from armchair.gateway import files, pki

NAMES = ("sessions", "gateway", "agents")


class Authorities:
    """The authorities of one directory, for whoever signs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, name: str, now: datetime) -> pki.Issuer:
        """The present authority, made now if need be. Raises Unavailable("key_damaged", path=…)."""
        path = self._path(name, "pem")
        if not path.exists():
            files.create(path, pki.make_ca(f"armchair {name} CA", now))
        issuer = self._issuer(path)
        self._tell(name)
        return issuer

    def trusted(self, name: str) -> str:
        """PEM of the certificates to trust for what this authority signs."""
        return self._path(name, "crt").read_text("ascii")

    def prepared(self) -> datetime | None:
        """When the next authorities were made known; None: none wait."""
        paths = [path for path in (self._path(name, "next.pem") for name in NAMES) if path.exists()]
        begins = [self._issuer(path).certificate.not_valid_before_utc + pki.SKEW for path in paths]
        return max(begins, default=None)

    def prepare(self, now: datetime) -> None:
        """The first step: make the next authorities and have them trusted beside the present ones."""
        for name in NAMES:
            files.create(self._path(name, "next.pem"), pki.make_ca(f"armchair {name} CA", now))
            self._tell(name)

    def switch(self) -> None:
        """The second step: sign with the next ones. What the present ones signed is trusted until the change after this one."""
        for name in NAMES:
            following = self._path(name, "next.pem")
            if following.exists():
                files.write(self._path(name, "previous.crt"), self._certificate(self._path(name, "pem")))
                following.replace(self._path(name, "pem"))
            self._tell(name)

    def _tell(self, name: str) -> None:
        """Have the file of trusted certificates hold what it should."""
        known = [self._path(name, suffix) for suffix in ("pem", "next.pem", "previous.crt")]
        wanted = b"".join(dict.fromkeys(self._certificate(path) for path in known if path.exists()))
        target = self._path(name, "crt")
        if not target.exists() or target.read_bytes() != wanted:
            files.write(target, wanted)

    def _path(self, name: str, suffix: str) -> Path:
        return self._directory / f"{name}-ca.{suffix}"

    def _issuer(self, path: Path) -> pki.Issuer:
        try:
            return pki.load_issuer(path.read_bytes())
        except ValueError as error:
            raise Unavailable("key_damaged", path=str(path)) from error

    def _certificate(self, path: Path) -> bytes:
        try:
            return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.PEM)
        except ValueError as error:
            raise Unavailable("key_damaged", path=str(path)) from error
