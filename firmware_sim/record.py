"""Broker to file: what it carries for a while, without what is private, within limits of messages, bytes and time.

Each message is written and flushed as it comes. At the end the file is gone through once more, for private values that
were known only later than the message in which they stood. Whatever ends it (a limit, a lost connection, Ctrl-C), the
file ends with its end line; only a power cut or `kill -9` leaves it without.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from firmware_sim.listening import Broker, LinkError, listening
from firmware_sim.record_format import (
    LINE_BYTES_MAX,
    Entry,
    Header,
    RecordingError,
    end_line,
    entry_line,
    header_line,
    read,
)
from firmware_sim.record_redaction import Redactor, UnreadableError

_PAYLOAD_BYTES_MAX = LINE_BYTES_MAX // 8  # a control character takes six bytes in JSON


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop: after so many messages, bytes of the file, or real seconds (None: until somebody stops it)."""

    messages_max: int
    bytes_max: int
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What was recorded. `left_out` were too large, or could not be searched; `why` is what ended it."""

    messages: int
    left_out: int
    bytes: int
    why: str


class Recorder:
    """Writes one recording. A context manager: whatever ends the block, the file is whole.

    `redactor` None writes everything as it stands. `unreadable` lets through what cannot be searched.
    Raises, on entering: RecordingError where the file is there already, or cannot be made.
    """

    def __init__(
        self, path: Path, header: Header, *, limits: Limits, redactor: Redactor | None, unreadable: bool = False
    ) -> None:
        self._path = path
        self._header = header
        self._limits = limits
        self._redactor = redactor
        self._unreadable = unreadable
        self._file: TextIO | None = None
        self._messages = self._left_out = self._bytes = 0
        self.why = "stopped"

    def __enter__(self) -> Self:
        try:
            self._file = _private(self._path)
        except FileExistsError as exc:
            raise RecordingError(f"{self._path}: is there already; name another file") from exc
        except OSError as exc:
            raise RecordingError(f"{self._path}: cannot be made ({exc.strerror})") from exc
        self._write(header_line(self._header))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        last = end_line(messages=self._messages, left_out=self._left_out, why=self.why)
        try:
            with file:
                file.write(last)
        except OSError as exc:
            raise RecordingError(f"{self._path}: cannot be finished ({exc.strerror}); it has no end line") from exc
        if self._redactor is not None and self._messages:
            _redact_again(self._path, self._redactor, last=last)

    def take(self, entry: Entry) -> bool:
        """Write one message down; False when a limit is reached. What would pass the limit of bytes is not written."""
        if len(entry.payload) > _PAYLOAD_BYTES_MAX:
            self._left_out += 1
            return True
        if self._redactor is not None:
            try:
                topic, payload = self._redactor.message(entry.topic, entry.payload)
            except UnreadableError:
                if not self._unreadable:
                    self._left_out += 1
                    return True
                topic, payload = self._redactor.topic(entry.topic), entry.payload
            entry = Entry(entry.at_s, topic, payload, entry.qos, entry.retain)
        line = entry_line(entry)
        if self._bytes + len(line.encode()) > self._limits.bytes_max:
            self.why = "bytes"
            return False
        self._write(line)
        self._messages += 1
        if self._messages >= self._limits.messages_max:
            self.why = "messages"
            return False
        return True

    def summary(self) -> Summary:
        """What there is so far."""
        return Summary(self._messages, self._left_out, self._bytes, self.why)

    def _write(self, line: str) -> None:
        if self._file is None:
            raise RecordingError(f"{self._path}: is not open")
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as exc:
            raise RecordingError(f"{self._path}: cannot be written ({exc.strerror})") from exc
        self._bytes += len(line.encode())


async def record(
    broker: Broker,
    filters: Sequence[str],
    recorder: Recorder,
    *,
    limits: Limits,
    monotonic: Callable[[], float],
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Listen and write until a limit is reached; a cancellation ends it in the same orderly way.

    Raises: LinkError when the connection is lost (the file says so), RecordingError.
    """
    try:
        async with listening(broker, filters) as messages:
            started_s = monotonic()
            on_ready()
            async with asyncio.timeout(limits.for_s):
                async for message in messages:
                    at_s = round(max(0.0, monotonic() - started_s), 3)
                    payload = bytes(message.payload)
                    if not recorder.take(Entry(at_s, message.topic.value, payload, message.qos, message.retain)):
                        return
    except TimeoutError:
        recorder.why = "time"
    except LinkError:
        recorder.why = "lost"
        raise


def _redact_again(path: Path, redactor: Redactor, *, last: str) -> None:
    """The file anew, beside itself and then in its place, without what is known to be private by now."""
    new = path.with_name(path.name + ".new")
    try:
        with path.open("rb") as old, _private(new) as file:
            header, entries = read(old, name=str(path))
            file.write(header_line(header))
            for entry in entries:
                topic, payload = redactor.again(entry.topic, entry.payload)
                file.write(entry_line(Entry(entry.at_s, topic, payload, entry.qos, entry.retain)))
            file.write(last)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as exc:
        raise RecordingError(f"{path}: cannot be finished ({exc.strerror}); do not pass it on") from exc
    finally:
        new.unlink(missing_ok=True)


def _private(path: Path) -> TextIO:
    """A file that was not there before, closed to other users."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(number, "w", encoding="utf-8", newline="\n")
