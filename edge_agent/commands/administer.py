"""What whoever runs the hub does with it stopped: people and their roles, a store that was set aside, product files.

It stands for `restock-hub people`, `store` and `products`. Each change is in the audit log, under a name that no person
can have.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from edge_agent.adapters import product_files
from edge_agent.adapters.clock import MappedClock
from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.store import set_aside
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.opening import OpenStore, open_store
from edge_agent.adapters.store.product_hints import SqliteProductHints
from edge_agent.adapters.store.put_back import put_back
from edge_agent.adapters.store.room import Room, free_bytes_of
from edge_agent.adapters.store.set_aside_note import kept_apart
from edge_agent.commands.commission import PASSWORD_LENGTH_MIN
from edge_agent.config import HubConfig
from edge_agent.core.people import Role
from edge_agent.core.product_hint import ProductHint, countries_of, read_product
from edge_agent.errors import ConfigurationError
from edge_agent.folder import data_folder
from edge_agent.pipeline.people import HouseholdPeople

OPERATOR = " restock-hub people"  # names of people are stripped of the space before them
_NAME_LENGTH_MAX = 64
_AT_ONCE = 1_000  # records to a transaction


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


def import_products(
    config: HubConfig,
    file: Path,
    *,
    only: Path | None = None,
    countries: Sequence[str] = (),
    rows_max: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> Mapping[str, object]:
    """Keep what a file of Open Food Facts tells, as hints: of the numbers in `only`, sold in one of `countries`.

    Without either, of every product until there are `rows_max`. What was read before an error is kept.

    Raises: ConfigurationError for a file that is none; RoomReservedError when the disk is for orders.
    """
    numbers = None if only is None else product_files.numbers_in(only)
    read = kept = fit = 0
    with _opened(config) as (folder, store), product_files.opened(file) as products:
        hints = SqliteProductHints(store.connection)
        room = Room(
            store.connection,
            reserve_mib=config.store.reserve_mib,
            size_max_mib=config.store.size_max_mib,
            free_bytes=free_bytes_of(folder),
        )
        each = products.records()
        while records := list(islice(each, _AT_ONCE)):
            wanted = list(_wanted(records, numbers=numbers, countries=frozenset(countries)))
            if wanted:
                room.check()
                kept += hints.take_in(wanted, rows_max=rows_max, at=store.clock.now())
            read, fit = read + len(records), fit + len(wanted)
            progress(products.read_share)
        store.chain.record({"event": "products_imported", "kept": kept})
    return {"read": read, "kept": kept, "left_out": read - fit, "no_room": fit - kept}


def _wanted(
    records: Iterable[object], *, numbers: frozenset[str] | None, countries: frozenset[str]
) -> Iterator[ProductHint]:
    for record in records:
        hint = read_product(record) if not countries or countries & countries_of(record) else None
        if hint is not None and (numbers is None or hint.gtin14 in numbers):
            yield hint


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
