"""Node dumps of a Matter controller to devices whose meaning is known: Matter says itself what is consumable.

A dump holds `endpoint/cluster/attribute: value`, or the same as objects inside each other, under `attributes` or at the
top; an answer of a controller with several nodes is taken apart. Taken over: Resource Monitoring of HEPA and activated
carbon filters and of water tanks, with the direction that the device tells, and what runs on cells from Power Source.

A dump is no MQTT message. The profile is for a bridge that publishes it whole on `bridge/matter/<node id>/status`; the
overlay may name another topic.

Source: Matter Application Cluster Specification, Resource Monitoring; Core Specification, Power Source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import ValidationError

from edge_agent.core.decoding.payload import MISSING, Found, Tree
from edge_agent.core.importing.device import (
    CHANNELS_MAX,
    DEVICES_MAX,
    Announcement,
    Channel,
    Imported,
    ImportedDevice,
    Known,
    NotReadableError,
    Refusals,
    pointer,
    tree_of,
    word,
)
from edge_agent.core.profile import Product
from edge_agent.core.topics import device_id

_SUBJECTS = {113: "hepa_filter", 114: "carbon_filter", 121: "water_tank"}
_CONDITION, _DIRECTION, _CHANGE, _IN_PLACE, _PRODUCTS = 0, 1, 2, 3, 5
_POWER_SOURCE = 47
_PERCENT, _REPLACE, _REPLACEABILITY, _PRESENT = 12, 15, 16, 17
_CELL_FACTS = {19: "battery", 20: "common designation", 21: "ANSI designation", 22: "IEC designation", 25: "cells"}
_NOT_BY_A_PERSON: tuple[Tree, ...] = (1, 3)  # built in, or for the factory
_TYPES = ("upc", "gtin8", "ean", "gtin14", "oem")
_HALF_PERCENT = 0.5  # BatPercentRemaining
_ENDPOINTS_MAX = 99
_BASIC, _VENDOR, _PRODUCT, _NODE_LABEL = 40, 1, 3, 5


@dataclass(frozen=True, slots=True)
class _Node:
    """A dump: its attributes by number, and the way to each in the payload."""

    id: str
    tree: dict[str, Tree]
    values: dict[tuple[int, int, int], Tree]
    steps: dict[tuple[int, int, int], tuple[str, ...]]

    def at(self, *place: int) -> Found:
        """The value of an attribute: endpoint, cluster, attribute."""
        return self.values.get((place[0], place[1], place[2]), MISSING)

    def path(self, *place: int) -> str:
        """Where it stands."""
        return pointer(self.steps[place[0], place[1], place[2]])


@dataclass(slots=True)
class _Parts:
    """What is found in a node, part by part."""

    topic: str
    channels: list[Channel] = field(default_factory=list)
    consumables: dict[str, dict[str, Tree]] = field(default_factory=dict)
    facts: list[tuple[str, str]] = field(default_factory=list)


def import_matter(messages: Iterable[Announcement]) -> Imported:
    """Every node in the dumps. Never raises: what cannot be taken over is refused with the reason."""
    refusals = Refusals()
    nodes: dict[str, ImportedDevice] = {}
    for message in messages:
        try:
            dumps = list(_dumps(tree_of(message.payload)))
            if not dumps:
                raise NotReadableError("no node dump: an object with endpoint/cluster/attribute is needed")  # noqa: TRY301
        except NotReadableError as exc:
            refusals.add(message.topic, str(exc))
            continue
        for number, dump in enumerate(dumps):
            if len(nodes) >= DEVICES_MAX:
                refusals.add(message.topic, f"more than {DEVICES_MAX} nodes")
                break
            _add(dump, f"{message.topic or 'node'} {number + 1}", nodes=nodes, refusals=refusals)
    return Imported(tuple(nodes.values()), tuple(refusals.kept))


def _add(dump: dict[str, Tree], what: str, *, nodes: dict[str, ImportedDevice], refusals: Refusals) -> None:
    try:
        node = _node(dump)
        found = _device(node, refusals)
    except NotReadableError as exc:
        refusals.add(what, str(exc))
        return
    if found.channels:
        nodes[found.id] = found
    else:
        refusals.add(f"node {node.id}", "it monitors nothing that is used up, and has no cells to change")


def _dumps(tree: Tree, depth: int = 0) -> Iterator[dict[str, Tree]]:
    """The nodes in a dump, a list of them, or an answer around them."""
    if depth > 3:
        return
    if isinstance(tree, list):
        for each in tree[: DEVICES_MAX + 1]:
            yield from _dumps(each, depth + 1)
    elif isinstance(tree, dict):
        inside = next(
            (tree[key] for key in ("result", "data", "nodes") if isinstance(tree.get(key), (list, dict))), None
        )
        if inside is not None and "attributes" not in tree:
            yield from _dumps(inside, depth + 1)
        elif _attributes(tree):
            yield tree


def _attributes(tree: dict[str, Tree]) -> dict[tuple[int, int, int], tuple[str, ...]]:
    """Every attribute with the way to it."""
    above: tuple[str, ...] = ("attributes",) if isinstance(tree.get("attributes"), dict) else ()
    root = tree["attributes"] if above else tree
    found: dict[tuple[int, int, int], tuple[str, ...]] = {}
    for key, value in root.items() if isinstance(root, dict) else ():
        place = _numbers(key.split("/"))
        if len(place) == 3:
            found[place[0], place[1], place[2]] = (*above, key)
        elif len(place) == 1 and isinstance(value, dict):
            for cluster, attributes in value.items():
                for attribute in attributes if isinstance(attributes, dict) else ():
                    whole = (*place, *_numbers([cluster]), *_numbers([attribute]))
                    if len(whole) == 3:
                        found[whole[0], whole[1], whole[2]] = (*above, key, cluster, attribute)
    return found


def _numbers(words: list[str]) -> tuple[int, ...]:
    fits = all(each.isascii() and each.isdigit() and len(each) <= 10 for each in words)
    return tuple(int(each) for each in words) if fits else ()


def _node(dump: dict[str, Tree]) -> _Node:
    steps = _attributes(dump)
    values: dict[tuple[int, int, int], Tree] = {}
    for place, way in steps.items():
        here: Tree = dump
        for step in way:
            here = here[step] if isinstance(here, dict) else None
        values[place] = here
    told = next((dump[key] for key in ("node_id", "nodeId", "id") if key in dump), None)
    if isinstance(told, bool) or not isinstance(told, (int, str)) or not 0 < len(str(told)) <= 64:
        raise NotReadableError("the dump has no node_id")
    return _Node(str(told), dump, values, steps)


def _device(node: _Node, refusals: Refusals) -> ImportedDevice:
    parts = _Parts(f"bridge/matter/{node.id}/status")
    for endpoint, cluster in dict.fromkeys((endpoint, cluster) for endpoint, cluster, _ in sorted(node.values)):
        if len(parts.channels) >= CHANNELS_MAX or endpoint > _ENDPOINTS_MAX:
            refusals.add(f"node {node.id}", "more endpoints than a profile can name")
            break
        try:
            if cluster in _SUBJECTS:
                _monitored(node, endpoint, cluster, parts=parts)
            elif cluster == _POWER_SOURCE:
                _powered(node, endpoint, parts=parts)
        except NotReadableError as exc:
            refusals.add(f"node {node.id}: {endpoint}/{cluster}", str(exc))
    names = (node.id, word(node.at(0, _BASIC, _NODE_LABEL)))
    title = word(node.at(0, _BASIC, _PRODUCT)) or f"Matter node {node.id}"
    return ImportedDevice(
        source="matter",
        id=device_id(node.id),
        title=title,
        names=tuple(each for each in names if each),
        model=word(node.at(0, _BASIC, _PRODUCT)),
        manufacturer=word(node.at(0, _BASIC, _VENDOR)),
        channels=tuple(parts.channels),
        require=_require(node),
        consumables=tuple(parts.consumables.items()),
        facts=tuple(parts.facts),
        sample=_sample(node),
    )


def _require(node: _Node) -> tuple[dict[str, Tree], ...]:
    """The node's own number, and that it is a dump: both hold for every message of it."""
    told = [key for key in ("node_id", "nodeId", "id") if key in node.tree]
    requires: list[dict[str, Tree]] = [{"path": f"/{told[0]}", "eq": node.tree[told[0]]}]
    if isinstance(node.tree.get("attributes"), dict):
        requires.append({"path": "/attributes", "type": "object"})
    return tuple(requires)


def _available(node: _Node) -> list[dict[str, Tree]]:
    return [{"path": "/available", "ne": False, "optional": True}] if "available" in node.tree else []


def _monitored(node: _Node, endpoint: int, cluster: int, *, parts: _Parts) -> None:
    """A filter or a tank: its condition, whether a change is due, and what the device names as replacement."""
    subject = _SUBJECTS[cluster] + ("" if endpoint == 1 else f"_{endpoint}")
    guard = _available(node)
    if node.at(endpoint, cluster, _IN_PLACE) is not MISSING:
        guard.append({"path": node.path(endpoint, cluster, _IN_PLACE), "ne": False, "optional": True})
    if node.at(endpoint, cluster, _CONDITION) is not MISSING:
        _condition(node, endpoint, cluster, subject=subject, guard=guard, parts=parts)
    if node.at(endpoint, cluster, _CHANGE) is not MISSING:
        due = "empty" if _SUBJECTS[cluster] == "water_tank" else "replace"
        known = Known(f"{subject}.state", "flag", states=(("0", "ok"), ("1", "low"), ("2", due)))
        place = (endpoint, cluster, _CHANGE)
        parts.channels.append(_channel(node, place, parts.topic, known=known, guard=guard, parse="text"))
        alone: dict[str, Tree] = {"model": "flag", "signal": f"{subject}.state", "degradation": "none"}
        parts.consumables.setdefault(subject, alone)
    if subject in parts.consumables and node.at(endpoint, cluster, _PRODUCTS) is not MISSING:
        parts.consumables[subject]["products_from"] = node.path(endpoint, cluster, _PRODUCTS)
        parts.facts.extend(_products(node.at(endpoint, cluster, _PRODUCTS), subject))


def _condition(
    node: _Node, endpoint: int, cluster: int, *, subject: str, guard: list[dict[str, Tree]], parts: _Parts
) -> None:
    """A share of 100, in the direction that the device says it goes."""
    direction = node.at(endpoint, cluster, _DIRECTION)
    if isinstance(direction, bool) or direction not in (0, 1):
        raise NotReadableError("it tells a condition, and not in which direction it goes")
    quantity, way = ("remaining", "down") if direction == 1 else ("used", "up")
    known = Known(f"{subject}.{quantity}", "level", way)
    told: dict[str, Tree] = {"path": node.path(endpoint, cluster, _DIRECTION), "eq": direction}
    place = (endpoint, cluster, _CONDITION)
    parts.channels.append(_channel(node, place, parts.topic, known=known, guard=[*guard, told], parse="number"))
    parts.consumables[subject] = {"model": "level", "signal": known.signal, "degradation": way}


def _products(listed: Found, subject: str) -> Iterator[tuple[str, str]]:
    """What the device itself names as replacement: a suggestion, and only where its check digit is right."""
    for entry in listed[:5] if isinstance(listed, list) else ():
        if not isinstance(entry, dict):
            continue
        kind = entry.get("0", entry.get("productIdentifierType"))
        value = entry.get("1", entry.get("productIdentifierValue"))
        if isinstance(kind, bool) or not isinstance(kind, int) or not 0 <= kind < len(_TYPES):
            continue
        try:
            product = Product.model_validate({"type": _TYPES[kind], "value": value})
        except ValidationError:
            yield (f"{subject}: no product", f"{word(value, 20)!r} is no {_TYPES[kind]}")
        else:
            yield (f"{subject}: suggests {product.type}", word(product.value, 20))


def _powered(node: _Node, endpoint: int, *, parts: _Parts) -> None:
    """What runs on cells: their charge, and whether they want changing where a person can do it."""
    if any(each.title.startswith("battery") for each in parts.channels):
        raise NotReadableError("another endpoint tells of cells already; the first one stands")
    guard = _available(node)
    if node.at(endpoint, _POWER_SOURCE, _PRESENT) is not MISSING:
        guard.append({"path": node.path(endpoint, _POWER_SOURCE, _PRESENT), "ne": False, "optional": True})
    if node.at(endpoint, _POWER_SOURCE, _PERCENT) is not MISSING:
        known, place = Known("battery", "setting"), (endpoint, _POWER_SOURCE, _PERCENT)
        channel = _channel(node, place, parts.topic, known=known, guard=guard, parse="number")
        parts.channels.append(replace(channel, scale=_HALF_PERCENT))
    if node.at(endpoint, _POWER_SOURCE, _REPLACE) is not MISSING:
        _cells(node, endpoint, guard=guard, parts=parts)


def _cells(node: _Node, endpoint: int, *, guard: list[dict[str, Tree]], parts: _Parts) -> None:
    by_whom = node.at(endpoint, _POWER_SOURCE, _REPLACEABILITY)
    if by_whom in _NOT_BY_A_PERSON:
        return
    if by_whom is not MISSING:
        path = node.path(endpoint, _POWER_SOURCE, _REPLACEABILITY)
        guard.append({"path": path, "not_in": list(_NOT_BY_A_PERSON), "optional": True, "else": "not_applicable"})
    known = Known("battery.state", "flag", states=(("false", "ok"), ("true", "replace")))
    place = (endpoint, _POWER_SOURCE, _REPLACE)
    parts.channels.append(_channel(node, place, parts.topic, known=known, guard=guard, parse="flag"))
    parts.consumables["battery"] = {"model": "flag", "signal": known.signal, "degradation": "none"}
    for attribute, name in _CELL_FACTS.items():
        said = node.at(endpoint, _POWER_SOURCE, attribute)
        if isinstance(said, (str, int)) and not isinstance(said, bool):
            parts.facts.append((name, word(str(said), 60)))


def _channel(
    node: _Node,
    place: tuple[int, int, int],
    topic: str,
    *,
    known: Known,
    guard: list[dict[str, Tree]],
    parse: Literal["number", "flag", "text"],
) -> Channel:
    unit = "%" if parse == "number" else ""
    return Channel(
        key="/".join(map(str, place)),
        title=known.signal,
        topics=(topic,),
        format="json",
        select=node.path(*place),
        parse=parse,
        unit=unit,
        unit_said=unit,
        bounds=(0, 100) if unit else None,
        guard=tuple(guard),
        suggests=(known.signal,),
        known=known,
    )


def _sample(node: _Node) -> Tree:
    """The dump, as far as the profile reads it."""
    kept: dict[str, Tree] = {key: each for key, each in node.tree.items() if not isinstance(each, (dict, list))}
    for place, way in node.steps.items():
        if place[1] in _SUBJECTS or place[1] == _POWER_SOURCE:
            here: dict[str, Tree] = kept
            for step in way[:-1]:
                inner = here.setdefault(step, {})
                here = inner if isinstance(inner, dict) else {}
            here[way[-1]] = node.values[place]
    return kept
