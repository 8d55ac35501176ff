"""Setting a home up, and counting what it holds: what `restock-hub setup` and `restock-hub report` do.

Both need the store for themselves, so the hub must not be running.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from edge_agent.adapters.clock import MappedClock
from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.keys import load_or_create
from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.orders import Leave, Orders
from edge_agent.adapters.store.set_aside import keep_lost_apart
from edge_agent.config import HubConfig
from edge_agent.core.catalogue import Household
from edge_agent.core.people import Account, Role
from edge_agent.errors import ConfigurationError
from edge_agent.folder import HOUSEHOLD_FILE, data_folder

PASSWORD_LENGTH_MIN = 12
_ALL = 1_000_000


def set_up(config: HubConfig, *, household_file: Path, owner: str, password: str) -> dict[str, str]:
    """Make the key, the owner's account and the household's documents; returns what the bridge must know.

    Raises: ConfigurationError for a household file that does not fit, or a password that is too short.
    """
    household = read_household(household_file)
    if len(password) < PASSWORD_LENGTH_MIN:
        raise ConfigurationError(f"password: {len(password)} characters; at least {PASSWORD_LENGTH_MIN} are needed")
    folder = data_folder(config)
    keep_lost_apart(folder, at=MappedClock(config.clock).now())  # before the key: that makes what tells old from new
    return establish(config, household=household, owner=owner, password_hash=Argon2Passwords().hash(password))


def establish(config: HubConfig, *, household: Household, owner: str, password_hash: str) -> dict[str, str]:
    """Key, store, documents and the owner's account; doing it again after a crash gives the same home.

    Returns what the bridge must know.
    Raises: StoreBusyError when a hub runs on this folder.
    """
    folder = data_folder(config)
    key = load_or_create(folder)
    # Opened first: a running hub holds it, and nothing is changed then.
    with open_store(folder, config, keep_time=False) as store:
        HouseholdFile(folder / HOUSEHOLD_FILE).save(household)
        Accounts(store.connection).put_account(Account(name=owner, role=Role.OWNER, password_hash=password_hash))
    return {"household": config.home.id, "hub": config.home.hub, "public_key": key.public_key_base64()}


def read_household(path: Path) -> Household:
    """A household's declaration in TOML.

    Raises: ConfigurationError naming the file, the field, the value and what is allowed.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigurationError(f"{path}: {exc}") from exc
    try:
        # By way of JSON, where strict models take arrays for tuples.
        household = Household.model_validate_json(json.dumps(document, default=str))
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{path}: {field} = {first['input']!r}: {first['msg']}") from exc
    return household


def report(config: HubConfig) -> Mapping[str, object]:
    """What the store holds, counted: for `restock-hub report --json`."""
    folder = data_folder(config)
    keep_lost_apart(folder, at=MappedClock(config.clock).now())
    with open_store(folder, config, keep_time=False) as store:
        inspection, orders = SqliteInspection(store.connection), Orders(store.connection)
        ledger = EgressLedger(store.connection, clock=store.clock)
        intents = orders.intents(live=False, limit=_ALL)
        signers = orders.signers()
        return {
            "messages": inspection.message_ranges(),
            "unsequenced": inspection.unsequenced_counts(),
            "readings": inspection.readings_count(),
            "quarantined": {str(reason): count for reason, count in inspection.quarantine_counts().items()},
            "prompts": dict(Counter(str(prompt.state) for prompt in orders.prompts(live=False, limit=_ALL))),
            "answers": _answers(store.chain.event_counts()),
            "intents": [
                {
                    "id": intent.id,
                    "item": intent.item,
                    "state": str(intent.state),
                    "merchant_order_id": intent.merchant_order_id,
                    "quantity": intent.quantity,
                    "total_minor": intent.total_minor,
                    "charged_minor": intent.charged_minor,
                    **_leave(signers.get(intent.id)),
                }
                for intent in intents
            ],
            "authorities": len(signers),
            "audit_ok": store.chain.check() is None,
            "ledger_ok": ledger.broken_at() is None,
        }


def _leave(leave: Leave | None) -> dict[str, object]:
    """Who gave it and up to how much; nobody knows of an order that was taken over from the bridge."""
    return {
        "total_max_minor": leave.total_max_minor if leave else None,
        "approved_by": leave.signer if leave else None,
    }


def _answers(events: Mapping[str, int]) -> dict[str, int]:
    """How often a person approved, snoozed and declined."""
    return {name: events.get(f"prompt_{name}", 0) for name in ("approve", "snooze", "decline")}
