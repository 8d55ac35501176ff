"""The households' keys: made here, kept in one file, and admitted by the bridge's operator.

The keys come from the system's randomness and never from the seed: whoever knew the seed could order.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware_sim.hubs.words import Signatory
from firmware_sim.listening import WrongArgumentsError

HUB = "hub"
_SECRET_BYTES = 32


def make(path: Path, *, count: int, home: str) -> list[Signatory]:
    """New households `<home>-0000` ..., kept in a new file that only its owner reads.

    Raises: WrongArgumentsError.
    """
    made = [
        Signatory(f"{home}-{number:04d}", HUB, Ed25519PrivateKey.generate(), secrets.token_bytes(_SECRET_BYTES))
        for number in range(count)
    ]
    rows = [
        {
            "id": each.household,
            "key": base64.b64encode(each.key.private_bytes_raw()).decode(),
            "secret": base64.b64encode(each.secret).decode(),
        }
        for each in made
    ]
    write_new(path, json.dumps({"households": rows}, indent=1) + "\n", option="--keys")
    return made


def load(path: Path) -> list[Signatory]:
    """The households of such a file.

    Raises: WrongArgumentsError.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["households"]
        return [
            Signatory(row["id"], HUB, _key(base64.b64decode(row["key"])), base64.b64decode(row["secret"]))
            for row in rows
        ]
    except OSError as exc:
        raise WrongArgumentsError(f"--keys {path}: cannot be read ({exc.strerror}); make it with --enrol") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise WrongArgumentsError(f"--keys {path}: is no file of keys that --enrol made") from exc


def admission(households: Sequence[Signatory]) -> str:
    """What the operator adds to the bridge's configuration, as TOML."""
    return "".join(
        f'[[households]]\nid = "{each.household}"\npublic_key = "{public_key(each)}"\n' for each in households
    )


def public_key(household: Signatory) -> str:
    """Base64 of the 32 bytes that the bridge must know."""
    return base64.b64encode(household.key.public_key().public_bytes_raw()).decode()


def write_new(path: Path, text: str, *, option: str) -> None:
    """A new file for its owner only, whole or not at all.

    Raises: WrongArgumentsError.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise WrongArgumentsError(f"{option} {path}: exists already; name a new file") from None
    except OSError as exc:
        raise WrongArgumentsError(f"{option} {path}: cannot be written ({exc.strerror})") from exc
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        path.unlink(missing_ok=True)
        raise WrongArgumentsError(f"{option} {path}: cannot be written ({exc.strerror})") from exc


def _key(raw: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(raw)
