"""The bridge's own key: made once, kept for its owner only, and never replaced in silence."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from cloud_bridge.errors import ConfigurationError
from cloud_bridge.signing_key import load_or_create, new_key


def _pem(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, *, lock: KeySerializationEncryption | None = None
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock or NoEncryption())


def test_a_key_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    """The second start has the same key, and nothing else lies beside it."""
    path = tmp_path / "key.pem"
    first, second = load_or_create(path), load_or_create(path)
    assert first.kid == second.kid
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["key.pem"]


def test_a_key_that_another_process_put_there_first_is_taken(tmp_path: Path) -> None:
    """Two bridges that start at once end with one key; a draft of a process that died is in nobody's way."""
    path = tmp_path / "key.pem"
    (tmp_path / ".key.pem.1").write_bytes(b"half a dra")
    kids = {load_or_create(path).kid for _ in range(3)}
    assert len(kids) == 1


def test_the_public_half_is_public() -> None:
    """No member of a private key is in what profiles show, and the id is the thumbprint of the key itself."""
    key = new_key()
    assert key.public_jwk.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert key.kid == key.public_jwk["kid"] != new_key().kid
    assert "private" not in repr(key)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no unencrypted private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no unencrypted private key"),
        (_pem(ec.generate_private_key(ec.SECP384R1())), "curve P-256"),
        (_pem(ed25519.Ed25519PrivateKey.generate()), "curve P-256"),
        (
            _pem(ec.generate_private_key(ec.SECP256R1()), lock=BestAvailableEncryption(b"word")),
            "no unencrypted private key",
        ),
    ],
)
def test_a_file_that_holds_no_such_key_stops_the_start(tmp_path: Path, content: bytes, said: str) -> None:
    """It is named and left alone: a new key over it would make us a stranger to every merchant."""
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=said):
        load_or_create(path)
    assert path.read_bytes() == content


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """The message says what to do about it."""
    path = tmp_path / "key.pem"
    load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 0600"):
        load_or_create(path)


def test_a_place_that_cannot_be_written_to_stops_the_start(tmp_path: Path) -> None:
    """There is no key in memory only."""
    with pytest.raises(ConfigurationError, match="cannot be kept there"):
        load_or_create(tmp_path / "no-such-folder" / "key.pem")
