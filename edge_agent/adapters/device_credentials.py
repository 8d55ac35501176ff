"""Who is enrolled, with the hashes of their passwords: one file, from which the broker's own files are written.

The hub itself never reads it. A user name is given once and to nobody again: a device that is enrolled anew, or whose
credential is rotated, gets the next number, so that what is revoked stays revoked at every broker.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import bcrypt
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from edge_agent.adapters.secret_file import write_whole
from edge_agent.core.leave.grants import Grant
from edge_agent.errors import ConfigurationError, RefusedError, StoreBusyError

_FILE = "enrolled.json"
_BYTES_MAX = 4_194_304
_DEVICES_MAX = 2_000
# What is hashed is 192 random bits, which no stretching makes harder to guess. It only bounds what a flood of
# connections costs: Mosquitto checks passwords in the one thread that carries all messages.
_PBKDF2_ROUNDS = 1_000
_BCRYPT_COST = 8
_SALT_BYTES = 12  # Mosquitto takes no other length
_PASSWORD_BYTES = 24
_CLIENT_ID_BYTES = 16

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
_User = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,68}(~[0-9]{1,6})?$")]
_Topic = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:@=~+#/-]{1,200}$")]


class _Document(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Credential(_Document):
    """One login: by password (its two hashes) or by certificate (its serial number in hex)."""

    user: _User
    client_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_~-]{1,128}$")]
    issued_at: AwareDatetime
    mosquitto: Annotated[str, StringConstraints(pattern=r"^(\$7\$[0-9]+\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+)?$")] = ""
    nats: Annotated[str, StringConstraints(pattern=r"^(\$2b\$[0-9]{2}\$[A-Za-z0-9./]{53})?$")] = ""
    serial: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{0,40}$")] = ""
    expires_at: AwareDatetime | None = None
    until: AwareDatetime | None = None


class Enrolled(_Document):
    """A device, what it may do, and its logins: none once it is revoked. `issued` counts all it ever had.

    One that `observes` a device is none itself: it only listens to that one.
    """

    device: _Name
    family: Annotated[str, StringConstraints(max_length=128)] = ""
    observes: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{0,64}$")] = ""
    writes: Annotated[tuple[_Topic, ...], Field(max_length=64)]
    reads: Annotated[tuple[_Topic, ...], Field(max_length=64)]
    issued: Annotated[int, Field(ge=0, le=999_999)] = 0
    credentials: Annotated[tuple[Credential, ...], Field(max_length=16)] = ()
    revoked_at: AwareDatetime | None = None

    @property
    def grant(self) -> Grant:
        """Its topics."""
        return Grant(writes=self.writes, reads=self.reads)

    @property
    def next_user(self) -> str:
        """The user name of the next login: the device's own, then with a number. No device's name has a `~`."""
        return self.device if self.issued == 0 else f"{self.device}~{self.issued + 1}"


class RevokedSerial(_Document):
    """A certificate that is no longer good, until it would have expired anyhow."""

    serial: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,40}$")]
    expires_at: AwareDatetime


class Register(_Document):
    """The whole file. `hub` are the hub's own logins."""

    version: Literal[1] = 1
    home: _Name
    devices: Annotated[tuple[Enrolled, ...], Field(max_length=_DEVICES_MAX)] = ()
    hub: Annotated[tuple[Credential, ...], Field(max_length=8)] = ()
    hub_issued: Annotated[int, Field(ge=0, le=999_999)] = 0
    revoked: Annotated[tuple[RevokedSerial, ...], Field(max_length=100_000)] = ()

    @property
    def live(self) -> tuple[Enrolled, ...]:
        """The devices that have a login."""
        return tuple(each for each in self.devices if each.credentials)

    @property
    def speaking(self) -> tuple[Enrolled, ...]:
        """Those of them that are devices: an observer says nothing, and hears what is said to another."""
        return tuple(each for each in self.live if not each.observes)

    def find(self, device: str) -> Enrolled | None:
        """The device of this name, also one that is revoked."""
        return next((each for each in self.devices if each.device == device), None)

    def enrolled(self, device: str) -> Enrolled:
        """The same, if it has a login.

        Raises: RefusedError.
        """
        known = self.find(device)
        if known is None or not known.credentials:
            raise RefusedError(f"{device} is not enrolled; restock-hub enroll --list names those that are")
        return known

    def put(self, device: Enrolled) -> Register:
        """With this device in the place of the one of its name, or at the end.

        Raises: RefusedError when there are too many.
        """
        if self.find(device.device) is None and len(self.devices) >= _DEVICES_MAX:
            raise RefusedError(f"{_DEVICES_MAX} devices were enrolled, and no more can be")
        others = [(device if each.device == device.device else each) for each in self.devices]
        devices = tuple(others) if device in others else (*others, device)
        return self.model_copy(update={"devices": devices})

    def ended(self, credentials: Iterable[Credential]) -> Register:
        """With the certificates of these logins revoked."""
        gone = tuple(
            RevokedSerial(serial=each.serial, expires_at=each.expires_at)
            for each in credentials
            if each.serial and each.expires_at
        )
        return self.model_copy(update={"revoked": (*self.revoked, *gone)})

    def without_ended(self, now: datetime) -> Register:
        """Without the logins whose overlap is over, and without revoked certificates that have expired."""
        over = [each for device in self.devices for each in device.credentials if each.until and each.until <= now]
        devices = tuple(
            device.model_copy(update={"credentials": tuple(each for each in device.credentials if each not in over)})
            for device in self.devices
        )
        swept = self.ended(over)
        revoked = tuple(each for each in swept.revoked if each.expires_at > now)
        return swept.model_copy(update={"devices": devices, "revoked": revoked})


@dataclass(frozen=True, slots=True)
class Secret:
    """A password, to be shown once, with the hashes to keep."""

    password: str = field(repr=False)
    mosquitto: str
    nats: str


def new_secret() -> Secret:
    """192 random bits as 32 letters, digits, - and _, hashed for each broker.

    Source: mosquitto_passwd, form `$7$` (PBKDF2 with HMAC-SHA-512); nats-server, bcrypt.
    """
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    return Secret(
        password=password,
        mosquitto=_mosquitto_hash(password, secrets.token_bytes(_SALT_BYTES), rounds=_PBKDF2_ROUNDS),
        nats=bcrypt.hashpw(password.encode(), bcrypt.gensalt(_BCRYPT_COST)).decode(),
    )


def fits(credential: Credential, password: str) -> bool:
    """Whether this is its password."""
    if not credential.mosquitto:
        return False
    _, _, rounds, salt, _ = credential.mosquitto.split("$")
    told = _mosquitto_hash(password, base64.b64decode(salt), rounds=int(rounds))
    return secrets.compare_digest(told, credential.mosquitto)


def new_client_id(device: str) -> str:
    """A client id that nobody guesses: nats-server gives a session to whoever names it."""
    return f"{device}-{secrets.token_hex(_CLIENT_ID_BYTES)}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one who changes what is enrolled.

    Raises: StoreBusyError when another process is at it.
    """
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise StoreBusyError(f"{folder}: another restock-hub enroll is running; try again") from exc
    finally:
        os.close(handle)


def load_register(folder: Path, *, home: str) -> Register:
    """What is enrolled in this home; nothing where there is no file.

    Raises: ConfigurationError for a file that cannot be read or is another home's.
    """
    path = folder / _FILE
    if not path.exists():
        return Register(home=home)
    if path.stat().st_size > _BYTES_MAX:
        raise ConfigurationError(f"{path}: more than {_BYTES_MAX} bytes; restore it from a backup")
    try:
        register = Register.model_validate_json(path.read_bytes())
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{path}: {place}: {first['msg']}; restore it from a backup") from exc
    if register.home != home:
        raise ConfigurationError(f"{path}: enrolled in the home {register.home!r}, and home.id is {home!r}")
    return register


def save_register(folder: Path, register: Register) -> None:
    """Durable before this returns."""
    write_whole(folder / _FILE, register.model_dump_json(indent=1).encode())


def _mosquitto_hash(password: str, salt: bytes, *, rounds: int) -> str:
    derived = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    salt_text, derived_text = (base64.b64encode(each).decode() for each in (salt, derived))
    return f"$7${rounds}${salt_text}${derived_text}"
