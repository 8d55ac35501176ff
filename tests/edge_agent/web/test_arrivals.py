"""Home says what arrives when, each doubt with it, and shows the questions of one delivery together."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

import httpx
import pytest

from edge_agent.core.intent import LIVE, IntentState
from edge_agent.core.messages import ItemId, Reason
from edge_agent.core.prompt import PromptState
from edge_agent.errors import RefusedError
from edge_agent.web.asking.agenda import agenda
from edge_agent.web.order_rows import rows
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House, field
from tests.edge_agent.web.samples import sample_intent, sample_offer, sample_prompt

S = IntentState
TODAY = NOW.date()
PROMISED = {S.PLACED, S.SHIPPED}


def ordered(house: House, ident: str, *, state: IntentState, deliver_by: date, item: str = "milk") -> None:
    """An order of the sample home."""
    asked = replace(
        sample_prompt(ident, item=item, offer=sample_offer(item, deliver_by=deliver_by)), state=PromptState.APPROVED
    )
    intent = sample_intent(house.home.add(asked), state=state, at=NOW)
    house.home.all_intents[intent.id] = intent


def only(house: House, *orders: tuple[str, IntentState, date]) -> None:
    """These orders and no other."""
    house.home.all_intents.clear()
    for ident, state, day in orders:
        ordered(house, ident, state=state, deliver_by=day)


def coming(page: str) -> str:
    """The part of Home that tells of arrivals."""
    return page[page.index('id="coming"') : page.index('id="stock"')]


async def test_the_agenda_stands_between_the_questions_and_the_stock(owner: httpx.AsyncClient, house: House) -> None:
    """By day, the earliest first, each with its item and a link to what was agreed."""
    later, sooner = TODAY + timedelta(days=4), TODAY + timedelta(days=1)
    only(house, ("p-a", S.PLACED, later), ("p-b", S.SHIPPED, sooner))
    page = (await owner.get("/")).text
    assert page.index('id="needs"') < page.index('id="coming"') < page.index('id="stock"')
    assert re.findall(r'data-day="([^"]*)"', page) == [sooner.isoformat(), later.isoformat()]
    assert "By tomorrow" in page
    assert '<a href="/prompts/p-a"><bdi>Milk</bdi></a>' in coming(page)


@pytest.mark.parametrize("state", sorted(LIVE))
async def test_only_the_merchants_promise_goes_without_a_doubt(
    owner: httpx.AsyncClient, house: House, state: IntentState
) -> None:
    """Whatever may not come, or not then, says why."""
    only(house, ("p-a", state, TODAY + timedelta(days=2)))
    page = coming((await owner.get("/")).text)
    assert f'data-state="{state}"' in page
    assert ('class="uncertain"' in page) is (state not in PROMISED)
    assert ('class="fine doubt"' in page) is (state not in PROMISED)


async def test_a_day_that_has_passed_is_said(owner: httpx.AsyncClient, house: House) -> None:
    """Late is told as late, with what to do."""
    only(house, ("p-a", S.SHIPPED, TODAY - timedelta(days=1)))
    page = coming((await owner.get("/")).text)
    assert "Late: was due yesterday" in page
    assert "It should have been here by now" in page


def test_an_order_without_a_known_day_stands_last(house: House) -> None:
    """Its question is no longer kept; the order still is."""
    only(house, ("p-a", S.PLACED, TODAY), ("p-b", S.PLACED, TODAY))
    del house.home.all_prompts["p-b"]
    days = agenda(rows(house.home.intents(limit=9), house.home, now=NOW), today=TODAY)
    assert [day.day for day in days] == [TODAY, None]


async def test_nothing_under_way_shows_no_agenda(owner: httpx.AsyncClient, house: House) -> None:
    """An empty list would only push the stock down."""
    house.home.all_intents.clear()
    assert 'data-live="coming" hidden' in (await owner.get("/")).text


def ask_too(house: House, item: str, *, hours: int, **changes: object) -> None:
    """One question more."""
    offer = sample_offer(item, title=f"{item} of that kind", **changes)  # type: ignore[arg-type]
    asked = replace(sample_prompt(f"p-{item}", item=item, offer=offer), order_by=NOW + timedelta(hours=hours))
    house.home.add(asked)


async def test_questions_of_one_delivery_stand_together(owner: httpx.AsyncClient, house: House) -> None:
    """One frame, the ripest first, each with its own link and sum."""
    ask_too(house, "coffee", hours=3)
    page = (await owner.get("/")).text
    batch = page[page.index("data-delivery=") : page.index("</section>", page.index("data-delivery="))]
    assert "2 questions for one delivery from <bdi>grocer</bdi>" in batch
    assert re.findall(r'data-prompt="([^"]+)"', batch) == ["p-coffee", "p-milk"]
    assert [batch.count(f'href="/prompts/{name}"') for name in ("p-coffee", "p-milk")] == [1, 1]
    assert "Order and pay" not in page


@pytest.mark.parametrize(
    "changes", [{"merchant": "corner"}, {"deliver_by": date(2026, 3, 5)}, {"delivery_ref": "work"}]
)
async def test_what_comes_apart_is_asked_apart(
    owner: httpx.AsyncClient, house: House, changes: dict[str, object]
) -> None:
    """Another merchant, day or address is another delivery; so is a question that was put off."""
    ask_too(house, "coffee", hours=3, **changes)
    page = (await owner.get("/")).text
    assert "data-delivery=" not in page
    assert page.index('data-prompt="p-coffee"') < page.index('data-prompt="p-milk"')
    assert page.index('data-prompt="p-milk"') < page.index('data-prompt="p-detergent"')


@pytest.mark.parametrize("apart", [True, False])
async def test_a_flood_of_questions_keeps_the_page_small(owner: httpx.AsyncClient, house: House, apart: bool) -> None:
    """Two hundred of them, and fifty orders: the ripest with their links, the rest counted, under 60 kB."""
    milk = house.home.known["milk"]
    for number in range(196):
        name = f"item-{number}"
        item = milk.item.model_copy(update={"id": name, "name": f"Something to eat {number}"})
        house.home.known[name] = replace(milk, item=item)
        day = date(2026, 3, 4) + timedelta(days=number if apart else 0)
        ask_too(house, name, hours=number + 30, deliver_by=day)
    only(house, *((f"p-o{number}", S.PARKED, TODAY + timedelta(days=number)) for number in range(50)))
    answer = await owner.get("/")
    assert len(answer.content) < 60_000
    asked = re.findall(r'<article[^>]* data-prompt="([^"]+)"', answer.text)
    assert asked == ["p-milk", *(f"p-item-{number}" for number in range(21))]
    assert 'data-unseen="176"' in answer.text  # 196 and two of the sample home, less those shown
    assert answer.text.count("data-arrival=") == 12
    assert "38 orders more" in answer.text


@pytest.mark.parametrize(
    ("last", "told"), [("", "A day, such as 2026-12-31."), ("2020-01-01", "the last day must lie ahead")]
)
async def test_a_day_away_that_cannot_be_is_told_beside_its_field(
    owner: httpx.AsyncClient, house: House, last: str, told: str
) -> None:
    """What was typed stays, and nothing is noted."""
    house.decisions.asked = Reason("away", "Are you away?")
    house.decisions.refusal = RefusedError("the last day must lie ahead")
    csrf = field((await owner.get("/account")).text, "csrf")
    answer = await owner.post("/presence", data={"csrf": csrf, "said": "guests", "last": last})
    assert answer.status_code == 422
    form = answer.text[answer.text.index('value="guests"') :]
    form = form[: form.index("</form>")]
    assert f'value="{last}" aria-invalid="true" aria-describedby="last-error"' in form
    assert told in form
    assert 'aria-invalid="true"' not in answer.text.replace(form, "")


async def test_the_names_of_an_item_that_is_gone_is_its_id(owner: httpx.AsyncClient, house: House) -> None:
    """An order outlives its item."""
    only(house, ("p-a", S.PLACED, TODAY))
    del house.home.known[ItemId("milk")]
    assert "<bdi>milk</bdi>" in coming((await owner.get("/")).text)
