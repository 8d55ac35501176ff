"""A model in a process of its own: there while it is asked, gone a minute later, and the hub without its libraries.

The process has a clean interpreter, no environment, no open file but three pipes, and no time without end: whatever
takes longer than its deadline is killed. When it dies it is started again once for what it was asked; when that fails
too, the model has failed, which is an answer (`Fault`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread, Timer
from typing import IO

from edge_agent.adapters.model_form import (
    FLOAT_BYTES,
    TAKEN,
    TEXT_BYTES_MAX,
    Fault,
    Tensors,
    receive,
    send,
)
from edge_agent.core.model_rows import ROWS_MAX
from edge_agent.errors import ConfigurationError

CHILD = Path(__file__).with_name("model_child.py")
QUIET_S = 60.0
DEADLINE_S = 60.0  # to load it on a slow board; an answer takes milliseconds


class ModelProcess:
    """A loaded model. Raises: ConfigurationError when the runtime refuses it, or there can be no process."""

    def __init__(
        self, model: bytes, *, tensors: Tensors, quiet_s: float = QUIET_S, deadline_s: float = DEADLINE_S
    ) -> None:
        self._model = model
        self._tensors = tensors
        self._quiet_s = quiet_s
        self._deadline_s = deadline_s
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        if self._process is not None and self._process.poll() is not None:
            self.rest()
        return None if self._process is None else self._process.pid

    def run(self, rows: Sequence[bytes]) -> bytes | Fault:
        """What the model says of each row; see `LoadedModel`."""
        if len(rows) > ROWS_MAX:
            return Fault.FAILED
        for _ in range(2):  # it may have ended just now, because nobody had asked
            if self.pid is None:
                try:
                    self._start()
                except ConfigurationError:
                    return Fault.FAILED
            answer = self._exchange(b"".join(rows), bytes_max=len(rows) * self._tensors.numbers * FLOAT_BYTES)
            if answer is not None:
                return self._read(answer, rows=len(rows))
        return Fault.FAILED

    def rest(self) -> None:
        """End the process; the next question starts another."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                _open(pipe).close()

    def _start(self) -> None:
        first = json.dumps({"path": [each for each in sys.path if each], "quiet_s": self._quiet_s})
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(CHILD), first],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                bufsize=0,
            )
        except OSError as exc:
            raise ConfigurationError(f"{self._tensors.file}: its process cannot be started ({exc.strerror})") from exc
        # Whenever it ends, somebody waits for it, so that nothing of it stays in the system's list.
        Thread(target=self._process.wait, name="model-process", daemon=True).start()
        told = self._exchange(self._tensors.as_json(), self._model, bytes_max=TEXT_BYTES_MAX)
        if told != TAKEN:
            self.rest()
            raise ConfigurationError(
                f"{self._tensors.file}: its process has ended" if told is None else told.decode(errors="replace")
            )

    def _exchange(self, *blocks: bytes, bytes_max: int) -> bytes | None:
        """Blocks in, one block back; None, and no process, where it ends or takes too long."""
        if self._process is None:
            return None
        watch = Timer(self._deadline_s, self._process.kill)
        watch.daemon = True
        watch.start()
        try:
            for block in blocks:
                send(_open(self._process.stdin).fileno(), block)
            answer = receive(_open(self._process.stdout).fileno(), bytes_max=max(bytes_max, TEXT_BYTES_MAX))
        except OSError:
            answer = None
        finally:
            watch.cancel()
        if answer is None:
            self.rest()
        return answer

    def _read(self, answer: bytes, *, rows: int) -> bytes | Fault:
        if len(answer) == rows * self._tensors.numbers * FLOAT_BYTES:
            return answer
        with suppress(ValueError):
            return Fault(answer.decode(errors="replace"))
        return Fault.FAILED


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - it was asked for
    return pipe
