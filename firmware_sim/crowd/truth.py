"""The truth log: what the devices did, appended line by line and flushed every second.

A line is a JSON object with `at_s` (since the start of the run) and `what`: `begin` (the plan), `up` and `down` (a
connection), `taken` (a reading has its number), `acked` (the broker's PUBACK for it), `skipped` (numbered and never
sent), `dropped` (forgotten before it was sent), `end`. Where the disk is full the last line may be cut off.
"""

from __future__ import annotations

from io import FileIO

_WAITING_MAX = 10_000  # lines


class TruthLogError(Exception):
    """The log cannot be written any more."""


class TruthLog:
    """Lines on their way to a file; without a file, nowhere."""

    def __init__(self, file: FileIO | None) -> None:
        self._file = file
        self._waiting: list[str] = []
        self.is_kept = file is not None

    def note(self, line: str) -> None:
        """Take a line, without its end.

        Raises: TruthLogError.
        """
        self._waiting.append(line)
        if len(self._waiting) >= _WAITING_MAX:
            self.flush()

    def flush(self) -> None:
        """Give the system what is waiting.

        Raises: TruthLogError, once: after that the log takes nothing.
        """
        if self._file is None or not self._waiting:
            return
        rest = memoryview(("\n".join(self._waiting) + "\n").encode())
        self._waiting.clear()
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as exc:
            self._file, self.is_kept = None, False
            raise TruthLogError(f"{exc.strerror or exc}") from exc
