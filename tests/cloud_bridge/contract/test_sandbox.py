"""Our connector at the conformance kit's adversarial merchant, which nobody here wrote.

The sandbox speaks 2026-04-08, has no update and no look-up, and tells neither articles nor prices in full; so what is
pinned here is what we sign, what we believe of it, and what we never do. Ids are those of the kit's registers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import NeedsBuyer, Rejected, Unknown
from cloud_bridge.core.quote import Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.ucp import UcpMerchant
from cloud_bridge.signing_key import new_key
from tests.cloud_bridge.rig import MILK, Signer
from tests.cloud_bridge.sample_merchant import AGENT_KEY, connector, merchant_config
from tests.cloud_bridge.spck import REQUIREMENTS, Sandbox, sandbox

WANTED = Wanted(MILK, 2, "home")
PAYS = "success_token"


@asynccontextmanager
async def at_sandbox(
    scenario: str = "conformant", *, token: str = PAYS, known: bool = True, **config: object
) -> AsyncIterator[tuple[UcpMerchant, Sandbox]]:
    """A connector to the sandbox; unless it is `known`, the sandbox expects the requests of somebody else."""
    jwks = [(AGENT_KEY if known else new_key()).public_jwk]
    with sandbox(scenario, agent_jwks=jwks) as merchant:
        ours = merchant_config(merchant.url, payment_handler="h1", **config)
        async with MerchantHttp(merchant.url, deadline_s=5) as http:
            yield connector(ours, http=http, token=token), merchant


async def test_our_signature_is_accepted_and_a_strangers_is_not() -> None:
    """SIG-001, SIG-014 to SIG-019: the session is opened, or refused before anything is opened."""
    async with at_sandbox() as (merchant, seen):
        with pytest.raises(MerchantAwayError):  # it opens the session, and has no update to price it with
            await merchant.quote(WANTED, key=str(uuid4()))
        assert seen.paths == ["/checkout-sessions"]
    async with at_sandbox(known=False) as (merchant, _):
        with pytest.raises(MerchantRefusedError):
            await merchant.quote(WANTED, key=str(uuid4()))


async def test_mismatched_totals_are_never_completed() -> None:
    """CHK-055 and TOT-010: the parts do not make the total, so no price is believed and nothing more is asked."""
    async with at_sandbox("mismatched_totals") as (merchant, seen):
        with pytest.raises(MerchantRefusedError) as refused:
            await merchant.quote(WANTED, key=str(uuid4()))
        assert refused.value.code == Detail.MERCHANT_REFUSED
        assert seen.paths == ["/checkout-sessions"]


async def test_a_bad_signature_makes_a_quote_none_and_an_order_unknown() -> None:
    """SIG-020: a quote under a wrong signature is no quote; an order under one may exist, so it is looked up."""
    async with at_sandbox("bad_signature") as (merchant, seen):
        with pytest.raises(MerchantAwayError):
            await merchant.quote(WANTED, key=str(uuid4()))
        assert await merchant.place("chk_1", key=str(uuid4())) == Unknown(Detail.NO_ANSWER)
        assert seen.paths == ["/checkout-sessions", "/checkout-sessions/chk_1/complete"]


async def test_an_order_whose_price_is_not_told_is_not_believed() -> None:
    """CHK-034: the sandbox says `completed` and no total, which is no charge that a household could be told of."""
    async with at_sandbox() as (merchant, _):
        assert await merchant.place("chk_1", key=str(uuid4())) == Unknown(Detail.NO_ANSWER)


@pytest.mark.parametrize("scenario", ["conformant", "prebaked_continue_url", "misleading_error_description"])
async def test_an_escalation_is_handed_over_and_never_followed(scenario: str) -> None:
    """PAY-017, CHK-008: a person gets the merchant's address, and we do not open it."""
    async with at_sandbox(scenario, token="escalate_token") as (merchant, seen):
        outcome = await merchant.place("chk_1", key=str(uuid4()))
        assert outcome == NeedsBuyer(f"{seen.url}/3ds/chk_1")
        assert seen.paths == ["/checkout-sessions/chk_1/complete"]


async def test_an_escalation_under_a_bad_signature_is_not_handed_over() -> None:
    """Who may send a person somewhere is the merchant, and nobody on the way."""
    async with at_sandbox("bad_signature", token="escalate_token") as (merchant, _):
        assert await merchant.place("chk_1", key=str(uuid4())) == Unknown(Detail.NO_ANSWER)


@pytest.mark.parametrize("ap2", ["if_announced", "required"])
async def test_where_mandates_are_agreed_on_nothing_is_completed_without_them(ap2: str) -> None:
    """PAY-044, PAY-049: no authorisation by the merchant, no price; no mandate, no request at all."""
    async with at_sandbox("ap2", ap2=ap2) as (merchant, seen):
        with pytest.raises(MerchantAwayError):
            await merchant.quote(WANTED, key=str(uuid4()))
        for leave, reason in ((None, Detail.LEAVE_INVALID), (Signer().intent(), Detail.MERCHANT_REFUSED)):
            assert await merchant.place("chk_1", key=str(uuid4()), leave=leave) == Rejected(reason)
        assert seen.paths == ["/checkout-sessions"]


async def test_mandates_that_are_required_and_not_announced_end_it_at_once() -> None:
    """A merchant cannot talk us out of them by leaving the capability away."""
    async with at_sandbox("conformant", ap2="required") as (merchant, seen):
        with pytest.raises(MerchantAwayError):
            await merchant.quote(WANTED, key=str(uuid4()))
        assert await merchant.place("chk_1", key=str(uuid4())) == Unknown(Detail.MERCHANT_AWAY)
        assert seen.paths == []


def test_the_ids_that_we_quote_stand_in_the_registers() -> None:
    """A requirement that was renamed or withdrawn must be seen."""
    registers = "".join(path.read_text(encoding="utf-8") for path in sorted(REQUIREMENTS.rglob("*.json")))
    quoted = "CHK-004 CHK-008 CHK-034 CHK-037 CHK-053 CHK-055 IDL-044 ORD-027 ORD-033 OVR-007 OVR-064 PAY-010 PAY-017"
    quoted += " PAY-041 PAY-042 PAY-044 PAY-049 SIG-001 SIG-010 SIG-014 SIG-016 SIG-017 SIG-018 SIG-019 SIG-020"
    quoted += " SIG-021 SIG-027 SIG-037 SIG-041 TOT-010"
    missing = [each for each in quoted.split() if f'"{each}"' not in registers]
    assert missing == []
