"""The engine's own certificate authority, and the server certificate it signs.

The extensions are those that Python 3.13's strict verification asks for: key usage and subject key on the authority,
authority key, extended key usage and basic constraints on the server's certificate.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from accsyn_engine.server.folder import Folder, write_private

AUTHORITY_DAYS = 3650
SERVER_DAYS = 820  # longer ones are refused by some browsers
RENEW_DAYS = 60  # a server certificate with less than this left is made anew at start-up
CLOCKS_APART = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> str:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The private key as unencrypted PKCS #8 PEM."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()


def make_authority(workspace: str, now_ms: int) -> Pair:
    """A new authority for one workspace."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"accsyn engine of {workspace}"[:64])])
    subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _dated(x509.CertificateBuilder(), now_ms, AUTHORITY_DAYS)
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(subject_key, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key), critical=False)
    )
    return Pair(builder.sign(key, hashes.SHA256()), key)


def make_server(authority: Pair, names: list[str], now_ms: int) -> Pair:
    """A server certificate for these host names and addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_key = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _dated(x509.CertificateBuilder(), now_ms, SERVER_DAYS)
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key), critical=False)
    )
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _dated(builder: x509.CertificateBuilder, now_ms: int, days: int) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def names_for(url: str) -> list[str]:
    """The names a server at `url` is called by: its own, and those of the machine itself."""
    own = urlsplit(url).hostname or "localhost"
    return list(dict.fromkeys([own, "localhost", "127.0.0.1", "::1"]))


def write_certificates(folder: Folder, *, workspace: str, url: str, now_ms: int) -> None:
    """Make authority and server certificate in a new data folder."""
    authority = make_authority(workspace, now_ms)
    write_private(folder.ca_key, authority.key_pem)
    write_private(folder.ca, authority.certificate_pem)
    folder.ca.chmod(0o644)  # this one is handed to clients
    _write_server(folder, make_server(authority, names_for(url), now_ms))


def renew_certificate(folder: Folder, *, url: str, now_ms: int) -> bool:
    """Make the server certificate anew when it is about to expire; true if that was so."""
    certificate = x509.load_pem_x509_certificate(folder.certificate.read_bytes())
    left = certificate.not_valid_after_utc - datetime.fromtimestamp(now_ms // 1000, UTC)
    if left > timedelta(days=RENEW_DAYS):
        return False
    key = serialization.load_pem_private_key(folder.ca_key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # written by make_authority
    authority = Pair(x509.load_pem_x509_certificate(folder.ca.read_bytes()), key)
    _write_server(folder, make_server(authority, names_for(url), now_ms))
    return True


def _write_server(folder: Folder, server: Pair) -> None:
    write_private(folder.certificate_key, server.key_pem)
    write_private(folder.certificate, server.certificate_pem)
