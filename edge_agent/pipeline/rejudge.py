"""Readings from a time when the hub doubted its own clock are judged again, once it believes it.

Such a reading is acknowledged and kept apart with a reason of its own, since nobody can say then whether the device or
the hub is wrong. It is judged before any newer reading is stored: the estimate takes readings in the order of time.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from edge_agent.core.messages import Decoded, Quarantined, QuarantineReason, RawMessage
from edge_agent.errors import BugError
from edge_agent.ports import Decoder, DoubtfulStore, LaggingClock

log = logging.getLogger(__name__)

_BATCH = 500
_BATCHES_MAX = 40  # together as many as a store keeps, and a backup that was put back into it


class Rejudge:
    """Marks what cannot be judged, and judges it when that is possible."""

    def __init__(self, *, held: DoubtfulStore, decoder: Decoder, clock: LaggingClock) -> None:
        self._held = held
        self._decoder = decoder
        self._clock = clock
        self._may_hold = True  # from before the start

    def mark(self, strange: Quarantined, *, of: RawMessage) -> Quarantined:
        """The same, or whole and with the hub's own clock as the reason where that may be what is wrong."""
        if strange.reason is not QuarantineReason.WRONG_TIME or self._clock.is_followed():
            return strange
        self._may_hold = True
        whole = strange.payload if strange.is_private else of.payload
        detail = f"{strange.detail}, whose clock is in doubt: judged again when it is not"
        return replace(strange, reason=QuarantineReason.HUB_CLOCK, detail=detail, payload=whole)

    def run_once(self) -> int:
        """Judge what waits, if the clock is believed; returns how many are counted now.

        Raises: StoreFailedError, StoreCorruptError; what was not settled waits for the next call.
        """
        if not self._may_hold or self._clock.doubt() is not None:
            return 0
        counted = 0
        for _ in range(_BATCHES_MAX):
            waiting = self._held.held(limit=_BATCH)
            if not waiting:
                self._may_hold = False
                break
            counted += self._judge(waiting)
        if counted:
            log.info("rejudged counted=%d", counted)
        return counted

    def _judge(self, waiting: list[tuple[int, RawMessage]]) -> int:
        now, lag = self._clock.now(), self._clock.lag()
        accepted: list[tuple[int, Decoded]] = []
        refused: list[tuple[int, Quarantined]] = []
        for row_id, message in waiting:
            # It came between what the hub's clock showed then, less what that was ahead by, and now.
            match self._decoder.decode(message, now=now, since=message.received_at - lag):
                case Decoded() as understood:
                    accepted.append((row_id, understood))
                case Quarantined() as strange:
                    refused.append((row_id, strange))
                case other:
                    raise BugError(f"a reading that was kept apart is a {type(other).__name__} now")
        self._held.settle(accepted, refused)
        return len(accepted)
