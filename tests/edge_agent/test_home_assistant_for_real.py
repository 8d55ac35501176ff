"""The hub beside a real Home Assistant: what it shows, what a press there does here, and what either's absence does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

import edge_agent
from edge_agent.config import HomeAssistantConfig, HomeConfig, HubConfig, MqttConfig, Secrets
from edge_agent.core.catalogue import Household, Item
from edge_agent.core.home_assistant.names import Names
from edge_agent.core.messages import Forecast, ItemId, PromptId, Range, StockEstimate
from edge_agent.core.prompt import PromptState
from edge_agent.core.safety import SafetyCode, SafetyProblem
from edge_agent.core.units import UNITS, countable
from edge_agent.pipeline.home_assistant import HomeAssistant
from edge_agent.wiring.home_assistant import listen, wire_voice
from tests.edge_agent.hass import PROGRAM, Hass, home_assistant
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.samples import MILK, NOW, prompt
from tests.edge_agent.wiring.test_home_assistant import wired

if TYPE_CHECKING:
    from tests.conftest import Broker

pytestmark = [
    pytest.mark.skipif(not PROGRAM, reason="needs RESTOCK_HASS, the program `hass` of Home Assistant 2024.11 or later"),
    pytest.mark.broker,
    pytest.mark.timeout(900),
]

CODE = "open-sesame-7"
STALE = "The terms have changed since they were shown: look at the question again."
ODD_NAME = '洗衣液 "{{ 1 / 0 }}" & <b>\'s</b>'
STOPPED = "The hub's clock is not to be trusted."
BLUEPRINT = Path(edge_agent.__file__).parents[1] / "docs" / "blueprints" / "restock-question.yaml"
ON = HomeAssistantConfig(
    enabled=True,
    buttons=True,
    account="ben",
    order_max_minor=2_000,
    day_max_minor=20_000,
    page="http://restock.local:8480",
)
EVENTS = "event.{}_questions_and_answers"
BUY = "button.{}_buy_4_x_whole_milk_1_l_at_grocer_at_most_10_66"
CODE_FIELD = "text.{}_type_the_code_to_buy_4_x_whole_milk_1_l_at_grocer_at_most_10_66"
LATER = "button.{}_ask_again_in_24_h"
NO = "button.{}_do_not_buy_whole_milk_1_l"


def item(ident: str, *, name: str, unit: str = "g") -> Item:
    """Milk under another name."""
    return MILK.model_copy(update={"id": ident, "name": name, "unit": unit})


TEA, SOAP, NEW = item("tea", name="Tea"), item("soap", name="Soap"), item("new", name="New")
GOODS = tuple(
    item(f"u{place}", name=f"Unit {place}", unit=unit)
    for place, unit in enumerate(("{pad}", *filter(countable, UNITS)))
)


def known(items: Iterable[Item]) -> Mapping[ItemId, object]:
    """What a review would have found: 830 at home, 4.5 days left, used up after 3 at the earliest."""
    return {
        ItemId(each.id): SimpleNamespace(
            estimate=StockEstimate(ItemId(each.id), each.unit, NOW, Range(830.04, 700, 900), None, 0.974, (), ()),
            forecast=Forecast(ItemId(each.id), NOW, (0.1, 0.5, 0.9), (1,), ((1.0,) * 3,), (3.0, 4.5, 6.0), "test"),
            decision=None,
        )
        for each in items
    }


@asynccontextmanager
async def hub(desk: Desk, broker: Broker, *, items: tuple[Item, ...], code: str = "") -> AsyncIterator[HomeAssistant]:
    """This desk's hub at work, with a household of these items; nothing is known of NEW."""
    desk.household.household = Household(items=items)
    config = HubConfig(home=HomeConfig(name="Our home"), home_assistant=ON, mqtt=MqttConfig(url=broker.url))
    secret = Secrets(home_assistant_code=SecretStr(code))
    async with wire_voice(config, secret, client_id="hub") as voice:
        side = wired(desk, config, voice, secret, latest=known(each for each in items if each != NEW))

        async def hear() -> None:
            while True:
                await listen(voice, side)
                desk.clock.advance(minutes=1)  # nobody is in such a hurry as a test

        side.refresh()
        hearing = asyncio.create_task(hear())
        try:
            yield side
        finally:
            hearing.cancel()
            await asyncio.wait((hearing,))


async def told(there: Hass, ident: str, kind: str, *, why: str | None = None) -> dict[str, Any]:
    """What an item's event entity says, once it tells of this kind, and for this reason where one is given."""
    entity = EVENTS.format(ident)

    async def is_so() -> bool:
        said = (await there.states())[entity]["attributes"]
        return said["event_type"] == kind and why in (None, said.get("text"))

    await there.until(is_so)
    attributes: dict[str, Any] = (await there.states())[entity]["attributes"]
    return attributes


async def ends(desk: Desk, there: Hass, ident: str) -> PromptState:
    """How a question ended, once its buttons have gone there too."""

    async def is_so() -> bool:
        return not any(LATER.format(item) in each for each in await there.states())

    found = desk.orders.prompt(PromptId(ident))
    assert found is not None
    item = found.item
    await there.until(is_so)
    ended = desk.orders.prompt(PromptId(ident))
    assert ended is not None
    return ended.state


async def about(there: Hass, entity: str, *what: str) -> list[str]:
    """What Home Assistant knows of the device of an entity."""
    attributes = "~ '|' ~".join(f"device_attr('{entity}', '{each}')" for each in what)
    return (await there.render(f"{{{{ {attributes} }}}}")).split("|")


async def test_it_shows_what_the_hub_knows(broker: Broker, tmp_path: Path) -> None:
    """Devices by their names, every unit there is, classes that fit, unknown where nobody knows; and no complaint."""
    odd = item("odd", name=ODD_NAME)
    async with home_assistant() as there:
        await there.move_in(broker_port=broker.port)
        with open_desk(tmp_path) as desk:
            desk.orders.add_prompt(prompt())
            desk.watch.found = (SafetyProblem(SafetyCode.CLOCK_UNTRUSTED, STOPPED),)
            async with hub(desk, broker, items=(MILK, odd, NEW, *GOODS)):
                await there.state(f"sensor.unit_{len(GOODS) - 1}_days_left", at="4.5")
                await there.state(BUY.format("milk"), at="unknown")
                await there.state("binary_sensor.our_home_something_stops_the_orders", at="on")
                states = await there.states()
                link = await about(there, "sensor.milk_question", "name", "manufacturer", "configuration_url")
                above = await there.render(
                    "{{ device_attr('sensor.milk_question', 'via_device_id')"
                    " == device_id('binary_sensor.our_home_order_service') }}"
                )
        complaints = there.complaints()
        part = {"p": "sensor", "uniq_id": "w", "stat_t": "w", "dev_cla": "w"}
        wrong = {"dev": {"ids": ["w"]}, "o": {"name": "w"}, "cmps": {"w": part}}
        topic = "homeassistant/device/wrong/config"
        await there.call("mqtt", "publish", topic=topic, payload=json.dumps(wrong))

        async def complains() -> bool:
            return bool(there.complaints())

        await there.until(complains)
        would_complain = there.complaints()

    def shown(entity: str, *of: str) -> tuple[object, ...]:
        return (states[entity]["state"], *(states[entity]["attributes"].get(each) for each in of))

    assert shown("sensor.milk_days_left", "device_class", "unit_of_measurement") == ("4.5", "duration", "d")
    assert shown("sensor.milk_order_by", "device_class") == ("2026-03-03T08:00:00+00:00", "timestamp")
    assert shown("sensor.milk_amount", "device_class", "unit_of_measurement") == ("830.04", "weight", "g")
    assert shown("sensor.milk_trust_in_the_readings", "unit_of_measurement") == ("97", "%")
    assert shown("sensor.milk_question", "total_max_minor", "currency") == (
        "Buy 4 x Whole milk 1 L at grocer, at most $10.66?", 1066, "USD",
    )  # fmt: skip
    assert shown("sensor.unit_0_amount", "unit_of_measurement") == ("830.04", "pad")
    assert shown("binary_sensor.our_home_something_stops_the_orders", "device_class", "problems") == (
        "on", "problem", [STOPPED],
    )  # fmt: skip
    assert {states[f"sensor.new_{each}"]["state"] for each in ("days_left", "order_by", "amount")} == {"unknown"}
    assert sum(ODD_NAME in each["attributes"]["friendly_name"] for each in states.values()) == 6
    assert link == ["Milk", "Restock", "http://restock.local:8480"]
    assert above == "True"
    assert not complaints
    assert "device_class" in " ".join(would_complain)


async def test_a_press_there_is_one_answer_here(broker: Broker, tmp_path: Path) -> None:
    """Two quick presses make one order; later and no are heard; what was pressed for an ended question does nothing."""
    async with home_assistant() as there:
        await there.move_in(broker_port=broker.port)
        with open_desk(tmp_path) as desk:
            async with hub(desk, broker, items=(MILK, TEA, SOAP)) as side:
                for each in ("milk", "tea", "soap"):
                    await there.state(EVENTS.format(each), at="unknown")
                for number, each in enumerate(("milk", "tea", "soap"), 1):
                    desk.orders.add_prompt(prompt(f"p{number}", item=each))
                side.refresh()
                for each in ("milk", "tea", "soap"):
                    assert (await told(there, each, "asked"))["total_max_minor"] == 1066
                    await there.state(BUY.format(each), at="unknown")
                late = {"act": "approve", "prompt": "p1", "terms": prompt().terms_hash}
                await asyncio.gather(
                    *(there.call("button", "press", entity_id=BUY.format("milk")) for _ in range(2)),
                    there.call("button", "press", entity_id=LATER.format("tea")),
                    there.call("button", "press", entity_id=NO.format("soap")),
                )
                assert await ends(desk, there, "p1") is PromptState.APPROVED
                assert await ends(desk, there, "p2") is PromptState.SNOOZED
                assert await ends(desk, there, "p3") is PromptState.DECLINED
                assert (await told(there, "soap", "answered"))["text"] == "It is not bought."
                for each, act, why in (
                    ("milk", {}, "This question is approved: it can no longer be changed by approve."),
                    ("milk", {"terms": "0" * 64}, STALE),
                    ("tea", {"prompt": "p2"}, "This question is snoozed: it can no longer be changed by approve."),
                    ("soap", {"prompt": "p3"}, "This question is declined: it can no longer be changed by approve."),
                ):
                    payload = json.dumps(late | act)
                    await there.call("mqtt", "publish", topic=Names("home").command, payload=payload)
                    await told(there, each, "refused", why=why)
                [intent] = desk.orders.intents(live=False, limit=5)
                assert (intent.prompt, intent.quantity) == ("p1", 4)
                assert desk.events().count("approved") == 1
        assert not there.complaints()


async def test_a_code_is_typed_there(broker: Broker, tmp_path: Path) -> None:
    """A wrong one buys nothing and says so; the right one buys; neither is kept there."""
    async with home_assistant() as there:
        await there.move_in(broker_port=broker.port)
        with open_desk(tmp_path) as desk:
            desk.orders.add_prompt(prompt())
            async with hub(desk, broker, items=(MILK,), code=CODE):
                field = CODE_FIELD.format("milk")
                await there.state(field, at="unknown")
                assert BUY.format("milk") not in await there.states()
                await there.call("text", "set_value", entity_id=field, value="a\"b'{{ 1 / 0 }}")
                assert "code is wrong" in (await told(there, "milk", "refused"))["text"]
                assert not desk.orders.intents(live=False, limit=5)
                await there.call("text", "set_value", entity_id=field, value=CODE)
                assert await ends(desk, there, "p1") is PromptState.APPROVED
                assert CODE not in json.dumps(await there.states())
        await there.stop()
        assert not [path for path in there.folder.rglob("*") if path.is_file() and CODE.encode() in path.read_bytes()]
        assert not there.complaints()


async def test_either_may_be_away(broker: Broker, tmp_path: Path) -> None:
    """Home Assistant comes back to all that stands; without the hub nothing is shown as known; what went is gone."""
    async with home_assistant() as there:
        await there.move_in(broker_port=broker.port)
        with open_desk(tmp_path) as desk:
            async with hub(desk, broker, items=(MILK, TEA)) as side:
                await there.state("sensor.milk_days_left", at="4.5")
                await there.state("sensor.tea_days_left", at="4.5")
                desk.orders.add_prompt(prompt())
                side.refresh()
                await told(there, "milk", "asked")
                await there.stop()
                await there.start()
                await there.state("sensor.milk_days_left", at="4.5")
                await told(there, "milk", "still_open")
            for each in ("sensor.milk_days_left", "sensor.tea_amount", BUY.format("milk"), EVENTS.format("milk")):
                await there.state(each, at="unavailable")
            await there.call("button", "press", entity_id=BUY.format("milk"))
            async with hub(desk, broker, items=(MILK,)):
                await there.state("sensor.milk_days_left", at="4.5")

                async def has_gone() -> bool:
                    return not any("tea" in each for each in await there.states())

                await there.until(has_gone)
                assert (await there.render("{{ device_id('Tea') }}")) == "None"
                await there.state(BUY.format("milk"), at="unknown")
                assert not desk.orders.intents(live=False, limit=5)
                assert not there.complaints()
                broker.kill()
                await there.state("sensor.milk_days_left", at="unavailable")
                broker.start()
                await there.state("sensor.milk_days_left", at="4.5")
                await there.call("button", "press", entity_id=BUY.format("milk"))
                assert await ends(desk, there, "p1") is PromptState.APPROVED


@pytest.mark.parametrize("code", ["", CODE])
async def test_the_blueprint_asks_a_phone(mosquitto_broker: Broker, tmp_path: Path, code: str) -> None:
    """Its buttons do what they say, on the terms that were shown; what is over leaves the phone; a refusal is said."""
    items = (MILK, TEA, SOAP)
    async with home_assistant("mobile_app") as there:
        await there.move_in(broker_port=mosquitto_broker.port)
        async with there.phone() as phone:
            device = await there.render("{{ device_id('Phone') }}")
            await there.automate(BLUEPRINT, phone=device, can_buy=True, asks_code=bool(code))
            await there.state("automation.restock", at="on")
            with open_desk(tmp_path) as desk:
                async with hub(desk, mosquitto_broker, items=items, code=code) as side:

                    async def asked(number: int) -> dict[str, Any]:
                        desk.orders.add_prompt(prompt(f"p{number}", item=items[number - 1].id))
                        side.refresh()
                        return await phone.next()

                    first = await asked(1)
                    assert (first["title"], first["message"]) == (
                        "Milk", "4 x Whole milk 1 L at grocer, at most $10.66, by 2026-03-04.",
                    )  # fmt: skip
                    buy, _, _ = first["data"]["actions"]
                    if code:
                        await phone.press(buy["action"], "000000")
                        again = await phone.next()
                        assert again["message"].startswith("That code is wrong. Nothing was bought. 4 x Whole milk")
                        assert (again["data"]["tag"], again["data"]["alert_once"]) == ("restock-p1", False)
                        buy, _, _ = again["data"]["actions"]
                    await phone.press(buy["action"], *([code] if code else []))
                    cleared = await phone.next()
                    assert (cleared["message"], cleared["data"]["tag"]) == ("clear_notification", "restock-p1")
                    _, later, _ = (await asked(2))["data"]["actions"]
                    await phone.press(later["action"])
                    assert (await phone.next())["data"]["tag"] == "restock-p2"
                    _, _, no = (await asked(3))["data"]["actions"]
                    await phone.press(no["action"])
                    assert (await phone.next())["data"]["tag"] == "restock-p3"
                ended = [desk.orders.prompt(PromptId(f"p{number}")) for number in (1, 2, 3)]
                assert [each.state for each in ended if each is not None] == [
                    PromptState.APPROVED, PromptState.SNOOZED, PromptState.DECLINED,
                ]  # fmt: skip
                assert len(desk.orders.intents(live=False, limit=5)) == 1
        assert not there.complaints()
