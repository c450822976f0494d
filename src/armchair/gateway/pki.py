"""Certificates: authorities, the leaves that they sign, and whether a leaf still serves. Elliptic curve P-256 throughout."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=90)
# clocks of compute nodes differ from ours
SKEW = timedelta(hours=1)


class Purpose(Enum):
    """What a leaf may be used for. RUN: the gateway comes to the agent, or the agent goes to the hub."""

    SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
    CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    RUN = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An authority: its certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The certificate alone, as others may see it."""
        return self.certificate.public_bytes(Encoding.PEM).decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A certificate with its key, both PEM."""

    certificate: bytes
    key: bytes


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def load_private(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The key in a PEM text. Raises ValueError for any other kind of key."""
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an elliptic curve key")  # noqa: TRY004 - it is the text that is wrong, as for every other bad PEM
    return key


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def make_ca(name: str, now: datetime) -> bytes:
    """A new authority: certificate and key in one PEM text."""
    key = new_key()
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, _name(name), key, now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM) + private_pem(key)


def load_issuer(pem: bytes) -> Issuer:
    """The authority that `make_ca` wrote."""
    return Issuer(certificate=x509.load_pem_x509_certificate(pem), key=load_private(pem))


def make_leaf(issuer: Issuer, name: str, hosts: Sequence[str], purpose: Purpose, now: datetime) -> Leaf:
    """A new key and a certificate for `hosts` (names or IP addresses), good for LEAF_LIFE and `purpose` only."""
    key = new_key()
    builder = (
        _builder(name, issuer.certificate.subject, key, now, LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purpose.value), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(host) for host in hosts]), critical=False)
    certificate = builder.sign(issuer.key, hashes.SHA256())
    return Leaf(certificate=certificate.public_bytes(Encoding.PEM), key=private_pem(key))


def serves(pem: bytes, issuer: Issuer, hosts: Sequence[str], until: datetime) -> bool:
    """Whether this leaf is of this issuer, for all these hosts, and still good at `until`."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.verify_directly_issued_by(issuer.certificate)
        load_private(pem)
    except (ValueError, TypeError, x509.UnsupportedGeneralNameType):
        return False
    except Exception:  # noqa: BLE001 - a bad signature raises cryptography's own class: whatever it is, a new leaf is the cure
        return False
    named: set[x509.GeneralName] = set()
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            named = set(extension.value)
    return certificate.not_valid_after_utc > until and {_general(host) for host in hosts} <= named


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
    )


def _name(text: str) -> x509.Name:
    # X.509 allows 64 characters here; only the alternative names count for checks
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
