"""The harness can fail: a lost reading, a doubled order and the like are called by their names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.kill.oracle import OrderBooks, Ordered, keys, order_faults, reading_faults

PLACED = Ordered("i-1", "placed", "order-1")
BOOKS = OrderBooks(approvals=1, merchant=["order-1"], hub=[PLACED], bridge=[PLACED], audit_ok=True)


@pytest.mark.parametrize(
    ("ranges", "faults"),
    [
        ([[1, 5]], []),
        ([[1, 2], [4, 5]], ["lost fridge b1 [(3, 3)]"]),
        ([[1, 3]], ["lost fridge b1 [(4, 5)]"]),
        ([[1, 3], [3, 5]], ["doubled fridge b1 [(3, 3)]"]),
        ([[1, 2], [2, 4]], ["lost fridge b1 [(5, 5)]", "doubled fridge b1 [(2, 2)]"]),
    ],
)
def test_readings_lost_and_doubled_are_found(ranges: list[list[int]], faults: list[str]) -> None:
    """Of five readings that are owed."""
    owed = [("fridge", "b1", seq) for seq in range(1, 6)]
    assert reading_faults(owed, keys({"fridge": {"b1": ranges}})) == faults


def test_a_reading_of_another_boot_does_not_stand_for_a_lost_one() -> None:
    """The identity of a reading is device, boot and seq."""
    assert reading_faults([("fridge", "b1", 1)], [("fridge", "b2", 1), ("washer", "b1", 1)])


@pytest.mark.parametrize(
    ("books", "fault"),
    [
        (replace(BOOKS, merchant=["order-1", "order-2"]), "doubled"),
        (replace(BOOKS, merchant=[]), "lost"),
        (replace(BOOKS, merchant=["order-2"]), "hub"),
        (replace(BOOKS, hub=[replace(PLACED, state="unknown")]), "hub"),
        (replace(BOOKS, hub=[PLACED, PLACED]), "hub"),
        (replace(BOOKS, bridge=[]), "bridge"),
        (replace(BOOKS, bridge=[replace(PLACED, merchant_order_id="order-2")]), "bridge"),
        (replace(BOOKS, audit_ok=False), "hub"),
    ],
)
def test_orders_that_do_not_add_up_are_found(books: OrderBooks, fault: str) -> None:
    """The merchant's own books are held against those of the hub and the bridge."""
    assert any(each.startswith(fault) for each in order_faults(books))


def test_one_approval_and_one_order_are_no_fault() -> None:
    """The oracle can also be content."""
    assert order_faults(BOOKS) == []
