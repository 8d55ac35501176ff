"""The household's leave: which bytes are signed, and which signatures are none."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime

import pytest
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.core.leave import canonical, check_leave
from cloud_bridge.errors import NotAuthenticError
from cloud_bridge.wire import DeliveryChoice, Terms
from tests.cloud_bridge.core.ed25519_forgeries import FORGERIES, ORDER, Forgery
from tests.cloud_bridge.rig import Signer

_IDS = st.from_regex(r"\A[a-z0-9_-]{1,64}\Z")
_MINOR = st.integers(0, 1_000_000_000_000)
_HEX = st.from_regex(r"\A[0-9a-f]{64}\Z")
_WAYS = st.builds(
    DeliveryChoice,
    id=st.from_regex(r"\A[!-~]{1,128}\Z"),
    kind=st.sampled_from((None, "instant", "same_day", "standard", "pick_up_point", "nearest_store")),
)
_TERMS = st.builds(
    Terms,
    version=st.just(2),
    intent_id=_IDS,
    household=_IDS,
    hub=_IDS,
    merchant=_IDS,
    sku=st.from_regex(r"\A[A-Za-z0-9._:-]{1,64}\Z"),
    quantity=st.integers(1, 99),
    unit_price_minor=_MINOR,
    delivery_minor=_MINOR,
    total_minor=_MINOR,
    total_max_minor=_MINOR,
    currency=st.from_regex(r"\A[A-Z]{3}\Z"),
    delivery_ref=st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z"),
    customer_ref=_HEX,
    deliver_by=st.dates(date(1, 1, 1), date(9999, 12, 31)),
    offer_expires_at=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()),  # noqa: DTZ001
    nonce=st.from_regex(r"\A[0-9a-f]{32}\Z"),
    hold_s=st.integers(0, 86_400),
    leave=st.sampled_from(("approval", "draw")),
    consent_hash=_HEX,
    handover=st.integers(1, 2**53 - 1),
    delivery_option=st.none() | _WAYS,
)


@given(_TERMS)
def test_terms_are_signed_as_rfc_8785_writes_them(terms: Terms) -> None:
    """Byte for byte what the library for it makes of any terms that the model lets in."""
    assert canonical(terms) == rfc8785.dumps(terms.model_dump(mode="json"))


def test_a_number_that_cannot_be_signed_is_not_let_in() -> None:
    """The model ends where RFC 8785 ends, so that such a number is the caller's fault and not ours."""
    whole = Signer().intent(handover=2**53 - 1).terms
    with pytest.raises(ValueError, match="handover"):
        Terms.model_validate_json(whole.model_dump_json().replace(str(2**53 - 1), str(2**53)))


def test_every_text_of_the_terms_is_ascii() -> None:
    """What the fast way of writing them rests on: no field takes a character that would need an escape."""
    terms = Signer().intent().terms
    texts = [name for name, value in terms.model_dump(mode="json").items() if isinstance(value, str)]
    for name in texts:
        for character in ("\u00e9", '"', "\\", "\n", "\x7f"):
            with pytest.raises(ValueError, match=name):
                Terms.model_validate_json(terms.model_copy(update={name: character}).model_dump_json(warnings=False))


def test_a_households_own_signature_is_taken() -> None:
    """And answered with the bytes that were signed."""
    signer = Signer()
    intent = signer.intent(offer_expires_at=datetime(2026, 3, 4, tzinfo=UTC))
    assert check_leave(intent.terms, intent.signature, public_key=signer.public_key) == canonical(intent.terms)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_a_forged_signature_is_refused(forgery: Forgery) -> None:
    """Whatever OpenSSL refuses, and keys and points of small order, too, which it lets pass."""
    signer = Signer()
    intent = signer.intent()
    key, signature = forgery.make(signer.key, canonical(intent.terms))
    with pytest.raises(NotAuthenticError):
        check_leave(intent.terms, base64.b64encode(signature).decode(), public_key=key)


@given(st.integers(0, 511), st.integers(0, 3))
def test_what_openssl_refuses_is_refused(bit: int, multiples: int) -> None:
    """One bit turned or the order added: two libraries that know nothing of each other say the same."""
    signer = Signer()
    intent = signer.intent(intent_id="i-1")
    whole = bytearray(base64.b64decode(intent.signature))
    whole[bit // 8] ^= (multiples == 0) << (bit % 8)
    scalar = int.from_bytes(whole[32:], "little") + multiples * ORDER
    signature = bytes(whole[:32]) + (scalar % 2**256).to_bytes(32, "little")
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(signer.public_key).verify(signature, canonical(intent.terms))
    with pytest.raises(NotAuthenticError):
        check_leave(intent.terms, base64.b64encode(signature).decode(), public_key=signer.public_key)
