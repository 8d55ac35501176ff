"""The list of devices: families of strangers without values, levels that could feed an item, words for a terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.catalogue import Binding
from edge_agent.core.inventory.devices import ApartLine, Inventory, OfferLine, household_lines, offers, rising
from edge_agent.core.inventory.families import Strange, families, shape_of
from edge_agent.core.inventory.text import as_text
from tests.edge_agent.samples import MILK, NOW
from tests.edge_agent.web.sample_inventory import device, sample_inventory, signal

WHY = "no profile is for this topic"
SOAP = MILK.model_copy(
    update={"id": "soap", "name": "Liquid soap", "unit": "mL", "binding": Binding(device="x", signal="liquid.amount")}
)


def stranger(topic: str, payload: bytes = b'{"level": 62}', *, minutes: int = 1) -> Strange:
    """Two messages on a topic, the newer one so many minutes ago."""
    return Strange(topic, payload, len(payload), 2, WHY, NOW - timedelta(minutes=minutes))


def patterns(*strange: Strange) -> list[tuple[str, int, int]]:
    """Pattern, topics and messages of each family."""
    return [(line.pattern, line.topics, line.messages) for line in families(strange)]


def test_topics_of_one_form_that_differ_in_one_level_are_a_family() -> None:
    """Whatever the level is called; the newest message's topic stands for it."""
    found = families([stranger("soapy/bath/state", minutes=9), stranger("soapy/kitchen/state", minutes=3)])
    assert [(line.pattern, line.topic, line.topics, line.messages) for line in found] == [
        ("soapy/+/state", "soapy/kitchen/state", 2, 4)
    ]


def test_what_differs_in_form_or_in_two_levels_stays_apart() -> None:
    """Only a number of a device is taken for one without a second topic."""
    other = b'{"humidity": 40}'
    assert patterns(stranger("a/x/state"), stranger("a/y/state", other)) == [
        ("a/x/state", 1, 2),
        ("a/y/state", 1, 2),
    ]
    assert patterns(stranger("a/b"), stranger("c/d")) == [("a/b", 1, 2), ("c/d", 1, 2)]
    assert patterns(stranger("v/PS-88213/state"), stranger("v/PS-99/x/state", other)) == [
        ("v/+/state", 1, 2),
        ("v/PS-99/x/state", 1, 2),
    ]


def test_topics_without_end_are_bounded() -> None:
    """What follows the twelfth level counts as one: two thousand topics of thirty thousand levels take no time."""
    found = families([stranger("/".join([f"t{number}", *"x" * 30_000])) for number in range(200)])
    assert sum(line.topics for line in found) == 200


def test_a_second_differing_level_is_found_too() -> None:
    """Four rooms in two houses are one family."""
    found = patterns(*(stranger(f"v/{house}/{room}/s") for house in ("a", "b") for room in ("bath", "hall")))
    assert found == [("v/+/+/s", 4, 8)]


@pytest.mark.parametrize(
    ("payload", "shape"),
    [
        (b'{"level": 62, "state": "ok", "on": true, "x": null, "n": "7"}',
         "{level: <number>, state: <text>, on: <flag>, x: <null>, n: <number in a text>}"),
        (b'{"a": [1, 2], "b": []}', "{a: [<number>, ...], b: []}"),
        (b'{"somebody@example.org": 1, "AABBCCDD1122": 2}', "{<name>: <number>, <name>: <number>}"),
        (b'{"a b": 3}', "{<name>: <number>}"),
        (b"62.5", "<number>"),
        (b"on", "<text of 2 bytes>"),
        (b'{"a": ', "<6 bytes that are almost JSON>"),
        (b"\xff\xfe", "<2 bytes>"),
        (b"", "<text of 0 bytes>"),
    ],
)  # fmt: skip
def test_a_shape_holds_names_and_kinds_only(payload: bytes, shape: str) -> None:
    """Never a value; and no name that could be somebody's."""
    assert shape_of(payload, size_bytes=len(payload)) == shape


def test_a_payload_that_was_cut_is_said_to_be() -> None:
    """Half a document has no shape."""
    assert shape_of(b'{"a": 1}', size_bytes=70_000) == "<70000 bytes, too large to keep>"


_words = st.text(min_size=6, max_size=12, alphabet="ghijklmnopqrstuvwxyz")


@settings(max_examples=80, deadline=None)
@given(values=st.dictionaries(st.sampled_from("abcd"), _words | st.integers(100_000, 10**9), min_size=1))
def test_no_value_ever_shows(values: dict[str, str | int]) -> None:
    """Whatever the payload says, its values are not in the shape."""
    shape = shape_of(json.dumps(values).encode(), size_bytes=len(json.dumps(values)))
    assert not any(str(value) in shape for value in values.values())


@settings(max_examples=80, deadline=None)
@given(topics=st.lists(st.text(max_size=20), max_size=12), payload=st.binary(max_size=40))
def test_any_topic_and_payload_has_a_place(topics: list[str], payload: bytes) -> None:
    """No topic is lost or counted twice, whatever is published."""
    found = families([stranger(topic, payload) for topic in dict.fromkeys(topics)])
    assert sum(line.topics for line in found) == len(dict.fromkeys(topics))
    assert all(len(line.shape) < 450 for line in found)


@pytest.mark.parametrize(
    ("unit", "kind", "direction", "feeds", "fits"),
    [
        ("mL", "level", "down", (), True),
        ("%", "level", "down", (), True),
        ("L", "level", "down", (), False),  # the estimate takes the item's own unit or percent
        ("mL", "level", "up", (), None),
        ("mL", "counter", "down", (), None),
        ("mL", "setting", "", (), None),
        ("mL", "level", "down", ("soap",), None),
    ],
)
def test_which_levels_could_feed_an_item(
    unit: str, kind: str, direction: str, feeds: tuple[str, ...], fits: bool | None
) -> None:
    """Those that fall with use and feed nothing; None: it is not offered at all."""
    line = signal("liquid.amount", 5.0, unit, kind=kind, direction=direction, feeds=feeds)
    found = offers([device("tank", "own.tank", line)], items=[SOAP])
    assert [bool(offer.takers) for offer in found] == ([] if fits is None else [fits])


def test_what_is_only_measured_is_not_offered() -> None:
    """A pressure that falls is a level in no unit in which goods are counted."""
    devices = (device("tank", "own.tank", signal("cng.pressure", 18_000.0, "kPa")),)
    assert offers(devices, items=(MILK,)) == ()


def test_items_that_fit_by_name_come_first_then_those_that_nothing_tells_of() -> None:
    """And one that another signal tells of now says so."""
    told = SOAP.model_copy(
        update={"id": "bleach", "name": "Bleach", "binding": Binding(device="can", signal="oil.amount")}
    )
    silent = SOAP.model_copy(update={"id": "rinse", "name": "Rinse aid"})
    devices = [
        device("can", "own.can", signal("oil.amount", 3.0, "mL", feeds=("bleach",))),
        device("tank", "own.tank", signal("liquid.amount", 5.0, "mL")),
    ]
    (offer,) = offers(devices, items=[told, silent, SOAP])
    assert [(taker.item, taker.bound_to) for taker in offer.takers] == [
        ("soap", ""),
        ("rinse", ""),
        ("bleach", "can/oil.amount"),
    ]


@pytest.mark.parametrize(("unit", "full"), [("%", 0), ("mL", None)])
def test_the_lines_for_the_household_are_json_and_guess_nothing(unit: str, full: int | None) -> None:
    """What 100 % are is a 0, which the household refuses until a person has said it."""
    line = household_lines(OfferLine("own.tank", "liquid.remaining", unit, ()))
    assert json.loads("{" + line + "}") == {
        "binding": {"device": "own.tank", "signal": "liquid.remaining", "full_amount": full}
    }


def test_the_text_tells_all_four_lists() -> None:
    """With ages, units, what feeds what, and the command for the next step."""
    inventory = replace(
        sample_inventory([SOAP]),
        apart=(ApartLine("home/fridge/state", "fridge", "out_of_range", "-3 g", 2, NOW - timedelta(hours=2)),),
        left_out=("3 more families of topics",),
    )
    text = as_text(inventory)
    for words in (
        "As of 2026-03-02 08:00:00 UTC, from the hub's store.",
        "Understood: 3",
        "milk.amount                  1243 g           4 min ago; level, down, feeds milk",
        "82 %             1 d ago, stale; level, down",
        "unknown",
        "not applicable",
        "home/fridge/state  out_of_range, 2 messages, newest 2 h ago",
        "soapy/+/state  2 topics, 8 messages, newest 3 min ago",
        "restock-hub profiles new --from-payload FILE --topic 'soapy/kitchen/state'",
        "for a new item in household.json, with full_amount = what 100 % are, in its unit:",
        "in place of its binding, only if it is of this very product:\n      soap (mL)",
        "Cannot feed an item as it is: 1",
        "  washer  dust_filter.used (%): rises as stock is used\n    dust filter: how much is used up",
        "  washer  softener.remaining (%)\n    softener: how much is left\n",
        "Left out: 3 more families of topics.",
    ):
        assert words in text
    assert "somebody@example.org" not in text
    assert "PS88213AB21" not in text


def test_a_device_is_called_what_its_profile_calls_it() -> None:
    """Where the profile is not loaded, nothing stands there."""
    tank = replace(device("tank", "own.tank", signal("liquid.amount", 5.0, "mL")), title="Rain tank")
    said = as_text(Inventory(NOW, "x", devices=(tank, replace(tank, device="other", title=""))))
    assert "home/tank/state\n    Rain tank\n    liquid.amount" in said
    assert said.count("home/tank/state\n    liquid.amount") == 1


def test_nothing_at_all_is_said_too() -> None:
    """An empty list is words, not blanks."""
    text = as_text(Inventory(as_of=NOW, source="the hub's store"))
    assert "Understood: no device yet" in text
    assert "Kept apart: nothing" in text
    assert "Could be bound to an item: no level of goods was heard" in text
    assert "Cannot feed" not in text


def test_a_level_that_rises_is_told_and_not_offered() -> None:
    """With the way out; and an item that is bound to it is said to count wrongly."""
    salt = signal("salt.distance", 14.0, "cm", direction="up")
    devices = (device("softener", "own.salt", salt),)
    text = as_text(Inventory(NOW, "x", devices=devices, offers=offers(devices, items=[SOAP]), rising=rising(devices)))
    assert "Could be bound to an item: none of the levels as it is" in text
    told = "rises as stock is used\n    salt: distance from the sensor down to it\n    turn it into what is left"
    assert f"  softener  salt.distance (cm): {told}" in text
    bound = (device("softener", "own.salt", replace(salt, feeds=("salt",))),)
    assert "WRONG: salt is bound to it" in as_text(Inventory(NOW, "x", devices=bound, rising=rising(bound)))


def test_that_every_level_feeds_an_item_is_said_only_where_it_does() -> None:
    """Of levels that are there."""
    devices = (device("tank", "own.tank", signal("liquid.amount", 5.0, "mL", feeds=("soap",))),)
    text = as_text(Inventory(NOW, "x", devices=devices, offers=offers(devices, items=[SOAP])))
    assert "Could be bound to an item: every level that was heard feeds one" in text


def test_control_characters_do_not_reach_the_terminal() -> None:
    """A topic is the device's own text."""
    line = ApartLine("a\x1b[2Jb", None, "malformed", "x\r\ny", 1, NOW)
    text = as_text(Inventory(as_of=NOW, source="s", apart=(line,)))
    assert "\x1b" not in text
    assert "\r" not in text


def test_how_far_a_car_goes_is_not_offered() -> None:
    """It falls with use, in a unit that goods are counted in too, and nobody buys it."""
    car = device("car", "own.car", signal("range", 410.0, "km"), signal("washer_fluid.remaining", 60.0, "%"))
    assert [each.signal for each in offers([car], items=[])] == ["washer_fluid.remaining"]
    only = Inventory(NOW, "x", devices=(device("car", "own.car", signal("range", 410.0, "km")),))
    assert "Could be bound to an item: no level of goods was heard" in as_text(only)
