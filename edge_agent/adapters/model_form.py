"""What goes between the forecaster and a loaded model, in the same process or another: sizes known to both beforehand.

Between processes everything is a block: four bytes of length, then so many bytes and never more than was agreed. First
come the model's tensors and its bytes, and the child says whether the runtime takes it. Then rows go in and answers
come back, one block for one block, until the child's input ends.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final, Protocol

ARTEFACT_BYTES_MAX: Final = 64_000
FLOAT_BYTES: Final = 4
TAKEN: Final = b"taken"
TEXT_BYTES_MAX: Final = 4_096  # of what is said about a refused model, and of the description of its tensors
_LENGTH = struct.Struct("<I")


class Fault(StrEnum):
    """Why a loaded model gave no answer."""

    FAILED = "failed"
    OTHER_SHAPE = "shape"


@dataclass(frozen=True, slots=True)
class Tensors:
    """The input's name; name and shape of one row's answer for each output, in order; `file` is for messages."""

    file: str
    input: str
    outputs: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def numbers(self) -> int:
        """How many numbers the model says of one row."""
        return sum(math.prod(shape) for _, shape in self.outputs)

    def as_json(self) -> bytes:
        """For another process."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def of_json(cls, told: bytes) -> Tensors:
        """As `as_json` gave it."""
        found = json.loads(told)
        outputs = tuple((name, tuple(shape)) for name, shape in found["outputs"])
        return cls(file=found["file"], input=found["input"], outputs=outputs)


class LoadedModel(Protocol):
    """Rows in, numbers out."""

    def run(self, rows: Sequence[bytes]) -> bytes | Fault:
        """What the model says of each row (`model_rows`): the outputs in order, each (rows, shape) float32."""

    def rest(self) -> None:
        """It will not be asked for a while: give back what is given back easily."""


def send(to: int, block: bytes) -> None:
    """Write a block to a file descriptor. Raises: OSError."""
    rest = memoryview(_LENGTH.pack(len(block)) + block)
    while rest:
        rest = rest[os.write(to, rest) :]


def receive(at: int, *, bytes_max: int) -> bytes | None:
    """The next block; None where the other side has ended, or wants to say more than was agreed. Raises: OSError."""
    head = _exactly(at, _LENGTH.size)
    if head is None:
        return None
    length = _LENGTH.unpack(head)[0]
    return _exactly(at, length) if length <= bytes_max else None


def _exactly(at: int, count: int) -> bytes | None:
    found = bytearray()
    while len(found) < count:
        part = os.read(at, count - len(found))
        if not part:
            return None
        found += part
    return bytes(found)
