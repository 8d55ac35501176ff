"""Which stock and orders a recall may be about: what nobody read may be affected, what was read otherwise is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.core.intent import IntentState
from edge_agent.core.messages import ItemId
from edge_agent.core.recall import Certainty, Done, Known, Notice, Notices, Recall, filed, is_about, match, newest_first
from edge_agent.core.stock_events import Label, Labelled
from edge_agent.errors import RefusedError
from tests.edge_agent.samples import MILK, NOW, intent

GTIN = "04006381333931"
ITEM = MILK.model_copy(update={"product": MILK.product.model_copy(update={"gtin14": GTIN})})
NOTICE = Notice(gtin="4006381333931", batch="A1", text="Do not drink it.", source="the maker")
RECALL = filed(NOTICE, by="anna", at=NOW)
UNTIL = replace(RECALL, batch="", until=date(2026, 6, 1))


def read(packs: float, batch: str = "", until: date | None = None, *, days: int = -1) -> Labelled:
    """A label that somebody read."""
    return Labelled(ItemId("milk"), NOW + timedelta(days=days), "anna", packs, Label(GTIN, batch, until))


@pytest.mark.parametrize(
    ("recall", "label", "wanted"),
    [
        (RECALL, Label(GTIN, "A1"), True),
        (RECALL, Label(GTIN, "a1"), True),
        (RECALL, Label(GTIN, "A2"), False),
        (RECALL, Label(GTIN, ""), None),
        (RECALL, Label("00000096385074", "A1"), False),
        (UNTIL, Label(GTIN, "X", date(2026, 6, 1)), True),
        (UNTIL, Label(GTIN, "X", date(2026, 6, 2)), False),
        (UNTIL, Label(GTIN, "X"), None),
        (UNTIL, Label(GTIN, "X", date(2026, 9, 1), date(2026, 5, 1)), True),
        (replace(UNTIL, batch="A1"), Label(GTIN, "A1"), None),
        (replace(UNTIL, batch="A1"), Label(GTIN, "A2"), False),
        (replace(RECALL, batch=""), Label(GTIN), True),
    ],
)
def test_a_label_is_called_back_or_not_or_does_not_tell(recall: Recall, label: Label, wanted: bool | None) -> None:
    """Number, batch and date; what a label does not say is unknown."""
    assert is_about(recall, label) is wanted


def certainty(left: float | None, *labels: Labelled, done: Done | None = None, orders: int = 0) -> Certainty | None:
    """What is found of milk."""
    came = [replace(intent(state=IntentState.DELIVERED), changed_at=NOW) for _ in range(orders)]
    found = match(RECALL, Known(ITEM, left, labels, came), done=done, now=NOW + timedelta(hours=1))
    return None if found is None else found.certainty


def test_what_nobody_read_may_be_affected() -> None:
    """A stock that is known or unknown, packs beside those of another batch, a label without a batch."""
    assert certainty(2.0) is Certainty.MAY_BE
    assert certainty(None) is Certainty.MAY_BE
    assert certainty(3.0, read(2.0, "A2")) is Certainty.MAY_BE
    assert certainty(0.0, read(2.0)) is Certainty.MAY_BE
    assert certainty(0.0, orders=1) is Certainty.MAY_BE


def test_what_was_read_is_certain() -> None:
    """The batch is here; or all that is here is another one."""
    assert certainty(0.0, read(2.0, "A1")) is Certainty.AFFECTED
    assert certainty(2.0, read(2.0, "A2")) is None
    assert certainty(4.0, read(4.0, "A2"), orders=1) is None
    assert certainty(0.0) is None


def test_what_is_dealt_with_comes_up_again_with_new_packs_only() -> None:
    """A label or a delivery after it; the stock that was there is not asked about again."""
    done = Done(RECALL.id, ItemId("milk"), "thrown_away", "anna", NOW)
    assert certainty(2.0, read(2.0, "A1"), done=done) is None
    assert certainty(2.0, read(2.0, "A1"), done=done, orders=1) is None
    assert certainty(2.0, read(1.0, "A1", days=1), done=done) is Certainty.AFFECTED
    earlier = replace(done, at=NOW - timedelta(days=2))
    assert certainty(2.0, done=earlier, orders=1) is Certainty.MAY_BE


def test_a_product_that_only_stands_in_is_not_what_the_stock_is_of() -> None:
    """A substitute with this number matters once it was ordered or read."""
    item = MILK.model_copy(update={"substitutes": (ITEM.product,)})
    assert match(RECALL, Known(item, 3.0, (), ()), done=None, now=NOW) is None
    ordered = match(RECALL, Known(item, 3.0, (), [intent(state=IntentState.SHIPPED)]), done=None, now=NOW)
    assert ordered is not None
    assert ordered.orders == ("i1",)


@pytest.mark.parametrize("state", [IntentState.CANCELLED, IntentState.REJECTED, IntentState.EXPIRED])
def test_an_order_that_brought_nothing_brings_no_recall(state: IntentState) -> None:
    """Nor one of more than a year ago."""
    known = Known(ITEM, 0.0, (), [intent(state=state)])
    assert match(RECALL, known, done=None, now=NOW) is None
    old = Known(ITEM, 0.0, (), [intent(state=IntentState.DELIVERED)])
    assert match(RECALL, old, done=None, now=NOW + timedelta(days=400)) is None


_LABELS = st.lists(
    st.tuples(st.floats(0.5, 5), st.sampled_from(["", "A1", "A2"])).map(lambda told: read(told[0], told[1])), max_size=5
)


@given(st.none() | st.floats(0, 20), _LABELS)
def test_a_batch_that_was_read_is_never_passed_over(left: float | None, labels: list[Labelled]) -> None:
    """And an unknown one neither."""
    found = certainty(left, *labels)
    if any(told.label.batch == "A1" for told in labels):
        assert found is Certainty.AFFECTED
    elif left is None or any(not told.label.batch for told in labels):
        assert found is Certainty.MAY_BE


def test_the_same_notice_is_the_same_recall() -> None:
    """Whoever files it, whenever; a word more makes another."""
    assert filed(NOTICE, by="bo", at=NOW + timedelta(days=1)).id == RECALL.id
    assert filed(NOTICE.model_copy(update={"gtin": GTIN}), by="anna", at=NOW).id == RECALL.id
    assert filed(NOTICE.model_copy(update={"text": "Drink it."}), by="anna", at=NOW).id != RECALL.id


@pytest.mark.parametrize("changes", [{"gtin": "4006381333932"}, {"batch": "L\u00e9"}])
def test_what_no_pack_could_bear_is_refused(changes: dict[str, str]) -> None:
    """A wrong check digit, a batch with signs that GS1 does not know."""
    with pytest.raises(RefusedError):
        filed(NOTICE.model_copy(update=changes), by="anna", at=NOW)


@pytest.mark.parametrize(
    "text",
    ["{}", '{"format": "restock-recalls", "version": 1, "recalls": []}',
     '{"format": "x", "version": 1, "recalls": [{"gtin": "4006381333931", "text": "a", "source": "b"}]}'],
)  # fmt: skip
def test_a_file_is_read_strictly(text: str) -> None:
    """None, an empty one, another format."""
    with pytest.raises(ValidationError):
        Notices.model_validate_json(text)


def test_the_certain_ones_come_first() -> None:
    """Then the newest."""
    sure = match(RECALL, Known(ITEM, 1.0, [read(1.0, "A1")], ()), done=None, now=NOW)
    may = match(RECALL, Known(ITEM, 1.0, (), ()), done=None, now=NOW)
    assert sure is not None
    assert may is not None
    assert newest_first([may, sure]) == [sure, may]
