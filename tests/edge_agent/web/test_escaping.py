"""Text from devices, merchants and files is text on every page: nothing runs, nothing is hidden or turned around."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest

from edge_agent.core.leave.mandate import Acceptable
from edge_agent.core.messages import DeviceId, Reason
from edge_agent.core.people import Account, Role
from edge_agent.core.prompt import Endorsement
from edge_agent.core.safety import SafetyCode, SafetyProblem
from edge_agent.web.wording import readable
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House

PAGES = (
    "/",
    "/items/milk",
    "/prompts/p-milk",
    "/prompts/p-fluid",
    "/orders",
    "/merchants",
    "/mandates",
    "/mandates/m-milk",
    "/mandates/m-waits",
    "/new-mandate",
    "/new-mandate/milk",
    "/devices",
    "/account",
    "/people",
    "/sent",
    "/sent/3",
)
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</title><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% for x in ().__class__ %}",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "<!--",
    "]]>",
)
ACCEPTABLE = (Acceptable(merchant="grocer", sku="a"), Acceptable(merchant="grocer", sku="b"))
HIDDEN = ("\u202e", "\u2066", "\u200b", "\u200e", "\ufeff", "\x00", "\x1b", "\x7f", "\u00ad", "\U000e0041")


def poison(house: House, text: str) -> None:
    """Put the text everywhere that the outside can write to."""
    home = house.home
    for ident, known in home.known.items():
        product = known.item.product.model_copy(update={"title": text})
        binding = known.item.binding.model_copy(update={"device": text, "signal": text})
        item = known.item.model_copy(update={"name": text, "product": product, "binding": binding})
        home.known[ident] = replace(known, item=item)
    for prompt in list(home.all_prompts.values()):
        offer = replace(prompt.offer, title=text, unit=text, merchant=text, sku=text, delivery_ref=text)
        home.add(replace(prompt, offer=offer, reasons=(Reason("x", text),), answered_by=text))
        home.all_endorsements[prompt.id] = [Endorsement(by=text, terms_hash=prompt.terms_hash, at=NOW)]
    for ident, intent in home.all_intents.items():
        home.all_intents[ident] = replace(intent, merchant=text, merchant_order_id=text, detail=text, handoff_url=text)
    home.all_devices = [replace(d, device=DeviceId(text), profile=text, firmware=text) for d in home.all_devices]
    home.kept_apart = [
        replace(m, topic=text, device=DeviceId(text), detail=text, payload=text.encode()) for m in home.kept_apart
    ]
    home.wrong_file = text
    poison_household(house, text)


def poison_household(house: House, text: str) -> None:
    """The same for what people and the order service can write: names, mandates, what was sent, what went wrong."""
    for account in house.accounts.accounts():
        if account.name not in {f"the-{role}" for role in Role}:
            house.accounts.remove_account(account.name, by="the-owner")
    house.accounts.put_account(Account(f"0{text}", Role.MEMBER, "x", pin_hash="x"))
    for ident, view in house.mandates.kept.items():
        acceptable = tuple(one.model_copy(update={"merchant": text, "sku": text}) for one in ACCEPTABLE)
        items = tuple(entry.model_copy(update={"acceptable": acceptable}) for entry in view.record.terms.items)
        terms = view.record.terms.model_copy(update={"items": items})
        record = replace(view.record, terms=terms, changed_by=text, proposed_by=text, confirmed_by=text)
        house.mandates.kept[ident] = replace(view, record=record)
    house.ledger.sent = [
        replace(
            row, purpose=text, recipient=text, method=text, path=text, sha256=text, size_bytes=9, body=text.encode()
        )
        for row in house.ledger.sent
    ]
    house.safety.found = (SafetyProblem(SafetyCode.CHAIN_BROKEN, text),)


def tags(page: str) -> list[str]:
    """The names of all tags and attributes of a page, in order."""
    return re.findall(r"<(/?[a-z0-9!]+)|[\s\"']([a-z-]+)=\"", page)


@pytest.mark.parametrize("attack", ATTACKS)
async def test_markup_in_text_stays_text(owner: httpx.AsyncClient, house: House, attack: str) -> None:
    """A poisoned page has the very tags and attributes of one with a harmless word."""
    poison(house, "harmless")
    harmless = [tags((await owner.get(path)).text) for path in PAGES]
    poison(house, attack)
    for path, expected in zip(PAGES, harmless, strict=True):
        page = (await owner.get(path)).text
        assert tags(page) == expected, path
        if "7 * 7" in attack:
            assert attack in page, path


@pytest.mark.parametrize("hidden", HIDDEN)
async def test_invisible_and_turning_characters_are_made_visible(
    owner: httpx.AsyncClient, house: House, hidden: str
) -> None:
    """A right-to-left mark cannot turn 4 packs into 04, a zero-width one cannot hide a word."""
    poison(house, f"milk{hidden}4")
    for path in PAGES:
        page = (await owner.get(path)).text
        assert hidden not in page, path
        assert "milk\N{REPLACEMENT CHARACTER}4" in page, path


@pytest.mark.parametrize("text", ["Молоко", "牛奶", "حليب", "Ökomilch 3,5 %", "👩\u200d🌾 milk", "می\u200cروم", "a\nb"])
def test_ordinary_writing_stays_as_it_is(text: str) -> None:
    """Scripts of people, joiners of emoji and Persian."""
    assert readable(text) == text


async def test_names_stand_apart_from_the_sentence_around_them(owner: httpx.AsyncClient, house: House) -> None:
    """A right-to-left product title does not reorder the amount beside it."""
    poison(house, "حليب")
    page = (await owner.get("/prompts/p-milk")).text
    assert '4 \u00d7 <bdi data-term="title">حليب</bdi>' in page
