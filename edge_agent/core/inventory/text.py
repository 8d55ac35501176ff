"""The list of devices as text for a terminal. Control characters from devices do not reach it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from edge_agent.core.inventory.devices import (
    ApartLine,
    DeviceLine,
    FamilyLine,
    Inventory,
    OfferLine,
    RisingLine,
    SignalLine,
    Taker,
    hears_a_level,
    household_lines,
)

_UNITS_S = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def as_text(inventory: Inventory) -> str:
    """The whole list."""
    return "\n".join(_readable(line) for line in _lines(inventory)) + "\n"


def _lines(inventory: Inventory) -> Iterator[str]:
    now = inventory.as_of
    yield f"As of {now:%Y-%m-%d %H:%M:%S} UTC, from {inventory.source}."
    yield from _section("Understood", len(inventory.devices), "no device yet")
    for device in inventory.devices:
        yield from _device(device, now)
    yield from _section("Kept apart", len(inventory.apart), "nothing")
    for apart in inventory.apart:
        yield from _apart(apart, now)
    yield from _section("Understood by no profile", len(inventory.families), "nothing that was heard")
    for family in inventory.families:
        yield from _family(family, now)
    yield from _section("Could be bound to an item", len(inventory.offers), _no_offer(inventory))
    for offer in inventory.offers:
        yield from _offer(offer)
    if inventory.rising:
        yield from _section("Cannot feed an item as it is", len(inventory.rising), "")
    for rising in inventory.rising:
        yield from _rising(rising)
    for words in inventory.left_out:
        yield f"Left out: {words}."


def _section(title: str, count: int, nothing: str) -> Iterator[str]:
    yield ""
    yield f"{title}: {count or nothing}"


def _device(device: DeviceLine, now: datetime) -> Iterator[str]:
    online = {True: ", online", False: ", offline", None: ""}[device.online]
    seen = f"heard {_ago(device.seen_at, now)}" if device.seen_at else "not heard yet"
    seen += ", only an old message is known" if device.only_old_copies else ""
    yield f"  {device.device}  {device.profile or 'profile not known'}, {seen}{online}  {device.topic}".rstrip()
    if device.title:
        yield f"    {device.title}"
    for line in device.signals:
        yield f"    {line.signal:<28} {_value(line):<16} {_about(line, now)}"
    for each in device.suggested:
        yield f"    it names a product for {each.consumable}: {each.kind} {each.code} (look it up before you bind it)"


def _value(line: SignalLine) -> str:
    if line.value is None:
        return line.presence.replace("_", " ")
    return f"{line.value:.10g} {line.unit}" if isinstance(line.value, float | int) else line.value


def _about(line: SignalLine, now: datetime) -> str:
    age = "retained copy, age not known" if line.is_retained else _ago(line.at, now)
    stale = "" if line.is_fresh or line.is_retained else ", stale"
    kind = ", ".join(word for word in (line.kind, line.direction) if word) or "not in a profile that is loaded"
    feeds = f", feeds {', '.join(line.feeds)}" if line.feeds else ""
    return f"{age}{stale}; {kind}{feeds}{f'; {line.fault}' if line.fault else ''}"


def _apart(line: ApartLine, now: datetime) -> Iterator[str]:
    count = "1 message" if line.messages == 1 else f"{line.messages} messages"
    yield f"  {line.topic}  {line.reason}, {count}, newest {_ago(line.newest_at, now)}"
    yield f"    {line.detail}"


def _family(line: FamilyLine, now: datetime) -> Iterator[str]:
    topics = "1 topic" if line.topics == 1 else f"{line.topics} topics"
    count = "1 message" if line.messages == 1 else f"{line.messages} messages"
    yield f"  {line.pattern}  {topics}, {count}, newest {_ago(line.newest_at, now)}: {line.why}"
    yield f"    {line.shape}"
    yield f"    to add it: restock-hub profiles new --from-payload FILE --topic {line.topic!r}"


def _offer(offer: OfferLine) -> Iterator[str]:
    yield f"  {offer.device}  {offer.signal} ({offer.unit})"
    if offer.means:
        yield f"    {offer.means}"
    full = "with full_amount = what 100 % are, in its unit" if offer.needs_full_amount else f"counted in {offer.unit}"
    yield f"    for a new item in household.json, {full}:"
    yield f"      {household_lines(offer)}"
    if offer.takers:
        yield "    or for one that is there, in place of its binding, only if it is of this very product:"
        yield f"      {'; '.join(map(_taker, offer.takers))}"


def _taker(taker: Taker) -> str:
    return f"{taker.item} ({taker.unit}{f', told by {taker.bound_to} now' if taker.bound_to else ''})"


def _no_offer(inventory: Inventory) -> str:
    if inventory.rising:
        return "none of the levels as it is"
    return "every level that was heard feeds one" if hears_a_level(inventory.devices) else "no level of goods was heard"


def _rising(line: RisingLine) -> Iterator[str]:
    yield f"  {line.device}  {line.signal} ({line.unit}): rises as stock is used"
    if line.means:
        yield f"    {line.means}"
    if line.feeds:
        yield f"    WRONG: {', '.join(line.feeds)} is bound to it, and it is not counted: it does not say what is left"
    yield '    turn it into what is left, in its profile: docs/add-a-device.md, "When the number rises"'


def _ago(at: datetime, now: datetime) -> str:
    seconds = int((now - at).total_seconds())
    if seconds < 1:
        return "just now"
    size, name = next(each for each in _UNITS_S if seconds >= each[0])
    return f"{seconds // size} {name} ago"


def _readable(line: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in line)
