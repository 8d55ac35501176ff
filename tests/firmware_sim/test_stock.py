"""The books around one true stock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from firmware_sim.stock import Stock

START = datetime(2025, 3, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    """So many days after the start."""
    return START + timedelta(days=number)


def stock(amount: float = 100.0) -> Stock:
    """A stock with room for 200."""
    return Stock("milk", "g", capacity=200.0, amount=amount, at=START)


def test_what_is_not_there_is_unmet_demand() -> None:
    """A draw gives what is left, the rest is counted, and time without stock runs until the refill."""
    milk = stock()
    assert milk.draw(80, at=day(1)) == 80
    assert milk.draw(80, at=day(2)) == 20
    assert milk.draw(80, at=day(3)) == 0
    assert milk.add(50, at=day(4)) == 0
    truth = milk.truth(day(5))
    assert (truth.served, truth.unmet, truth.demand) == (100, 140, 240)
    assert (truth.stock_outs, truth.stock_out_days) == (1, 2.0)
    assert truth.amount == 50


def test_a_delivery_stops_at_the_capacity() -> None:
    """What finds no room is reported and counted."""
    milk = stock()
    assert milk.add(150, at=day(1)) == 50
    truth = milk.truth(day(1))
    assert (truth.amount, truth.restocked, truth.returned) == (200, 100, 50)


def test_days_of_supply_are_mean_stock_over_mean_use() -> None:
    """100 for a day, then 60 for a day: 80 on average; 40 were asked for in two days, 20 a day."""
    milk = stock()
    milk.draw(40, at=day(1))
    truth = milk.truth(day(2))
    assert truth.mean_amount == pytest.approx(80)
    assert truth.days_of_supply_held == pytest.approx(4)


def test_an_empty_start_is_out_of_stock_from_the_start() -> None:
    """Time counts although nothing was drawn."""
    assert stock(0.0).truth(day(3)).stock_out_days == 3


def test_time_cannot_go_back() -> None:
    """A call out of order is our own mistake and is refused."""
    milk = stock()
    milk.draw(1, at=day(2))
    with pytest.raises(ValueError, match="lies before"):
        milk.draw(1, at=day(1))
