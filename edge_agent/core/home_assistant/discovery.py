"""What Home Assistant is told of the hub and of each item: device-based discovery payloads.

One device an item, and one for the hub, each announced whole: a component that is left out of a later announcement
stays in Home Assistant, so one that goes is named once more with nothing but its platform. A button carries what it
asks for, word for word: the prompt and the hash of the terms that its own name tells. So nobody can press it for other
terms than those that it shows.

Source: Home Assistant, MQTT integration (device discovery payload; `dev`, `o`, `cmps`, `p`, shared options; removal of
components), MQTT sensor, binary sensor, event, button, text; device-based discovery is in 2024.11 and later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.core.catalogue import Item
from edge_agent.core.home_assistant.commands import APPROVE, DECLINE, SNOOZE
from edge_agent.core.home_assistant.names import Names
from edge_agent.core.leave.terms import Offer
from edge_agent.core.money import format_money
from edge_agent.core.prompt import PromptRecord, PromptState

Component = Mapping[str, object]

EVENT_TYPES = ("asked", "still_open", "answered", "refused")
CODE_LENGTH_MAX = 64
_NAME_MAX = 120  # of a button: a title that a merchant gives may be long
_QOS = 1
_VALUE = "{{{{ value_json.{} }}}}"

# UCUM to what Home Assistant writes, with the class that lets people convert it there.
_UNITS: Mapping[str, tuple[str, str | None]] = {
    "mg": ("mg", "weight"),
    "g": ("g", "weight"),
    "kg": ("kg", "weight"),
    "[oz_av]": ("oz", "weight"),
    "[lb_av]": ("lb", "weight"),
    "mL": ("mL", "volume_storage"),
    "L": ("L", "volume_storage"),
    "m3": ("m³", "volume_storage"),
    "[foz_us]": ("fl. oz.", "volume_storage"),
    "[gal_us]": ("gal", "volume_storage"),
}

_DAYS_LEFT = "Days left"
_ORDER_BY = "Order by"
_AMOUNT = "Amount"
_TRUST = "Trust in the readings"
_QUESTION = "Question"
_EVENTS = "Questions and answers"
_APPROVE = "Buy {terms}"
_PUT_DOWN = "Put {terms}"
_APPROVE_WITH_CODE = "Type the code to buy {terms}"
_PUT_DOWN_WITH_CODE = "Type the code to put {terms}"
_SNOOZE = "Ask again in {hours} h"
_DECLINE = "Do not buy {title}"
_PROBLEM = "Something stops the orders"
_BRIDGE = "Order service"
_OPEN = "Open questions"
_ORDERS = "Orders that need you"
_AWAY = "Devices that are away"


@dataclass(frozen=True, slots=True)
class Answering:
    """Whether and how a prompt can be answered from Home Assistant.

    `needs_code`: an approval is made by typing the code, so that there is no button whose press alone buys. Above
    `order_max_minor`, in minor units of the offer's currency, no approval is offered at all.
    """

    snooze_h: int
    order_max_minor: int
    needs_code: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """Who speaks. `version` is the hub's; `page` its address as people call it, or empty."""

    names: Names
    home_name: str
    version: str
    page: str = ""


def item_discovery(about: About, item: Item, prompt: PromptRecord | None, *, answering: Answering | None) -> bytes:
    """The announcement of one item. Buttons only where `answering` is given and the prompt is open."""
    names, base = about.names, f"{about.names.node}_item_{item.id}"
    state = names.item_state(item.id)
    unit, unit_class = _UNITS.get(item.unit, (item.unit.strip("{}"), None))
    parts: dict[str, Component] = {
        "days_left": _sensor(base, "days_left", _DAYS_LEFT, state)
        | {"dev_cla": "duration", "unit_of_meas": "d", "stat_cla": "measurement", "sug_dsp_prc": 1},
        "order_by": _sensor(base, "order_by", _ORDER_BY, state) | {"dev_cla": "timestamp"},
        "amount": _sensor(base, "amount", _AMOUNT, state)
        | {"unit_of_meas": unit, "stat_cla": "measurement", "sug_dsp_prc": 1}
        | ({"dev_cla": unit_class} if unit_class else {}),
        "trust": _sensor(base, "trust", _TRUST, state)
        | {"unit_of_meas": "%", "stat_cla": "measurement", "ent_cat": "diagnostic", "ic": "mdi:check-decagram-outline"},
        "question": _sensor(base, "question", _QUESTION, state)
        | {"ic": "mdi:cart-outline", "json_attr_t": state, "json_attr_tpl": "{{ value_json.terms | tojson }}"},
        "questions": {
            "p": "event",
            "uniq_id": f"{base}_questions",
            "name": _EVENTS,
            "stat_t": names.item_event(item.id),
            "evt_typ": list(EVENT_TYPES),
            "ic": "mdi:cart-arrow-down",
        },
    }
    return _payload(
        about, {**parts, **_buttons(names, base, item, prompt=prompt, answering=answering)}, name=item.name, ident=base
    )


def hub_discovery(about: About) -> bytes:
    """The announcement of the hub: what stops it, whether orders get out, what waits."""
    base, state = f"{about.names.node}_hub", about.names.hub_state
    parts: dict[str, Component] = {
        "problem": _sensor(base, "problem", _PROBLEM, state, platform="binary_sensor")
        | {"dev_cla": "problem", "json_attr_t": state, "json_attr_tpl": "{{ value_json.details | tojson }}"},
        "bridge": _sensor(base, "bridge", _BRIDGE, state, platform="binary_sensor")
        | {"dev_cla": "connectivity", "ent_cat": "diagnostic"},
        "open_questions": _sensor(base, "open_questions", _OPEN, state) | {"stat_cla": "measurement"},
        "orders_to_see_to": _sensor(base, "orders_to_see_to", _ORDERS, state)
        | {"stat_cla": "measurement", "ic": "mdi:package-variant-remove"},
        "devices_away": _sensor(base, "devices_away", _AWAY, state)
        | {"stat_cla": "measurement", "ent_cat": "diagnostic"},
    }
    return _payload(about, parts, name=about.home_name, ident=base)


def bought(offer: Offer) -> str:
    """The binding terms in one line, as a button says them."""
    if offer.is_listed:
        return f"{offer.quantity} x {_cut(offer.title)} on the list {offer.merchant}, nothing is paid"
    at_most = format_money(offer.total_max_minor, offer.currency)
    return f"{offer.quantity} x {_cut(offer.title)} at {offer.merchant}, at most {at_most}"


def pressed(act: str, prompt: PromptRecord, *, hours: int | None = None) -> str:
    """What Home Assistant sends when somebody presses a button of this prompt."""
    said: dict[str, object] = {"act": act, "prompt": prompt.id, "terms": prompt.terms_hash}
    return json.dumps(said if hours is None else said | {"hours": hours}, separators=(",", ":"))


def _buttons(
    names: Names, base: str, item: Item, *, prompt: PromptRecord | None, answering: Answering | None
) -> Mapping[str, Component]:
    """The three answers, or their removal."""
    if answering is None or prompt is None or prompt.state is not PromptState.OPEN:
        return {
            "approve": {"p": "button"},
            "approve_with_code": {"p": "text"},
            "snooze": {"p": "button"},
            "decline": {"p": "button"},
        }
    topic, terms, hours = names.command, bought(prompt.offer), answering.snooze_h
    again = _SNOOZE.format(hours=hours)
    no = _DECLINE.format(title=_cut(prompt.offer.title))
    return {
        **_approval(names, base, item, prompt, answering=answering, terms=terms),
        "snooze": _button(
            base,
            "snooze",
            name=again,
            topic=topic,
            payload=pressed(SNOOZE, prompt, hours=hours),
            icon="mdi:clock-outline",
        ),
        "decline": _button(
            base, "decline", name=no, topic=topic, payload=pressed(DECLINE, prompt), icon="mdi:cart-off"
        ),
    }


def _approval(
    names: Names, base: str, item: Item, prompt: PromptRecord, *, answering: Answering, terms: str
) -> Mapping[str, Component]:
    said = pressed(APPROVE, prompt)
    if prompt.offer.total_max_minor > answering.order_max_minor:
        return {"approve": {"p": "button"}, "approve_with_code": {"p": "text"}}
    if not answering.needs_code:
        name = (_PUT_DOWN if prompt.offer.is_listed else _APPROVE).format(terms=terms)
        return {
            "approve": _button(base, "approve", name=name, topic=names.command, payload=said, icon="mdi:cart-check"),
            "approve_with_code": {"p": "text"},
        }
    return {
        "approve": {"p": "button"},
        "approve_with_code": {
            "p": "text",
            "uniq_id": f"{base}_approve_with_code",
            "name": (_PUT_DOWN_WITH_CODE if prompt.offer.is_listed else _APPROVE_WITH_CODE).format(terms=terms),
            "cmd_t": names.command,
            "cmd_tpl": said[:-1] + ',"code":{{ value | tojson }}}',
            "stat_t": names.code_state(item.id),
            "mode": "password",
            "max": CODE_LENGTH_MAX,
            "ic": "mdi:cart-check",
        },
    }


def _button(base: str, key: str, *, name: str, topic: str, payload: str, icon: str) -> Component:
    return {
        "p": "button",
        "uniq_id": f"{base}_{key}",
        "name": name,
        "cmd_t": topic,
        "pl_prs": payload,
        "ret": False,
        "ic": icon,
    }


def _sensor(base: str, key: str, name: str, state: str, *, platform: str = "sensor") -> dict[str, object]:
    return {"p": platform, "uniq_id": f"{base}_{key}", "name": name, "stat_t": state, "val_tpl": _VALUE.format(key)}


def _payload(about: About, parts: Mapping[str, Component], *, name: str, ident: str) -> bytes:
    names, hub = about.names, f"{about.names.node}_hub"
    device: dict[str, object] = {"ids": [ident], "name": name, "mf": "Restock", "sw": about.version}
    device |= {"cu": about.page} if about.page else {}
    device |= {} if ident == hub else {"via_device": hub}
    whole = {
        "dev": device,
        "o": {"name": "Restock", "sw": about.version},
        "avty_t": names.availability,
        "qos": _QOS,
        "cmps": parts,
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _cut(title: str) -> str:
    return title if len(title) <= _NAME_MAX else f"{title[: _NAME_MAX - 1]}…"
