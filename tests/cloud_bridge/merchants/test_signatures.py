"""Signatures: what we make, the conformance kit accepts; what it makes, we accept; and nothing that was touched."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from cloud_bridge.errors import NotAuthenticError
from cloud_bridge.merchants.published_keys import read_keys
from cloud_bridge.merchants.signatures import Checker, RequestSigner, UnknownKeyError, is_signed
from cloud_bridge.signing_key import new_key
from tests.cloud_bridge.spck import crypto

KEY = new_key()
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
SIGNER = RequestSigner(KEY, now=lambda: NOW)
URL = "https://shop.example/ucp/checkout-sessions"
HEADERS = {"UCP-Agent": 'profile="https://bridge.example/.well-known/ucp"', "Idempotency-Key": "key-1"}
BODY = b'{"quantity": 2}'
PRIVATE, PUBLIC = crypto().keypair(b"a merchant")
THEIRS = read_keys([crypto().jwk_from_pub("m-1", PUBLIC)])


def checker(now: datetime = NOW, window: timedelta = timedelta(seconds=300)) -> Checker:
    """What checks messages of the merchant."""
    return Checker(THEIRS, now=now, window=window)


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as an HTTP client gives them."""
    return {"content-type": "application/json", **{name.lower(): value for name, value in headers.items()}}


def their_answer(created: datetime = NOW) -> dict[str, str]:
    """The headers of a signed answer."""
    return lower(crypto().sign_response_headers(200, BODY, PRIVATE, "m-1", created=int(created.timestamp())))


def their_webhook(*, omit: tuple[str, ...] = ()) -> dict[str, str]:
    """The headers of a signed webhook."""
    return lower(
        crypto().sign_request_headers("POST", "bridge.example", "/webhooks/m", BODY, PRIVATE, "m-1", omit=omit)
    )


@pytest.mark.parametrize(
    ("method", "url", "body", "covered"),
    [
        ("POST", URL, BODY, {"content-digest", "content-type"}),
        ("POST", f"{URL}/s-1/cancel", None, set()),
        ("GET", f"{URL}/s-1", None, set()),
        ("PUT", "http://127.0.0.1:8183/ucp/checkout-sessions/s%2F1", BODY, {"content-digest", "content-type"}),
    ],
)
def test_our_requests_are_signed_as_a_merchant_checks_them(
    method: str, url: str, body: bytes | None, covered: set[str]
) -> None:
    """SIG-010, SIG-014 to SIG-016, SIG-018 and SIG-019, checked by an implementation that is not ours."""
    headers = SIGNER.message(method, url, headers=HEADERS, body=body)
    authority, path = url.split("/")[2], "/" + url.split("/", 3)[3]
    assert crypto().verify_request(method, authority, path, body, headers, [dict(KEY.public_jwk)]) == (True, "ok")
    listed = headers["Signature-Input"].split("(")[1].split(")")[0].replace('"', "").split()
    assert set(listed) == {"@method", "@authority", "@path", "ucp-agent", "idempotency-key", *covered}
    assert len(base64.b64decode(headers["Signature"].split(":")[1])) == 64
    assert "alg=" not in headers["Signature-Input"]
    assert f'keyid="{KEY.kid}"' in headers["Signature-Input"]


def test_a_query_is_signed_where_there_is_one() -> None:
    """SIG-017."""
    assert '"@query"' in SIGNER.message("GET", f"{URL}?page=2", headers={})["Signature-Input"]


@pytest.mark.parametrize("part", ["Idempotency-Key", "UCP-Agent", "Content-Digest", "Signature"])
def test_a_merchant_sees_when_a_header_of_ours_was_touched(part: str) -> None:
    """The kit refuses our request once any signed header is another one."""
    headers = SIGNER.message("POST", URL, headers=HEADERS, body=BODY)
    other = SIGNER.message("POST", f"{URL}/other", headers=HEADERS, body=BODY)[part] if part == "Signature" else "x"
    keys = [dict(KEY.public_jwk)]
    changed = {**headers, part: other}
    assert crypto().verify_request("POST", "shop.example", "/ucp/checkout-sessions", BODY, changed, keys)[0] is False


def test_a_signed_answer_is_accepted_whenever_it_was_signed() -> None:
    """SIG-020 and SIG-021; a repeated answer is as old as the first one."""
    Checker(THEIRS, now=NOW).response(200, headers=their_answer(NOW - timedelta(days=2)), body=BODY)


Spoil = Callable[[dict[str, str]], object]


@pytest.mark.parametrize(
    ("status", "body", "spoil"),
    [
        (201, BODY, lambda _: None),
        (200, BODY + b" ", lambda _: None),
        (200, b"", lambda _: None),
        (200, BODY, lambda headers: headers.update({"content-type": "text/html"})),
        (200, BODY, lambda headers: headers.pop("content-digest")),
        (200, BODY, lambda headers: headers.pop("signature")),
        (200, BODY, lambda headers: headers.pop("signature-input")),
        (200, BODY, lambda headers: headers.update({"signature": "sig1=:AAAA:"})),
        (200, BODY, lambda headers: headers.update({"signature": "\x00"})),
        (200, BODY, lambda headers: headers.update({"signature-input": 'sig1=("@status");keyid="m-1"'})),
        (
            200,
            BODY,
            lambda headers: headers.update({"signature-input": headers["signature-input"] + ', b=("@status")'}),
        ),
    ],
)
def test_an_answer_that_was_touched_is_not_authentic(status: int, body: bytes, spoil: Spoil) -> None:
    """Status, body, type and signature belong together, and the body must be covered."""
    headers = their_answer()
    spoil(headers)
    with pytest.raises(NotAuthenticError):
        checker().response(status, headers=headers, body=body)


def test_an_unknown_key_is_told_apart_from_a_wrong_signature() -> None:
    """Only the first is a reason to fetch the keys anew (SIG-037)."""
    with pytest.raises(UnknownKeyError):
        Checker({}, now=NOW).response(200, headers=their_answer(), body=BODY)


def test_a_signed_webhook_says_what_it_covers() -> None:
    """So that a time or an id in a header counts only where it was signed."""
    covered = checker().request("POST", "https://bridge.example/webhooks/m", headers=their_webhook(), body=BODY)
    assert covered == {"@method", "@authority", "@path", "content-digest", "content-type"}


@pytest.mark.parametrize("omitted", ["@method", "@authority", "@path", "content-digest", "content-type"])
def test_a_webhook_that_leaves_something_unsigned_is_refused(omitted: str) -> None:
    """OVR-064: target and body are covered, or nothing is."""
    with pytest.raises(NotAuthenticError):
        checker().request(
            "POST", "https://bridge.example/webhooks/m", headers=their_webhook(omit=(omitted,)), body=BODY
        )


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("PUT", "https://bridge.example/webhooks/m"),
        ("POST", "https://other.example/webhooks/m"),
        ("POST", "https://bridge.example/webhooks/other"),
        ("POST", "https://bridge.example/webhooks/m?page=2"),
    ],
)
def test_a_webhook_for_another_address_is_refused(method: str, url: str) -> None:
    """A captured delivery is of no use at another path, another bridge or another method."""
    with pytest.raises(NotAuthenticError):
        checker().request(method, url, headers=their_webhook(), body=BODY)


@pytest.mark.parametrize("moved_s", [-301, 301, -86_400, 86_400])
def test_a_signed_time_outside_the_window_is_refused(moved_s: int) -> None:
    """Too old and from the future alike, by our clock."""
    signed = their_answer()
    checker(NOW + timedelta(seconds=299)).response(200, headers=signed, body=BODY)
    with pytest.raises(NotAuthenticError):
        checker(NOW + timedelta(seconds=moved_s)).response(200, headers=signed, body=BODY)


def test_our_detached_signature_is_one_over_the_raw_body() -> None:
    """2026-01-11: header, nothing, signature; the payload is not encoded (RFC 7797). Bytes with dots do no harm."""
    for body in (BODY, b"a.b.c", None):
        protected, empty, signature = SIGNER.detached(body).split(".")
        header = json.loads(base64.urlsafe_b64decode(protected + "=="))
        raw = base64.urlsafe_b64decode(signature + "==")
        signed = protected.encode() + b"." + (body or b"")
        assert header == {"alg": "ES256", "kid": KEY.kid, "b64": False, "crit": ["b64"]}
        assert empty == ""
        assert crypto().ecdsa_p256_verify(signed, raw, crypto().pub_from_jwk(KEY.public_jwk))


def test_a_detached_signature_of_the_kit_is_accepted_with_its_body_only() -> None:
    """Either form of payload; another body is refused, another key is unknown."""
    token = crypto().jws_detached_sign({}, {"a": 1}, PRIVATE, kid="m-1")
    checker().detached(token, b'{"a":1}')
    with pytest.raises(NotAuthenticError):
        checker().detached(token, b'{"a":2}')
    with pytest.raises(UnknownKeyError):
        checker().detached(crypto().jws_detached_sign({}, {"a": 1}, PRIVATE, kid="m-2"), b'{"a":1}')


def _header(**values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()


GOOD = crypto().jws_detached_sign({}, {"a": 1}, PRIVATE, kid="m-1")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "x" * 100_000,
        f"{_header(alg='none', kid='m-1')}..",
        f"{_header(alg='HS256', kid='m-1')}..AAAA",
        f"{_header(alg='ES384', kid='m-1')}..{GOOD.split('.')[2]}",
        f"{_header(alg='ES256')}..{GOOD.split('.')[2]}",
        f"{_header(alg='ES256', kid=1)}..{GOOD.split('.')[2]}",
        f"{_header(alg='ES256', kid='m-1', crit=['exp'], exp=1)}..{GOOD.split('.')[2]}",
        GOOD.replace("..", ".eyJhIjoxfQ."),
        GOOD[:-2],
        GOOD + "A",
        '{"payload":"","signatures":[]}',
    ],
)
def test_a_detached_signature_of_another_kind_is_refused(token: str) -> None:
    """No algorithm, another one, no key id, unknown critical members, a payload inside, a broken signature."""
    with pytest.raises(NotAuthenticError):
        checker().detached(token, b'{"a":1}')


def test_whether_a_message_is_signed_at_all_does_not_depend_on_whether_it_is_signed_well() -> None:
    """Half a signature is a bad one, and not none."""
    assert is_signed({"signature": ""})
    assert is_signed({"signature-input": "nonsense"})
    assert not is_signed({"content-digest": "sha-256=:AAAA:"})
