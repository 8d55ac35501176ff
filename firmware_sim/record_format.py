r"""The file of a recording: JSON lines, a header first and an end line last. Reading is strict and names the line.

    {"format":"restock-recording","version":1,"started_at":"2026-01-31T12:00:00Z","filters":["tele/#"],"redacted":true}
    {"at_s":0.25,"topic":"tele/plug/SENSOR","qos":1,"retain":false,"text":"{\"Time\":...}"}
    {"at_s":1.5,"topic":"meter/raw","qos":0,"retain":true,"base64":"AAEC"}
    {"end":{"messages":2,"left_out":0,"why":"time"}}

`at_s` are seconds since the start, never less than in the line before. A file without its end line was cut off.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

FORMAT, VERSION = "restock-recording", 1
LINE_BYTES_MAX = 4 * 1024 * 1024
_SECONDS_MAX = 366 * 86_400.0
_TOPIC_BYTES_MAX = 65_535
_FILTERS_MAX = 100


class RecordingError(Exception):
    """A recording cannot be written or read; says which file, which line, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message, `at_s` seconds after the start."""

    at_s: float
    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Header:
    """What a recording says of itself. `redacted` is False for one that was made without redaction."""

    started_at: str
    filters: tuple[str, ...]
    redacted: bool


class _Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


_L = TypeVar("_L", bound=_Line)


class _HeaderLine(_Line):
    format: Literal["restock-recording"]
    version: Literal[1]
    started_at: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    filters: Annotated[list[str], Field(max_length=_FILTERS_MAX)]
    redacted: bool


class _EntryLine(_Line):
    at_s: Annotated[float, Field(ge=0, le=_SECONDS_MAX)]
    topic: Annotated[str, StringConstraints(min_length=1, max_length=_TOPIC_BYTES_MAX)]
    qos: Annotated[int, Field(ge=0, le=2)]
    retain: bool
    text: str | None = None
    base64: str | None = None


class _End(_Line):
    messages: Annotated[int, Field(ge=0)]
    left_out: Annotated[int, Field(ge=0)]
    why: Literal["time", "messages", "bytes", "stopped", "lost"]


class _EndLine(_Line):
    end: _End


def header_line(header: Header) -> str:
    """The first line, with its newline."""
    words = {"format": FORMAT, "version": VERSION, "started_at": header.started_at}
    return _line({**words, "filters": list(header.filters), "redacted": header.redacted})


def entry_line(entry: Entry) -> str:
    """The line of one message: as text where its payload is UTF-8, else as base64."""
    words = {"at_s": entry.at_s, "topic": entry.topic, "qos": entry.qos, "retain": entry.retain}
    try:
        return _line({**words, "text": entry.payload.decode()})
    except UnicodeDecodeError:
        return _line({**words, "base64": base64.b64encode(entry.payload).decode()})


def end_line(*, messages: int, left_out: int, why: str) -> str:
    """The last line."""
    return _line({"end": {"messages": messages, "left_out": left_out, "why": why}})


def read(lines: Iterable[bytes], *, name: str, cut_off: bool = False) -> tuple[Header, Iterator[Entry]]:
    """Header and messages of a recording; `cut_off` takes one without an end line, up to its last whole line.

    Raises, also while the messages are read: RecordingError.
    """
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, b""))
    words = _parsed(_HeaderLine, _document(first, name=name, number=1), name=name, number=1)
    header = Header(words.started_at, tuple(words.filters), words.redacted)
    return header, _entries(numbered, name=name, cut_off=cut_off)


def _entries(numbered: Iterator[tuple[int, bytes]], *, name: str, cut_off: bool) -> Iterator[Entry]:
    number, count, before_s = 1, 0, 0.0
    for number, line in numbered:
        if cut_off and not line.endswith(b"\n"):
            return
        document = _document(line, name=name, number=number)
        if "end" in document:
            _check_end(_parsed(_EndLine, document, name=name, number=number).end, count, name=name, number=number)
            if next(numbered, None) is not None:
                raise RecordingError(f"{name}: line {number + 1}: nothing may come after the end line")
            return
        entry = _entry(_parsed(_EntryLine, document, name=name, number=number), name=name, number=number)
        if entry.at_s < before_s:
            raise RecordingError(f"{name}: line {number}: at_s = {entry.at_s} is before the line before it, {before_s}")
        before_s, count = entry.at_s, count + 1
        yield entry
    if not cut_off:
        raise RecordingError(f"{name}: line {number + 1}: the end line is missing; --cut-off plays what is there")


def _entry(line: _EntryLine, *, name: str, number: int) -> Entry:
    problem = topic_problem(line.topic)
    if problem is None and (line.text is None) == (line.base64 is None):
        problem = "either text or base64 is needed"
    if problem is not None:
        raise RecordingError(f"{name}: line {number}: {problem}")
    try:
        payload = line.text.encode() if line.text is not None else base64.b64decode(line.base64 or "", validate=True)
    except (UnicodeEncodeError, binascii.Error) as exc:
        raise RecordingError(f"{name}: line {number}: the payload cannot be read: {exc}") from exc
    return Entry(line.at_s, line.topic, payload, line.qos, line.retain)


def topic_problem(topic: str) -> str | None:
    """Why nothing can be published on this topic; None where it can."""
    if not topic or "+" in topic or "#" in topic or "\0" in topic:
        return f"topic {topic[:80]!r}: no wildcards, and not empty"
    if topic.startswith("$"):
        return f"topic {topic[:80]!r}: topics with $ are the broker's own"
    try:
        return f"topic {topic[:80]!r}: too long" if len(topic.encode()) > _TOPIC_BYTES_MAX else None
    except UnicodeEncodeError:
        return f"topic {topic[:80]!r}: not Unicode"


def _check_end(end: _End, count: int, *, name: str, number: int) -> None:
    if end.messages != count:
        raise RecordingError(f"{name}: line {number}: {end.messages} messages are promised, {count} are there")


def _document(line: bytes, *, name: str, number: int) -> dict[str, Any]:
    if len(line) > LINE_BYTES_MAX:
        raise RecordingError(f"{name}: line {number}: longer than {LINE_BYTES_MAX} bytes")
    try:
        document = json.loads(line.decode(), object_pairs_hook=_members)
    except (ValueError, RecursionError) as exc:
        raise RecordingError(f"{name}: line {number}: not JSON: {str(exc)[:120]}") from exc
    if not isinstance(document, dict):
        raise RecordingError(f"{name}: line {number}: an object is needed")
    return document


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


def _parsed(model: type[_L], document: dict[str, Any], *, name: str, number: int) -> _L:
    try:
        return model.model_validate(document)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "(whole line)"
        raise RecordingError(f"{name}: line {number}: {field}: {first['msg']}") from exc


def _line(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"
