"""Sparkplug B payloads: bytes to a frame of metrics, and a frame to a tree that profiles can point into.

Source: Eclipse Sparkplug 3.0, chapter 6 (payloads: fields, numbers, data types). The messages are described below by
the numbers of that chapter; what this hub does not read (metadata, properties, data sets, templates) is passed over.

Not here: births. A metric may name itself by an alias that only its node's birth explains; whoever keeps the births
gives such metrics their names and types (`dataclasses.replace`) between `read_frame` and `frame_tree`. Without that,
they are listed as `unnamed` and have no value: an alias is never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as WireError

from edge_agent.core.decoding.payload import Tree, malformed
from edge_agent.core.messages import QuarantineReason
from edge_agent.errors import DecodeError

_METRICS_MAX = 1_000
_NAME_MAX = 256
_WORD_MAX = 1_024
_FORM = descriptor_pb2.FieldDescriptorProto
_UINT32, _UINT64, _BOOL, _BYTES = _FORM.TYPE_UINT32, _FORM.TYPE_UINT64, _FORM.TYPE_BOOL, _FORM.TYPE_BYTES

# Texts are read as bytes, since the format leaves it open whether they are UTF-8: that is checked here.
_PAYLOAD_FIELDS = (("timestamp", 1, _UINT64), ("seq", 3, _UINT64))
_METRIC_FIELDS = (
    ("name", 1, _BYTES), ("alias", 2, _UINT64), ("timestamp", 3, _UINT64), ("datatype", 4, _UINT32),
    ("is_historical", 5, _BOOL), ("is_transient", 6, _BOOL), ("is_null", 7, _BOOL),
)  # fmt: skip
_VALUE_FIELDS = (
    ("int_value", 10, _UINT32), ("long_value", 11, _UINT64), ("float_value", 12, _FORM.TYPE_FLOAT),
    ("double_value", 13, _FORM.TYPE_DOUBLE), ("boolean_value", 14, _BOOL), ("string_value", 15, _BYTES),
)  # fmt: skip

_SIGNED_BITS = MappingProxyType({1: 8, 2: 16, 3: 32, 4: 64})
_UNSIGNED_BITS = MappingProxyType({5: 8, 6: 16, 7: 32, 8: 64, 13: 64})
_TYPES = MappingProxyType(
    dict(
        enumerate(
            [
                "Int8",
                "Int16",
                "Int32",
                "Int64",
                "UInt8",
                "UInt16",
                "UInt32",
                "UInt64",
                "Float",
                "Double",
                "Boolean",
                "String",
                "DateTime",
                "Text",
                "UUID",
            ],
            start=1,
        )
    )
)
_TEXT_TYPES = frozenset({12, 14, 15})
_LONG_TYPES, _FLOAT_TYPE, _FLOAT_MAX = frozenset({4, 8, 13}), 9, 3.4e38

Value = int | float | bool | str | None


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it was sent. `raw` is the number or text on the wire, whose meaning `datatype` gives.

    `name` is None where only an alias was sent; `datatype` is 0 where none was. `at_ms` is since 1970, in UTC.
    """

    name: str | None
    alias: int | None
    at_ms: int | None
    datatype: int
    is_historical: bool
    is_transient: bool
    is_null: bool
    raw: Value

    @property
    def value(self) -> Value:
        """What it says; None where it says nothing, or nothing that can be trusted."""
        if self.is_null or self.raw is None:
            return None
        return _READERS.get(type(self.raw), _nothing)(self.raw, self.datatype)


@dataclass(frozen=True, slots=True)
class Frame:
    """One payload. `seq` is 0 to 255, None in messages that carry none."""

    at_ms: int | None
    seq: int | None
    metrics: tuple[Metric, ...]


def read_frame(payload: bytes) -> Frame:
    """The metrics of a payload, in their order.

    Raises: DecodeError MALFORMED or TOO_LARGE.
    """
    if not payload:
        raise malformed("the payload is empty")
    message = _PAYLOAD()
    try:
        message.ParseFromString(payload)
    except WireError as exc:
        raise malformed("not a Sparkplug B payload") from exc
    if len(message.metrics) > _METRICS_MAX:
        raise DecodeError(QuarantineReason.TOO_LARGE, f"more than {_METRICS_MAX} metrics")
    seq = _sent(message, "seq")
    if seq is not None and seq > 255:
        raise malformed("a seq is 0 to 255")
    if not message.metrics and seq is None and _sent(message, "timestamp") is None:
        raise malformed("not a Sparkplug B payload: nothing that it says is known")
    return Frame(_sent(message, "timestamp"), seq, tuple(_metric(each) for each in message.metrics))


def write_frame(frame: Frame) -> bytes:
    """The payload that `read_frame` reads as this frame; each value in the field that its type has."""
    message = _PAYLOAD()
    for field, value in (("timestamp", frame.at_ms), ("seq", frame.seq)):
        if value is not None:
            setattr(message, field, value)
    for metric in frame.metrics:
        _write_metric(message.metrics.add(), metric)
    return bytes(message.SerializeToString())


def frame_tree(frame: Frame) -> Tree:
    """`{timestamp, seq, metrics: {name: {value, type, ...}}, unnamed: [alias, ...]}`.

    A historical metric is listed without its value: it was true once. The current one, where it is sent too, stands.
    Raises: DecodeError MALFORMED for a name that has two current values.
    """
    metrics: dict[str, Tree] = {}
    for metric in sorted(frame.metrics, key=lambda each: not each.is_historical):
        if metric.name is None:
            continue
        before = metrics.get(metric.name)
        if isinstance(before, dict) and before["is_historical"] is False:
            raise malformed("a metric stands twice")
        metrics[metric.name] = _branch(metric)
    unnamed: list[Tree] = [each.alias for each in frame.metrics if each.name is None]
    return {"timestamp": frame.at_ms, "seq": frame.seq, "metrics": metrics, "unnamed": unnamed}


def parse_sparkplug(payload: bytes) -> Tree:
    """A payload to a tree, without the help of a birth.

    Raises: DecodeError MALFORMED or TOO_LARGE.
    """
    return frame_tree(read_frame(payload))


def _branch(metric: Metric) -> Tree:
    return {
        "value": None if metric.is_historical else metric.value,
        "type": _TYPES.get(metric.datatype),
        "timestamp": metric.at_ms,
        "is_historical": metric.is_historical,
        "is_transient": metric.is_transient,
        "is_null": metric.is_null,
    }


def _metric(message: Any) -> Metric:  # noqa: ANN401 - the library makes the class at run time
    name = _sent(message, "name")
    return Metric(
        name=_text(name, _NAME_MAX) if name else None,
        alias=_sent(message, "alias"),
        at_ms=_sent(message, "timestamp"),
        datatype=message.datatype,
        is_historical=message.is_historical,
        is_transient=message.is_transient,
        is_null=message.is_null,
        raw=_raw(message),
    )


def _write_metric(message: Any, metric: Metric) -> None:  # noqa: ANN401
    told: dict[str, Any] = {"alias": metric.alias, "timestamp": metric.at_ms, "datatype": metric.datatype or None}
    told |= {"name": None if metric.name is None else metric.name.encode()}
    told |= {key: getattr(metric, key) or None for key in ("is_historical", "is_transient", "is_null")}
    raw = metric.raw
    told[_value_field(metric)] = raw.encode() if isinstance(raw, str) else raw
    for field, value in told.items():
        if value is not None:
            setattr(message, field, value)


def _value_field(metric: Metric) -> str:
    match metric.raw:
        case bool():
            return "boolean_value"
        case int(number):
            return "long_value" if metric.datatype in _LONG_TYPES or number >= 1 << 32 else "int_value"
        case float(number):
            fits = metric.datatype == _FLOAT_TYPE and not _FLOAT_MAX < abs(number) < math.inf
            return "float_value" if fits else "double_value"
    return "string_value"


def _raw(message: Any) -> Value:  # noqa: ANN401
    sent = message.WhichOneof("value")
    found = None if sent is None else getattr(message, sent)
    return _text(found, _WORD_MAX) if isinstance(found, bytes) else found


def _sent(message: Any, field: str) -> Any:  # noqa: ANN401
    return getattr(message, field) if message.HasField(field) else None


def _text(raw: bytes, limit: int) -> str:
    if len(raw) > limit:
        raise DecodeError(QuarantineReason.TOO_LARGE, f"a text of {len(raw)} bytes; {limit} are allowed")
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise malformed("a text that is not UTF-8") from exc


def _nothing(_raw: Any, _datatype: int) -> None:  # noqa: ANN401
    """A value whose type does not say what it means."""


def _whole(raw: int, datatype: int) -> int | None:
    """A whole number: signed ones are sent as their two's complement, so without a type its sign is not known."""
    if datatype in _SIGNED_BITS:
        half = 1 << (_SIGNED_BITS[datatype] - 1)
        width = 1 << max(32, _SIGNED_BITS[datatype])
        widened = raw - width if raw >= width // 2 else raw
        if half <= widened < 2 * half:
            widened -= 2 * half  # sent in its own width, not in that of the field
        return widened if -half <= widened < half else None
    bits = _UNSIGNED_BITS.get(datatype, 7 if datatype == 0 else 0)
    return raw if raw < 1 << bits else None


def _fraction(raw: float, datatype: int) -> float | None:
    return raw if datatype in {0, 9, 10} and math.isfinite(raw) else None


def _flag(raw: bool, datatype: int) -> bool | None:  # noqa: FBT001
    return raw if datatype in {0, 11} else None


def _word(raw: str, datatype: int) -> str | None:
    return raw if datatype == 0 or datatype in _TEXT_TYPES else None


_READERS: Final[MappingProxyType[type, Callable[[Any, int], Value]]] = MappingProxyType(
    {int: _whole, float: _fraction, bool: _flag, str: _word}
)


def _message_class() -> Any:  # noqa: ANN401
    """The two messages of the format, described in code; in a pool of their own, so that nobody else's can collide."""
    file = descriptor_pb2.FileDescriptorProto(name="restock/sparkplug_b.proto", package="restock", syntax="proto2")
    metric = file.message_type.add(name="Metric")
    metric.oneof_decl.add(name="value")
    for name, number, kind in _METRIC_FIELDS:
        metric.field.add(name=name, number=number, type=kind, label=_FORM.LABEL_OPTIONAL)
    for name, number, kind in _VALUE_FIELDS:
        metric.field.add(name=name, number=number, type=kind, label=_FORM.LABEL_OPTIONAL, oneof_index=0)
    payload = file.message_type.add(name="Payload")
    for name, number, kind in _PAYLOAD_FIELDS:
        payload.field.add(name=name, number=number, type=kind, label=_FORM.LABEL_OPTIONAL)
    payload.field.add(
        name="metrics", number=2, type=_FORM.TYPE_MESSAGE, type_name=".restock.Metric", label=_FORM.LABEL_REPEATED
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("restock.Payload"))


_PAYLOAD = _message_class()
