"""Messages of Sparkplug edge nodes on their way to the decoder: each passes its node's session first.

- What the session believes goes on as a payload with names and types, which a profile reads without the birth.
- What it does not believe is kept apart with the reason, and the node is asked for its births.
- What no profile reads only moves the session: the hub hears it because a session counts every message of its node.
- Nodes that no profile is for have no session, and are asked for nothing.

After a start nothing is remembered, so the first message of each node that is no birth is kept apart and asks for one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from edge_agent.core.decoding.raw import kept_apart, size_of
from edge_agent.core.formats.sparkplug import write_frame
from edge_agent.core.messages import QuarantineReason, RawMessage
from edge_agent.core.sparkplug.session import Heard, SparkplugHost
from edge_agent.core.sparkplug.topics import NAMESPACE, Admitted, EdgeNodes, RebirthRequest, Sender, sender_of
from edge_agent.core.token_bucket import TokenBucket

_REQUESTS_AT_ONCE, _REQUEST_EVERY_MS = 20, 1_000  # to all nodes together


class SparkplugAdmission:
    """The sessions of `nodes`. `is_read` tells whether a profile is for a topic."""

    def __init__(self, nodes: EdgeNodes, *, is_read: Callable[[str], bool]) -> None:
        self._nodes = nodes
        self._is_read = is_read
        self._host = SparkplugHost(requests=TokenBucket(_REQUESTS_AT_ONCE, _REQUEST_EVERY_MS))

    def admit(self, message: RawMessage) -> Admitted:
        """One message, each once and in the order in which they came. Never raises."""
        if not message.topic.startswith(f"{NAMESPACE}/"):
            return Admitted(message)
        found = sender_of(message.topic)
        if found is None or message.retained:  # a retained copy is no news of a session; the decoder says so
            return Admitted(message) if self._is_read(message.topic) else Admitted()
        return self._heard(message, found[0]) if found[0] in self._nodes else Admitted()

    def miss(self, message: RawMessage) -> RebirthRequest | None:
        """A message that nobody looks at: it is to its node's session as if it had been cut."""
        return self.admit(replace(message, whole_bytes=size_of(message))).request

    def _heard(self, message: RawMessage, sender: Sender) -> Admitted:
        heard = self._host.take(
            message.topic, message.payload, at_ms=_ms(message.received_at), is_whole=message.whole_bytes is None
        )
        if heard is None:
            return Admitted(apart=kept_apart(message, QuarantineReason.UNKNOWN_DEVICE, "too many edge nodes"))
        if heard.frame is None:
            return Admitted(apart=kept_apart(message, heard.reason, _why(heard, sender)), request=heard.request)
        read = replace(message, payload=write_frame(heard.frame)) if self._is_read(message.topic) else None
        return Admitted(
            read,
            gone=tuple(replace(sender, device=each) for each in heard.gone),
            heard_at=message.received_at if heard.gone else None,
        )


def _why(heard: Heard, sender: Sender) -> str:
    asked = "; the node is asked for its births" if heard.request is not None else ""
    return f"Sparkplug node {sender.edge}: {heard.why}{asked}"


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
