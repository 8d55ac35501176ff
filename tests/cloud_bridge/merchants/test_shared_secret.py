"""Webhooks signed with a shared secret: the id, the time and the bytes are signed, and one id counts once.

The scheme's own library looks at the real clock, so what is signed here carries times around the real one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from cloud_bridge.errors import NotAuthenticError
from cloud_bridge.merchants.webhook_verifiers import SharedSecret
from cloud_bridge.ports import Delivery

KEY = b"k" * 32
BODY = b'{"id": "order-1", "note": "\xc3\xa4"}'
URL = "https://bridge.example/webhooks/grocer"

Headers = dict[str, str]


def signed(
    body: bytes = BODY, *, key: bytes = KEY, late_s: float = 0, stamp: str | None = None, name: str = "msg_1"
) -> Headers:
    """The headers of a delivery, by an implementation of the scheme that shares no code with the library's."""
    at = stamp or str(int(datetime.now(UTC).timestamp() - late_s))
    mac = hmac.new(key, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


async def check(headers: Headers, body: bytes = BODY) -> None:
    """Ask a verifier that knows the merchant's secret."""
    verifier = SharedSecret(SecretStr(base64.b64encode(KEY).decode()))
    await verifier.check(Delivery("POST", URL, headers, body))


async def test_the_published_vector_of_the_scheme_is_signed_alike() -> None:
    """So both sides here mean what the specification means: its example of a secret, an id, a time and a body."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signed(b'{"test": 2432232314}', key=key, stamp="1614265330", name="msg_p5jXN8AQM9LWM0D4loKWxJek")
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("late_s", [0, 280, -280])
async def test_what_the_merchant_signed_in_these_minutes_is_its_own(late_s: float) -> None:
    """Also beside a signature under a secret that is being changed, and one of a kind that we do not know."""
    headers = signed(late_s=late_s)
    await check(headers)
    await check({**headers, "webhook-signature": f"v1a,AAAA v1,AAAA {headers['webhook-signature']}"})


Spoil = Callable[[Headers], Headers]


def _put(name: str, value: str) -> Spoil:
    return lambda headers: {**headers, name: value}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: {},
        lambda _: signed(key=b"x" * 32),
        lambda _: signed(late_s=320),
        lambda _: signed(late_s=-320),
        lambda _: signed(BODY + b" "),
        *(lambda headers, name=name: {k: v for k, v in headers.items() if k != name} for name in signed()),
        _put("webhook-id", "msg_2"),
        *(_put("webhook-timestamp", stamp) for stamp in ("0", "-1", "nan", "inf", "1e400", "x", "9" * 5_000, "\xb2")),
        *(_put("webhook-signature", text) for text in ("v1", "v1,", ",", "v1,!", "v1,\xe4", "v2,AAAA", "v1,a,b", " ")),
    ],
)
async def test_a_webhook_that_was_touched_or_kept_back_is_refused(spoil: Spoil) -> None:
    """Another key, id, time or body, and whatever a header may hold: refused, and never an error of ours."""
    with pytest.raises(NotAuthenticError):
        await check(spoil(signed()))


@pytest.mark.parametrize("body", [b"\xff\xfe", b"", BODY.replace(b"\xc3\xa4", b"\\u00e4")])
async def test_other_bytes_that_mean_the_same_are_refused(body: bytes) -> None:
    """The bytes are signed, not what they say."""
    with pytest.raises(NotAuthenticError):
        await check(signed(), body)


async def test_a_refusal_does_not_tell_the_secret() -> None:
    """Neither does the verifier, where it is printed."""
    secret = base64.b64encode(KEY).decode()
    with pytest.raises(NotAuthenticError) as refused:
        await check(signed(key=b"x" * 32))
    assert secret not in f"{refused.value!r} {refused.value.__cause__!r} {SharedSecret(SecretStr(secret))!r}"
