"""Devices' logins at the home's broker: what `restock-hub enroll` does. The hub may run meanwhile.

A password is in what a call returns, the hub's own ones in `hub.env`, and nowhere else.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from edge_agent.adapters.clock import MappedClock
from edge_agent.adapters.device_credentials import (
    Credential,
    Enrolled,
    Register,
    load_register,
    locked,
    new_client_id,
    new_secret,
)
from edge_agent.adapters.home_ca import Issued
from edge_agent.adapters.profiles import load_profiles, profile_folders
from edge_agent.adapters.secret_file import write_whole
from edge_agent.commands.administer import own_folder
from edge_agent.commands.broker_files import BrokerSide
from edge_agent.config import HubConfig
from edge_agent.core.broker.settings import FILE_NAMES
from edge_agent.core.leave.grants import (
    Grant,
    check_apart,
    checked,
    checked_device,
    family_grant,
    native_grant,
    observer_grant,
)
from edge_agent.errors import ConfigurationError, RefusedError

BROKER_FOLDER = "broker"
OVERLAP_MAX = timedelta(days=90)
_LOGINS_MAX = 8  # of one device at a time
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Wish:
    """What to issue: a password, or a certificate whose files go to `out`; `request` is a device's own signing request.

    Of the topics, `family` names a profile and `named` the levels by which the vendor names the device; `topics` and
    `reads` come on top. Without any of them the device is a Restock-native one. `observes` names one to listen to.
    """

    certificate: bool = False
    request: bytes | None = None
    out: Path = Path()
    family: str = ""
    named: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    observes: str = ""


class Enrolment:
    """The home's broker and who may use it. Whatever changes something holds a lock on the folder meanwhile."""

    def __init__(self, config: HubConfig, *, now: Callable[[], datetime] | None = None) -> None:
        self._config = config
        self._now = now or MappedClock(config.clock).now
        self._home = config.home.id
        self._hub = config.home.hub
        self._folder = own_folder(config).resolve() / BROKER_FOLDER
        self._side = BrokerSide(config, folder=self._folder, now=self._now)

    def enroll(self, device: str, wish: Wish) -> Mapping[str, object]:
        """Give a device its first login, or a new one after it was revoked.

        Raises: ConfigurationError for a name or topics that cannot be; RefusedError for one that is enrolled.
        """
        checked_device(device, reserved=self._side.hub_users)
        grant = self._grant(device, wish)
        with self._opened() as register:
            known = register.find(device)
            if known is not None and known.credentials:
                raise RefusedError(
                    f"{device} is enrolled: --rotate gives it another credential, --revoke ends this one"
                )
            if not wish.observes:
                check_apart(device, grant, others=[(each.device, each.grant) for each in register.speaking])
            fresh = Enrolled(
                device=device,
                family=wish.family,
                observes=wish.observes,
                writes=grant.writes,
                reads=grant.reads,
                issued=known.issued if known else 0,
            )
            return self._issue(register, fresh, wish)

    def rotate(self, device: str, wish: Wish, *, overlap: timedelta) -> Mapping[str, object]:
        """Give it another login; the old ones end at once, or when `overlap` is over.

        The hub's own name stands for the hub's own logins, whose old ones always end at once.
        Raises: ConfigurationError for an overlap out of bounds; RefusedError for a device that is not enrolled.
        """
        if not timedelta(0) <= overlap <= OVERLAP_MAX:
            raise ConfigurationError(f"overlap: 0 to {OVERLAP_MAX.days} days are allowed")
        with self._opened() as register:
            if device == self._hub:
                return self._side.settle(register.ended(register.hub).model_copy(update={"hub": ()}))
            known = register.enrolled(device)
            kept = _until(known.credentials, self._now() + overlap) if overlap else ()
            ended = () if overlap else known.credentials
            fresh = known.model_copy(update={"credentials": kept})
            return self._issue(register.ended(ended), fresh, _same_kind(wish, known))

    def revoke(self, device: str) -> Mapping[str, object]:
        """End every login of a device: its connection is closed, and it gets in no more.

        Raises: RefusedError for a device that is not enrolled.
        """
        with self._opened() as register:
            known = register.enrolled(device)
            gone = known.model_copy(update={"credentials": (), "revoked_at": self._now()})
            return {"revoked": device, **self._side.settle(register.ended(known.credentials).put(gone))}

    def write_again(self) -> Mapping[str, object]:
        """Write all files once more, without the logins whose overlap is over."""
        with self._opened() as register:
            return self._side.settle(register)

    def listed(self) -> Sequence[Mapping[str, object]]:
        """Every device that was ever enrolled, without any secret."""
        return [_told(each) for each in load_register(self._folder, home=self._home).devices]

    @contextmanager
    def _opened(self) -> Iterator[Register]:
        """What is enrolled, without what has ended by now; nobody else changes it meanwhile."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        (self._folder / FILE_NAMES["store"]).mkdir(mode=0o700, exist_ok=True)
        with locked(self._folder):
            yield load_register(self._folder, home=self._home).without_ended(self._now())

    def _grant(self, device: str, wish: Wish) -> Grant:
        if wish.observes:
            return observer_grant(self._home, wish.observes)
        if not wish.family and not wish.topics:
            if wish.named or wish.reads:
                raise ConfigurationError("--name and --reads go with --family or --topics: a native device has neither")
            return native_grant(self._home, device)
        grant = Grant((), ())
        if wish.family:
            profiles = load_profiles(profile_folders(self._config.profiles), samples=False)
            profile = profiles.registry.by_id(wish.family)
            if profile is None:
                raise ConfigurationError(f"family {wish.family!r}: no profile that loads has this id")
            grant = family_grant(profile, home=self._home, device=device, named=wish.named)
        if not wish.topics and not wish.reads:
            return grant
        more = checked(Grant((*wish.topics, *(() if wish.topics else grant.writes)), wish.reads))
        return Grant(
            (*grant.writes, *(each for each in more.writes if each not in grant.writes)), (*grant.reads, *more.reads)
        )

    def _issue(self, register: Register, device: Enrolled, wish: Wish) -> Mapping[str, object]:
        """One login more for this device, everything written, and what its owner must know."""
        if len(device.credentials) >= _LOGINS_MAX:
            raise RefusedError(f"{device.device} has {_LOGINS_MAX} credentials that overlap; wait, or revoke it")
        user = device.next_user
        credential, shown = self._certified(user, wish) if wish.certificate else self._with_password(user)
        enrolled = device.model_copy(
            update={
                "credentials": (*device.credentials, credential),
                "issued": device.issued + 1,
                "revoked_at": None,
            }
        )
        told = self._side.settle(register.put(enrolled))
        return {
            "device": device.device,
            **shown,
            "client_id": credential.client_id,
            **self._side.addresses(certificate=wish.certificate),
            "may_publish": enrolled.writes,
            "may_read": enrolled.reads,
            **told,
        }

    def _with_password(self, user: str) -> tuple[Credential, Mapping[str, object]]:
        secret = new_secret()
        credential = Credential(
            user=user,
            client_id=new_client_id(user),
            issued_at=self._now(),
            mosquitto=secret.mosquitto,
            nats=secret.nats,
        )
        return credential, {"user": user, "password": secret.password}

    def _certified(self, user: str, wish: Wish) -> tuple[Credential, Mapping[str, object]]:
        if not self._config.broker.certificates:
            raise ConfigurationError("broker.certificates = false: set it to true, and restart the broker after this")
        issued = self._side.authority().issue_client(user, now=self._now(), request=wish.request)
        credential = Credential(
            user=user,
            client_id=new_client_id(user),
            issued_at=self._now(),
            serial=f"{issued.serial:x}",
            expires_at=issued.expires_at,
        )
        return credential, {"expires_at": issued.expires_at.isoformat(), **_hand_out(issued, user, folder=wish.out)}


def check_together(arguments: argparse.Namespace) -> None:
    """That the arguments of the command make one sense: none is left out of account.

    Raises: ConfigurationError.
    """
    device, own = arguments.device, arguments.family or arguments.name or arguments.topics or arguments.reads
    topics = own or arguments.observes
    issues = arguments.certificate or arguments.csr
    problems = {
        "--rotate needs the name of a device": arguments.rotate and not device,
        "--revoke takes one device, and another was named too": arguments.revoke and device,
        "--list takes no device": arguments.list and device,
        "--overlap goes with --rotate": arguments.overlap != "0s" and not arguments.rotate,
        "--observes stands alone: who listens to a device has no topics of its own": arguments.observes and own,
        "topics are given when a device is enrolled: revoke it, and enrol it again": topics and arguments.rotate,
        "a device to enrol is missing": (topics or issues) and not device,
    }
    for problem, holds in problems.items():
        if holds:
            raise ConfigurationError(f"enroll: {problem}")


def wish_of(arguments: argparse.Namespace) -> Wish:
    """What the arguments of the command ask for.

    Raises: ConfigurationError for a signing request that cannot be read.
    """
    request = None
    if arguments.csr is not None:
        try:
            request = arguments.csr.read_bytes()
        except OSError as exc:
            raise ConfigurationError(f"--csr {arguments.csr}: cannot be read ({exc.strerror})") from exc
    return Wish(
        certificate=arguments.certificate or request is not None,
        request=request,
        out=arguments.out,
        family=arguments.family,
        named=tuple(arguments.name.split("/")) if arguments.name else (),
        topics=tuple(arguments.topics),
        reads=tuple(arguments.reads),
        observes=arguments.observes,
    )


def overlap_of(text: str) -> timedelta:
    """A time such as 30m, 12h or 7d.

    Raises: ConfigurationError.
    """
    fits = re.fullmatch(r"([0-9]{1,8})([smhd])", text)
    if fits is None:
        raise ConfigurationError(f"overlap {text!r}: a number with s, m, h or d is needed, such as 12h")
    return timedelta(seconds=int(fits[1]) * _SECONDS[fits[2]])


def _until(credentials: Sequence[Credential], end: datetime) -> tuple[Credential, ...]:
    """Each ends then, or before where it was to."""
    return tuple(each.model_copy(update={"until": min(each.until or end, end)}) for each in credentials)


def _same_kind(wish: Wish, device: Enrolled) -> Wish:
    """A certificate follows a certificate."""
    has_certificate = any(each.serial for each in device.credentials)
    return Wish(certificate=wish.certificate or has_certificate, request=wish.request, out=wish.out)


def _hand_out(issued: Issued, user: str, *, folder: Path) -> Mapping[str, str]:
    """Put the device's files where its owner wants them; the hub keeps none of them.

    Raises: ConfigurationError where there is such a file, or no such folder.
    """
    paths = {"certificate": folder / f"{user}.crt", **({"key": folder / f"{user}.key"} if issued.key else {})}
    for path in paths.values():
        if path.exists() or not folder.is_dir():
            raise ConfigurationError(f"--out {folder}: {'has' if path.exists() else 'no such folder for'} {path.name}")
    for name, path in paths.items():
        write_whole(path, issued.key if name == "key" else issued.certificate)
    return {name: str(path) for name, path in paths.items()}


def _told(device: Enrolled) -> Mapping[str, object]:
    return {
        "device": device.device,
        "family": device.family,
        **({"observes": device.observes} if device.observes else {}),
        "may_publish": device.writes,
        "may_read": device.reads,
        "revoked_at": device.revoked_at.isoformat() if device.revoked_at else None,
        "credentials": [
            {
                "user": each.user,
                "kind": "certificate" if each.serial else "password",
                "issued_at": each.issued_at.isoformat(),
                "expires_at": each.expires_at.isoformat() if each.expires_at else None,
                "until": each.until.isoformat() if each.until else None,
            }
            for each in device.credentials
        ],
    }
