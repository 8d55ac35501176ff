"""Exactly one order at a real merchant, wherever the bridge dies and whichever answer gets lost.

The UCP sample server's own database is the judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count, groupby

import pytest

from cloud_bridge.config import WorkerConfig
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Open
from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.ports import CrashHook, CrashPoint
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, MILK, Killed, Rig, accept
from tests.cloud_bridge.sample_merchant import SampleMerchant, connect, connector, merchant_config

pytestmark = [
    pytest.mark.merchant,
    pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True),
]
S = OrderState


class LossyHttp(MerchantHttp):
    """The real client; the first answers to the given requests are lost after the merchant has acted."""

    def __init__(self, base_url: str, *, lost: tuple[str, ...]) -> None:
        super().__init__(base_url, deadline_s=10)
        self._lost = list(lost)

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Ask, and lose the answer where a loss is due."""
        answer = await super().ask(method, path, headers=headers, body=body)
        if self._lost and f"{method} {path}".endswith(self._lost[0]):
            raise MerchantUnclearError(f"lost: {self._lost.pop(0)}")
        return answer


def dies_at(*points: CrashPoint) -> CrashHook:
    """Die at the first of these points, then at the second, and so on."""
    left = list(points)

    def hook(point: CrashPoint) -> None:
        if left and point is left[0]:
            left.pop(0)
            raise Killed(point)

    return hook


async def until_quiet(make_rig: Callable[..., Rig], merchant: object, crash: CrashHook) -> Rig:
    """Run; after each death, start anew on the same store."""
    while True:
        rig = make_rig(merchant, crash)
        await rig.store.resume(now=rig.clock.now())
        try:
            await rig.place()
            await rig.follow()
        except BaseExceptionGroup as group:
            if group.subgroup(Killed) is None:
                raise
            continue
        return rig


@pytest.mark.parametrize(
    "points",
    [
        (CrashPoint.CLAIMED,),
        (CrashPoint.QUOTED,),
        (CrashPoint.SESSION_SAVED,),
        (CrashPoint.ATTEMPT_SAVED,),
        (CrashPoint.ANSWERED,),
        (CrashPoint.OUTCOME_SAVED,),
        (CrashPoint.FOLLOWED,),
        (CrashPoint.ANSWERED, CrashPoint.LOOKED_UP),
        (CrashPoint.ATTEMPT_SAVED, CrashPoint.LOOKED_UP, CrashPoint.ATTEMPT_SAVED, CrashPoint.ANSWERED),
        (CrashPoint.QUOTED, CrashPoint.QUOTED, CrashPoint.SESSION_SAVED, CrashPoint.ANSWERED, CrashPoint.LOOKED_UP),
    ],
)
async def test_a_death_at_any_point_leaves_one_order(
    make_rig: Callable[..., Rig], sample: SampleMerchant, points: tuple[CrashPoint, ...]
) -> None:
    """After the restart there is exactly one order, and the bridge knows its id."""
    before = set(sample.orders())
    async with connect(sample) as merchant:
        rig = make_rig(merchant)
        intent = await accept(rig, rig.signer.intent())
        await until_quiet(make_rig, merchant, dies_at(*points))
    new = set(sample.orders()) - before
    order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
    assert order is not None
    assert (order.state, {order.merchant_order_id}) == (S.PLACED, new)
    assert len({attempt.key for attempt in await rig.store.attempts(order)}) == 1


@pytest.mark.parametrize(
    "lost",
    [
        ("POST /checkout-sessions",),
        ("/complete",),
        ("POST /checkout-sessions", "/complete", "/complete"),
    ],
)
async def test_a_lost_answer_leaves_one_order(
    make_rig: Callable[..., Rig], sample: SampleMerchant, lost: tuple[str, ...]
) -> None:
    """The merchant acted and its answer never came: the order is found, not made again."""
    before = set(sample.orders())
    async with connect(sample, http=LossyHttp(sample.url, lost=lost)) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent())
        await rig.place()
        assert (await rig.states())[-1] is S.PLACED
    assert len(set(sample.orders()) - before) == 1


async def test_a_session_that_was_opened_and_lost_is_opened_again_under_the_same_key(
    make_rig: Callable[..., Rig], sample: SampleMerchant
) -> None:
    """The price rises between the two openings, and the new price is the one that counts."""
    before = set(sample.orders())
    async with connect(sample, http=LossyHttp(sample.url, lost=("POST /checkout-sessions",))) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(total_max_minor=900))
        await rig.place(rounds_max=1)
        sample.set_price(MILK, 201)
        await rig.place()
    last = (await rig.events())[-1]
    assert (last.state, last.detail) == (S.REJECTED, Detail.TERMS_CHANGED)
    assert set(sample.orders()) == before


@pytest.mark.parametrize(
    ("price_minor", "stock", "token", "detail"),
    [
        (201, 500, "success_token", Detail.TERMS_CHANGED),
        (179, 1, "success_token", Detail.OUT_OF_STOCK),
        (179, 500, "fail_token", Detail.PAYMENT_FAILED),
    ],
)
async def test_what_the_merchant_refuses_is_not_ordered(
    make_rig: Callable[..., Rig], sample: SampleMerchant, price_minor: int, stock: int, token: str, detail: str
) -> None:
    """A price above the ceiling, too little stock and a declined payment each end as rejected with their reason."""
    before = set(sample.orders())
    async with connect(sample, token=token) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(total_max_minor=900))
        sample.set_price(MILK, price_minor)
        sample.set_stock(MILK, stock)
        await rig.place()
    last = (await rig.events())[-1]
    assert (last.state, last.detail) == (S.REJECTED, detail)
    assert set(sample.orders()) == before


async def test_a_merchant_that_goes_down_and_comes_back_gets_one_order(
    make_rig: Callable[..., Rig], sample: SampleMerchant
) -> None:
    """While it is down the order waits and says so; afterwards it is placed."""
    before = set(sample.orders())
    sample.stop()
    try:
        ticks = partial(next, count(0.0, 600.0))  # each look at the merchant's profile is some time after the last
        async with connect(sample, ticks=ticks) as merchant:
            rig = make_rig(merchant)
            await accept(rig, rig.signer.intent())
            await rig.place(rounds_max=3)
            assert (await rig.events())[-1].detail == Detail.MERCHANT_AWAY
            sample.start()
            await rig.place()
            assert (await rig.states())[-1] is S.PLACED
    finally:
        sample.stop()
        sample.start()
    assert len(set(sample.orders()) - before) == 1


async def test_an_order_is_followed_to_the_door_with_every_webhook_lost(
    make_rig: Callable[..., Rig], sample: SampleMerchant
) -> None:
    """Polling alone sees shipped and delivered; no state goes back, or is told again without more of its order."""
    async with connect(sample) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent())
        await rig.place()
        order_id = (await rig.events())[-1].merchant_order_id or ""
        await rig.follow()
        sample.ship(order_id)
        await rig.follow()
        await rig.follow()
        sample.deliver(order_id)
        await rig.follow()
        await rig.follow()
    told = [
        (event.state, event.expected_on, event.delivered_quantity, event.tracking_url) for event in await rig.events()
    ]
    assert len(set(told)) == len(told)
    states = [state for state, *_ in told]
    assert [state for state, _ in groupby(states)] == [S.HELD, S.SENDING, S.PLACED, S.SHIPPED, S.DELIVERED]


@pytest.mark.parametrize("lost", [(), ("/complete",)])
async def test_a_merchant_that_is_trusted_with_less_gets_one_order_too(
    make_rig: Callable[..., Rig], sample: SampleMerchant, lost: tuple[str, ...]
) -> None:
    """Class B is looked up before the first attempt: UCP has no look-up by our reference, so nothing is found there."""
    before = set(sample.orders())
    async with LossyHttp(sample.url, lost=lost) as http:
        rig = make_rig(connector(merchant_config(sample.url, merchant_class="B"), http=http))
        await accept(rig, rig.signer.intent())
        await rig.place()
        assert (await rig.states())[-1] is S.PLACED
    assert len(set(sample.orders()) - before) == 1


class PausedHttp(MerchantHttp):
    """The real client; the process sleeps right before an order is asked for: the loop's clock runs on without it."""

    def __init__(self, base_url: str, *, patch: pytest.MonkeyPatch) -> None:
        super().__init__(base_url, deadline_s=10)
        self._patch = patch

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Sleep, and ask."""
        if path.endswith("/complete"):
            loop, slept_s = asyncio.get_running_loop(), WorkerConfig().lease_s
            runs = loop.time
            self._patch.setattr(loop, "time", lambda: runs() + slept_s)
        return await super().ask(method, path, headers=headers, body=body)


async def test_a_bridge_that_slept_right_before_the_first_byte_sends_nothing(
    make_rig: Callable[..., Rig], sample: SampleMerchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every wait on the way to the socket ends with the lease; the attempt stands, and whoever is next looks it up."""
    before = set(sample.orders())
    async with connect(sample, http=PausedHttp(sample.url, patch=monkeypatch)) as merchant:
        rig = make_rig(merchant)
        intent = await accept(rig, rig.signer.intent(hold_s=0))
        await rig.placing.run_once()
        order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
        assert order is not None
        assert (order.state, len(await rig.store.attempts(order))) == (S.SENDING, 1)
        assert order.session_id is not None
        assert isinstance(await merchant.get(order.session_id), Open)
    assert set(sample.orders()) == before
