"""The policy in the store: what an owner signed, or an alarm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.adapters.keys import HouseholdKey, load_or_create
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.policies import Policies
from edge_agent.core.leave.policy import Policy, canonical_policy
from edge_agent.core.people import Role
from edge_agent.errors import PolicyTamperedError
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.samples import NOW

STRICT = Policy(limit_minor={Role.OWNER: 5_000, Role.MEMBER: 1_000, Role.GUEST: 0, Role.CHILD: 0})
LAX = Policy(limit_minor=dict.fromkeys(Role, None))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """An open store."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as opened:
        yield opened


@pytest.fixture
def key(tmp_path: Path) -> HouseholdKey:
    """The household's key."""
    return load_or_create(tmp_path)


@pytest.fixture
def policies(connection: Connection, key: HouseholdKey) -> Policies:
    """Policies on that store."""
    return Policies(connection, verify=key.verify)


def save(policies: Policies, key: HouseholdKey, policy: Policy) -> None:
    """An owner sets a policy."""
    policies.save_policy(policy, signature=key.sign(canonical_policy(policy)), by="anna", at=NOW)


def test_the_last_policy_holds(policies: Policies, key: HouseholdKey) -> None:
    """Before any was set the default does; then the newest."""
    assert policies.policy() == Policy()
    save(policies, key, LAX)
    save(policies, key, STRICT)
    assert policies.policy() == STRICT


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE policy SET document = CAST(replace(CAST(document AS TEXT), '1000', '9000') AS BLOB)",
        "UPDATE policy SET signature = zeroblob(64)",
        "DELETE FROM policy",
        "DELETE FROM policy WHERE number = 2",  # back to what was signed before
        "INSERT INTO policy SELECT 3, document, signature, set_by, set_ms FROM policy WHERE number = 1",
        "UPDATE policy SET document = x'7b7d', signature = x'00'",
    ],
)
def test_any_edit_of_a_policy_is_found(
    policies: Policies, key: HouseholdKey, connection: Connection, edit: str
) -> None:
    """A row that was edited, removed or brought back gives nobody more leave: it gives an alarm."""
    save(policies, key, LAX)
    save(policies, key, STRICT)
    connection.db.execute(edit)
    with pytest.raises(PolicyTamperedError, match="owner"):
        policies.policy()


def test_an_owner_can_always_set_it_right(policies: Policies, key: HouseholdKey, connection: Connection) -> None:
    """After an alarm, a policy that is signed anew holds again."""
    save(policies, key, STRICT)
    connection.db.execute("DELETE FROM policy")
    save(policies, key, STRICT)
    assert policies.policy() == STRICT
