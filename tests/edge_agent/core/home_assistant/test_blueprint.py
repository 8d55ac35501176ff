"""The blueprint of docs/: what it sends is what the hub reads, for the terms that it showed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

import edge_agent
from edge_agent.core.home_assistant.commands import Command, read_command
from edge_agent.core.home_assistant.discovery import EVENT_TYPES
from edge_agent.core.home_assistant.states import event
from tests.edge_agent.samples import prompt

FILE = Path(edge_agent.__file__).parents[1] / "docs" / "blueprints" / "restock-question.yaml"
INPUTS = {"home": "home", "can_buy": True, "asks_code": False, "snooze_hours": 24.0}


class _Loader(yaml.SafeLoader):
    """YAML with Home Assistant's `!input`."""


_Loader.add_constructor("!input", lambda loader, node: ("input", loader.construct_scalar(node)))


def blueprint() -> dict[str, Any]:
    """The file."""
    loaded: dict[str, Any] = yaml.load(FILE.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return loaded


def sent(button: str, *, typed: str | None = None, **inputs: object) -> Command:
    """What the hub reads when somebody presses this button of a notification."""
    told = json.loads(event("asked", prompt(), item_name="Milk"))
    known: dict[str, Any] = {**INPUTS, **inputs, "trigger": {"payload_json": told}, "context": {"id": "c1"}}
    steps = blueprint()["actions"][0]["choose"][-1]["sequence"]
    names = steps[0]["variables"]
    render = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=True
    ).from_string  # escapes nothing in JSON
    for name in ("buy", "later", "no_thanks"):
        known[name] = render(names[name]).render(known)
    reply = {} if typed is None else {"reply_text": typed}
    known["wait"] = {"trigger": {"event": {"data": {"action": known[button], **reply}}}}
    asked = steps[-1]
    assert (asked["action"], asked["data"]["retain"]) == ("mqtt.publish", False)
    return read_command(render(asked["data"]["payload"]).render(known).strip().encode())


@pytest.mark.parametrize(("button", "act"), [("buy", "approve"), ("later", "snooze"), ("no_thanks", "decline")])
def test_each_button_sends_an_answer_to_what_was_shown(button: str, act: str) -> None:
    """The prompt and the terms of the event that the notification was made of."""
    command = sent(button)
    assert (command.act, command.prompt, command.terms) == (act, "p1", prompt().terms_hash)


def test_a_code_goes_as_it_was_typed() -> None:
    """Text, also where it looks like a number; and only with an approval."""
    assert sent("buy", typed="012345", asks_code=True).code == "012345"
    assert sent("buy", asks_code=True).code == ""
    assert sent("later", typed="012345", asks_code=True).code is None


def test_the_run_is_named_only_where_it_is_known() -> None:
    """Home Assistant renders an automation's own variables before there is a `context`."""
    assert "context" not in json.dumps(blueprint()["variables"])


def test_it_knows_every_kind_of_event() -> None:
    """None is left without a branch."""
    text = FILE.read_text(encoding="utf-8")
    assert all(f"'{kind}'" in text for kind in EVENT_TYPES)
