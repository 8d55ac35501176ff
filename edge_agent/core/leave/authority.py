"""The household's leave as it lies in the store, and the check that it is still the one that was given.

Asked before anything is sent: the signature covers the terms that are kept, the body that would leave carries exactly
these terms and this signature, the receipt is the one whose hash was signed, and the prompt offered the same. One
edited row is enough for a no; the outside is never asked.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from edge_agent.core.leave.receipt import consent_hash
from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import IntentId, PromptId
from edge_agent.core.said import Said, say

Verify = Callable[[bytes, bytes], bool]

_FIRST_FORM = 1  # terms before receipts and hand-over numbers were signed with them
_OFFERED = (
    "merchant", "sku", "quantity", "unit_price_minor", "delivery_minor", "total_minor", "total_max_minor", "currency",
    "delivery_ref", "hold_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AuthorityRow:
    """One leave with everything it must agree with. `terms` is the canonical JSON that was signed.

    `body` is what waits in the outbox; None where it has left. `receipt` is None for the first form of terms only.
    """

    intent: IntentId
    prompt: PromptId
    kind: str
    signer: str
    terms: bytes
    signature: bytes
    receipt: bytes | None
    body: bytes | None
    offer: Offer
    granted_at: datetime


def verify_authority(row: AuthorityRow, *, verify: Verify) -> Said | None:
    """What is wrong with a leave, in words for the household; None: it is the one that was given.

    `verify(message, signature)` checks with the household's public key.
    """
    if not verify(row.terms, row.signature):
        return say("the leave of intent {intent} does not bear the household's signature", intent=row.intent)
    terms = _object(row.terms)
    if terms is None or terms.get("intent_id") != row.intent:
        return say("the leave of intent {intent} was given for another one", intent=row.intent)
    if row.body is not None and not _is_body(row.body, terms=terms, signature=row.signature):
        return say("what would be sent for intent {intent} is not what was signed", intent=row.intent)
    if not _is_consent(row, terms=terms):
        return say("the receipt of intent {intent} is not the one that was signed", intent=row.intent)
    if not _is_offer(row.offer, terms=terms):
        return say("the question that led to intent {intent} offered something else", intent=row.intent)
    return None


def _is_body(body: bytes, *, terms: Mapping[str, object], signature: bytes) -> bool:
    message = _object(body)
    if message is None or set(message) != {"terms", "signature"} or message["terms"] != terms:
        return False
    try:
        sent = base64.b64decode(str(message["signature"]), validate=True)
    except (binascii.Error, ValueError):
        return False
    return compare_digest(sent, signature)


def _is_consent(row: AuthorityRow, *, terms: Mapping[str, object]) -> bool:
    if row.receipt is None:
        return terms.get("version") == _FIRST_FORM
    receipt = _object(row.receipt)
    agreed = terms.get("consent_hash") == consent_hash(row.receipt) and terms.get("leave") == row.kind
    return agreed and receipt is not None and receipt.get("prompt") == row.prompt and receipt.get("kind") == row.kind


def _is_offer(offer: Offer, *, terms: Mapping[str, object]) -> bool:
    """Whether the terms are those of the offer; what stays at home (title, pack) is in the receipt."""
    if any(terms.get(name) != getattr(offer, name) for name in _OFFERED):
        return False
    ends, way = terms.get("offer_expires_at"), offer.delivery
    return (
        terms.get("delivery_option") == (None if way is None else way.model_dump(mode="json"))
        and terms.get("deliver_by") == offer.deliver_by.isoformat()
        and isinstance(ends, str)
        and datetime.fromisoformat(ends) == offer.expires_at
    )


def _object(text: bytes) -> dict[str, object] | None:
    try:
        tree = json.loads(text)
    except ValueError:
        return None
    return tree if isinstance(tree, dict) else None
