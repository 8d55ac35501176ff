"""The laws of money, held against the hub's rows and against what reached the bridge and the merchant."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import cast

from hypothesis.stateful import invariant

from edge_agent.core.intent import LIVE, TRANSITIONS, IntentState
from edge_agent.core.leave.authority import AuthorityRow, verify_authority
from edge_agent.core.leave.mandate import MandateState
from edge_agent.core.messages import IntentId, MandateId, PromptId
from edge_agent.core.prompt import PromptState
from tests.edge_agent.household_life import Life


@dataclass
class Tally:
    """What a run has done: steps, and how often each thing happened."""

    steps: int = 0
    happened: Counter[str] = field(default_factory=Counter)


class Laws:
    """What a machine must remember for them, and the laws themselves."""

    tally: Tally
    life: Life
    acknowledged: dict[IntentId, PromptId]
    revoked: dict[MandateId, frozenset[str]]
    ended: dict[str, tuple[str, int]]
    versions: dict[str, int]
    checked: tuple[int, int, int, int] | None
    verified: dict[str, AuthorityRow]

    @invariant()
    def the_laws_hold(self) -> None:
        """All of them, after every step that changed anything; and here the steps are counted."""
        self.tally.steps += 1
        outside = self.life.outside
        seen = (id(self.life.connection), self.life.connection.db.total_changes(), len(outside.orders), outside.moves)
        if seen == self.checked:
            return
        self.checked = seen
        self.one_live_order_per_need()
        self.nothing_is_bought_without_leave()
        self.leave_is_used_once()
        self.budgets_hold()
        self.no_approval_is_lost()
        self.what_has_ended_stays_ended()
        self.a_revoked_mandate_sends_nothing_more()

    def one_live_order_per_need(self) -> None:
        """I2, in what the hub has."""
        rows = self.life.connection.db.execute("SELECT item, state FROM intent")
        live = Counter(item for item, state in rows if state in LIVE)
        assert all(times == 1 for times in live.values()), live

    def nothing_is_bought_without_leave(self) -> None:
        """I1, I3: once at the merchant, on leave that verifies, never above its ceiling."""
        for intent, order in self.life.outside.orders.items():
            leave = self.life.orders.authority(IntentId(intent))
            assert leave is not None, f"{intent} reached the bridge without leave"
            if self.verified.get(intent) != leave:  # a leave that stands there as it was verified is not verified again
                assert verify_authority(leave, verify=self.life.key.verify) is None
                self.verified[intent] = leave
            assert self.life.outside.copies[intent] <= 1
            assert (order.charged_minor or 0) <= order.terms.total_max_minor

    def leave_is_used_once(self) -> None:
        """I4 and I13: every intent has one leave, one ledger row and one frozen body in the log; no half is left."""
        intent_count = self._count("intent")
        assert self._count("authority") == self._count("ledger") == intent_count
        assert self._query("SELECT count(DISTINCT nonce) FROM authority") == intent_count
        assert self._query("SELECT count(DISTINCT prompt) FROM authority") == intent_count
        assert self._query("SELECT coalesce(max(handover), 0) FROM authority") == intent_count, "a number is missing"
        frozen = "SELECT count(*) FROM audit WHERE json_extract(event, '$.event') = 'approved'"
        assert self._query(frozen) == intent_count
        unsent = "SELECT count(*) FROM intent WHERE state = 'approved' AND id NOT IN (SELECT intent FROM outbox)"
        assert self._query(unsent) == 0, "an approved order that nobody will send"

    def budgets_hold(self) -> None:
        """I5: by the ledger, and by what the merchant charged."""
        sql = (
            "SELECT mandate, period_index, sum(amount_minor) FILTER (WHERE state IN ('reserved', 'spent')) "
            "FROM ledger WHERE mandate IS NOT NULL GROUP BY mandate, period_index"
        )
        charged: Counter[tuple[str, int]] = Counter()
        of = "SELECT mandate, period_index FROM ledger WHERE intent = ? AND mandate IS NOT NULL AND state <> 'credited'"
        for intent, order in self.life.outside.orders.items():
            drawn = self.life.connection.db.execute(of, (intent,)).fetchone()
            if drawn is not None and order.state not in {IntentState.REFUNDED, IntentState.CANCELLED}:
                charged[cast("tuple[str, int]", drawn)] += order.charged_minor or 0
        for mandate, period, total in self.life.connection.db.execute(sql).fetchall():
            record = self.life.mandates.mandate(MandateId(str(mandate)))
            assert record is not None
            assert cast("int", total or 0) <= record.terms.budget.max_minor
            assert charged[str(mandate), cast("int", period)] <= record.terms.budget.max_minor

    def no_approval_is_lost(self) -> None:
        """I6: what somebody was told is ordered stays known."""
        for intent, prompt in self.acknowledged.items():
            record = self.life.record(intent)
            assert record is not None
            assert record.prompt == prompt

    def what_has_ended_stays_ended(self) -> None:
        """I15, for prompts, intents and mandates: final states stay, versions only rise."""
        finals = {
            "intent": {state for state, following in TRANSITIONS.items() if not following},
            "prompt": set(PromptState) - {PromptState.OPEN, PromptState.SNOOZED},
            "mandate": {MandateState.REVOKED, MandateState.EXPIRED, MandateState.DECLINED},
        }
        rows = [
            (f"{table} {ident}", str(state), cast("int", version), state in final)
            for table, final in finals.items()
            for ident, state, version in self.life.connection.db.execute(f"SELECT id, state, version FROM {table}")  # noqa: S608 - names of this file
        ]
        for name, state, version, final in rows:
            assert version >= self.versions.get(name, 0), f"{name} went back"
            self.versions[name] = version
            if final:
                assert self.ended.setdefault(name, (state, version)) == (state, version)

    def a_revoked_mandate_sends_nothing_more(self) -> None:
        """I22: of its orders only those that were on the wire or at the bridge when the person was told."""
        for mandate, known in self.revoked.items():
            drawn = {str(row.intent) for row in self.life.mandates.draws(mandate, limit=999)}
            assert drawn & set(self.life.outside.orders) <= known

    def _count(self, table: str) -> int:
        return self._query(f"SELECT count(*) FROM {table}")  # noqa: S608 - names of this file

    def _query(self, sql: str) -> int:
        return cast("int", self.life.connection.db.execute(sql).get)
