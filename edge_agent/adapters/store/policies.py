"""The household's policy in the store: the document as it was signed, and the check that it still is the last one.

The audit log names the policy that was set last, so taking the newest row away is found as well as editing it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import cast

from pydantic import ValidationError

from edge_agent.adapters.store import chain
from edge_agent.adapters.store.connection import Connection, to_ms
from edge_agent.core.leave.policy import Policy, canonical_policy
from edge_agent.core.said import say
from edge_agent.errors import PolicyTamperedError

_KEPT_MAX = 100


class Policies:
    """Fulfils `ports.PolicyStore`. `verify(message, signature)` checks with the household's key."""

    def __init__(self, connection: Connection, *, verify: Callable[[bytes, bytes], bool]) -> None:
        self._connection = connection
        self._verify = verify

    def policy(self) -> Policy:
        """The policy that stands, the default one before any was set.

        Raises: PolicyTamperedError when it is not the one that was signed.
        """
        db = self._connection.db
        row = db.execute("SELECT document, signature FROM policy ORDER BY number DESC LIMIT 1").fetchone()
        last_set = db.execute(
            "SELECT json_extract(event, '$.document') FROM audit WHERE json_extract(event, '$.event') = 'policy_set' "
            "ORDER BY seq DESC LIMIT 1"
        ).get
        if row is None:
            if last_set is not None:
                raise PolicyTamperedError(say("the household's policy is gone: an owner must set it again"))
            return Policy()
        document, signature = cast("tuple[bytes, bytes]", row)
        if last_set not in {None, _sha256(document)} or not self._verify(document, signature):
            raise PolicyTamperedError(
                say("the household's policy is not the one that was set: an owner must set it again")
            )
        try:
            return Policy.model_validate_json(document)
        except ValidationError as exc:
            raise PolicyTamperedError(say("the household's policy cannot be read: an owner must set it again")) from exc

    def save_policy(self, policy: Policy, *, signature: bytes, by: str, at: datetime) -> None:
        """Another policy from now on."""
        document = canonical_policy(policy)
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO policy (document, signature, set_by, set_ms) VALUES (?, ?, ?, ?)",
                (document, signature, by, to_ms(at)),
            )
            db.execute("DELETE FROM policy WHERE number <= (SELECT max(number) FROM policy) - ?", (_KEPT_MAX,))
            chain.append(db, {"event": "policy_set", "document": _sha256(document), "by": by})


def _sha256(document: bytes) -> str:
    return hashlib.sha256(document).hexdigest()
