"""The store of everything that may cost money."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import apsw
import pytest

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.orders import Orders
from edge_agent.core import intent as intents
from edge_agent.core.intent import LIVE, IntentChange, IntentRecord, IntentState
from edge_agent.core.messages import Delivery, IntentId, ItemId, Pack, PromptId
from edge_agent.core.order_facts import OrderFacts
from edge_agent.core.prompt import PromptChange, PromptEvent, PromptState, step
from edge_agent.errors import (
    BugError,
    HandoverMovedError,
    RefusedError,
    StaleTermsError,
    StoreBusyError,
    StoreCorruptError,
    StoreFailedError,
)
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.samples import MILK, NOW, RECEIPT, intent, price, prompt, terms


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """An open store in a fresh folder."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as opened:
        yield opened


@pytest.fixture
def orders(connection: Connection) -> Orders:
    """Orders on that store."""
    return Orders(connection)


def approval(ident: str = "p1") -> PromptChange:
    """Anna approves the sample prompt."""
    return step(prompt(ident), PromptEvent.APPROVE, now=NOW, by="anna")


def hand_over(orders: Orders) -> None:
    """A prompt, approved."""
    orders.add_prompt(prompt())
    orders.approve(approval(), intent=intent(), terms=terms(), signature=b"s" * 64, body=b"{}", receipt=RECEIPT)


def cancelled(record: IntentRecord) -> IntentChange:
    """The end of an order, so that its item is free."""
    change = intents.step(record, IntentState.CANCELLED, at=NOW)
    assert change is not None
    return change


def count(connection: Connection, table: str) -> int:
    """Rows of a table."""
    return int(connection.db.execute(f"SELECT count(*) FROM {table}").get)  # noqa: S608 - names of this file


def events(connection: Connection) -> list[str]:
    """The kinds of events in the audit log, oldest first."""
    return [row[0] for row in connection.db.execute("SELECT json_extract(event, '$.event') FROM audit ORDER BY seq")]


def test_a_prompt_comes_back_as_it_went_in(orders: Orders) -> None:
    """Nothing of a prompt is lost or rounded on the way through the store."""
    orders.add_prompt(prompt())
    assert orders.prompt(PromptId("p1")) == prompt()
    assert orders.live_prompt(ItemId("milk")) == prompt()


def test_an_intent_comes_back_as_it_went_in(orders: Orders) -> None:
    """Nothing of an intent is lost or rounded on the way through the store."""
    hand_over(orders)
    assert orders.intent(IntentId("i1")) == intent()
    assert orders.intent_of(PromptId("p1")) == intent()


def test_the_hand_over_is_whole(orders: Orders, connection: Connection) -> None:
    """An approval leaves prompt, authority, ledger, intent, outbox and audit, one of each."""
    hand_over(orders)
    assert [count(connection, t) for t in ("authority", "ledger", "intent", "outbox")] == [1, 1, 1, 1]
    assert events(connection) == ["prompt_opened", "prompt_approve", "approved"]
    stored = orders.prompt(PromptId("p1"))
    assert stored is not None
    assert stored.state is PromptState.APPROVED


@pytest.mark.parametrize("table", ["authority", "ledger", "intent", "outbox", "audit", "prompt"])
def test_the_hand_over_is_whole_or_nothing(orders: Orders, connection: Connection, table: str) -> None:
    """When any one of the six writes fails, none of them is there."""
    orders.add_prompt(prompt())
    before = count(connection, "audit")
    operation = "UPDATE" if table == "prompt" else "INSERT"
    connection.db.execute(f"CREATE TEMP TRIGGER broken BEFORE {operation} ON main.{table} "
                          "BEGIN SELECT raise(ABORT, 'broken'); END")  # fmt: skip
    with pytest.raises(apsw.ConstraintError):
        orders.approve(approval(), intent=intent(), terms=terms(), signature=b"s" * 64, body=b"{}", receipt=RECEIPT)
    assert [count(connection, t) for t in ("authority", "ledger", "intent", "outbox")] == [0, 0, 0, 0]
    assert count(connection, "audit") == before
    assert orders.live_prompt(ItemId("milk")) == prompt()


def test_a_prompt_is_approved_once(orders: Orders, connection: Connection) -> None:
    """The second of two approvals of one prompt is refused and leaves nothing."""
    hand_over(orders)
    with pytest.raises(RefusedError):
        orders.approve(
            approval(), intent=intent("i2"), terms=terms("i2", number=2), signature=b"s" * 64, body=b"{}",
            receipt=RECEIPT,
        )  # fmt: skip
    assert count(connection, "intent") == 1


@pytest.mark.parametrize("number", [1, 3])
def test_a_hand_over_has_the_next_number(orders: Orders, connection: Connection, number: int) -> None:
    """Numbers leave no gap and none is given twice: terms sealed under another one are sealed again."""
    hand_over(orders)
    assert orders.next_handover() == 2
    orders.change_intents([cancelled(intent())], cursor=None)
    orders.add_prompt(prompt("p2"))
    with pytest.raises(HandoverMovedError, match="again"):
        orders.approve(
            approval("p2"), intent=intent("i2", of="p2"), terms=terms("i2", number=number, nonce="f" * 32),
            signature=b"s" * 64, body=b"{}", receipt=RECEIPT,
        )  # fmt: skip
    assert count(connection, "authority") == 1
    assert orders.live_prompt(ItemId("milk")) == prompt("p2"), "nothing of it is kept"


def test_a_leave_is_used_once(orders: Orders, connection: Connection) -> None:
    """A nonce that was seen buys nothing more, on whatever prompt."""
    hand_over(orders)
    orders.change_intents([cancelled(intent())], cursor=None)
    orders.add_prompt(prompt("p2"))
    with pytest.raises(RefusedError, match="used before"):
        orders.approve(
            approval("p2"), intent=intent("i2", of="p2"), terms=terms("i2", number=2, nonce=f"{1:032x}"),
            signature=b"s" * 64, body=b"{}", receipt=RECEIPT,
        )  # fmt: skip
    assert count(connection, "intent") == 1


@pytest.mark.parametrize(
    "mixed",
    [
        {"terms": terms("i9", number=1)},
        {"receipt": b'{"kind":"other"}'},
        {"terms": terms("i1", number=1, leave="draw")},
    ],
)
def test_leave_of_two_orders_is_never_mixed(orders: Orders, mixed: dict[str, object]) -> None:
    """Terms of another intent, another receipt or another kind of leave are our own contradiction."""
    orders.add_prompt(prompt())
    given: dict[str, object] = {"terms": terms(), "receipt": RECEIPT} | mixed
    with pytest.raises(BugError):
        orders.approve(approval(), intent=intent(), signature=b"s" * 64, body=b"{}", **given)
    assert orders.intents(live=False, limit=5) == []


def test_an_item_with_an_order_is_not_bought_again(orders: Orders, connection: Connection) -> None:
    """Even where an order came to the item after it was asked about."""
    orders.add_prompt(prompt())
    connection.db.execute(
        "INSERT INTO intent (id, prompt, item, state, version, merchant, quantity, amount, total_minor, currency, "
        "created_ms, changed_ms) "
        "SELECT 'i7', 'bridge-i7', item, 'placed', 1, 'grocer', 1, 1.0, 1, 'USD', 1, 1 FROM prompt"
    )
    with pytest.raises(RefusedError, match="under way"):
        orders.approve(approval(), intent=intent(), terms=terms(), signature=b"s" * 64, body=b"{}", receipt=RECEIPT)
    assert orders.live_prompt(ItemId("milk")) == prompt()


def test_a_word_stands_for_the_terms_it_was_given_for(orders: Orders, connection: Connection) -> None:
    """Who agreed is kept with the hash; after a change of the terms nobody has agreed."""
    orders.add_prompt(prompt())
    orders.endorse(PromptId("p1"), terms_hash=prompt().terms_hash, by="anna", at=NOW)
    orders.endorse(PromptId("p1"), terms_hash=prompt().terms_hash, by="anna", at=NOW)
    assert [word.by for word in orders.endorsements(PromptId("p1"))] == ["anna"]
    with pytest.raises(StaleTermsError):
        orders.endorse(PromptId("p1"), terms_hash="0" * 64, by="ben", at=NOW)
    connection.db.execute("UPDATE prompt SET terms_hash = ?", ("e" * 64,))
    assert orders.endorsements(PromptId("p1")) == ()


@pytest.mark.parametrize("late", [False, True])
def test_a_closed_prompt_takes_no_word(orders: Orders, *, late: bool) -> None:
    """Neither after an answer nor after the end of the offer."""
    orders.add_prompt(prompt())
    if not late:
        orders.change_prompt(step(prompt(), PromptEvent.DECLINE, now=NOW, by="ben"))
    at = prompt().offer.expires_at if late else NOW
    with pytest.raises(RefusedError, match="open"):
        orders.endorse(PromptId("p1"), terms_hash=prompt().terms_hash, by="anna", at=at)


@pytest.mark.parametrize("state", sorted(LIVE))
def test_one_live_order_per_need(orders: Orders, connection: Connection, state: IntentState) -> None:
    """While an order of an item is under way, it is not asked about again: the rule and the schema agree."""
    hand_over(orders)
    connection.db.execute("UPDATE intent SET state = ?", (state,))
    with pytest.raises(RefusedError, match="under way"):
        orders.add_prompt(prompt("p2"))
    with pytest.raises(apsw.ConstraintError):
        connection.db.execute(
            "INSERT INTO intent (id, prompt, item, state, version, merchant, quantity, amount, total_minor, currency, "
            "created_ms, changed_ms) SELECT 'i2', 'p2', item, state, version, merchant, quantity, amount, total_minor, "
            "currency, created_ms, changed_ms FROM intent"
        )


def test_one_live_prompt_per_item(orders: Orders) -> None:
    """A second open prompt of an item is refused."""
    orders.add_prompt(prompt())
    with pytest.raises(RefusedError, match="open question"):
        orders.add_prompt(prompt("p2"))


def test_a_change_of_an_older_version_is_refused(orders: Orders) -> None:
    """Two people answering at once: the first durable answer wins, the second is told."""
    orders.add_prompt(prompt())
    first = step(prompt(), PromptEvent.DECLINE, now=NOW, by="anna")
    second = step(prompt(), PromptEvent.SNOOZE, now=NOW, by="ben", wake_at=NOW + timedelta(hours=6))
    orders.change_prompt(first)
    with pytest.raises(RefusedError, match="meanwhile"):
        orders.change_prompt(second)
    stored = orders.prompt(PromptId("p1"))
    assert stored is not None
    assert stored.answered_by == "anna"


def test_a_status_and_its_cursor_are_one(orders: Orders, connection: Connection) -> None:
    """Applying events moves the cursor in the same transaction, and never back."""
    hand_over(orders)
    change = intents.step(intent(), IntentState.PLACED, at=NOW, merchant_order_id="o-1", charged_minor=1016)
    assert change is not None
    orders.change_intents([change], cursor=7)
    assert orders.status_cursor() == 7
    stale = intents.step(intent(), IntentState.HELD, at=NOW)
    assert stale is not None
    with pytest.raises(RefusedError):
        orders.change_intents([stale], cursor=9)
    assert orders.status_cursor() == 7
    orders.change_intents([], cursor=3)
    assert orders.status_cursor() == 7
    assert connection.db.execute("SELECT state, amount_minor FROM ledger").fetchone() == ("spent", 1016)


def test_the_outbox_keeps_a_row_until_it_is_answered(orders: Orders) -> None:
    """A failed attempt leaves the body as it was, byte for byte; an answer removes it."""
    hand_over(orders)
    [row] = orders.outbox(limit=5)
    orders.record_attempt(row, error="away")
    [again] = orders.outbox(limit=5)
    assert (again.body, again.attempts, again.last_error) == (b"{}", 1, "away")
    orders.record_answer(again, intents.step(intent(), IntentState.HELD, at=NOW))
    assert orders.outbox(limit=5) == []


def test_an_order_that_was_not_taken_is_cancelled_here(orders: Orders, connection: Connection) -> None:
    """Before its body is claimed it never leaves; its money is free again."""
    hand_over(orders)
    [row] = orders.outbox(limit=5)
    after = orders.wish_cancel(IntentId("i1"), by="anna", at=NOW)
    assert (after.state, after.detail) == (IntentState.CANCELLED, "cancelled_by_household")
    assert orders.outbox(limit=5) == []
    assert orders.cancel_wishes(limit=5) == []
    assert not orders.claim(row, at=NOW), "a drain that had read the row must not send it"
    assert connection.db.execute("SELECT state FROM ledger").get == "released"


def test_an_order_that_was_taken_is_asked_back(orders: Orders, connection: Connection) -> None:
    """After the claim only the bridge can say; the wish is kept until it has, and asked once."""
    hand_over(orders)
    [row] = orders.outbox(limit=5)
    assert orders.claim(row, at=NOW)
    assert orders.wish_cancel(IntentId("i1"), by="anna", at=NOW).state is IntentState.APPROVED
    orders.wish_cancel(IntentId("i1"), by="ben", at=NOW)
    assert orders.cancel_wishes(limit=5) == ["i1"]
    assert len(orders.outbox(limit=5)) == 1
    orders.answer_cancel(IntentId("i1"), cancelled(intent()))
    assert orders.cancel_wishes(limit=5) == []
    assert connection.db.execute("SELECT state FROM ledger").get == "released"
    with pytest.raises(RefusedError, match="taken back"):
        orders.wish_cancel(IntentId("i1"), by="anna", at=NOW)


@pytest.mark.parametrize(
    ("path", "charged_minor", "money"),
    [
        (["held", "sending", "placed"], 1_016, ("spent", 1_016)),
        (["held", "sending", "placed"], None, ("spent", 1_066)),  # unknown is not less than the ceiling
        (["held", "sending", "rejected"], None, ("released", 1_066)),
        (["held", "expired"], None, ("released", 1_066)),
        (["held", "sending", "unknown", "parked"], None, ("reserved", 1_066)),
        (["held", "sending", "unknown", "not_placed"], None, ("reserved", 1_066)),  # it may be sent again
        (["held", "sending", "unknown", "not_placed", "rejected"], None, ("released", 1_066)),
        (["held", "sending", "needs_buyer"], None, ("reserved", 1_066)),
        (["placed", "cancelled"], 1_016, ("credited", 1_016)),
        (["placed", "shipped", "never_arrived"], 1_016, ("spent", 1_016)),
        (["placed", "shipped", "delivered", "returned"], 1_016, ("spent", 1_016)),
        (["placed", "shipped", "delivered", "refunded"], 1_016, ("credited", 1_016)),
        (["placed", "shipped", "partly_delivered", "cancelled"], 1_016, ("spent", 1_016)),  # a part was bought
        (["placed", "shipped", "partly_delivered", "refunded"], 1_016, ("spent", 1_016)),
    ],
)
def test_the_money_follows_the_order(
    orders: Orders, connection: Connection, path: list[str], charged_minor: int | None, money: tuple[str, int]
) -> None:
    """Reserved while it may still be charged, spent at what was charged, free when it ended, credited on a refund."""
    hand_over(orders)
    record = intent()
    for state in path:
        charge = charged_minor if state == "placed" else None
        change = intents.step(record, IntentState(state), at=NOW, charged_minor=charge)
        assert change is not None
        [record] = orders.change_intents([change], cursor=None)
    assert connection.db.execute("SELECT state, amount_minor FROM ledger").fetchone() == money


P, S = IntentState.PARTLY_DELIVERED, IntentState


@pytest.mark.parametrize(
    ("path", "charged_minor", "money"),
    [
        ([(S.PLACED, None), (S.DELIVERED, None), (S.DELIVERED, 100)], 1_016, ("spent", 916)),
        ([(S.PLACED, None), (S.DELIVERED, 100), (S.DELIVERED, 100), (S.DELIVERED, 250)], 1_016, ("spent", 766)),
        ([(S.PLACED, None), (S.DELIVERED, 100), (S.DELIVERED, 250)], None, ("spent", 816)),  # off the ceiling
        ([(S.PLACED, None), (S.DELIVERED, None), (S.REFUNDED, 1_016)], 1_016, ("credited", 1_016)),
        ([(S.PLACED, None), (P, None), (S.CANCELLED, None), (S.CANCELLED, 400)], 1_016, ("spent", 616)),
        ([(S.PLACED, None), (P, None), (S.CANCELLED, 400), (S.REFUNDED, 1_016)], 1_016, ("credited", 616)),
        ([(S.PLACED, None), (P, None), (S.REFUNDED, 1_016)], 1_016, ("credited", 1_016)),
        ([(S.PLACED, None), (S.CANCELLED, None), (S.CANCELLED, 400)], 1_016, ("credited", 1_016)),
        ([(S.PLACED, None), (S.NEVER_ARRIVED, None), (S.NEVER_ARRIVED, 400)], 1_016, ("spent", 616)),
        ([(S.PLACED, None), (S.DELIVERED, None), (S.RETURNED, 400)], 1_016, ("spent", 616)),
    ],
)
def test_what_was_paid_back_is_free_again_and_no_more(
    orders: Orders,
    connection: Connection,
    path: list[tuple[IntentState, int | None]],
    charged_minor: int | None,
    money: tuple[str, int],
) -> None:
    """Each refund once, as a sum that only rises; a part that was kept stays spent."""
    hand_over(orders)
    record = intent()
    for state, refunded_minor in path:
        charge = charged_minor if state is S.PLACED else None
        detail = intents.PARTLY_REFUNDED if refunded_minor else None
        facts = OrderFacts(refunded_minor=refunded_minor)
        change = intents.step(record, state, at=NOW, charged_minor=charge, detail=detail, facts=facts)
        if change is not None:
            [record] = orders.change_intents([change], cursor=None)
    assert orders.intent(IntentId("i1")) == record, "every fact is kept"
    assert connection.db.execute("SELECT state, amount_minor FROM ledger").fetchone() == money


def test_every_fact_of_an_order_is_kept(orders: Orders) -> None:
    """Also through a later step that tells none of them."""
    hand_over(orders)
    told = OrderFacts(1, 1, 1, 100, "milk-organic", date(2026, 3, 9), "https://shop.example/1")
    change = intents.step(intent(), S.SHIPPED, at=NOW, facts=told)
    assert change is not None
    [record] = orders.change_intents([change], cursor=None)
    change = intents.step(record, P, at=NOW + timedelta(days=1))
    assert change is not None
    orders.change_intents([change], cursor=None)
    found = orders.intent(IntentId("i1"))
    assert found is not None
    assert (found.facts, found.delivered_at, found.returned_at) == (told, NOW, NOW)


def test_a_body_that_was_changed_is_not_sent(orders: Orders, connection: Connection) -> None:
    """What leaves is, byte for byte, what was approved."""
    hand_over(orders)
    connection.db.execute("UPDATE outbox SET body = x'7b7d7b'")
    with pytest.raises(StoreCorruptError, match="approved"):
        orders.outbox(limit=5)


def test_a_full_disk_is_said_and_leaves_nothing(orders: Orders, connection: Connection) -> None:
    """A write that finds no room is undone whole, and the store works again when there is room."""
    connection.db.execute("CREATE TABLE ballast (filling BLOB)")
    connection.db.execute(f"PRAGMA max_page_count = {connection.db.pragma('page_count') + 2}")
    with pytest.raises(StoreFailedError, match="disk"), connection.transaction() as db:
        db.execute("INSERT INTO ballast VALUES (zeroblob(1000000))")
    connection.db.execute("PRAGMA max_page_count = 1000000")
    orders.add_prompt(prompt())
    assert count(connection, "ballast") == 0


def test_prices_come_newest_first(orders: Orders) -> None:
    """The price history is kept, not overwritten."""
    orders.save_prices([price(unit_price_minor=119, at=NOW - timedelta(days=1))])
    orders.save_prices([price()])
    assert [line.unit_price_minor for line in orders.prices(ItemId("milk"), limit=9)] == [129, 119]


def test_a_price_keeps_its_list_price_and_its_pack(orders: Orders) -> None:
    """What the merchant called usual, and what a pack was taken for on that day; nothing where nothing is known."""
    told = replace(price(), list_price_minor=199, pack=Pack("Whole milk 1 L", 1_035.0, "g", "04006381333931"))
    orders.save_prices([price(), told])
    assert orders.prices(ItemId("milk"), limit=9) == [told, price()]
    assert orders.newest_price(ItemId("milk"), merchant="grocer", sku="milk-whole-1l") == told


def test_a_price_keeps_the_ways_of_delivery_that_were_told_with_it(orders: Orders) -> None:
    """Each as it was told, and none where there were none."""
    days = {"earliest_on": date(2026, 3, 3), "latest_on": date(2026, 3, 5)}
    told = (Delivery("std", 500), Delivery("hub/1", 0, "pick_up_point", "Locker", place="Station", **days))
    orders.save_prices([price(), replace(price(), deliveries=told)])
    assert [one.deliveries for one in orders.prices(ItemId("milk"), limit=9)] == [told, ()]


def test_a_product_s_history_is_its_own_whatever_item_it_was_asked_for(orders: Orders) -> None:
    """By merchant and article; and an item keeps the history of what was bought for it before."""
    cocoa, before = replace(price(), item=ItemId("cocoa")), replace(price(), sku="milk-2")
    orders.save_prices([cocoa, before, replace(cocoa, merchant="market"), price(unit_price_minor=139)])
    assert orders.prices(ItemId("milk"), limit=9) == [price(unit_price_minor=139), before]
    assert orders.prices(ItemId("milk"), limit=9, also=[MILK.product]) == [price(unit_price_minor=139), before, cocoa]
    assert orders.prices(ItemId("milk"), limit=1, also=[MILK.product]) == [price(unit_price_minor=139), before]


def test_the_store_is_durable_and_exclusive(connection: Connection, tmp_path: Path) -> None:
    """WAL with synchronous=FULL, foreign keys on, and no second process at the same file."""
    assert connection.db.pragma("journal_mode") == "wal"
    assert connection.db.pragma("synchronous") == 2
    assert connection.db.pragma("foreign_keys") == 1
    connection.db.execute("INSERT INTO cursor VALUES ('x', 1)")
    second = Connection(tmp_path / "hub.sqlite3", busy_timeout_ms=1)
    with pytest.raises(StoreBusyError, match="another process"):
        second.open()


def test_a_damaged_store_is_refused(tmp_path: Path) -> None:
    """A file that is no store is refused by name, and left as it is."""
    path = tmp_path / "hub.sqlite3"
    path.write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(StoreCorruptError, match="damaged"):
        Connection(path).open()
    assert path.read_bytes().startswith(b"not a database")
