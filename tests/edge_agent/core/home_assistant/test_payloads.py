"""What is announced to Home Assistant: by its published rules, and bound to the terms that are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from edge_agent.core.home_assistant.commands import read_command
from edge_agent.core.home_assistant.discovery import About, Answering, bought, hub_discovery, item_discovery
from edge_agent.core.home_assistant.names import Names
from edge_agent.core.home_assistant.states import event, hub_state, item_state
from edge_agent.core.importing.abbreviations import full_name
from edge_agent.core.leave.terms import terms_hash
from edge_agent.core.messages import DeviceId, Forecast, ItemId, Range, StockEstimate
from edge_agent.core.overview import BridgeStatus, DeviceOverview, ItemOverview
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.core.safety import SafetyCode, SafetyProblem
from tests.edge_agent.samples import MILK, NOW, prompt

ABOUT = About(names=Names("home"), home_name="Our home", version="0.1.0", page="http://127.0.0.1:8480")
BUTTONS = Answering(snooze_h=24, order_max_minor=5_000)
# Home Assistant, MQTT discovery: the topic's pattern, and what a discovery payload of a device may have.
TOPIC = re.compile(r"homeassistant/device/([a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config")
AT_THE_TOP = {"device", "origin", "components", "availability_topic", "qos"}
OF_A_DEVICE = {"identifiers", "name", "manufacturer", "sw_version", "configuration_url", "via_device"}
NEEDS = {
    "sensor": {"unique_id", "state_topic"},
    "binary_sensor": {"unique_id", "state_topic"},
    "event": {"unique_id", "state_topic", "event_types"},
    "button": {"unique_id", "command_topic"},
    "text": {"unique_id", "command_topic"},
}
IN_DEVICE = {"ids": "identifiers", "mf": "manufacturer", "sw": "sw_version", "cu": "configuration_url"}


def announced(prompt: PromptRecord | None = None, *, answering: Answering | None = BUTTONS) -> dict[str, Any]:
    """The announcement of milk."""
    told: dict[str, Any] = json.loads(item_discovery(ABOUT, MILK, prompt, answering=answering))
    return told


def seen(
    *,
    estimate: StockEstimate | None = None,
    forecast: Forecast | None = None,
    prompt: PromptRecord | None = None,
) -> ItemOverview:
    """What is known of milk."""
    return ItemOverview(item=MILK, estimate=estimate, forecast=forecast, prompt=prompt)


def state(overview: ItemOverview) -> dict[str, Any]:
    """What is said of it."""
    told: dict[str, Any] = json.loads(item_state(overview, lead_d=2))
    return told


def forecast(*days: float) -> Forecast:
    """Days to empty at 10, 50 and 90 %."""
    return Forecast(ItemId("milk"), NOW, (0.1, 0.5, 0.9), (1,), ((1.0, 1.0, 1.0),), days, "test")


def components(told: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each component with its options by their full names."""
    for key, part in told["cmps"].items():
        yield key, {full_name(name): value for name, value in part.items()}


@pytest.mark.parametrize("told", [announced(), announced(prompt()), json.loads(hub_discovery(ABOUT))])
def test_announcements_keep_home_assistants_rules(told: dict[str, Any]) -> None:
    """Required options are there, every id is given once, a component is whole or a removal."""
    assert {full_name(name) for name in told} == AT_THE_TOP
    assert {IN_DEVICE.get(name, name) for name in told["dev"]} <= OF_A_DEVICE
    assert told["dev"]["ids"]
    assert told["o"]["name"]
    ids = [part["unique_id"] for _, part in components(told) if "unique_id" in part]
    assert len(set(ids)) == len(ids)
    for _, part in components(told):
        options = set(part) - {"platform"}
        assert not options or NEEDS[part["platform"]] <= options
        assert not any("#" in str(part[each]) or "+" in str(part[each]) for each in options if each.endswith("topic"))


def test_topics_are_ones_that_are_looked_at() -> None:
    """Whatever an item is called."""
    for item in ("milk", "a-b_c9", "hub", "x" * 64):
        assert TOPIC.fullmatch(Names("my-home_2").item_discovery(item))
    assert Names("h").item_discovery("hub") != Names("h").hub_discovery


def test_an_approval_is_bound_to_the_terms_that_its_button_shows() -> None:
    """The name tells the terms, the payload carries their hash; other terms make another button."""
    first, dearer = prompt(), prompt()
    offer = replace(first.offer, total_max_minor=first.offer.total_max_minor + 1)
    dearer = replace(first, offer=offer, terms_hash=terms_hash(offer))
    one, other = (announced(each)["cmps"]["approve"] for each in (first, dearer))
    assert one["name"] == f"Buy {bought(first.offer)}" == "Buy 4 x Whole milk 1 L at grocer, at most $10.66"
    assert other["name"] != one["name"]
    assert read_command(one["pl_prs"].encode()).terms == first.terms_hash
    assert read_command(other["pl_prs"].encode()).terms == dearer.terms_hash
    assert one["ret"] is False


def test_each_button_asks_for_what_it_says() -> None:
    """And a snooze for as long as its name tells."""
    cmps = announced(prompt())["cmps"]
    acts = {key: read_command(cmps[key]["pl_prs"].encode()) for key in ("approve", "snooze", "decline")}
    assert {key: command.act for key, command in acts.items()} == {key: key for key in acts}
    assert acts["snooze"].hours == 24
    assert cmps["snooze"]["name"] == "Ask again in 24 h"
    assert {command.prompt for command in acts.values()} == {"p1"}


@pytest.mark.parametrize(
    ("asked", "answering"),
    [(None, BUTTONS), (prompt(state=PromptState.SNOOZED), BUTTONS), (prompt(), None)],
)
def test_without_an_open_question_there_is_nothing_to_press(
    asked: PromptRecord | None, answering: Answering | None
) -> None:
    """Buttons are taken back by naming their platform alone; and they are off unless somebody turned them on."""
    cmps = announced(asked, answering=answering)["cmps"]
    taken_back = {key: part for key, part in cmps.items() if set(part) == {"p"}}
    assert set(taken_back) == {"approve", "approve_with_code", "snooze", "decline"}
    assert "cmd_t" not in json.dumps(cmps)


@pytest.mark.parametrize("needs_code", [False, True])
def test_what_is_above_the_limit_is_not_offered(needs_code: bool) -> None:
    """The ceiling counts; a cent too much and only the page can approve, while the other answers stay."""
    at_most = prompt().offer.total_max_minor
    key = "approve_with_code" if needs_code else "approve"
    for limit, offered in ((at_most, True), (at_most - 1, False)):
        cmps = announced(prompt(), answering=Answering(24, order_max_minor=limit, needs_code=needs_code))["cmps"]
        assert ("cmd_t" in cmps[key]) is offered
        assert "cmd_t" in cmps["decline"]


def test_with_a_code_no_press_alone_buys() -> None:
    """The code is typed by the person, stands in no announcement, and is not kept as a state."""
    cmps = announced(prompt(), answering=replace(BUTTONS, needs_code=True))["cmps"]
    assert cmps["approve"] == {"p": "button"}
    field = cmps["approve_with_code"]
    sent = field["cmd_tpl"].replace("{{ value | tojson }}", json.dumps('12"34'))
    assert read_command(sent.encode()).code == '12"34'
    assert field["mode"] == "password"
    assert field["stat_t"] == "restock/ha/home/item/milk/code"


def test_an_item_says_what_is_known() -> None:
    """Days at the median, the date as the forecast's early end less the delivery, trust in percent."""
    estimate = StockEstimate(ItemId("milk"), "g", NOW, Range(830.04, 700, 900), None, 0.974, (), ())
    told = state(seen(estimate=estimate, forecast=forecast(3.0, 4.5, 6.0)))
    assert (told["days_left"], told["amount"], told["trust"]) == (4.5, 830.04, 97)
    assert told["order_by"] == (NOW + timedelta(days=1)).isoformat()
    assert (told["question"], told["terms"]) == ("None open", {})


def test_what_nobody_knows_is_null() -> None:
    """Not 0, which would be an empty cupboard; and endless is no number of days."""
    told = state(seen())
    assert [told[key] for key in ("days_left", "order_by", "amount", "trust")] == [None] * 4
    assert state(seen(forecast=forecast(float("inf"), float("inf"), float("inf"))))["days_left"] is None


def test_a_question_is_shown_with_all_that_is_bound() -> None:
    """A state that Home Assistant would cut is cut here; the attributes have it whole."""
    asked = prompt()
    told = state(seen(prompt=asked))
    assert told["question"] == "Buy 4 x Whole milk 1 L at grocer, at most $10.66?"
    assert (told["terms"]["terms"], told["terms"]["total_max_minor"]) == (asked.terms_hash, 1066)
    assert told["order_by"] == asked.order_by.isoformat()
    long = replace(asked, offer=replace(asked.offer, title="m" * 200, merchant="g" * 64, quantity=99))
    assert len(state(seen(prompt=long))["question"]) <= 255


def test_the_hub_says_what_stops_it() -> None:
    """In the words that Home Assistant's binary sensors know."""
    trouble = SafetyProblem(SafetyCode.CLOCK_UNTRUSTED, "The clock is wrong.")
    away = DeviceOverview(DeviceId("fridge"), None, None, online=False, seen_at=None)
    told = json.loads(
        hub_state(
            problems=[trouble],
            bridge=BridgeStatus(reachable=False),
            devices=[away],
            open_questions=2,
            orders_to_see_to=3,
        )
    )
    assert (told["problem"], told["bridge"], told["open_questions"], told["devices_away"]) == ("ON", "OFF", 2, 1)
    assert told["orders_to_see_to"] == 3
    assert told["details"]["codes"] == ["clock_untrusted"]


def test_an_event_names_its_kind_and_its_terms() -> None:
    """A kind that was not announced would be dropped by Home Assistant, so it is an error here."""
    told = json.loads(event("asked", prompt(), item_name="Milk"))
    assert (told["event_type"], told["prompt"], told["item_name"]) == ("asked", "p1", "Milk")
    with pytest.raises(ValueError, match="bought"):
        event("bought", prompt(), item_name="Milk")
