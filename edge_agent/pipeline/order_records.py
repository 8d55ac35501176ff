"""The record of one order, signed at the moment it is asked for (`core.leave.record`)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import rfc8785

from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave.authority import AuthorityRow
from edge_agent.core.leave.record import Excerpt, canonical_record, compose, fingerprint
from edge_agent.core.leave.record_check import Verify, check
from edge_agent.core.messages import IntentId, PromptId
from edge_agent.core.safety import SafetyProblem
from edge_agent.core.said import say
from edge_agent.errors import BugError, RefusedError
from edge_agent.ports import Clock


class KeptOrders(Protocol):
    """Orders with the leave for them."""

    def intent(self, intent: IntentId) -> IntentRecord | None:
        """One intent."""

    def authority(self, intent: IntentId) -> AuthorityRow | None:
        """The leave of an intent."""


class AuditChain(Protocol):
    """The hash chain of everything that grants or spends."""

    def check(self) -> SafetyProblem | None:
        """What is wrong with it."""

    def excerpt(self, *, intent: IntentId, prompt: PromptId) -> Excerpt:
        """What it says from the first row about an order on."""


class OrderRecords:
    """Fulfils the pages' `Records`. `public_key` is the raw key that belongs to `sign`."""

    def __init__(
        self,
        *,
        orders: KeptOrders,
        chain: AuditChain,
        clock: Clock,
        public_key: bytes,
        sign: Callable[[bytes], bytes],
        verify: Verify,
    ) -> None:
        self.fingerprint = fingerprint(public_key)
        self._orders = orders
        self._chain = chain
        self._clock = clock
        self._public_key = public_key
        self._sign = sign
        self._verify = verify
        self._turn = asyncio.Lock()

    async def of(self, intent: IntentId) -> bytes | None:
        """The record of an order as canonical JSON; None: there is no such order.

        Raises: RefusedError when its leave is not kept here, or the audit chain is not whole: what is not believed is
        not signed.
        """
        order = self._orders.intent(intent)
        if order is None:
            return None
        problem = self._chain.check()
        if problem is not None:
            raise RefusedError(problem.text)
        leave = self._orders.authority(intent)
        if leave is None:
            raise RefusedError(
                say("The leave of this order is not kept here: it was taken over from the order service.")
            )
        excerpt = self._chain.excerpt(intent=order.id, prompt=order.prompt)
        async with self._turn:  # a long log is seconds of work on a small board, and others wait meanwhile
            return await asyncio.to_thread(self._signed, order, leave, excerpt, at=self._clock.now())

    def _signed(self, order: IntentRecord, leave: AuthorityRow, excerpt: Excerpt, *, at: datetime) -> bytes:
        said = compose(order, leave, excerpt, public_key=self._public_key, at=at)
        record = {**said, "signature": base64.b64encode(self._sign(canonical_record(said))).decode()}
        document = rfc8785.dumps(record)
        fault = check(document, verify=self._verify).fault
        if fault is not None:
            raise BugError(f"the record of order {order.id} would not hold: {fault}")
        return document
