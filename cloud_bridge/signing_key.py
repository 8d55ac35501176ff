"""The bridge's own key: ES256, in one file that nobody else may read, made at the first start.

Merchants check our requests and mandates against its public half, which our profile document shows. It is no
household's key: it says which bridge speaks, and never that a household agreed. Losing it costs an introduction to
the merchants, no money. Several bridges behind one address share one file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwcrypto.jwk import JWK

from cloud_bridge.errors import ConfigurationError

_FILE_BYTES_MAX = 4_096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A P-256 key pair. `kid` is the thumbprint of RFC 7638, so it names this key and no other."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def jwk(self) -> JWK:
        """The key pair as the JOSE library takes it."""
        return JWK.from_pyca(self.private)

    @property
    def kid(self) -> str:
        """What signatures name it by."""
        return str(self.jwk.thumbprint())

    @property
    def public_jwk(self) -> Mapping[str, Any]:
        """The public half, as profiles show it."""
        public = self.jwk.export_public(as_dict=True)
        return MappingProxyType({**public, "kid": self.kid, "use": "sig", "alg": "ES256"})


def new_key() -> SigningKey:
    """A fresh key, kept nowhere."""
    return SigningKey(ec.generate_private_key(ec.SECP256R1()))


def load_or_create(path: Path) -> SigningKey:
    """The key in `path`; where there is no file, a new key is made and kept there, for its owner only.

    Raises: ConfigurationError when the file cannot be read or written, is open to others, or holds no such key.
    """
    try:
        try:
            return _load(path)
        except FileNotFoundError:
            _create(path)
            return _load(path)
    except OSError as exc:
        raise ConfigurationError(f"{path}: the bridge's signing key cannot be kept there ({exc.strerror})") from exc


def _load(path: Path) -> SigningKey:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & _OTHERS:
            raise ConfigurationError(f"{path}: mode {stat.S_IMODE(mode):04o}: others may read it; use chmod 0600")
        pem = file.read(_FILE_BYTES_MAX)
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise ConfigurationError(f"{path}: no unencrypted private key in PEM") from exc
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise ConfigurationError(f"{path}: a key on the curve P-256 is wanted")
    return SigningKey(private)


def _create(path: Path) -> None:
    """Whole or not at all: a draft is linked to its name, and a key that another process put there first stays."""
    pem = new_key().private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        _link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
