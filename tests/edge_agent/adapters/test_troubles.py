"""Troubles in the log: when they begin, now and then, and when they end."""

from __future__ import annotations

import logging

import pytest

from edge_agent.adapters.troubles import Troubles
from edge_agent.errors import BridgeUnreachableError

AWAY = BridgeUnreachableError("GET /v1/events: ConnectError")


def test_a_trouble_that_lasts_is_one_line_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    """Tried every 30 s for 61 minutes: two lines, and one when it is over; the next one is news again."""
    caplog.set_level(logging.INFO)
    now_s = 0.0
    troubles = Troubles(logging.getLogger("t"), elapsed_s=lambda: now_s)
    troubles.over("drain")
    for _ in range(122):
        troubles.met("drain", AWAY)
        now_s += 30.0
    troubles.over("drain")
    troubles.over("drain")
    troubles.met("drain", AWAY)
    assert caplog.messages == [
        "try_again_later turn=drain times=1 error=GET /v1/events: ConnectError",
        "try_again_later turn=drain times=121 error=GET /v1/events: ConnectError",
        "goes_again turn=drain after_failed=122",
        "try_again_later turn=drain times=1 error=GET /v1/events: ConnectError",
    ]


def test_another_error_and_another_turn_are_news(caplog: pytest.LogCaptureFixture) -> None:
    """Each is said at once."""
    troubles = Troubles(logging.getLogger("t"), elapsed_s=lambda: 0.0)
    troubles.met("drain", AWAY)
    troubles.met("status", AWAY)
    troubles.met("drain", BridgeUnreachableError("the bridge answered 503 (no_problem_document)"))
    assert len(caplog.messages) == 3
