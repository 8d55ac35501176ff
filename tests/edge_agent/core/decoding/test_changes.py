"""Devices that send changes only: each value is told once, when it comes, and never again by another message."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edge_agent.core.catalogue import Item
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.estimate import StockState, estimate, fold
from edge_agent.core.messages import Decoded, Quarantined, RawMessage
from edge_agent.core.profile import Profile
from edge_agent.core.registry import Registry

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEVEL = {"select": "/level", "parse": "number", "unit": {"canonical": "mL"}, "range": [0, 5_000]}
DOWN = {"class": "level", "direction": "down"}
DOSE = {"unit": {"canonical": "mL"}, "range": [0, 500], "class": "setting", "direction": "none"}
ITEM = Item.model_validate(
    {
        "id": "soap",
        "name": "Soap",
        "category": "soap",
        "unit": "mL",
        "product": {"title": "Soap", "merchant": "m", "sku": "s", "pack_amount": 1_000.0},
        "binding": {"device": "acme.a", "signal": "detergent.amount"},
        "prior_use_per_day": 10.0,
    }
)


class Home:
    """One decoder, the messages that it was given, and everything that it let out."""

    def __init__(self, *, merge: str = "delta", signals: dict[str, Any] | None = None, **more: object) -> None:
        topic = "acme/{device}/{key+}" if merge == "per_topic" else "acme/{device}"
        document = {
            "profile": "acme.dispenser",
            "version": 1,
            "title": "t",
            "source": "s",
            "match": {"topic": topic},
            "decode": {"format": "json"},
            "merge": merge,
            "signals": signals or {"detergent.amount": {**LEVEL, **DOWN, **more}},
            "samples": [{"name": "n", "payload": {}, "quarantine": "malformed"}],
        }
        registry = Registry([Profile.model_validate_json(json.dumps(document))])
        self.decoder = Decoder(registry, home="h", limits=Limits(), birth_of=lambda _: None)
        self.at = START
        self.stored: list[Any] = []

    def hear(self, body: object, topic: str = "acme/a", **changes: bool) -> dict[str, Any]:
        """What one message tells, by signal: the value, or why there is none."""
        self.at += timedelta(hours=1)
        flags = {"retained": False, "duplicate": False} | changes
        message = RawMessage(topic, json.dumps(body).encode(), received_at=self.at, receipt=0, **flags)
        outcome = self.decoder.decode(message, now=self.at)
        if isinstance(outcome, Quarantined):
            return {"kept apart": str(outcome.reason)}
        assert isinstance(outcome, Decoded)
        self.stored += [(len(self.stored) + place, self.at, each) for place, each in enumerate(outcome.readings, 1)]
        return {each.signal: each.value if each.value is not None else str(each.presence) for each in outcome.readings}


def test_what_stands_in_the_picture_is_not_told_again() -> None:
    """Another part of the device changes: the level that was told before is no news."""
    home = Home()
    assert home.hear({"level": 500, "door": "shut"}) == {"detergent.amount": 500.0}
    assert home.hear({"door": "open"}) == {}
    assert home.hear({"level": 500}) == {"detergent.amount": 500.0}


def test_one_odd_weight_does_not_confirm_itself() -> None:
    """The estimate waits for a second reading; ten messages about something else are none."""
    home = Home(merge="per_topic")
    for level in (900, 900, 900, 900, 50):
        home.hear(level, "acme/a/level")
    for number in range(10):
        home.hear(number, "acme/a/temperature")
    state: StockState = fold(None, home.stored, item=ITEM)
    amount = estimate(state, item=ITEM, now=home.at).amount
    assert amount is not None
    assert amount.value == pytest.approx(900.0)
    [box] = state.containers
    assert [track.values for track in box.tracks] == [5]


def test_a_guard_that_fails_is_said_once() -> None:
    """The level is unknown from then on, and each further message need not say so."""
    home = Home(guard=[{"path": "/door", "eq": "shut"}])
    assert home.hear({"level": 500, "door": "shut"}) == {"detergent.amount": 500.0}
    assert home.hear({"door": "open"}) == {"detergent.amount": "unknown"}
    assert home.hear({"door": "open"}) == {}


def test_a_value_from_while_a_guard_failed_stays_unknown() -> None:
    """What the tray weighed while somebody leaned on it is nothing, also when the door is shut again."""
    home = Home(guard=[{"path": "/door", "eq": "shut"}])
    assert home.hear({"level": 4_000, "door": "open"}) == {"detergent.amount": "unknown"}
    assert home.hear({"door": "shut"}) == {}
    assert home.hear({"level": 700}) == {"detergent.amount": 700.0}


def test_a_second_number_alone_tells_nothing() -> None:
    """A capacity or a unit that comes again is no new level; the next level is read with them."""
    home = Home(transform=[{"scale": 0.01}, {"times": "/whole"}], unit={"canonical": "mL", "path": "/unit"})
    assert home.hear({"level": 50, "whole": 1_000, "unit": "mL"}) == {"detergent.amount": 500.0}
    assert home.hear({"whole": 2_000}) == {}
    assert home.hear({"unit": "drops"}) == {"detergent.amount": "unknown"}
    assert home.hear({"unit": "mL"}) == {}
    assert home.hear({"level": 40}) == {"detergent.amount": 800.0}


def test_the_place_that_is_read_is_the_one_that_counts() -> None:
    """Where the first place is known, a message about the second one tells nothing."""
    home = Home(instead=["/old"])
    assert home.hear({"old": 300}) == {"detergent.amount": 300.0}
    assert home.hear({"level": 500}) == {"detergent.amount": 500.0}
    assert home.hear({"old": 200}) == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"parts": [{"kind": "soap", "left": 5}]}, {"detergent.amount": 5.0}),
        ({"parts": []}, {"detergent.amount": "unknown"}),
        ({"parts": None}, {"detergent.amount": "unknown"}),
        ({"other": [{"kind": "soap", "left": 5}]}, {}),
    ],
)
def test_a_list_is_told_whole(change: object, told: dict[str, Any]) -> None:
    """A list replaces the one before: all that is read from it is told, and what is no longer in it is unknown."""
    fields = {key: each for key, each in (LEVEL | DOWN).items() if key != "select"}
    home = Home(signals={"detergent.amount": {**fields, "jsonpath": "$.parts[?@.kind == 'soap'].left"}})
    assert home.hear({"parts": [{"kind": "soap", "left": 9}]}) == {"detergent.amount": 9.0}
    assert home.hear(change) == told


@pytest.mark.parametrize("change", [{"tank": None}, {"tank": 5}, {"tank": []}, 5, []])
def test_what_is_around_it_is_replaced(change: object) -> None:
    """The level is gone with the object that it stood in."""
    home = Home(select="/tank/level")
    assert home.hear({"tank": {"level": 9}}) == {"detergent.amount": 9.0}
    assert home.hear(change) == {"detergent.amount": "unknown"}


def test_every_signal_is_named_by_the_first_message() -> None:
    """Whoever looks at a device sees what it could tell."""
    level, dose = {**LEVEL, **DOWN}, {**DOSE, "select": "/dose", "parse": "number"}
    home = Home(signals={"detergent.amount": level, "detergent.dose": dose})
    assert home.hear({"dose": 40}) == {"detergent.amount": "unknown", "detergent.dose": 40.0}
    assert home.hear({"dose": 40}) == {"detergent.dose": 40.0}


def test_a_wrong_value_is_kept_apart_and_is_nobody_elses_fault() -> None:
    """Its message is; those that come later are not, and the first of them says that nothing is known."""
    home = Home(merge="per_topic")
    assert home.hear(500, "acme/a/level") == {"detergent.amount": 500.0}
    assert home.hear(9_999, "acme/a/level") == {"kept apart": "out_of_range"}
    assert home.hear(1, "acme/a/temperature") == {"detergent.amount": "unknown"}
    assert home.hear(2, "acme/a/temperature") == {}
    assert home.hear(400, "acme/a/level") == {"detergent.amount": 400.0}


def test_a_retained_copy_tells_nothing_but_what_others_need() -> None:
    """A bridge says once, retained, what kind of car it is: it is known, and the level must still come by itself."""
    home = Home(merge="per_topic", guard=[{"path": "/kind", "eq": "diesel"}])
    assert home.hear("diesel", "acme/a/kind", retained=True) == {"kept apart": "retained"}
    assert home.hear(900, "acme/a/level", retained=True) == {"kept apart": "retained"}
    assert home.hear(20, "acme/a/temperature") == {"detergent.amount": "unknown"}
    assert home.hear(500, "acme/a/level") == {"detergent.amount": 500.0}


def test_devices_and_families_have_pictures_of_their_own() -> None:
    """The door of one is not the door of the other."""
    home = Home(guard=[{"path": "/door", "eq": "shut"}])
    assert home.hear({"door": "shut"}, "acme/a") == {"detergent.amount": "unknown"}
    assert home.hear({"level": 5}, "acme/b") == {"detergent.amount": "unknown"}
    assert home.hear({"level": 5}, "acme/a") == {"detergent.amount": 5.0}


def test_an_event_counts_each_time() -> None:
    """A second delivery may be the only one that came: the event counts, and the level beside it is not told twice."""
    count = {"select": "/doses", "parse": "number", "unit": {"canonical": "{dose}"}, "range": [0, 9]}
    signals = {
        "detergent.amount": {**LEVEL, **DOWN},
        "detergent.count": {**count, "class": "counter", "direction": "up", "event": True},
    }
    for merge in ("snapshot", "delta"):
        home = Home(merge=merge, signals=signals)
        both = {"detergent.amount": 500.0, "detergent.count": 1.0}
        assert home.hear({"level": 500, "doses": 1}) == both
        assert home.hear({"level": 500, "doses": 1}, duplicate=True) == {"detergent.count": 1.0}
        assert home.hear({"level": 500, "doses": None}, duplicate=True)["detergent.amount"] == 500.0


def test_a_copy_of_an_event_is_no_copy_to_the_store() -> None:
    """What tells no event stays a duplicate, which the store counts once."""
    signals = {"detergent.amount": {**LEVEL, **DOWN, "event": True}}
    home = Home(merge="snapshot", signals=signals)
    for body, is_copy in (({"level": 5}, False), ({"level": None}, True)):
        payload = json.dumps(body).encode()
        message = RawMessage("acme/a", payload, retained=False, duplicate=True, received_at=START, receipt=0)
        outcome = home.decoder.decode(message, now=START)
        assert isinstance(outcome, Decoded)
        assert outcome.duplicate is is_copy
