"""How often something may happen: a burst, then one at a time, whatever the clock does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.token_bucket import TokenBucket


def test_a_burst_and_then_one_at_a_time() -> None:
    """Three at once, then one each second; a long pause gives no more than the burst again."""
    bucket = TokenBucket(3, 1_000)
    start_ms = 1_700_000_000_000
    assert [bucket.take(at_ms=start_ms) for _ in range(5)] == [True, True, True, False, False]
    assert [bucket.take(at_ms=start_ms + after) for after in (999, 1_000, 1_001, 2_000)] == [False, True, False, True]
    assert sum(bucket.take(at_ms=start_ms + 3_600_000) for _ in range(10)) == 3


def test_a_clock_that_goes_back_does_not_stop_it_for_ever() -> None:
    """One period of the new time later there is a token again."""
    bucket = TokenBucket(2, 1_000)
    assert [bucket.take(at_ms=9_000_000) for _ in range(3)] == [True, True, False]
    assert not bucket.take(at_ms=1_000)
    assert bucket.take(at_ms=2_000)


@given(steps=st.lists(st.integers(0, 3_000), max_size=60))
def test_never_more_than_its_rate(steps: list[int]) -> None:
    """In any time it gives at most the burst, and one for each period."""
    bucket, at_ms, given_out = TokenBucket(4, 1_000), 1_000_000, 0
    for step in steps:
        at_ms += step
        given_out += bucket.take(at_ms=at_ms)
        assert given_out <= 4 + (at_ms - 1_000_000) // 1_000
