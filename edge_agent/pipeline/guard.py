"""What must be right before anything is sent; while it is not, orders wait and everything else goes on.

Asked before each order, and by every page: the store can be written, the audit chain is whole, the clock is believed,
the policy is the one that was signed, the bridge knows what this hub knows, and the leave of what waits is the one that
was given. A check that cannot be made counts as failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

from edge_agent.core.clock_trust import ClockDoubt
from edge_agent.core.leave.authority import Verify, verify_authority
from edge_agent.core.safety import SafetyCode, SafetyProblem, problem_of, sentence
from edge_agent.core.said import Opening, Said, say
from edge_agent.errors import FailClosedError, SendsStoppedError
from edge_agent.leave_ports import PolicyStore
from edge_agent.pipeline.restore import Restore
from edge_agent.ports import AuditChain, JudgedClock, OutgoingStore

log = logging.getLogger(__name__)

_WAITING_MAX = 20  # as many as one turn sends
_CLOCK_WORDS = {
    ClockDoubt.BEFORE_RELEASE: say("this hub's clock shows a time from before it was made"),
    ClockDoubt.BEHIND: say("this hub's clock was set back behind a time that it had already shown"),
    ClockDoubt.AHEAD: say("this hub's clock has jumped far ahead"),
    ClockDoubt.DISAGREES: say("this hub's clock and the order service's do not agree"),
}


class Guard:
    """Fulfils `ports.Safety`."""

    def __init__(
        self,
        *,
        chain: AuditChain,
        clock: JudgedClock,
        outgoing: OutgoingStore,
        policies: PolicyStore,
        restore: Restore,
        verify: Verify,
        store_failure: Callable[[], str | None],
        standing: Sequence[SafetyProblem] = (),
    ) -> None:
        self._chain = chain
        self._clock = clock
        self._outgoing = outgoing
        self._policies = policies
        self._restore = restore
        self._verify = verify
        self._store_failure = store_failure
        self._standing = tuple(standing)  # from before the start, until a command has ended it

    def problems(self) -> tuple[SafetyProblem, ...]:
        """Why nothing is sent; empty: sends are allowed."""
        found = list(self._standing)
        try:
            found.extend(self._find())
        except FailClosedError as exc:
            found.append(problem_of(exc))
        return tuple(found)

    def check(self) -> None:
        """Before each order's first byte.

        Raises: SendsStoppedError when anything stands against it.
        """
        for problem in self.problems():
            raise SendsStoppedError(problem.text)
        if self._restore.is_due:
            raise SendsStoppedError(say("the order service has not said yet how far it has come"))

    def confirm_clock(self, by: str) -> None:
        """A person has looked: the time that the page shows is right."""
        self._chain.record({"event": "clock_confirmed", "by": by, "wall": self._clock.wall().isoformat()})
        self._clock.vouch()
        log.warning("clock_confirmed")

    def accept_bridge(self, by: str) -> None:
        """A person has looked: go on with a bridge that has forgotten some orders."""
        self._restore.accept_bridge(by)
        log.warning("bridge_accepted")

    def _find(self) -> Iterator[SafetyProblem]:
        failure = self._store_failure()
        if failure is not None:
            yield SafetyProblem(SafetyCode.STORE_FAILED, sentence(failure))
        broken = self._chain.check()
        if broken is not None:
            yield broken
        doubt = self._clock.doubt()
        if doubt is not None:
            yield SafetyProblem(SafetyCode.CLOCK_UNTRUSTED, self._clock_text(doubt))
        found = self._restore.problem()
        if found is not None:
            yield found
        self._policies.policy()
        yield from self._tampered_leave()

    def _tampered_leave(self) -> Iterator[SafetyProblem]:
        for waiting in self._outgoing.outbox(limit=_WAITING_MAX):
            leave = self._outgoing.authority(waiting.intent)
            wrong = _no_leave(waiting.intent) if leave is None else verify_authority(leave, verify=self._verify)
            if wrong is not None:
                yield SafetyProblem(SafetyCode.AUTHORITY_TAMPERED, _tampered_text(wrong))

    def _clock_text(self, doubt: ClockDoubt) -> Said:
        return say(
            "{what}: it says {time} UTC. "
            "Nothing is sent. If that is the right time, confirm it here; if not, set the clock.",
            what=Opening(_CLOCK_WORDS[doubt]),
            time=f"{self._clock.wall():%Y-%m-%d %H:%M}",
        )


def _no_leave(intent: str) -> Said:
    return say("there is no leave for intent {intent}", intent=intent)


def _tampered_text(wrong: Said) -> Said:
    return say(
        "{wrong}: nothing is sent; find out who could write to the hub's store, and restore a backup from before.",
        wrong=Opening(wrong),
    )
