"""The fourteen seeded bugs: defects planted on purpose, each of which a campaign must catch.

A harness that cannot fail proves nothing. A bug is planted by replacing a dependency where that is possible, and by
patching one attribute of our own module where it is not; here, and nowhere else in the tests, that is allowed.
`tests.campaign.planted.<bug>` holds the context manager `planted()` of each bug.
"""

from __future__ import annotations

import importlib
import importlib.util
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import cast


class Bug(StrEnum):
    """A defect that was made, and would be made again, by somebody sensible."""

    SYNCHRONOUS_NORMAL = "synchronous_normal"
    """The store does not flush its log at each commit."""

    ACK_BEFORE_COMMIT = "ack_before_commit"
    """A message is acknowledged before the transaction that holds it is durable."""

    KEY_PER_PROCESS = "key_per_process"
    """The idempotency key is made anew by each process, so a restart orders again."""

    MARK_SENT_FIRST = "mark_sent_first"
    """An order is marked as sent before it was, so a crash in between loses it."""

    TOKEN_BURNED_APART = "token_burned_apart"
    """The approval is used up in a transaction of its own, so a crash leaves it burned and nothing ordered."""

    BODY_REBUILT = "body_rebuilt"
    """The body is built anew at each try instead of being frozen at approval."""

    FLOAT_MONEY = "float_money"
    """Money is reckoned in binary fractions."""

    WALL_CLOCK_DELETE = "wall_clock_delete"
    """Rows are deleted by age on the wall clock, so a clock that jumps deletes what was never sent."""

    NO_FENCE = "no_fence"
    """A worker whose lease has gone may still send."""

    GET_APPROVES = "get_approves"
    """Following a link approves, so a link scanner buys."""

    BUDGET_OUTSIDE_TRANSACTION = "budget_outside_transaction"
    """The budget is checked before the transaction that draws on it, so two draws pass the same check."""

    TINYDB_OUTBOX = "tinydb_outbox"
    """The outbox is a JSON file that is rewritten in place."""

    REDIRECTS_ON = "redirects_on"
    """An order follows a redirect to another host."""

    RETRY_AFTER_KEY_LIFE = "retry_after_key_life"
    """An order is sent again after the merchant may have forgotten its key."""


def planted(bug: Bug | None) -> AbstractContextManager[None]:
    """Switch one bug on in this process until the block ends; for None, change nothing.

    Raises: NotImplementedError when nobody has written this bug yet.
    """
    if bug is None:
        return nullcontext()
    name = f"tests.campaign.planted.{bug}"
    if importlib.util.find_spec(name) is None:
        raise NotImplementedError(f"seeded bug {bug} is not written: add {name.replace('.', '/')}.py with planted()")
    return cast("AbstractContextManager[None]", importlib.import_module(name).planted())
