"""What whoever runs the hub does with it stopped: people and their roles, and a store that was set aside.

It stands for `restock-hub people` and `restock-hub store`. Each change is in the audit log, under a name that no person
can have.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge_agent.adapters.clock import MappedClock
from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.store import set_aside
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.opening import OpenStore, open_store
from edge_agent.adapters.store.put_back import put_back
from edge_agent.adapters.store.set_aside_note import kept_apart
from edge_agent.commands.commission import PASSWORD_LENGTH_MIN
from edge_agent.config import HubConfig
from edge_agent.core.people import Role
from edge_agent.errors import ConfigurationError
from edge_agent.folder import data_folder
from edge_agent.pipeline.people import HouseholdPeople

OPERATOR = " restock-hub people"  # names of people are stripped of the space before them
_NAME_LENGTH_MAX = 64


def list_people(config: HubConfig) -> Sequence[Mapping[str, object]]:
    """Everybody, by name."""
    with _opened(config) as (_, store):
        return [
            {
                "name": account.name,
                "role": account.role.value,
                "pin": account.pin_hash is not None,
                "disabled": account.is_disabled,
            }
            for account in Accounts(store.connection).accounts()
        ]


def change_people(config: HubConfig, action: str, *, name: str, role: str | None, password: str) -> None:
    """One change: `add`, `role`, `disable` or `password`.

    Raises: ConfigurationError for a name or password that cannot be; RefusedError for what may not be, such as an
    owner the less when none would remain.
    """
    name = name.strip()
    if not 0 < len(name) <= _NAME_LENGTH_MAX:
        raise ConfigurationError(f"name: {len(name)} characters; 1 to {_NAME_LENGTH_MAX} are allowed")
    needs_password = action in {"add", "password"}
    if needs_password and len(password) < PASSWORD_LENGTH_MIN:
        raise ConfigurationError(f"password: {len(password)} characters; at least {PASSWORD_LENGTH_MIN} are needed")
    password_hash = Argon2Passwords().hash(password) if needs_password else ""
    with _opened(config) as (_, store):
        people = HouseholdPeople(Accounts(store.connection), is_operator=True)
        match action:
            case "add":
                people.add(name, role=Role(role or Role.MEMBER), password_hash=password_hash, by=OPERATOR)
            case "role":
                people.set_role(name, role=Role(role or Role.MEMBER), by=OPERATOR)
            case "password":
                people.set_password(name, password_hash=password_hash, by=OPERATOR, keep_session=None)
            case _:
                people.disable(name, by=OPERATOR)


def store_kept_apart(config: HubConfig) -> Sequence[Mapping[str, str]]:
    """Which stores were set aside since an owner last decided."""
    kept = kept_apart(own_folder(config))
    return [{"at": each.at.isoformat(), "name": each.name, "reason": each.reason} for each in kept]


def accept_store(config: HubConfig) -> Mapping[str, object]:
    """Go on with the store that lies there: orders are sent again from the next start, after the bridge was asked.

    Raises: RefusedError when nothing was set aside, or when it is too early.
    """
    with _opened(config) as (folder, store):
        kept = set_aside.accept(folder, now=MappedClock(config.clock).now())
        for each in kept:
            store.chain.record({"event": "store_accepted", "name": each.name})
        set_aside.forget(folder)
    return {"accepted": [each.name for each in kept]}


def put_store_back(config: HubConfig, backup: Path, *, drop_orders: bool = False) -> Mapping[str, object]:
    """Let a backup take the place of the store, with the readings that came meanwhile; sends stay stopped."""
    folder, now = own_folder(config), MappedClock(config.clock).now()
    set_aside.keep_lost_apart(folder, at=now)
    return put_back(folder, backup, at=now, drop_orders=drop_orders)


@contextmanager
def _opened(config: HubConfig) -> Iterator[tuple[Path, OpenStore]]:
    """The store, and its folder. One that was lost is not made anew without a word."""
    folder = own_folder(config)
    set_aside.keep_lost_apart(folder, at=MappedClock(config.clock).now())
    with open_store(folder, config, keep_time=False) as store:
        yield folder, store


def own_folder(config: HubConfig) -> Path:
    """The data folder, if it is ours: what root writes there the hub could not open.

    Raises: ConfigurationError when it is another user's.
    """
    return checked_own(data_folder(config))


def checked_own(folder: Path) -> Path:
    """The folder itself, if it is ours.

    Raises: ConfigurationError when it is another user's.
    """
    owner = folder.stat().st_uid
    if os.geteuid() != owner:
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = str(owner)
        raise ConfigurationError(
            f"{folder} belongs to {name}, who must do this: runuser -u {name} -- restock-hub ... (as root)"
        )
    return folder
