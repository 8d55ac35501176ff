"""Advice drawn from personal devices: off by default, on the hub alone, and never an order. Each from the readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.core.catalogue import Preferences, Product
from edge_agent.core.messages import ItemId
from edge_agent.core.overview import DeviceOverview
from edge_agent.pipeline.personal import PersonalDays
from tests.campaign.homes.policies import Question
from tests.scenes.laundry_room import Room, detergent, laundry_room

WEEK = [["cotton_60"], [], ["easy_care"], ["cotton_60"], [], ["cotton_60", "easy_care"], []]
COFFEE = detergent(
    id="coffee",
    name="Coffee",
    category="coffee",
    unit="g",
    binding=None,
    cycle_days=20.0,
    product=Product(title="Coffee 1 kg", merchant="grocer", sku="coffee-1kg", pack_amount=1_000.0),
)
DAYS = 28
WORDS = (b"sleep", b"active_", b"wearable", b"band", b"nights")


def worn(day: int) -> tuple[float, float]:
    """Short nights; and, of late, a good deal of sport."""
    return 5.0, 30.0 if day <= DAYS - 7 else 90.0


@contextmanager
def lived(folder: Path, *, allowed: bool, wears: Callable[[int], tuple[float, float]] | None) -> Iterator[Room]:
    """Four weeks with somebody who wears a wristband, and detergent that nears its end."""
    items = [detergent(room_packs=2), COFFEE]
    with laundry_room(folder, items=items, preferences=Preferences(personal_advice=allowed)) as room:
        room.level_ml, room.is_refilled, room.worn = 1_300.0, False, wears
        room.live(DAYS, WEEK)
        yield room


def questions(room: Room) -> list[tuple[object, ...]]:
    """All that was asked, as it was asked."""
    prompts = room.hub.desk.orders.prompts(live=False, limit=100)
    return [(each.item, each.offer, each.created_at, each.reasons) for each in prompts]


def test_advice_from_personal_devices_is_off_by_default(tmp_path: Path) -> None:
    """Four weeks of a wristband's readings say nothing on any page until the household allows it."""
    assert Preferences().personal_advice is False
    with lived(tmp_path, allowed=False, wears=worn) as room:
        assert room.advice("coffee") == {}
        assert "more_active" not in room.advice()
        room.prefer(personal_advice=True)
        assert "Your nights were short" in room.advice("coffee")["short_nights"]
        assert "more active" in room.advice()["more_active"]
        room.prefer(personal_advice=False)
        assert room.advice("coffee") == {}


def test_personal_readings_are_not_even_looked_at_while_it_is_off(tmp_path: Path) -> None:
    """No page reads them: whoever gathers them is not asked."""

    class Asked(Exception):  # noqa: N818 - what a trap raises is no error
        """Somebody looked."""

    def trap() -> list[DeviceOverview]:
        raise Asked

    with lived(tmp_path, allowed=False, wears=worn) as room:
        explaining = room.explaining()
        explaining._personal = PersonalDays(devices=trap)
        assert explaining.advice(ItemId("coffee")) == ()


def test_nothing_of_personal_devices_leaves_the_hub(tmp_path: Path) -> None:
    """What is handed over to be sent, and what a household may pass on, are the same with them as without."""
    bodies = {}
    for name, wears in (("without", None), ("with", worn)):
        with lived(tmp_path / name, allowed=True, wears=wears) as room:
            assert bool(room.advice("coffee")) is (wears is not None)
            asked = next(iter(room.hub.questions()))
            room.hub.approve(Question(asked.id, asked.ware, asked.packs, room.now), now=room.now)
            rows = room.hub.desk.connection.db.execute("SELECT body FROM outbox")
            sent = [bytes(row[0]) for row in rows]
            bundle = room.explaining().bundle(ItemId("detergent"))
            assert sent
            assert bundle is not None
            bodies[name] = (len(sent), bundle)
            assert not any(word in text for word in WORDS for text in (*sent, bundle))
    assert bodies["with"] == bodies["without"]


def test_advice_never_orders(tmp_path: Path) -> None:
    """With a wristband and leave for advice, and without: the very same is asked, and nothing is ordered."""
    asked = {}
    for name, allowed, wears in (("off", False, None), ("silent", False, worn), ("on", True, worn)):
        with lived(tmp_path / name, allowed=allowed, wears=wears) as room:
            asked[name] = questions(room)
            assert room.hub.desk.orders.intents(live=False, limit=100) == []
    assert asked["off"]
    assert asked["off"] == asked["silent"] == asked["on"]
