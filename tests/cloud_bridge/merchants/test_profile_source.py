"""When a merchant's profile is fetched: as seldom as HTTP allows, within bounds, and once more for an unknown key."""

from __future__ import annotations

import json

import httpx
import pytest

from cloud_bridge.errors import MerchantAwayError
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.profile_source import KEPT_MAX_S, KEPT_MIN_S, ProfileSource, good_for_s
from tests.cloud_bridge.versioned_shop import ORIGIN, VersionedShop


class Origin:
    """A well-known place that counts who asks, and can be told to fail."""

    def __init__(self, cache_control: str = "max-age=600") -> None:
        self.asked = 0
        self.now_s = 1_000.0
        self.status = 200
        self.cache_control = cache_control
        self.source = ProfileSource(
            MerchantHttp(ORIGIN, deadline_s=1, transport=httpx.MockTransport(self._answer)),
            origin=ORIGIN,
            ticks=lambda: self.now_s,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/.well-known/ucp"
        self.asked += 1
        body = json.dumps(VersionedShop("2026-04-08", []).profile()).encode()
        headers = {"Cache-Control": self.cache_control, "Location": "https://evil.example/", "Retry-After": "30"}
        return httpx.Response(self.status, stream=httpx.ByteStream(body), headers=headers)


async def test_a_profile_is_kept_as_long_as_its_merchant_says() -> None:
    """Asked ten times within its time, fetched once; after it, once more."""
    origin = Origin()
    for _ in range(10):
        await origin.source.current()
    origin.now_s += 599
    await origin.source.current()
    assert origin.asked == 1
    origin.now_s += 1
    await origin.source.current()
    assert origin.asked == 2


async def test_an_unknown_key_fetches_the_profile_once_in_a_while() -> None:
    """OVR-007: a sender of made-up key ids cannot make us hammer a merchant."""
    origin = Origin()
    await origin.source.current()
    origin.now_s += KEPT_MIN_S
    for _ in range(10):
        await origin.source.refreshed()
    assert origin.asked == 2
    origin.now_s += KEPT_MIN_S
    await origin.source.refreshed()
    assert origin.asked == 3


@pytest.mark.parametrize("status", [301, 302, 307, 308, 404, 500])
async def test_a_profile_that_is_not_simply_there_is_not_had(status: int) -> None:
    """A redirect least of all; the pause that the merchant asks for is handed on."""
    origin = Origin()
    origin.status = status
    with pytest.raises(MerchantAwayError) as caught:
        await origin.source.current()
    assert (origin.asked, caught.value.retry_after_s) == (1, 30.0)


async def test_a_failed_look_is_not_repeated_for_everybody_in_line() -> None:
    """A moment later it is tried again."""
    origin = Origin()
    origin.status = 500
    for _ in range(5):
        with pytest.raises(MerchantAwayError):
            await origin.source.current()
    assert origin.asked == 1
    origin.status = 200
    origin.now_s += 1
    await origin.source.current()
    assert origin.asked == 2


async def test_a_failed_refresh_counts_as_one() -> None:
    """While the old profile is in its time it goes on being good."""
    origin = Origin()
    kept = await origin.source.current()
    origin.now_s += KEPT_MIN_S
    origin.status = 500
    with pytest.raises(MerchantAwayError):
        await origin.source.refreshed()
    assert await origin.source.refreshed() is kept
    assert await origin.source.current() is kept
    assert origin.asked == 2


@pytest.mark.parametrize(
    ("header", "kept_s"),
    [
        ("", KEPT_MIN_S),
        ("public, max-age=600", 600),
        ("PUBLIC, MAX-AGE=600", 600),
        ("max-age=0", KEPT_MIN_S),
        ("max-age=-1", KEPT_MIN_S),
        ("no-store", KEPT_MIN_S),
        ("max-age=999999999", KEPT_MAX_S),
        ("max-age=9999999999999999999999", KEPT_MAX_S),
        ("max-age=soon", KEPT_MIN_S),
    ],
)
def test_the_time_of_keeping_stays_within_bounds(header: str, kept_s: float) -> None:
    """Neither every request nor for ever."""
    assert good_for_s(header) == kept_s
