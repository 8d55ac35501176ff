"""What can be sent to an entity of Home Assistant's discovery: fixed words, and numbers inside of JSON.

A command template is taken where it is JSON with `{{ value }}` in one place and nothing else. A number alone on a topic
is not: a profile puts a value into JSON only.

Source: Home Assistant, MQTT button, switch, select and number (command_topic, command_template, payloads).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from edge_agent.core.decoding.payload import Tree
from edge_agent.core.importing.device import Channel, Control, NotReadableError, pointer, topic_problem, tree_of, word

_VALUE = re.compile(r"\{\{-?\s*value\s*-?\}\}")
_MARK = "restock value"
_TEMPLATE_MAX = 1_000
_DEPTH_MAX = 8
_WORD_MAX = 120


def control_of(platform: str, options: Mapping[str, Tree], key: str, *, words: tuple[str, ...]) -> Control:
    """The control of a button, a switch or a select; `words` are a select's options.

    Raises: NotReadableError.
    """
    topic, template = _topic(options), _template(options)
    match platform:
        case "button":
            sent = {"press": text_of(options.get("payload_press", "PRESS"))}
        case "switch":
            sent = {name: text_of(options.get(f"payload_{name}", name.upper())) for name in ("on", "off")}
        case _:
            sent = {each: each for each in words}
    payloads = {name: _filled(template, each) for name, each in sent.items()}
    return Control(key, word(options.get("name")) or key, topic, words=tuple(payloads.items()))


def number_control(options: Mapping[str, Tree], channel: Channel) -> tuple[Control, Channel]:
    """The control of a number, and its channel as it must read for a value to be written in the same way.

    Raises: NotReadableError.
    """
    topic, template = _topic(options), _template(options)
    if template is None:
        raise NotReadableError("a profile sends a number in JSON only, and not alone")
    tree, steps, quoted = _place(template)
    if not quoted and channel.format != "json":
        raise NotReadableError("it is told as a text and taken as a number")
    around = _without(tree, steps)
    control = Control(channel.key, channel.title, topic, payload=around, at=pointer(steps))
    return control, channel if quoted else replace(channel, parse="number")


def text_of(said: Tree) -> str:
    """A word that is sent or told: as Home Assistant makes a text of it.

    Raises: NotReadableError.
    """
    if isinstance(said, (dict, list)) or said is None or len(str(said)) > _WORD_MAX:
        raise NotReadableError("one of its words is no short text")
    return str(said)


def _topic(options: Mapping[str, Tree]) -> str:
    topic = options.get("command_topic")
    if not isinstance(topic, str):
        raise NotReadableError("its command_topic is no text")
    problem = topic_problem(topic)
    if problem:
        raise NotReadableError(problem)
    return topic


def _template(options: Mapping[str, Tree]) -> str | None:
    """The template where it says more than the value itself."""
    template = options.get("command_template")
    if template is None:
        return None
    if not isinstance(template, str) or len(template) > _TEMPLATE_MAX:
        raise NotReadableError("its command_template is no short text")
    return None if _VALUE.fullmatch(template.strip()) else template


def _filled(template: str | None, said: str) -> Tree:
    if template is None:
        return said
    tree, steps, quoted = _place(template)
    if not quoted:
        raise NotReadableError("its command_template puts a word into JSON without quotes")
    return _with(tree, steps, said)


def _place(template: str) -> tuple[Tree, tuple[str, ...], bool]:
    """The tree of a template, where in it the value goes, and whether it goes in as a text."""
    found = [*_VALUE.finditer(template)]
    if len(found) != 1 or "{%" in template:
        raise NotReadableError("its command_template is more than JSON with {{ value }} in one place")
    before, after = template[: found[0].start()], template[found[0].end() :]
    quoted = before.endswith('"') and after.startswith('"')
    try:
        tree = tree_of(f"{before}{_MARK if quoted else json.dumps(_MARK)}{after}".encode())
    except NotReadableError as exc:
        raise NotReadableError(f"its command_template is no JSON: {exc}") from exc
    steps = _steps_to(tree, ())
    if not steps:
        raise NotReadableError("its command_template has no object around {{ value }}")
    return tree, steps, quoted


def _steps_to(tree: Tree, above: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(tree, dict) or len(above) >= _DEPTH_MAX:
        return ()
    for key, value in tree.items():
        if value == _MARK:
            return (*above, key)
        below = _steps_to(value, (*above, key))
        if below:
            return below
    return ()


def _with(tree: Tree, steps: tuple[str, ...], value: Tree) -> Tree:
    if not steps or not isinstance(tree, dict):
        return value
    return tree | {steps[0]: _with(tree[steps[0]], steps[1:], value)}


def _without(tree: Tree, steps: tuple[str, ...]) -> Tree:
    if not isinstance(tree, dict):
        return tree
    if len(steps) == 1:
        return {key: value for key, value in tree.items() if key != steps[0]}
    return tree | {steps[0]: _without(tree[steps[0]], steps[1:])}
