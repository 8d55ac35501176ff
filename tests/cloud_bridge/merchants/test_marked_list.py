"""Lists that forget: what stands there, what else may stand there, and answers that no list should give."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr, ValidationError

from cloud_bridge import counterparts
from cloud_bridge.config import load, merchant_secrets
from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Followed, Open, Outcome, Placed, Progress, Rejected, Unknown
from cloud_bridge.core.quote import Wanted
from cloud_bridge.counterparts import Own
from cloud_bridge.errors import ConfigurationError, MerchantAwayError, MerchantError, MerchantUnclearError
from cloud_bridge.merchant_config import SecretKind
from cloud_bridge.merchants.http import BODY_BYTES_MAX, MerchantHttp
from cloud_bridge.merchants.list_marks import ListMark, marks_in
from cloud_bridge.merchants.list_session import ListSession, uid_of
from cloud_bridge.merchants.marked_list import MarkedListMerchant
from cloud_bridge.prices import PriceDesk
from cloud_bridge.wire import PriceQuery
from tests.cloud_bridge.grocy_list import FakeGrocy, grocy_config
from tests.cloud_bridge.hass_list import NO_DESCRIPTIONS, TOKEN, FakeHass, todo_config
from tests.cloud_bridge.kept_list import Kept, KeptList, connect, order_entry, served_by
from tests.cloud_bridge.rig import MERCHANT, MILK, HandClock
from tests.cloud_bridge.sample_merchant import AGENT_KEY

WANTED = Wanted(MILK, 2, "home")
KEY, OTHER = uid_of("our order"), uid_of("another order")
SESSION = ListSession(uid_of("k"), MILK, 2)
DOCS = Path(__file__).parents[3] / "docs" / "merchants"
Fake = FakeHass | FakeGrocy
LISTS: tuple[Callable[[], Fake], ...] = (FakeHass, lambda: FakeHass(features=NO_DESCRIPTIONS), FakeGrocy)


@pytest.fixture(params=LISTS, ids=["ha_todo", "ha_todo without descriptions", "grocy"])
def kept(request: pytest.FixtureRequest) -> Fake:
    """Each list in turn, empty."""
    fake: Fake = request.param()
    return fake


async def _put(merchant: MarkedListMerchant) -> Placed:
    placed = await merchant.place(SESSION.name, key=KEY)
    assert isinstance(placed, Placed)
    return placed


def _entry(placed: Placed) -> str:
    return order_entry(placed.merchant_order_id) or ""


def _all(kept: KeptList) -> list[Kept]:
    return list(kept.entries().values())


# --- the mark ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("session", [SESSION, ListSession(uid_of("x"), "s" * 64, 99), ListSession(KEY, "a.b:c_d-9", 1)])
@pytest.mark.parametrize("around", ["{}", "2 x Milk {}", "{} (the blue one)", "[restock] {}\n[x]"])
def test_a_mark_is_read_as_it_was_written(session: ListSession, around: str) -> None:
    """Whatever a person writes around it."""
    mark = ListMark(session, KEY)
    assert marks_in(around.format(mark.text)) == (mark,)


_MARK = ListMark(SESSION, KEY).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "milk",
        "[restock]",
        _MARK[:-1],
        _MARK[1:],
        _MARK.replace(" 2 ", " 0 "),
        _MARK.replace(" ", ""),
        _MARK.upper(),
    ],
)
def test_half_a_mark_is_none(text: str) -> None:
    """It is never guessed what was meant."""
    assert marks_in(text) == ()


def test_long_texts_with_many_beginnings_are_read_in_no_time() -> None:
    """A hostile entry costs what an honest one of its length costs."""
    assert marks_in("[restock " * 20_000 + _MARK) == (ListMark(SESSION, KEY),)


# --- what the household sees -------------------------------------------------------------------------


async def test_a_quote_leaves_nothing_on_the_list_and_has_no_price(kept: Fake) -> None:
    """Neither has the price list of it."""
    async with connect(kept) as merchant:
        assert (await merchant.quote(WANTED, key="k")).total_minor == 0
        desk = PriceDesk({MERCHANT: merchant}, clock=HandClock(), new_key=lambda: str(uuid4()))
        told = await desk.list_prices(PriceQuery(merchant=MERCHANT, delivery_ref="home", skus=(MILK,)))
    assert (told.charges, told.merchant_class, told.lines[0].unit_price_minor) == (False, "C", None)
    assert kept.entries() == {}


@pytest.mark.parametrize(
    ("articles", "text"),
    [({MILK: "牛奶 1 升 🥛"}, "牛奶 1 升 🥛"), ({}, MILK), ({MILK: "[restock a;b,c\\d\"'"}, "[restock a;b,c\\d\"'")],
)
async def test_the_household_reads_number_and_title(kept: Fake, articles: dict[str, str], text: str) -> None:
    """Whatever the title holds; the mark stands behind it."""
    async with connect(kept, articles=articles) as merchant:
        await _put(merchant)
    assert _all(kept) == [Kept(f"2 x {text} {_MARK}")]


async def test_the_mark_stands_where_it_is_least_in_the_way() -> None:
    """In the description, where the list takes one."""
    kept = FakeHass()
    async with connect(kept) as merchant:
        await _put(merchant)
    [item] = kept.items.values()
    assert (item["summary"], item["description"]) == ("2 x Whole milk 1 L", _MARK)


async def test_what_was_ticked_off_is_bought(kept: Fake) -> None:
    """All of it, and none of it before."""
    async with connect(kept) as merchant:
        placed = await _put(merchant)
        assert await merchant.events(placed.merchant_order_id, session_id=SESSION.name) == Followed(
            Progress.PREPARING, ordered=2
        )
        kept.tick(_entry(placed))
        assert await merchant.events(placed.merchant_order_id, session_id=SESSION.name) == Followed(
            Progress.DELIVERED, ordered=2, delivered=2
        )


async def test_an_entry_that_somebody_rewrote_is_still_known_by_its_id(kept: Fake) -> None:
    """The mark is gone, the entry is not; no number in its text is a count."""
    async with connect(kept) as merchant:
        placed = await _put(merchant)
        if isinstance(kept, FakeHass):
            kept.items[_entry(placed)] = {"summary": "12 x oat milk", "status": "needs_action"}
        else:
            kept.rows[int(_entry(placed))]["note"] = "12 x oat milk"
        order_id = placed.merchant_order_id
        assert await merchant.events(order_id, session_id=SESSION.name) == Followed(Progress.PREPARING, ordered=2)
        assert await merchant.events(order_id) == Followed(Progress.PREPARING)
        assert await merchant.get(SESSION.name) == Open(0, "USD")  # by its mark it cannot be found any more


async def test_an_order_that_is_none_of_this_lists_is_not_followed(kept: Fake) -> None:
    """Nobody has taken off what never was there."""
    async with connect(kept) as merchant:
        for order_id in ("", "1", "no-such-order", "/1", f"{SESSION.uid}x/1"):
            with pytest.raises(MerchantAwayError):
                await merchant.events(order_id, session_id=SESSION.name)


async def test_an_entry_without_an_id_of_its_own_is_known_by_its_mark() -> None:
    """Home Assistant's lists may have such."""
    kept = FakeHass()
    async with connect(kept) as merchant:
        kept.change = lambda told: json.loads(json.dumps(told).replace('"uid":', '"nothing":'))
        placed = await _put(merchant)
        assert placed.merchant_order_id == SESSION.uid
        assert await merchant.events(SESSION.uid) == Followed(Progress.PREPARING, ordered=2)
        kept.items.clear()
        assert await merchant.events(SESSION.uid) == Followed(Progress.CANCELLED, by_household=True)


async def test_a_copied_entry_is_bought_once_every_copy_is_ticked(kept: Fake) -> None:
    """Nobody can tell which is the copy; it is one order all the same."""
    async with connect(kept) as merchant:
        first = await _put(merchant)
        kept.write(_all(kept)[0].text)
        assert await merchant.place(SESSION.name, key=KEY) == first
        kept.tick(_entry(first))
        for entry_id, progress in zip(list(kept.entries()), (Progress.PREPARING, Progress.DELIVERED), strict=True):
            assert (await merchant.events(first.merchant_order_id, session_id=SESSION.name)).progress is progress
            kept.tick(list(kept.entries())[-1])
            assert entry_id in kept.entries()


# --- what else may be there --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mark",
    [
        ListMark(SESSION, OTHER),
        ListMark(ListSession(SESSION.uid, "eggs", 2), KEY),
        ListMark(ListSession(SESSION.uid, MILK, 3), KEY),
    ],
)
async def test_anothers_entry_under_our_name_is_not_ours(kept: Fake, mark: ListMark) -> None:
    """It is neither taken for the order, nor is anything put beside it; a look-up shows what it says of itself."""
    kept.write(mark.text)
    async with connect(kept) as merchant:
        assert await merchant.place(SESSION.name, key=KEY) == Unknown(Detail.ANOTHER_ORDER_SHOWN)
        found = await merchant.get(SESSION.name, reference=KEY)
    assert isinstance(found, Placed)
    assert (found.reference, found.sku, found.quantity) == (mark.reference, mark.session.sku, mark.session.quantity)
    assert len(_all(kept)) == 1


async def test_a_list_that_is_gone_is_no_household_that_cancelled_everything(kept: Fake) -> None:
    """Nothing is placed, nothing is cancelled, and nothing is told of what stood there."""
    async with connect(kept) as merchant:
        placed = await _put(merchant)
        if isinstance(kept, FakeHass):
            kept.loaded = False
        else:
            kept.lists.clear()
            kept.rows.clear()
        with pytest.raises(MerchantAwayError):
            await merchant.events(placed.merchant_order_id, session_id=SESSION.name)
        with pytest.raises(MerchantAwayError):
            await merchant.quote(WANTED, key="another")
        assert await merchant.place(ListSession(OTHER, MILK, 2).name, key=OTHER) == Unknown(Detail.MERCHANT_AWAY)


async def test_a_list_that_looks_empty_because_it_is_not_loaded_yet_is_not_believed() -> None:
    """Home Assistant's has no state then, and tells of no entries."""
    kept = FakeHass()
    async with connect(kept) as merchant:
        placed = await _put(merchant)
        kept.items.clear()
        kept.change = lambda told: {**told, "state": "unknown"} if "state" in told else told
        with pytest.raises(MerchantAwayError):
            await merchant.events(placed.merchant_order_id, session_id=SESSION.name)


@pytest.mark.parametrize(("make", "own"), [(FakeHass, "todo.kitchen"), (FakeGrocy, '"id": 1, "name"')])
async def test_an_answer_about_another_list_is_not_believed(make: Callable[[], Fake], own: str) -> None:
    """Whatever stands on that one, nothing was taken off ours."""
    kept = make()
    async with connect(kept) as merchant:
        placed = await _put(merchant)
        kept.remove(_entry(placed))
        other = own.replace("kitchen", "other").replace("1", "7")
        kept.change = lambda told: json.loads(json.dumps(told).replace(own, other))
        with pytest.raises(MerchantUnclearError):
            await merchant.events(placed.merchant_order_id, session_id=SESSION.name)


async def test_an_entry_that_was_moved_to_another_list_of_grocy_is_still_there() -> None:
    """Whoever shops at another place has moved it."""
    kept = FakeGrocy()
    async with connect(kept) as merchant:
        placed = await _put(merchant)
        kept.rows[int(_entry(placed))]["shopping_list_id"] = 2
        assert (await merchant.events(placed.merchant_order_id, session_id=SESSION.name)).progress is Progress.PREPARING


async def test_a_list_that_takes_no_entries_refuses() -> None:
    """Some to-do lists of Home Assistant only show what another program keeps."""
    async with connect(FakeHass(features=4)) as merchant:
        assert await merchant.place(SESSION.name, key=KEY) == Rejected(Detail.MERCHANT_REFUSED)


async def test_a_wrong_key_changes_nothing(kept: Fake) -> None:
    """The order waits at its quote; the key stands in no message."""
    async with connect(kept, token="a-wrong-one") as merchant:
        with pytest.raises(MerchantAwayError, match="status 401") as refused:
            await merchant.quote(WANTED, key="k")
    assert "a-wrong-one" not in str(refused.value)


# --- answers that no list should give ----------------------------------------------------------------

_LOGIN = httpx.Response(200, headers={"Content-Type": "text/html"}, text="<html><form>Log in</form></html>")
_ELSEWHERE = httpx.Response(302, headers={"Location": "https://evil.example/"})
_HUGE = httpx.Response(200, content=b"[" + b" " * BODY_BYTES_MAX + b"]")
_PACKED = httpx.Response(200, headers={"Content-Encoding": "gzip"})
_WRONG = [
    httpx.Response(200, text=text) for text in ("", "null", "[]", "{}", '"x"', "[" * 100_000, '{"a": NaN}', "[1]")
]


@contextlib.asynccontextmanager
async def _saying(
    kept: Fake, answer: httpx.Response, *, to_adding: bool
) -> AsyncIterator[tuple[MarkedListMerchant, set[str]]]:
    """A connector to a server that gives this answer to one kind of request; and the hosts that were asked."""
    asked: set[str] = set()

    def say(request: httpx.Request) -> httpx.Response:
        asked.add(request.url.host)
        return answer if kept.is_adding(request) == to_adding else kept._answer(request)

    async with MerchantHttp(kept.url, deadline_s=5, transport=_answering(say)) as http:
        yield kept.connector(http), asked


def _answering(say: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncBaseTransport:
    return served_by(lambda request: _again(say(request)))


def _again(answer: httpx.Response) -> httpx.Response:
    if "content-encoding" in answer.headers:
        return answer
    return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.mark.parametrize(
    "answer",
    [
        _LOGIN,
        _ELSEWHERE,
        _HUGE,
        _PACKED,
        *_WRONG,
        *(httpx.Response(each) for each in (201, 204, 400, 401, 404, 429, 500)),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.text[:12]}",
)
async def test_a_list_that_cannot_be_read_gives_no_session_and_takes_no_entry(
    kept: Fake, answer: httpx.Response
) -> None:
    """The order waits; what was placed is neither bought nor cancelled; nothing leads anywhere else."""
    async with _saying(kept, answer, to_adding=False) as (merchant, asked):
        with pytest.raises(MerchantAwayError):
            await merchant.quote(WANTED, key="k")
        with pytest.raises(MerchantError):
            await merchant.get(SESSION.name, reference=KEY)
        with pytest.raises(MerchantError):
            await merchant.events(f"{SESSION.uid}/1", session_id=SESSION.name)
        assert isinstance(await merchant.place(SESSION.name, key=KEY), Unknown)
    assert (kept.entries(), asked) == ({}, {httpx.URL(kept.url).host})


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        *(
            (httpx.Response(status), Rejected(Detail.MERCHANT_REFUSED))
            for status in (400, 401, 403, 404, 405, 413, 415)
        ),
        *((httpx.Response(status), Unknown(Detail.NO_ANSWER)) for status in (201, 301, 307, 429, 500, 502, 503)),
        (_LOGIN, Unknown(Detail.NO_ANSWER)),
        (_HUGE, Unknown(Detail.NO_ANSWER)),
        (httpx.Response(200, json=[]), Unknown(Detail.NO_ANSWER)),  # as Home Assistant says of a list that is not there
    ],
)
async def test_what_an_answer_to_an_addition_means(kept: Fake, answer: httpx.Response, outcome: Outcome) -> None:
    """Clearly refused, or unknown: that something was added is believed only of the list itself."""
    async with _saying(kept, answer, to_adding=True) as (merchant, _):
        assert await merchant.place(SESSION.name, key=KEY) == outcome


def _renamed(old: str, new: str) -> Callable[[Any], Any]:
    return lambda told: json.loads(json.dumps(told).replace(f'"{old}":', f'"{new}":'))


@pytest.mark.parametrize(
    ("make", "old"),
    [
        *((FakeHass, name) for name in ("summary", "description", "uid", "status")),
        *((FakeHass, name) for name in ("items", "service_response", "state", "entity_id")),
        *((FakeGrocy, name) for name in ("id", "note", "done")),
    ],
)
async def test_a_renamed_field_is_nothing_that_the_household_did(make: Callable[[], Fake], old: str) -> None:
    """What cannot be read is neither bought nor taken off: it is known in another way, or nothing is told."""
    kept = make()
    async with connect(kept) as merchant:
        placed = await _put(merchant)
        kept.tick(_entry(placed))
        kept.change = _renamed(old, "renamed")
        try:
            told = await merchant.events(placed.merchant_order_id, session_id=SESSION.name)
        except MerchantError:
            return
    assert (told.progress, old) == (Progress.DELIVERED, old if old in {"summary", "description", "uid"} else None)


async def test_a_newer_version_that_says_more_is_understood(kept: Fake) -> None:
    """New members are nothing to us, nor are entries of others in a state that we do not know."""

    def more(told: Any) -> Any:  # noqa: ANN401 - JSON of many kinds
        if isinstance(told, dict):
            return {**{name: more(value) for name, value in told.items()}, "new": {"deep": [1]}} if told else told
        return [more(each) for each in told] if isinstance(told, list) else told

    def but_for_entities(told: Any) -> Any:  # noqa: ANN401 - JSON of many kinds
        grown = more(told)
        if isinstance(grown, dict) and "service_response" in grown:
            del grown["service_response"]["new"]  # its members are lists
        return grown

    kept.change = but_for_entities
    async with connect(kept) as merchant:
        placed = await _put(merchant)
        kept.write("eggs")
        stranger = list(kept.entries())[-1]
        _set_status(kept, stranger)
        assert (await merchant.events(placed.merchant_order_id, session_id=SESSION.name)).progress is Progress.PREPARING
        _set_status(kept, _entry(placed))
        with pytest.raises(MerchantUnclearError):
            await merchant.events(placed.merchant_order_id, session_id=SESSION.name)


def _set_status(kept: Fake, entry_id: str) -> None:
    if isinstance(kept, FakeHass):
        kept.items[entry_id]["status"] = "postponed"
    else:
        kept.rows[int(entry_id)]["done"] = 2


# --- configuration -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["home-assistant-list.md", "grocy.md"])
def test_a_list_stands_in_the_file_as_the_guide_shows_it(tmp_path: Path, page: str) -> None:
    """The section of its page, read as the bridge reads it, and its key by its name."""
    [section] = re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "bridge.toml").write_text(section, encoding="utf-8")
    config = load(tmp_path / "bridge.toml")
    [merchant] = config.merchants
    secrets = merchant_secrets(config, {"RESTOCK_API_KEY_KITCHEN_LIST": "x"})
    assert set(secrets[merchant.id]) == {SecretKind.API_KEY}
    with pytest.raises(ConfigurationError, match="RESTOCK_API_KEY_KITCHEN_LIST"):
        merchant_secrets(config, {})


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        (todo_config, {"entity": "light.kitchen"}),
        (todo_config, {"entity": "todo.kitchen, todo.other"}),
        (todo_config, {"entity": "all"}),
        (todo_config, {"url": "http://homeassistant.local:8123"}),
        (grocy_config, {"shopping_list": 0}),
        (grocy_config, {"url": "http://grocy.local"}),
        (grocy_config, {"articles": {"milk": "two\nlines"}}),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: Callable[..., object], changes: dict[str, str]) -> None:
    """One list, and no key in the clear."""
    with pytest.raises(ValidationError):
        section(**{"url": "https://home.example", **changes})


@pytest.mark.parametrize(
    ("key", "is_good"), [("a.b-c_d~e/f+g==", True), ("", False), ("two words", False), ("two\nlines", False)]
)
def test_the_key_can_be_sent_as_it_is(key: str, is_good: bool) -> None:
    """Where it cannot, the fault does not tell it."""
    for config in (todo_config(FakeHass().url), grocy_config(FakeGrocy().url)):
        fault = config.secret_fault(SecretKind.API_KEY, SecretStr(key))
        assert (fault is None) == is_good
        assert not key or key not in (fault or "")


async def test_a_list_is_wired_like_any_merchant() -> None:
    """It sends no webhooks, so nobody speaks for it; nobody can be found to trust it with more than class C."""
    own = Own(key=AGENT_KEY, public_url="https://bridge.example", now=lambda: datetime.now(UTC))
    secrets = {SecretKind.API_KEY: SecretStr(TOKEN)}
    for config in (todo_config(FakeHass().url), grocy_config(FakeGrocy().url)):
        async with contextlib.AsyncExitStack() as stack:
            wired = await counterparts.connect(stack, config, secrets=secrets, own=own)
            assert wired.verifier is None
            assert wired.merchant.capability.merchant_class is MerchantClass.C
            assert wired.merchant.capability.shows_orders
            assert wired.merchant.delivers_to("anywhere")
        with pytest.raises(ConfigurationError):
            MarkedListMerchant(config.model_copy(update={"merchant_class": "A"}), entries=FakeEntries())


class FakeEntries:
    """A list that nobody asks."""

    async def read(self) -> tuple[()]:
        """Nothing."""
        return ()

    async def add(self, text: str, *, quantity: int, mark: str) -> None:
        """Nothing."""


# --- the published API of Grocy ----------------------------------------------------------------------


@pytest.fixture
def api() -> dict[str, Any]:
    """The published document."""
    if "RESTOCK_GROCY_API" not in os.environ:
        pytest.skip("needs RESTOCK_GROCY_API, a grocy.openapi.json")
    read: dict[str, Any] = json.loads(Path(os.environ["RESTOCK_GROCY_API"]).read_text(encoding="utf-8"))
    return read


async def test_what_is_said_is_what_grocys_published_api_has(api: dict[str, Any]) -> None:
    """Our request and the fake's answers, by its schema of a row; what the schema does not know is named here."""
    row = api["components"]["schemas"]["ShoppingListItem"]
    judge = Draft202012Validator({**row, "additionalProperties": False})
    assert {"get", "post"} <= set(api["paths"]["/objects/{entity}"])
    assert "get" in api["paths"]["/objects/{entity}/{objectId}"]
    entities = api["components"]["schemas"]["ExposedEntity"]["enum"]
    assert {"shopping_list", "shopping_lists"} <= set(entities)
    assert api["components"]["securitySchemes"]["ApiKeyAuth"]["name"] == "GROCY-API-KEY"
    kept = FakeGrocy()
    async with connect(kept) as merchant:
        await _put(merchant)
    assert [fault.message for each in kept.written for fault in judge.iter_errors(each)] == []
    [told] = kept.rows.values()
    assert set(told) - set(row["properties"]) == {"done", "qu_id"}
