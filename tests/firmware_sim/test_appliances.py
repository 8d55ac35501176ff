"""What appliances say, against the documents they were written from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.appliances import native, smartthings
from firmware_sim.appliances.native import Value
from firmware_sim.house import House, Said, VendorSaid
from firmware_sim.scenario import load_scenario
from firmware_sim.usage import household_use
from firmware_sim.world import DETERGENT, MILK, WASHER_FLUID

AT = datetime(2025, 3, 1, 6, 30, tzinfo=UTC)
START = datetime(2025, 3, 1, tzinfo=UTC)
NOWHERE = Path("no-such-folder")


def house(seed: int = 7) -> House:
    """The demo's house on the built-in usage model and the shipped SmartThings excerpt."""
    use = household_use(seed=seed, days=30, first_day=date(2025, 3, 1), data=None)
    document = smartthings.load_document(NOWHERE)
    return House(load_scenario(), use, start=START, seed=seed, document=document)


def said(home: House, days: float, device: str) -> Iterator[Said]:
    """The readings of one device over some days."""
    for word in home.run_until(START + timedelta(days=days)):
        if isinstance(word, Said) and word.device == device:
            yield word


def test_the_envelope_of_a_reading() -> None:
    """The native protocol, byte for byte as JSON: names, units, UTC ending in Z."""
    payload = native.reading(device="fridge", boot="b-1", seq=3, at=AT, values={"milk": Value(950.0, "g")})
    assert json.loads(payload) == {
        "device": "fridge",
        "boot": "b-1",
        "seq": 3,
        "at": "2025-03-01T06:30:00.000Z",
        "values": {"milk": {"value": 950.0, "unit": "g"}},
    }


def test_birth_and_state() -> None:
    """Both retained documents carry the boot; the topic holds home and device."""
    birth = json.loads(native.birth(device="d", profile="p", firmware="f", boot="b", at=AT))
    assert birth == {
        "device": "d",
        "profile": "p",
        "firmware": "f",
        "boot": "b",
        "at": "2025-03-01T06:30:00.000Z",
        "first_seq": 1,
    }
    assert json.loads(native.state(device="d", boot="b", state="offline")) == {
        "device": "d",
        "boot": "b",
        "state": "offline",
    }
    assert native.base_topic("home", "d") == "restock/v1/home/d"


@pytest.mark.parametrize(
    ("device", "units", "least"),
    [
        ("fridge", {"milk": "g", "door": "", "temperature": "Cel"}, 48),
        ("washer", {"cycles": "{cycle}"}, 24),
        ("vehicle", {"washer_fluid": "%", "odometer": "km", "location": ""}, 24),
    ],
)
def test_each_device_says_its_values_in_its_units(device: str, units: dict[str, str], least: int) -> None:
    """One reading at the start, then one an interval and one for each event, in order of time."""
    words = list(said(house(), 1, device))
    assert len(words) >= least
    assert words[0].at == START
    assert [word.at for word in words] == sorted(word.at for word in words)
    assert all({name: value.unit for name, value in word.values.items()} == units for word in words)


def test_the_fridge_is_near_the_truth_while_shut_and_says_when_it_is_open() -> None:
    """With the door shut a weight is wrong only while a bottle stands on the table; an open door is told."""
    home, wrong, shut, opened = house(), 0, 0, 0
    for word in said(home, 10, "fridge"):
        milk_g, door = word.values["milk"].value, word.values["door"].value
        assert isinstance(milk_g, float)
        assert 0 <= milk_g <= 8_000
        opened += door == "open"
        shut += door == "closed"
        wrong += door == "closed" and abs(milk_g - home.truth()[MILK].amount) > 40
    assert opened > 0
    assert shut > 400
    assert 0 < wrong / shut < 0.05


def test_a_delivery_calls_for_a_reading() -> None:
    """Within minutes after each delivery its device tells the new stock."""
    for item, device in ((MILK, "fridge"), (DETERGENT, "washer"), (WASHER_FLUID, "vehicle")):
        home = house()
        list(home.run_until(START + timedelta(hours=2, minutes=1)))
        home.restock(item, 1)
        words = [word for word in home.run_until(START + timedelta(hours=2, minutes=10)) if isinstance(word, Said)]
        assert [word.device for word in words] == [device]


def test_a_wash_cycle_ends_with_a_report() -> None:
    """The counter rises by one in a report at that very moment."""
    words = list(said(house(), 5, "washer"))
    counts = [word.values["cycles"].value for word in words]
    rises = [word for before, word in zip(counts, words[1:], strict=False) if word.values["cycles"].value != before]
    assert counts[0] == 812
    assert len(rises) >= 4
    assert any(word.at.minute or word.at.second for word in rises)


def test_the_level_of_the_washer_fluid_is_a_whole_percentage_near_the_truth() -> None:
    """35 % at the start; the location is a text with two numbers."""
    first = next(said(house(), 1, "vehicle"))
    percent = first.values["washer_fluid"].value
    assert isinstance(percent, float)
    assert percent == int(percent)
    assert percent == pytest.approx(35, abs=2)
    latitude, longitude = str(first.values["location"].value).split(",")
    assert (float(latitude), float(longitude)) == pytest.approx((30, -40), abs=1)


def test_the_vendors_document_follows_the_tank() -> None:
    """Every washer report comes with the vendor's document, whose amount is near the truth."""
    home = house()
    for word in home.run_until(START + timedelta(days=4)):
        if isinstance(word, VendorSaid):
            state = json.loads(word.payload)["components"]["main"]["samsungce.detergentState"]
            assert state["remainingAmount"]["unit"] == "cc"
            assert state["remainingAmount"]["value"] == pytest.approx(home.truth()[DETERGENT].amount, abs=12)
            assert state["initialAmount"]["value"] == 1_000
            assert state["remainingAmount"]["timestamp"] == native.rfc3339(word.at)


TANK = smartthings.Tank(remaining_ml=421.4, capacity_ml=1_000, dose_ml=55, threshold_ml=350)


def documents() -> list[Any]:
    """The shipped excerpt, and the recorded document where its folder is there."""
    missing = not (smartthings.payload_folder() / smartthings.RECORDED).is_file()
    skip = pytest.mark.skipif(missing, reason="no folder ../shared/payloads beside the project")
    return [pytest.param(NOWHERE, id="excerpt"), pytest.param(None, id="recorded", marks=skip)]


@pytest.mark.parametrize("folder", documents())
def test_the_document_carries_the_tank_where_the_vendor_puts_it(folder: Path | None) -> None:
    """Remaining, initial and threshold in cc with the time of the report; the template stays as it was."""
    template = smartthings.load_document(folder)
    before = json.dumps(template)
    main = json.loads(smartthings.encode(template, TANK, at=AT))["components"]["main"]
    stamp = {"unit": "cc", "timestamp": "2025-03-01T06:30:00.000Z"}
    assert main["samsungce.detergentState"]["remainingAmount"] == {"value": 421, **stamp}
    assert main["samsungce.detergentState"]["initialAmount"] == {"value": 1_000, **stamp}
    assert main["samsungce.detergentOrder"]["orderThreshold"] == {"value": 350, **stamp}
    assert main["samsungce.detergentState"]["detergentType"]["value"] == "liquid"
    assert main["samsungce.autoDispenseDetergent"]["remainingAmount"]["value"] == "unknown"
    assert main["samsungce.softenerState"]["initialAmount"]["value"] == 0
    assert json.dumps(template) == before


@pytest.mark.parametrize("folder", documents())
def test_a_tank_that_was_never_set_up_says_zero_of_zero(folder: Path | None) -> None:
    """The vendor's way to say that it knows nothing; a reader must not take it for empty."""
    encoded = smartthings.encode(smartthings.load_document(folder), replace(TANK, set_up=False), at=AT)
    state = json.loads(encoded)["components"]["main"]["samsungce.detergentState"]
    assert state["remainingAmount"]["value"] == state["initialAmount"]["value"] == 0
    assert state["detergentType"]["value"] == "none"


def test_the_shipped_excerpt_is_small_and_has_the_vendors_shape() -> None:
    """Every attribute is an object with a value; nothing of a person or a place is in it."""
    text = smartthings.EXCERPT.read_text(encoding="utf-8")
    main = json.loads(text)["components"]["main"]
    assert len(text) < 4_096
    assert all("value" in attribute for capability in main.values() for attribute in capability.values())
