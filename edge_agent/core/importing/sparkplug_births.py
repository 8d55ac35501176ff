"""Births of Sparkplug edge nodes and their devices to devices with channels.

A birth names every metric with its type. It does not say in which unit a number is: the overlay does. The messages are
taken in their order by a session for each node, so that a birth out of order, or one of a node that has died since, is
not taken for what stands.

Source: Eclipse Sparkplug 3.0, chapter 6 (births, metrics, data types).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edge_agent.core.formats.sparkplug import Frame, Metric, write_frame
from edge_agent.core.importing.device import (
    CHANNELS_MAX,
    DEVICES_MAX,
    Announcement,
    Channel,
    Imported,
    ImportedDevice,
    NotReadableError,
    Refusals,
    pointer,
    topic_problem,
    word,
)
from edge_agent.core.sparkplug.session import BD_SEQ, Heard, SparkplugHost
from edge_agent.core.sparkplug.topics import NAMESPACE, Sender, sender_of
from edge_agent.core.topics import device_id

_NUMBERS, _FLAGS, _TEXTS, _TIMES = frozenset(range(1, 11)), frozenset({11}), frozenset({12, 14, 15}), frozenset({13})
_CONTROLS = ("Node Control/", "Device Control/", "Node Info/", "Properties/")


def import_sparkplug(messages: Iterable[Announcement]) -> Imported:
    """Every node and device that is born at the end. Never raises: what is not taken is refused with the reason.

    The time between messages is not known here, and does not matter: only births and their order do.
    """
    refusals, host = Refusals(), SparkplugHost(rebirth_every_ms=0)
    births: dict[tuple[str, str | None], tuple[Sender, Frame]] = {}
    removed: list[str] = []
    for message in messages:
        heard = host.take(message.topic, message.payload, at_ms=0)
        if heard is None:
            if message.topic.startswith(NAMESPACE + "/") and sender_of(message.topic) is not None:
                refusals.add(message.topic, "too many edge nodes")
            continue
        gone = [each for each in heard.gone if births.pop((heard.sender.edge, each), None) is not None]
        if heard.kind != "NBIRTH":
            removed += ["/".join([heard.sender.edge, *([each] if each else [])]) for each in gone]
        _note(heard, message.topic, births=births, refusals=refusals)
    devices: list[ImportedDevice] = []
    for sender, frame in births.values():
        if len(devices) >= DEVICES_MAX:
            refusals.add(sender.edge, f"more than {DEVICES_MAX} devices")
            break
        device_found = _device(sender, frame, refusals=refusals)
        if device_found is not None:
            devices.append(device_found)
    return Imported(tuple(devices), tuple(refusals.kept), tuple(removed))


def _note(
    heard: Heard, topic: str, *, births: dict[tuple[str, str | None], tuple[Sender, Frame]], refusals: Refusals
) -> None:
    if heard.frame is None:
        asks = "; the node should be asked for a rebirth" if heard.request is not None else ""
        refusals.add(topic, f"{heard.why}{asks}")
        if heard.kind in {"NBIRTH", "DBIRTH"}:
            births.pop((heard.sender.edge, heard.sender.device), None)
    elif heard.kind in {"NBIRTH", "DBIRTH"}:
        births[heard.sender.edge, heard.sender.device] = (heard.sender, heard.frame)


def _device(sender: Sender, frame: Frame, *, refusals: Refusals) -> ImportedDevice | None:
    name = "/".join([sender.edge, *([sender.device] if sender.device else [])])
    kinds = ("NDATA", "NBIRTH") if sender.device is None else ("DDATA", "DBIRTH")
    rest = sender.node if sender.device is None else f"{sender.node}/{sender.device}"
    topics = tuple(f"{NAMESPACE}/{sender.group}/{kind}/{rest}" for kind in kinds)
    problem = next((found for found in map(topic_problem, topics) if found), "")
    if problem:
        refusals.add(name, problem)
        return None
    channels: dict[str, Channel] = {}
    for metric in frame.metrics:
        if metric.name in {None, "", BD_SEQ} or str(metric.name).startswith(_CONTROLS):
            continue
        if len(channels) >= CHANNELS_MAX:
            refusals.add(name, f"more than {CHANNELS_MAX} metrics")
            break
        try:
            channels[str(metric.name)] = _channel(metric, topics)
        except NotReadableError as exc:
            refusals.add(f"{name}: {metric.name}", str(exc))
    if not channels:
        return None
    names = tuple(dict.fromkeys(each for each in (name, sender.device) if each))
    kept = tuple(each for each in frame.metrics if each.name in channels)
    return ImportedDevice(
        source="sparkplug",
        id=device_id(name),
        title=word(name),
        names=names,
        channels=tuple(channels.values()),
        delta=True,  # a node sends what has changed
        sample=write_frame(Frame(frame.at_ms, frame.seq, kept)).hex(),
    )


def _channel(metric: Metric, topics: tuple[str, ...]) -> Channel:
    name = str(metric.name)
    if any(not each.isprintable() for each in name):
        raise NotReadableError("its name is not printable")
    blank = Channel(name, word(name), topics, "sparkplug_b", pointer(("metrics", name, "value")), "number")
    if metric.datatype in _NUMBERS:
        note = "its unit is not part of a birth: the overlay must say it"
        return replace(blank, notes=(note,))
    if metric.datatype in _FLAGS:
        return replace(blank, parse="flag", suggests=("state", "warning"))
    if metric.datatype in _TEXTS:
        return replace(blank, parse="text", suggests=("state",))
    if metric.datatype in _TIMES:
        raise NotReadableError("a time is no level, counter or state")
    raise NotReadableError(
        f"the data type {metric.datatype} holds no single value"
        if metric.datatype
        else "its birth does not say its type"
    )
