"""Webhooks signed as ACP has it: the time and the raw bytes are signed, and an order of ours is asked about once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from cloud_bridge.errors import NotAuthenticError
from cloud_bridge.merchants.webhook_verifiers import TimedSecret
from cloud_bridge.ports import Delivery
from tests.cloud_bridge.acp_shop import SECRET, AcpShop

DIGEST = "2896785668f540a9b20a92f1195a2183b80e39903d7f185c970f82b1b975cdd2"
NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
URL = "https://bridge.example/webhooks/grocer"


def _shop() -> AcpShop:
    return AcpShop("2026-04-17", orders={"ord_0": {"id": "ord_0", "checkout_session_id": "cs_0", "note": "ä"}})


async def _check(headers: dict[str, str], body: bytes) -> None:
    verifier = TimedSecret(SecretStr(SECRET), now=lambda: NOW)
    await verifier.check(Delivery("POST", URL, headers, body))


@pytest.mark.parametrize("late_s", [0, 300, -300])
async def test_what_the_merchant_signed_in_these_minutes_is_its_own(late_s: int) -> None:
    """Whoever writes the digest in capitals has signed it, too."""
    body, headers = _shop().webhook("ord_0", at=AT - late_s)
    await _check(headers, body)
    stamp, digest = headers["merchant-signature"].split(",v1=")
    await _check({"merchant-signature": f"{stamp},v1={digest.upper()}"}, body)


async def test_the_recipe_is_the_one_that_was_written_down() -> None:
    """A digest that OpenSSL made of `1709123456.{}` under this secret, so that both sides here cannot err alike."""
    then = datetime.fromtimestamp(1709123456, UTC)
    verifier = TimedSecret(SecretStr("whsec_of_a_test_and_of_nothing_else"), now=lambda: then)
    await verifier.check(Delivery("POST", URL, {"merchant-signature": f"t=1709123456,v1={DIGEST}"}, b"{}"))


@pytest.mark.parametrize("late_s", [301, -301, 86_400])
async def test_what_is_older_or_newer_than_the_window_is_refused(late_s: int) -> None:
    """However well it is signed: it may have been kept by somebody."""
    body, headers = _shop().webhook("ord_0", at=AT - late_s)
    with pytest.raises(NotAuthenticError, match="too old"):
        await _check(headers, body)


async def test_another_secret_another_body_and_another_time_are_refused() -> None:
    """Each of the three is under the signature."""
    body, headers = _shop().webhook("ord_0", at=AT)
    _, forged = _shop().webhook("ord_0", at=AT, secret="a secret of somebody else")
    moved = {"merchant-signature": headers["merchant-signature"].replace(f"t={AT}", f"t={AT - 1}")}
    for wrong, content in ((forged, body), (headers, body + b" "), (moved, body)):
        with pytest.raises(NotAuthenticError, match="not signed"):
            await _check(wrong, content)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1=" + "0" * 64,
        f"t={AT}",
        f"t={AT},v1=" + "0" * 63,
        f"t={AT},v1=" + "g" * 64,
        f"t={AT},v1=" + "0" * 64 + ",v1=" + "0" * 64,
        f"t={AT}, v1=" + "0" * 64,
        "t=-1,v1=" + "0" * 64,
        "t=1e9,v1=" + "0" * 64,
        "t=" + "9" * 13 + ",v1=" + "0" * 64,
        "t=٣,v1=" + "0" * 64,
        "0" * 64,
    ],
)
async def test_a_header_of_another_form_is_refused(header: str) -> None:
    """The bare digest without a time that some shops send among them: it could be sent again for ever."""
    with pytest.raises(NotAuthenticError, match="must carry"):
        await _check({"merchant-signature": header}, b"{}")
    with pytest.raises(NotAuthenticError):
        await _check({}, b"{}")
