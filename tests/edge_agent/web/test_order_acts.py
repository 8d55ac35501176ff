"""What a person may say of an order at each state, and that its outcome is told as it is."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest

from edge_agent.core.intent import IntentState
from edge_agent.core.people import Role
from edge_agent.errors import BridgeUnreachableError, HubError, NotAllowedError, RefusedError
from edge_agent.web.wording import readable
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House, field, sign_in

PAGE = "/prompts/p-fluid"
ORDER = "/orders/i-p-fluid"
S = IntentState
WHEN = {
    "cancel": {S.APPROVED, S.HELD},
    "settle": {S.UNKNOWN, S.PARKED},
    "arrived": {S.PLACED, S.SHIPPED, S.PARTLY_DELIVERED, S.NEVER_ARRIVED},
    "never-came": {S.PLACED, S.SHIPPED, S.PARTLY_DELIVERED},
    "want": {S.REJECTED, S.CANCELLED, S.EXPIRED},
}


def stand(house: House, state: IntentState, **changes: object) -> None:
    """Put the order of the sample home at a state."""
    order = replace(house.home.all_intents["i-p-fluid"], state=state, created_at=NOW, **changes)  # type: ignore[arg-type]
    house.home.all_intents["i-p-fluid"] = order


async def say(client: httpx.AsyncClient, act: str, **fields: str) -> httpx.Response:
    """Send one of the order's forms."""
    csrf = field((await client.get(PAGE)).text, "csrf")
    return await client.post(f"{ORDER}/{act}", data={"csrf": csrf, **fields})


@pytest.mark.parametrize("state", IntentState)
@pytest.mark.parametrize("path", [PAGE, "/orders"])
async def test_each_state_offers_what_can_be_said(
    owner: httpx.AsyncClient, house: House, state: IntentState, path: str
) -> None:
    """On the order's own page and in the list while it is under way; nothing else has a form."""
    stand(house, state)
    page = (await owner.get(path)).text
    offered = set(re.findall(rf'action="{ORDER}/([a-z-]+)"', page))
    wanted = {act for act, states in WHEN.items() if state in states}
    is_over = state is S.NEVER_ARRIVED or state in WHEN["want"]
    assert offered == (set() if path == "/orders" and is_over else wanted)


@pytest.mark.parametrize("role", [Role.GUEST, Role.CHILD])
async def test_guests_and_children_only_look(house: House, role: Role) -> None:
    """No form for them, on any state."""
    async with house.client() as client:
        await sign_in(client, role=role)
        for state in IntentState:
            stand(house, state)
            assert f'action="{ORDER}' not in (await client.get(PAGE)).text


async def test_cancelling_in_time_cancels(owner: httpx.AsyncClient, house: House) -> None:
    """The page says until when it is held, and afterwards that nothing comes of it."""
    stand(house, S.HELD)
    assert "It is not sent before today, 09:02." in (await owner.get(PAGE)).text
    answer = await say(owner, "cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    page = (await owner.get(PAGE)).text
    assert 'data-state="cancelled"' in page
    assert "Why: <bdi>you cancelled it</bdi>" in page


async def test_after_the_hold_the_page_promises_no_time(owner: httpx.AsyncClient, house: House) -> None:
    """Nor while the order waits for a merchant that is away."""
    stand(house, S.HELD, detail="merchant_away")
    assert "It may be sent at any moment." in (await owner.get(PAGE)).text


@pytest.mark.parametrize("state", [S.SENDING, S.PLACED, S.UNKNOWN])
async def test_cancelling_too_late_says_so(owner: httpx.AsyncClient, house: House, state: IntentState) -> None:
    """Not cancelled, where it stands, and what can be done."""
    stand(house, S.HELD)
    house.answers.too_late = state
    answer = await say(owner, "cancel")
    assert answer.status_code == 409
    assert "Too late to cancel" in answer.text
    assert "The order was not cancelled." in answer.text
    assert f'href="{PAGE}"' in answer.text


@pytest.mark.parametrize("away", [True, False])
async def test_a_cancellation_without_an_answer_is_shown_as_asked_for(
    owner: httpx.AsyncClient, house: House, away: bool
) -> None:
    """The order service is away, or cannot say that it will never take the order: neither cancelled nor too late."""
    stand(house, S.HELD)
    house.answers.refusal = BridgeUnreachableError("no route") if away else None
    house.answers.too_late = None if away else S.APPROVED
    answer = await say(owner, "cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    house.home.wishes.add(house.home.all_intents["i-p-fluid"].id)
    page = (await owner.get(PAGE)).text
    assert "You asked to cancel this order." in page
    assert "has not confirmed" in page
    assert "the order may still be sent" in page
    assert f'action="{ORDER}/cancel"' not in page


async def test_no_answer_is_told_as_not_known(owner: httpx.AsyncClient, house: House) -> None:
    """Neither "done" nor "nothing was changed": nobody knows."""
    stand(house, S.PARKED)
    house.answers.refusal = BridgeUnreachableError("no route")
    answer = await say(owner, "settle", found="not_there")
    assert answer.status_code == 503
    assert "is not known" in answer.text
    assert "Nothing was changed" not in answer.text
    assert "no route" not in answer.text


@pytest.mark.parametrize(
    ("error", "status"), [(RefusedError("that order is placed"), 409), (NotAllowedError("ask an owner"), 403)]
)
async def test_a_refusal_is_told_with_the_way_back(
    owner: httpx.AsyncClient, house: House, error: HubError, status: int
) -> None:
    """In the hub's own words."""
    stand(house, S.SHIPPED)
    house.answers.refusal = error
    answer = await say(owner, "arrived")
    assert answer.status_code == status
    assert str(error) in answer.text
    assert 'href="/orders"' in answer.text


@pytest.mark.parametrize(
    ("fields", "reached", "ends"),
    [
        ({"found": "there", "merchant_order_id": " ORD 9/a "}, (True, "ORD 9/a"), "placed"),
        ({"found": "there"}, (True, None), "placed"),
        ({"found": "not_there"}, (False, None), "rejected"),
        ({"found": "not_there", "merchant_order_id": "ORD-9"}, (False, None), "rejected"),
    ],
)
async def test_a_doubt_ends_by_what_the_person_saw(
    owner: httpx.AsyncClient, house: House, fields: dict[str, str], reached: tuple[bool, str | None], ends: str
) -> None:
    """The number goes along only where the order is there."""
    stand(house, S.PARKED, merchant_order_id=None)
    assert "If you say that it is not there and it is, it may be bought twice." in (await owner.get(PAGE)).text
    assert (await say(owner, "settle", **fields)).status_code == 303
    assert house.answers.calls == [("settle", "i-p-fluid", *reached, "the-owner")]
    assert f'data-state="{ends}"' in (await owner.get(PAGE)).text


@pytest.mark.parametrize(
    "fields",
    [{}, {"found": "maybe"}, {"found": ""}, {"found": "there", "merchant_order_id": "x" * 256}]
    + [{"found": "there", "merchant_order_id": f"ORD{char}9"} for char in ("\n", "\x00", "\u202e")],
)
async def test_a_word_that_is_none_is_refused(owner: httpx.AsyncClient, house: House, fields: dict[str, str]) -> None:
    """Said beside the field, which keeps what was typed; the order stays in doubt."""
    stand(house, S.PARKED)
    answer = await say(owner, "settle", **fields)
    assert answer.status_code == 422
    if "merchant_order_id" in fields:
        assert 'aria-invalid="true" aria-describedby="number-i-p-fluid"' in answer.text
        assert "The order number, 255 characters at the most." in answer.text
        assert f'value="{readable(fields["merchant_order_id"])}"' in answer.text
    else:
        assert "Say whether it is there or not." in answer.text
    assert '<details class="say" open>' in answer.text
    assert house.calls == []


@pytest.mark.parametrize(("act", "ends"), [("arrived", "delivered"), ("never-came", "never_arrived")])
async def test_it_came_or_it_never_came(owner: httpx.AsyncClient, house: House, act: str, ends: str) -> None:
    """The household's word ends the wait."""
    stand(house, S.SHIPPED)
    assert (await say(owner, act)).status_code == 303
    page = (await owner.get(PAGE)).text
    assert f'data-state="{ends}"' in page
    assert "you said so" in page


async def test_the_merchants_page_is_named_and_never_opened_by_itself(owner: httpx.AsyncClient, house: House) -> None:
    """A link that tells the merchant nothing about where it stood, and no redirect or script to it."""
    stand(house, S.NEEDS_BUYER, handoff_url="https://shop.example/finish?id=1")
    for path in (PAGE, "/orders"):
        answer = await owner.get(path)
        page = answer.text
        assert 'href="https://shop.example/finish?id=1" rel="noopener noreferrer"' in page
        assert "belongs to <bdi>grocer</bdi>" in page
        assert "Finish at <bdi>shop.example</bdi>" in page
        assert page.count("https://shop.example") == 1
        assert "location" not in answer.headers
        assert "refresh" not in answer.headers


async def test_an_order_that_is_not_there_is_missing(owner: httpx.AsyncClient, house: House) -> None:
    """404, whatever is said of it."""
    csrf = field((await owner.get(PAGE)).text, "csrf")
    for act in WHEN:
        answer = await owner.post(f"/orders/i-none/{act}", data={"csrf": csrf, "found": "there"})
        assert answer.status_code == 404
    assert house.calls == []


async def test_an_order_of_a_mandate_says_so(owner: httpx.AsyncClient, house: House) -> None:
    """Nobody wonders who approved it."""
    prompt = house.home.all_prompts["p-fluid"]
    house.home.add(replace(prompt, answered_by="mandate:m-milk"))
    assert 'href="/mandates/m-milk"' in (await owner.get(PAGE)).text


REFUSED = {"state": S.REJECTED, "detail": "payment_failed"}


async def test_a_refused_order_says_what_to_mend_and_until_when(owner: httpx.AsyncClient, house: House) -> None:
    """On its page and first of all; both words are offered."""
    stand(house, **REFUSED, changed_at=NOW)  # type: ignore[arg-type]
    page = (await owner.get(PAGE)).text
    assert "Ask whoever runs the order service to look at the way of paying" in page
    assert 'data-problem="open"' in page
    assert page.count(f'action="{ORDER}/see-to"') == 2
    assert "the payment did not go through" in (await owner.get("/")).text


@pytest.mark.parametrize(("word", "forms"), [("mended", 0), ("let_be", 1)])
async def test_a_person_says_that_it_is_mended_or_lets_it_be(
    owner: httpx.AsyncClient, house: House, word: str, forms: int
) -> None:
    """What was let be can still be mended; what is mended is asked about anew, and nothing more is said here."""
    stand(house, **REFUSED, changed_at=NOW)  # type: ignore[arg-type]
    assert (await say(owner, "see-to", word=word)).status_code == 303
    assert house.home.all_intents["i-p-fluid"].problem_word == word
    assert (await owner.get(PAGE)).text.count(f'action="{ORDER}/see-to"') == forms
    assert "the payment did not go through" not in (await owner.get("/")).text


async def test_after_three_days_nothing_is_left_to_be_said(
    owner: httpx.AsyncClient, house: House, clock: ManualClock
) -> None:
    """It has ended by itself, and a word that comes late is refused."""
    stand(house, **REFUSED, changed_at=NOW)  # type: ignore[arg-type]
    csrf = field((await owner.get(PAGE)).text, "csrf")
    clock.advance(hours=72)
    assert "see-to" not in (await owner.get(PAGE)).text
    assert (await owner.post(f"{ORDER}/see-to", data={"csrf": csrf, "word": "mended"})).status_code == 409


@pytest.mark.parametrize(
    ("changes", "forms"),
    [
        ({"state": S.CANCELLED, "withdrawn_for": "bought_elsewhere"}, 1),
        ({**REFUSED, "changed_at": NOW}, 0),
        ({**REFUSED, "changed_at": NOW, "problem_word": "let_be"}, 0),
        ({**REFUSED, "changed_at": NOW, "problem_word": "mended"}, 1),
        ({"state": S.DELIVERED}, 0),
    ],
)
async def test_what_came_to_nothing_can_be_ordered_anyway(
    owner: httpx.AsyncClient, house: House, changes: dict[str, object], forms: int
) -> None:
    """Where nothing else can be said of it; and in the list of all orders there is no form for it."""
    stand(house, **changes)  # type: ignore[arg-type]
    assert (await owner.get(PAGE)).text.count(f'action="{ORDER}/want"') == forms
    assert "/want" not in (await owner.get("/orders")).text


async def test_to_order_anyway_leads_to_a_new_question(owner: httpx.AsyncClient, house: House) -> None:
    """Its terms are read and answered as any others; a refusal is told, and nothing is asked."""
    stand(house, S.CANCELLED, withdrawn_for="bought_elsewhere")
    answer = await say(owner, "want")
    assert (answer.status_code, answer.headers["location"]) == (303, "/prompts/p-anew")
    assert house.calls == [("want", "i-p-fluid", "the-owner")]
    house.after_all.refusal = RefusedError("There is no price of now at which it can be had.")
    refused = await say(owner, "want")
    assert refused.status_code == 409
    assert "There is no price of now" in refused.text


async def test_the_items_page_leads_to_an_order_that_somebody_may_want(owner: httpx.AsyncClient, house: House) -> None:
    """While nothing newer stands; a cancellation of the household's own is no news."""
    item = f"/items/{house.home.all_intents['i-p-fluid'].item}"
    for changes, words in (
        ({"state": S.CANCELLED, "withdrawn_for": "bought_elsewhere"}, "taken back by this hub"),
        ({**REFUSED, "changed_at": NOW, "withdrawn_for": "bought_elsewhere"}, "somebody has to see to it"),
    ):
        stand(house, **changes)  # type: ignore[arg-type]
        page = (await owner.get(item)).text
        assert "data-ended" in page
        assert words in page
        assert f'href="{PAGE}"' in page
    stand(house, S.CANCELLED, detail="cancelled_by_household", withdrawn_for=None)
    assert "data-ended" not in (await owner.get(item)).text


async def test_the_record_is_a_file_for_those_who_run_the_home(owner: httpx.AsyncClient, house: House) -> None:
    """From the order's page, named by the order and kept nowhere; of an unknown order there is none."""
    assert f'href="{ORDER}/record.json" download' in (await owner.get(PAGE)).text
    answer = await owner.get(f"{ORDER}/record.json")
    assert answer.json() == {"order": "i-p-fluid"}
    assert answer.headers["content-disposition"] == 'attachment; filename="restock-order-i-p-fluid.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert (await owner.get("/orders/i-nobody/record.json")).status_code == 404
    async with house.client() as client:
        await sign_in(client, role=Role.GUEST)
        assert "record.json" not in (await client.get(PAGE)).text
        assert (await client.get(f"{ORDER}/record.json")).status_code == 403


async def test_the_household_shows_the_fingerprint_that_records_name(owner: httpx.AsyncClient) -> None:
    """To compare with the one in a file."""
    assert (
        "<code data-fingerprint>0123 4567 89ab cdef 0123 4567 89ab cdef</code>" in (await owner.get("/household")).text
    )
