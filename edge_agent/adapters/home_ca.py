"""The home's own certificate authority: it vouches for the broker and for devices, inside this home only.

Keys are P-256, which small devices' TLS libraries know. A device's certificate is good for a client and the broker's
for a server, so that a device cannot pose as the broker. The list of revoked certificates is valid for as long as the
authority: a broker that finds it out of date, or not yet valid, lets nobody in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_agent.adapters.secret_file import load_or_make, write_whole
from edge_agent.errors import ConfigurationError

_AUTHORITY_DAYS = 20 * 365
_SERVER_DAYS = 825
_SERVER_RENEW_DAYS = 90
DEVICE_DAYS = 2 * 365
_BEFORE = timedelta(hours=1)  # of the broker's clock against the hub's
_REQUEST_BYTES_MAX = 16_384
_Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate for one login: PEM. `key` is empty where the device has made its own."""

    certificate: bytes
    key: bytes
    serial: int
    expires_at: datetime


class HomeAuthority:
    """Issues and revokes. Its key stays in `ca.key`."""

    def __init__(self, *, key: _Key, certificate: x509.Certificate, folder: Path) -> None:
        self._key = key
        self._certificate = certificate
        self._folder = folder

    @classmethod
    def load_or_make(cls, folder: Path, *, home: str, now: datetime) -> Self:
        """The authority in `folder`, made on first use.

        Raises: ConfigurationError when its files are there and cannot be used.
        """
        key = _load_key(load_or_make(folder / "ca.key", make=lambda: _key_pem(ec.generate_private_key(ec.SECP256R1()))))
        pem = load_or_make(folder / "ca.crt", make=lambda: _pem(_own_certificate(key, home=home, now=now)))
        try:
            certificate = x509.load_pem_x509_certificate(pem)
        except ValueError as exc:
            raise ConfigurationError(f"{folder / 'ca.crt'}: not a certificate; restore it from a backup") from exc
        if certificate.public_key() != key.public_key():
            raise ConfigurationError(f"{folder}: ca.crt and ca.key do not belong together; restore them from a backup")
        return cls(key=key, certificate=certificate, folder=folder)

    def issue_client(self, user: str, *, now: datetime, request: bytes | None = None) -> Issued:
        """A certificate whose common name is `user`; with `request` (a PEM signing request) for that key.

        Raises: ConfigurationError for a request that is none, or a key that is too weak.
        """
        key = None if request is not None else ec.generate_private_key(ec.SECP256R1())
        public = key.public_key() if key is not None else _requested(request or b"")
        expires_at = now + timedelta(days=DEVICE_DAYS)
        built = self._leaf(public, name=user, now=now, expires_at=expires_at, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
        certificate = built.sign(self._key, hashes.SHA256())
        return Issued(
            certificate=_pem(certificate),
            key=b"" if key is None else _key_pem(key),
            serial=certificate.serial_number,
            expires_at=expires_at,
        )

    def keep_server(self, names: Sequence[str], *, now: datetime) -> bool:
        """See to it that the broker has a certificate for these names and addresses; True if it is a new one.

        One that is there is kept until 90 days before its end.
        """
        key_file, file = self._folder / "server.key", self._folder / "server.crt"
        wanted = _alternatives(names)
        key = _load_key(load_or_make(key_file, make=lambda: _key_pem(ec.generate_private_key(ec.SECP256R1()))))
        if file.exists() and self._serves(file, wanted, key=key, now=now):
            return False
        expires_at = min(now + timedelta(days=_SERVER_DAYS), self._certificate.not_valid_after_utc)
        built = self._leaf(
            key.public_key(), name=names[0], now=now, expires_at=expires_at, usage=ExtendedKeyUsageOID.SERVER_AUTH
        ).add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        write_whole(file, _pem(built.sign(self._key, hashes.SHA256())))
        return True

    def keep_revocations(self, file: Path, serials: Collection[int], *, now: datetime) -> None:
        """See to it that `file` is the signed list of these revoked certificates; one that says so is left alone."""
        if file.exists() and self._lists(file, set(serials)):
            return
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(self._certificate.not_valid_before_utc)
            .next_update(self._certificate.not_valid_after_utc)
        )
        for serial in serials:
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - _BEFORE).build()
            builder = builder.add_revoked_certificate(revoked)
        write_whole(file, builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _lists(self, file: Path, serials: set[int]) -> bool:
        try:
            known = x509.load_pem_x509_crl(file.read_bytes())
        except ValueError:
            return False
        return known.is_signature_valid(self._key.public_key()) and {each.serial_number for each in known} == serials

    def _serves(self, file: Path, wanted: list[x509.GeneralName], *, key: _Key, now: datetime) -> bool:
        try:
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
            has = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            certificate.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        lasts = certificate.not_valid_after_utc - now > timedelta(days=_SERVER_RENEW_DAYS)
        return list(has) == wanted and lasts and certificate.public_key() == key.public_key()

    def _leaf(
        self,
        public: ec.EllipticCurvePublicKey,
        *,
        name: str,
        now: datetime,
        expires_at: datetime,
        usage: x509.ObjectIdentifier,
    ) -> x509.CertificateBuilder:
        return (
            _builder(name, issuer=self._certificate.subject, public=public, now=now, expires_at=expires_at)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )


def _own_certificate(key: _Key, *, home: str, now: datetime) -> x509.Certificate:
    name = f"Restock home {home}"[:64]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    expires_at = now + timedelta(days=_AUTHORITY_DAYS)
    return (
        _builder(name, issuer=subject, public=key.public_key(), now=now, expires_at=expires_at)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(
    name: str, *, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, expires_at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(expires_at)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_alternative(each) for each in dict.fromkeys((*names, "localhost", "127.0.0.1"))]


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _requested(pem: bytes) -> ec.EllipticCurvePublicKey:
    """The key that a signing request is for. Nothing else in it counts: the hub says who the device is."""
    if len(pem) > _REQUEST_BYTES_MAX:
        raise ConfigurationError(f"signing request: {len(pem)} bytes; up to {_REQUEST_BYTES_MAX} are allowed")
    try:
        request = x509.load_pem_x509_csr(pem)
        is_sound, public = request.is_signature_valid, request.public_key()
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise ConfigurationError("signing request: not a PKCS #10 request in PEM") from exc
    if not is_sound:
        raise ConfigurationError("signing request: it is not signed by its own key")
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name not in {"secp256r1", "secp384r1"}:
        raise ConfigurationError("signing request: a key on the curve P-256 or P-384 is needed")
    return public


def _load_key(pem: bytes) -> _Key:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except ValueError as exc:
        raise ConfigurationError("the broker's key files are damaged; restore them from a backup") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError("the broker's key files are damaged; restore them from a backup")
    return key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: _Key) -> bytes:
    # SEC1 rather than PKCS #8: some devices' TLS libraries take only that form.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
