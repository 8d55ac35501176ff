"""Before the first order, and after every failure, the hub asks how far the bridge has come.

- The bridge knows more: this hub was restored from a backup, or is a copy. It takes over what it does not know, so
  that no need is asked about twice, and never sends what carries a number that stands for another intent there. What
  its mandates may still draw it does not know any more, so they are paused.
- The hub knows more: the bridge was restored. Nothing is sent until an owner has looked; what was handed over stays.
  An order says how far its hub knows the bridge to be, and one that knows too little is refused: so a copy that was
  compared before the other one ordered compares again.
- The bridge has frozen the household: two hubs used one number. Its operator ends that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from cloud_bridge.wire import Head, KnownIntent
from edge_agent.core.handover import Comparison, HubKnowledge, TakenOver, compare, taken_over
from edge_agent.core.intent import LIVE
from edge_agent.core.leave.mandate import MandateEvent, MandateState, step
from edge_agent.core.messages import ItemId
from edge_agent.core.safety import SafetyCode, SafetyProblem, problem_of
from edge_agent.core.said import say
from edge_agent.errors import FailClosedError, RefusedError
from edge_agent.leave_ports import MandateStore
from edge_agent.pipeline.status import StatusRecorder
from edge_agent.ports import Bridge, Clock, HandoverStore, HouseholdStore

log = logging.getLogger(__name__)

_PAGES_MAX = 100
_MANDATES_MAX = 1_000
_HUB_ITSELF = "hub"


class Restore:
    """Compares, takes over, and says what stands against sending.

    More than one task may ask; they take turns, since an answer from before another's orders is no news of them.
    """

    def __init__(
        self,
        *,
        hub: str,
        bridge: Bridge,
        handovers: HandoverStore,
        mandates: MandateStore,
        household: HouseholdStore,
        status: StatusRecorder,
        clock: Clock,
        pages_max: int = _PAGES_MAX,
    ) -> None:
        self._hub = hub
        self._bridge = bridge
        self._handovers = handovers
        self._mandates = mandates
        self._household = household
        self._status = status
        self._clock = clock
        self._pages_max = pages_max
        self._head: Head | None = None
        self._problem: SafetyProblem | None = None
        self._has_compared = False
        self._is_sure = False
        self._doubts = 0
        self._turn = asyncio.Lock()

    @property
    def is_due(self) -> bool:
        """Whether the bridge must be asked before anything is sent."""
        return not self._is_sure or self._problem is not None

    @property
    def has_compared(self) -> bool:
        """Whether everything was taken over since this hub started. Before that, a backup may have been put back."""
        return self._has_compared

    def doubt(self) -> None:
        """Something failed: ask again before the next order, also where an answer is under way."""
        self._is_sure = False
        self._doubts += 1

    def problem(self) -> SafetyProblem | None:
        """What stands against sending; None also while the bridge has not been asked yet."""
        return self._problem

    async def run_once(self) -> None:
        """Ask the bridge, and take over what only it knows.

        Raises: BridgeUnreachableError; then nothing was taken over, though news of known orders may have been heard.
        FailClosedError when it cannot be taken over; `problem` says so until it can.
        """
        async with self._turn:
            await self._run()

    async def run_first(self) -> None:
        """The same, unless it was done since this hub started, perhaps by a task that had its turn before."""
        async with self._turn:
            if not self._has_compared:
                await self._run()

    def accept_bridge(self, by: str) -> None:
        """An owner has looked: go on with a bridge that has forgotten some orders.

        Raises: RefusedError when that is not what stands against sending.
        """
        forgot = self._problem is not None and self._problem.code is SafetyCode.BRIDGE_RESTORED
        if self._head is None or not forgot:
            raise RefusedError(say("the order service has not forgotten anything that this hub knows of"))
        self._handovers.accept_bridge(handover=self._head.handover, event_seq=self._head.event_seq, by=by)
        self._problem = None
        self.doubt()

    async def _run(self) -> None:
        try:
            await self._take_over()
        except FailClosedError as exc:
            self._problem = problem_of(exc)
            raise

    async def _take_over(self) -> None:
        doubts = self._doubts
        head, listed, is_whole = await self._ask()
        if self._compare(head, listed).unknown:
            # What ended after the backup was made is live here still, and would keep its item from what is under way.
            await self._status.run_once()
            self._status.accepted([intent for intent in listed if intent.hub == self._hub])
        # Compared again, since a person may have approved something while the bridge was asked.
        ours = self._handovers.knowledge()
        found = self._compare(head, listed)
        if found.unknown or found.overtaken:
            self._pause_mandates()
            self._reconcile(found, busy=ours.busy)
        if is_whole and not found.bridge_forgot:
            self._handovers.acknowledge(max((each.handover for each in listed if each.hub == self._hub), default=0))
        self._problem = _problem(head, ours, found, is_whole=is_whole)
        self._head, self._is_sure = head, self._doubts == doubts
        self._has_compared = self._has_compared or is_whole

    def _compare(self, head: Head, listed: list[KnownIntent]) -> Comparison:
        return compare(self._handovers.knowledge(), bridge_handover=head.handover, listed=listed, hub=self._hub)

    async def _ask(self) -> tuple[Head, list[KnownIntent], bool]:
        """The head, every intent after what both are sure of, and whether those were all of them."""
        ours = self._handovers.knowledge()
        # What waits here may carry a number that the bridge has long given to another order: of a copy of this hub.
        after = min([ours.acknowledged, *(number - 1 for number in ours.waiting)])
        listed: list[KnownIntent] = []
        for _ in range(self._pages_max):
            head = await self._bridge.fetch_head(after=after)
            listed += head.intents
            if not head.intents:
                return head, listed, True
            after = head.intents[-1].handover
        return head, listed, False

    def _pause_mandates(self) -> None:
        """What was drawn on them is not all known here any more: an owner looks at them before they draw again."""
        now = self._clock.now()
        for mandate in self._mandates.mandates(live=True, limit=_MANDATES_MAX):
            if mandate.state is MandateState.ACTIVE:
                self._mandates.change_mandate(step(mandate, MandateEvent.PAUSE, now=now, by=_HUB_ITSELF))

    def _reconcile(self, found: Comparison, *, busy: Collection[ItemId]) -> None:
        household, busy = self._household.load(), set(busy)
        taken = []
        for known in found.unknown:
            record = taken_over(known, household=household, busy=busy)
            taken.append(TakenOver(known.handover, record, known.total_max_minor))
            if record.state in LIVE:
                busy.add(record.item)
        last = max((known.handover for known in found.unknown), default=0)
        self._handovers.reconcile(taken, overtaken=found.overtaken, handover=last, at=self._clock.now())
        log.warning("hub_restored taken_over=%d never_sent=%d", len(taken), len(found.overtaken))


def _problem(head: Head, ours: HubKnowledge, found: Comparison, *, is_whole: bool) -> SafetyProblem | None:
    if head.frozen:
        return SafetyProblem(
            SafetyCode.HUB_FORKED,
            say(
                "Two hubs have ordered under this home's name, so the order service takes nothing more: switch the "
                "other one off, and ask whoever runs the order service to let this home order again."
            ),
        )
    if found.bridge_forgot:
        return SafetyProblem(
            SafetyCode.BRIDGE_RESTORED,
            say(
                "The order service knows orders up to number {known}, this hub had handed over {handed_over}: it was "
                "restored from a backup. Nothing is sent. Look at your orders with the merchant, then accept it here.",
                known=head.handover,
                handed_over=ours.acknowledged,
            ),
        )
    if not is_whole:
        return SafetyProblem(
            SafetyCode.HUB_RESTORED,
            say(
                "This hub was restored from a backup, and the order service knows more of its orders than could be "
                "taken over yet. Nothing is sent until they are here; that goes on by itself."
            ),
        )
    return None
