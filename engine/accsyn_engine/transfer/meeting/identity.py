"""The keys and the certificate an agent makes for one transfer, and what is signed and agreed on with them.

Two keys, because one that signs must not agree on secrets as well: P-256 for TLS and the receipt, X25519 for the secret
of the datagrams. The certificate carries the public half of both, so that whoever was handed it has all it takes.
"""

from __future__ import annotations

import hashlib
import itertools
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from blake3 import blake3
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.x509.oid import NameOID

# The certificate is pinned and lives as long as its transfer; a machine whose clock is wrong may take part.
_FROM = datetime(2000, 1, 1, tzinfo=UTC)
_UNTIL = datetime(9999, 12, 31, tzinfo=UTC)


AGREEMENT = x509.ObjectIdentifier("2.25.220056988191915814009867014250194361967")  # of a UUID (ITU-T X.667)
_OCTETS = b"\x04\x20"  # DER: a string of 32 bytes follows
SECRET_CONTEXT = b"accsyn datagrams 2 secret\n"


@dataclass(frozen=True)
class Identity:
    """Certificate and P-256 key, both PEM; the X25519 key in hex. For one transfer and one meeting."""

    certificate: str
    private_key: str
    agreement_key: str
    _uses: Iterator[int] = field(default_factory=itertools.count, init=False, repr=False, compare=False)

    def take_agreement_key(self) -> x25519.X25519PrivateKey | None:
        """The key, to the first who asks: datagrams are numbered from 0, and no number may come twice under one key."""
        if next(self._uses):
            return None
        return x25519.X25519PrivateKey.from_private_bytes(bytes.fromhex(self.agreement_key))


def make_identity(transfer: str) -> Identity:
    """Make new keys with a certificate of their own for one transfer."""
    agreement = x25519.X25519PrivateKey.generate()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, transfer[:64])])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(_extension(agreement.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Identity(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        private.decode(),
        agreement.private_bytes_raw().hex(),
    )


def _extension(public: x25519.X25519PublicKey) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(AGREEMENT, _OCTETS + public.public_bytes_raw())


def agreed_secret(identity: Identity, peer_certificate: str, *, is_connector: bool) -> bytes | None:
    """The secret only the two ends of a transfer can make (X25519, RFC 7748), bound to both certificates.

    None where the other side's certificate brings no key for it, or this side's was used before: then there is none.
    """
    public, key = _agreement_of(peer_certificate), identity.take_agreement_key()
    if public is None or key is None:
        return None
    try:
        shared = key.exchange(public)
    except ValueError:  # a key chosen so that everybody knows the outcome
        return None
    ends = [fingerprint(peer_certificate), fingerprint(identity.certificate)]
    listener, connector = ends if is_connector else reversed(ends)
    return secret_from(shared, listener, connector)


def secret_from(shared: bytes, listener: str, connector: str) -> bytes:
    """32 bytes from what X25519 gives and the certificates' fingerprints."""
    ends = bytes.fromhex(listener) + bytes.fromhex(connector)
    secret: bytes = blake3(SECRET_CONTEXT + ends, key=shared).digest()
    return secret


def _agreement_of(certificate_pem: str) -> x25519.X25519PublicKey | None:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        found = certificate.extensions.get_extension_for_oid(AGREEMENT).value
    except (ValueError, x509.ExtensionNotFound):
        return None
    value = found.value if isinstance(found, x509.UnrecognizedExtension) else b""
    if not value.startswith(_OCTETS) or len(value) != len(_OCTETS) + 32:
        return None
    return x25519.X25519PublicKey.from_public_bytes(value[len(_OCTETS) :])


def fingerprint(certificate_pem: str) -> str:
    """SHA-256 of the certificate, as hex."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate_pem)).hexdigest()


def sign(identity: Identity, statement: bytes) -> bytes:
    """Sign with the transfer's key (ECDSA, SHA-256, DER)."""
    key = serialization.load_pem_private_key(identity.private_key.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # made above, nothing else is handed in
    return key.sign(statement, ec.ECDSA(hashes.SHA256()))


def is_signed(certificate_pem: str, statement: bytes, signature: bytes) -> bool:
    """Whether the holder of the certificate's key signed exactly this."""
    try:
        key = x509.load_pem_x509_certificate(certificate_pem.encode()).public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(signature, statement, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
