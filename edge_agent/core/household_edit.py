"""A change of the household's documents, made in the text that people wrote: only what is changed is touched.

What a person put into the file stays as it was: the order of the fields, the numbers of the documents, tables that the
hub does not read. A field that was left out and is to hold its default stays left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from edge_agent.core.catalogue import Item, Mode, Preferences
from edge_agent.core.said import say
from edge_agent.errors import RefusedError

ITEMS = "items"
PREFERENCES = "preferences"
StayKind = Literal["away", "guests"]
Tables = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PreferencesEdit:
    """What a person wants to stand in the preferences.

    `changes` are field names with JSON values. `seen` are the values of these fields that the person saw: where the
    file says something else by now, somebody else has edited it.
    """

    changes: Mapping[str, Any]
    seen: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModeEdit:
    """Another mode of one item."""

    item: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class ItemAdd:
    """One item more, the last of all."""

    item: Item


@dataclass(frozen=True, slots=True)
class ItemEdit:
    """Other fields of one item: names with JSON values. `seen` are the values that the person saw, as `item_json`."""

    item: str
    changes: Mapping[str, Any]
    seen: Mapping[str, Any]


Edit = PreferencesEdit | ModeEdit | ItemAdd | ItemEdit


def as_json(preferences: Preferences) -> dict[str, Any]:
    """Every field as JSON has it."""
    return preferences.model_dump(mode="json")


def item_json(item: Item) -> dict[str, Any]:
    """Every field of an item as JSON has it."""
    return item.model_dump(mode="json")


def sensors_mark(items: Iterable[Item]) -> str:
    """A short name for which sensors tell of these items: another one says that one of them was edited since."""
    told = {
        item.id: [bound.model_dump(mode="json") for bound in item.bindings] + [item.mode, item.cycle_days]
        for item in items
    }
    return fingerprint(told, tuple(sorted(told)))


def products_mark(items: Iterable[Item]) -> str:
    """A short name for the products that are bought for these items."""
    told = {item.id: item.product.model_dump(mode="json") for item in items}
    return fingerprint(told, tuple(sorted(told)))


def fingerprint(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """A short name for what some fields hold, which a form carries: another one says that they were edited since."""
    told = repr([(name, values[name]) for name in names])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def edited(tables: Mapping[str, Any], edit: Edit) -> Tables:
    """The same tables with the change in them.

    Raises: RefusedError when what is to be changed is not there, or was edited meanwhile.
    """
    match edit:
        case PreferencesEdit():
            return _with_preferences(tables, edit)
        case ModeEdit():
            return _with_mode(tables, edit)
        case ItemAdd():
            return _with_item(tables, edit)
        case ItemEdit():
            return _with_changes(tables, edit)


def _with_preferences(tables: Mapping[str, Any], edit: PreferencesEdit) -> Tables:
    table = dict(tables.get(PREFERENCES) or {"1": {}})
    number, before = next(iter(table.items()))
    defaults, document = as_json(Preferences()), dict(before)
    for name, seen in edit.seen.items():
        if document.get(name, defaults[name]) != seen:
            raise RefusedError(
                say("{field} was edited in the household's file meanwhile: look at it, and say it again", field=name)
            )
    for name, value in edit.changes.items():
        if name in document or value != defaults[name]:
            document[name] = value
    return {**tables, PREFERENCES: {**table, number: document}}


def _with_mode(tables: Mapping[str, Any], edit: ModeEdit) -> Tables:
    number, document = _document(tables, edit.item)
    return {**tables, ITEMS: {**tables[ITEMS], number: {**document, "mode": edit.mode}}}


def _with_item(tables: Mapping[str, Any], edit: ItemAdd) -> Tables:
    """Written without the fields that hold their defaults, but for the mode, which people look for."""
    table = dict(tables.get(ITEMS) or {})
    if any(document.get("id") == edit.item.id for document in table.values()):
        raise RefusedError(say("There is an item of this name by now. Look at it first."))
    number = str(1 + max((int(each) for each in table if each.isdecimal()), default=0))
    document = {**edit.item.model_dump(mode="json", exclude_defaults=True), "mode": edit.item.mode}
    return {**tables, ITEMS: {**table, number: document}}


def _with_changes(tables: Mapping[str, Any], edit: ItemEdit) -> Tables:
    number, document = _document(tables, edit.item)
    try:
        stands = item_json(Item.model_validate_json(json.dumps(document)))
    except ValidationError as exc:
        raise RefusedError(say("This item needs mending in the household's file first.")) from exc
    if any(stands[name] != seen for name, seen in edit.seen.items()):
        raise RefusedError(say("The item was edited in the household's file meanwhile. Look at it, and say it again."))
    return {**tables, ITEMS: {**tables[ITEMS], number: {**document, **edit.changes}}}


def _document(tables: Mapping[str, Any], item: str) -> tuple[str, Mapping[str, Any]]:
    """The number and the document of an item. Raises: RefusedError when it is gone."""
    table = tables.get(ITEMS) or {}
    number = next((number for number, document in table.items() if document.get("id") == item), None)
    if number is None:
        raise RefusedError(say("There is no item {item} in the household's file any more.", item=item))
    return number, table[number]
