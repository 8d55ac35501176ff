"""From a question to a press in Home Assistant to an order, over a real broker; and what the configuration refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import aiomqtt
import pytest
from pydantic import SecretStr, ValidationError

from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.adapters.store.chain import Chain
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.policies import Policies
from edge_agent.config import HomeAssistantConfig, HubConfig, MqttConfig, Secrets
from edge_agent.core.home_assistant.names import Names
from edge_agent.core.messages import ItemId, PromptId
from edge_agent.core.overview import BridgeStatus
from edge_agent.core.prompt import PromptState
from edge_agent.errors import ConfigurationError
from edge_agent.pipeline.home_assistant import HomeAssistant
from edge_agent.pipeline.overview import HomeOverview
from edge_agent.wiring.home_assistant import listen, wire_home_assistant, wire_voice
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.samples import prompt

if TYPE_CHECKING:
    from edge_agent.adapters.home_assistant import HomeAssistantVoice
    from tests.conftest import Broker

WITHIN_S = 30.0
ON = HomeAssistantConfig(enabled=True, buttons=True, account="ben", order_max_minor=2_000, day_max_minor=2_000)


def wired(
    desk: Desk,
    config: HubConfig,
    voice: HomeAssistantVoice,
    secret: Secrets = Secrets(),  # noqa: B008
    *,
    latest: Mapping[ItemId, object] | None = None,
) -> HomeAssistant:
    """Home Assistant beside this desk, as the hub wires it; `latest` is what the last review found."""
    overview = HomeOverview(
        household=desk.household,
        inspection=SqliteInspection(desk.connection),
        orders=desk.orders,
        review=cast("Any", SimpleNamespace(latest=latest or {})),
        bridge=cast("Any", SimpleNamespace(status=lambda: BridgeStatus(reachable=True))),
    )
    return wire_home_assistant(
        config,
        secret,
        voice=voice,
        overview=overview,
        household=desk.household,
        answers=desk.leave.answering,
        accounts=desk.leave.accounts,
        policies=Policies(desk.connection, verify=desk.key.verify),
        safety=desk.watch,
        chain=Chain(desk.connection, secret=HouseholdSecret(b"s" * 32)),
        clock=desk.clock,
    )


@pytest.mark.broker
async def test_a_press_there_makes_one_order_here(broker: Broker, tmp_path: Path) -> None:
    """The button's own words, as the broker keeps them, are what buys; and the button goes."""
    config = HubConfig(home_assistant=ON, mqtt=MqttConfig(url=broker.url))
    topic = Names("home").item_discovery("milk")
    with open_desk(tmp_path) as desk:
        desk.orders.add_prompt(prompt())
        async with (
            wire_voice(config, Secrets(), client_id="hub") as voice,
            aiomqtt.Client("127.0.0.1", broker.port) as there,
            asyncio.timeout(WITHIN_S),
        ):
            side = wired(desk, config, voice)
            side.refresh()
            await there.subscribe(topic, qos=1)
            messages = aiter(there.messages)
            button = json.loads(cast("bytes", (await anext(messages)).payload))["cmps"]["approve"]
            await there.publish(button["cmd_t"], button["pl_prs"], qos=1, retain=button["ret"])
            await listen(voice, side)
            [intent] = desk.orders.intents(live=True, limit=5)
            async for message in messages:
                if json.loads(cast("bytes", message.payload))["cmps"]["approve"] == {"p": "button"}:
                    break
        record = desk.orders.prompt(PromptId("p1"))
        assert record is not None
        assert (intent.prompt, record.state, record.answered_by) == ("p1", PromptState.APPROVED, "ben")


def test_a_code_that_is_too_short_is_refused(tmp_path: Path) -> None:
    """Rather than guarding money with it; and it is not repeated."""
    config, secret = HubConfig(home_assistant=ON), Secrets(home_assistant_code=SecretStr("hush"))
    voice = wire_voice(config, secret, client_id="hub")
    with open_desk(tmp_path) as desk, pytest.raises(ConfigurationError) as refused:
        wired(desk, config, voice, secret)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"buttons": True},
        {"order_max_minor": 2},
        {"order_max_minor": -1},
        {"prefix": "a/b"},
        {"prefix": "#"},
        {"page": "javascript:alert(1)"},
        {"snooze_h": 0},
    ],
)
def test_what_cannot_be_meant_is_refused(fields: dict[str, object]) -> None:
    """Buttons in nobody's name, a limit above the day's, a prefix that is a filter."""
    with pytest.raises(ValidationError):
        HomeAssistantConfig.model_validate(fields)


def test_it_is_off_unless_somebody_turns_it_on() -> None:
    """And its buttons once more; nothing may be approved by default."""
    told = HubConfig().home_assistant
    assert (told.enabled, told.buttons, told.order_max_minor, told.day_max_minor) == (False, False, 0, 0)
