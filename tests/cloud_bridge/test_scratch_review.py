from __future__ import annotations
import asyncio
import pytest
from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.rig import MILK, Rig, accept, START, HOUSEHOLD
from tests.cloud_bridge.sample_merchant import AGENT_KEY, SampleMerchant, connector, merchant_config
from tests.cloud_bridge.versioned_shop import ORIGIN, VersionedShop, shop_config

@pytest.mark.parametrize("kind", ["B"])
async def test_sample_b(make_rig, sample: SampleMerchant, kind):
    async with MerchantHttp(sample.url, deadline_s=10) as http:
        m = connector(merchant_config(sample.url, merchant_class=kind), http=http)
        rig = make_rig(m)
        await accept(rig, rig.signer.intent())
        await rig.place()
        ev = await rig.events()
        print([(e.state.value, e.detail) for e in ev])
        assert ev[-1].state is OrderState.PLACED

class Lossy(MerchantHttp):
    lost = 1
    async def ask(self, method, path, *, headers, body=None):
        if path.endswith("/complete") and self.lost:
            self.lost -= 1
            raise MerchantUnclearError("lost before")
        return await super().ask(method, path, headers=headers, body=body)

@pytest.mark.parametrize("kind", ["A", "B"])
async def test_ap2_resend(make_rig, kind):
    shop = VersionedShop("2026-08-25", [dict(AGENT_KEY.public_jwk)], ap2=True, prices={MILK: 179}, stock={MILK: 50},
       paying=frozenset({"success_token"}))
    async with Lossy(ORIGIN, deadline_s=1, transport=shop.transport()) as http:
        m = connector(shop_config(ap2=True, merchant_class=kind), http=http, token="success_token")
        rig = make_rig(m)
        it = await accept(rig, rig.signer.intent())
        await rig.place()
        ev = await rig.events()
        print([(e.state.value, e.detail) for e in ev])
        o = await rig.store.find(HOUSEHOLD, it.terms.intent_id)
        at = await rig.store.attempts(o)
        print(at)
        assert len({a.body_sha256 for a in at}) == 1

async def test_sd(make_rig):
    shop = VersionedShop("2026-08-25", [dict(AGENT_KEY.public_jwk)], ap2=True, prices={MILK: 179}, stock={MILK: 50})
    orig = shop._priced
    def priced(session):
        session["_sd"] = ["AAAA"]
        return orig(session)
    shop._priced = priced
    async with MerchantHttp(ORIGIN, deadline_s=1, transport=shop.transport()) as http:
        m = connector(shop_config(ap2=True), http=http, token="success_token")
        rig = make_rig(m)
        it = await accept(rig, rig.signer.intent())
        await rig.place()
        ev = await rig.events()
        print([(e.state.value, e.detail) for e in ev])
