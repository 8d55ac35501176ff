"""Which devices of the hub come and go with births and deaths of Sparkplug.

A session knows senders by their topics; what the hub calls such a device is known from the first message of it that was
understood. So a death before that says nothing, as after a start of the hub, and the first message says that it is
there: the session lets nothing through before a birth. Who is gone is forgotten, so its next message says so anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.core.messages import Decoded, DeviceId, PresenceChange
from edge_agent.core.sparkplug.topics import Admitted, Sender, sender_of

_SENDERS_MAX = 4_000


class EdgePresence:
    """The names of the hub for senders, at most `_SENDERS_MAX`, and what became of each message's session."""

    def __init__(self) -> None:
        self._named: dict[Sender, DeviceId] = {}

    def changes(self, admitted: Admitted, told: Decoded | None) -> Iterator[PresenceChange]:
        """Who came or went by this message; `told` is what was understood of it."""
        if told is not None and (found := sender_of(told.topic)) is not None:
            sender = found[0]
            if sender not in self._named and len(self._named) < _SENDERS_MAX:
                self._named[sender] = told.device
                yield PresenceChange(told.device, online=True, received_at=told.received_at)
        for sender in admitted.gone:
            if admitted.heard_at is not None and (device := self._named.pop(sender, None)) is not None:
                yield PresenceChange(device, online=False, received_at=admitted.heard_at)
