"""What belongs to the sessions used last, and to no more of them than the limit."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

_KEPT_MAX = 256

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by name; the one that was put first makes room."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Value] = OrderedDict()

    def put(self, name: str, value: Value) -> None:
        """Keep a value, as the newest."""
        self._kept[name] = value
        self._kept.move_to_end(name)
        if len(self._kept) > _KEPT_MAX:
            self._kept.popitem(last=False)

    def get(self, name: str) -> Value | None:
        """The value, if it is still kept."""
        return self._kept.get(name)

    def drop(self, name: str) -> None:
        """Forget a value."""
        self._kept.pop(name, None)
