"""The check, before anything is sent, that a leave is still the one that was given."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_bridge.wire import Intent
from edge_agent.core.leave.authority import AuthorityRow, verify_authority
from edge_agent.core.leave.receipt import canonical_receipt, receipt_for
from edge_agent.core.leave.terms import Terms, canonical
from edge_agent.core.messages import IntentId, ItemId, PromptId
from tests.edge_agent.samples import NOW, offer, terms

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


def verify(message: bytes, signature: bytes) -> bool:
    """With the household's public key."""
    try:
        KEY.public_key().verify(signature, message)
    except InvalidSignature:
        return False
    return True


def receipt(**changes: object) -> bytes:
    """What anna agreed to."""
    made = receipt_for(
        offer(), item=ItemId("milk"), item_name="Milk", prompt=PromptId("p1"), by=("anna",), mandate=None, at=NOW,
        salt="e" * 32,
    )  # fmt: skip
    return canonical_receipt(replace(made, **changes))


def body(of: Terms, signature: bytes) -> bytes:
    """What waits in the outbox."""
    return Intent(terms=of, signature=base64.b64encode(signature).decode()).model_dump_json().encode()


def row(key: Ed25519PrivateKey = KEY) -> AuthorityRow:
    """A leave with everything that belongs to it."""
    signed = terms(receipt=receipt()).model_copy(update={"title_figures": "1"})
    signature = key.sign(canonical(signed))
    return AuthorityRow(
        intent=IntentId("i1"),
        prompt=PromptId("p1"),
        kind="approval",
        signer="anna",
        terms=canonical(signed),
        signature=signature,
        receipt=receipt(),
        body=body(signed, signature),
        offer=offer(),
        granted_at=NOW,
    )


def edited_body(change: Callable[[dict[str, object]], None]) -> bytes:
    """The body with one thing changed."""
    whole = row().body
    assert whole is not None
    message = json.loads(whole)
    change(message)
    return json.dumps(message).encode()


def test_an_untouched_leave_stands() -> None:
    """Before it is sent and after its body has left."""
    assert verify_authority(row(), verify=verify) is None
    assert verify_authority(replace(row(), body=None), verify=verify) is None


def test_another_key_gives_no_leave() -> None:
    """Whoever can write rows cannot sign them."""
    assert "signature" in (verify_authority(row(OTHER_KEY), verify=verify) or "")


@pytest.mark.parametrize("name", sorted(Terms.model_fields))
def test_every_signed_field_is_covered(name: str) -> None:
    """Any field of the kept terms, edited, breaks the signature."""
    fields = json.loads(row().terms)
    held = fields.get(name)
    fields[name] = held + 1 if isinstance(held, int) else f"{held}x"
    edited = replace(row(), terms=json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())
    assert verify_authority(edited, verify=verify) is not None


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        ({"intent": IntentId("i2")}, "another"),
        ({"body": edited_body(lambda whole: whole["terms"].update(quantity=5))}, "not what was signed"),
        ({"body": edited_body(lambda whole: whole.update(signature="AAAA"))}, "not what was signed"),
        ({"body": edited_body(lambda whole: whole.update(signature="not base64"))}, "not what was signed"),
        ({"body": edited_body(lambda whole: whole.update(more=1))}, "not what was signed"),
        ({"body": b"\xff"}, "not what was signed"),
        ({"body": b"[]"}, "not what was signed"),
        ({"receipt": receipt(item=ItemId("wine"))}, "receipt"),
        ({"receipt": receipt(pack_amount=2070.0)}, "receipt"),
        ({"receipt": receipt(by=("ben",))}, "receipt"),
        ({"receipt": None}, "receipt"),
        ({"kind": "draw"}, "receipt"),
        ({"prompt": PromptId("p2")}, "receipt"),
        ({"offer": replace(offer(), quantity=3)}, "offered"),
        ({"offer": replace(offer(), total_max_minor=9_999)}, "offered"),
        ({"offer": replace(offer(), delivery_ref="work")}, "offered"),
        ({"offer": replace(offer(), deliver_by=NOW.date())}, "offered"),
        ({"offer": replace(offer(), expires_at=NOW)}, "offered"),
        ({"offer": replace(offer(), delivery_option="std")}, "offered"),
        ({"signature": b"short"}, "signature"),
    ],
)
def test_one_edited_column_is_found(edited: dict[str, object], said: str) -> None:
    """Whatever was edited behind the hub's back, the answer names what does not fit."""
    assert said in (verify_authority(replace(row(), **edited), verify=verify) or "nothing")


def test_leave_of_the_first_form_still_stands() -> None:
    """Terms that were signed before receipts existed need none; nobody can pass new ones off as such."""
    fields = json.loads(row().terms) | {"version": 1}
    signed = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    old = replace(row(), terms=signed, signature=KEY.sign(signed), receipt=None, body=None)
    assert verify_authority(old, verify=verify) is None
    assert verify_authority(replace(row(), receipt=None, body=None), verify=verify) is not None
