"""The stream of changes: what it says and when, who may listen, how many, and how it ends."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import pairwise

import pytest

from edge_agent.web.api.problems import Refusal
from edge_agent.web.api.streams import STREAMS_MAX, STREAMS_OF_ONE_MAX, Pace, Streams
from tests.edge_agent.web.api.programs import program
from tests.edge_agent.web.house import House


class Life:
    """Numbers that changes give, look by look; the token holds for so many looks."""

    def __init__(self, *stamps: int, holds: int = 1_000) -> None:
        self.stamps = list(stamps)
        self.holds = holds

    def changes(self) -> int:
        """The next number; the last one stays."""
        return self.stamps.pop(0) if len(self.stamps) > 1 else self.stamps[0]

    def still_holds(self) -> bool:
        """Whether the token does."""
        self.holds -= 1
        return self.holds >= 0


async def heard(life: Life, words: int) -> list[bytes]:
    """The first words of a stream that waits no real time."""

    async def at_once(_: float) -> None:
        return None

    streams = Streams(life.changes, Pace(sleep=at_once))
    said = []
    async for word in streams.words(life.still_holds):
        said.append(word)
        if len(said) == words:
            break
    return said


async def test_a_change_is_told_once_and_without_what_it_was() -> None:
    """Many changes within a second are one word; silence is a beat."""
    said = await heard(Life(1, 2, 3, 3), 3)
    assert said == [b"retry: 5000\n\n", b"event: changed\ndata: {}\n\n", b": beat\n\n"]


async def test_what_goes_on_changing_is_told_at_a_pace_that_a_page_can_follow() -> None:
    """A change at every look never puts the word off, and never brings more than a few words a second."""
    now_s, looks, told_s = 0.0, 0, list[float]()

    async def pass_by(duration_s: float) -> None:
        nonlocal now_s
        now_s += duration_s

    def changes() -> int:
        nonlocal looks
        looks += 1
        return looks

    async for word in Streams(changes, Pace(sleep=pass_by)).words(lambda: True):
        if word.startswith(b"event: changed"):
            told_s.append(now_s)
        if len(told_s) == 20:
            break
    apart_s = [later - earlier for earlier, later in pairwise(told_s)]
    assert max(apart_s) < 0.45
    assert min(apart_s) > 0.25


async def test_nothing_is_told_to_a_token_that_has_ended() -> None:
    """The stream says so and ends."""
    assert (await heard(Life(1, 2, holds=0), 9))[-1] == b"event: end\ndata: {}\n\n"
    assert (await heard(Life(1, holds=0), 9))[-1] == b"event: end\ndata: {}\n\n"


def test_streams_are_bounded() -> None:
    """So many of one client, so many in all; a place that is left is free again."""
    streams = Streams(lambda: 0)
    with streams.counted("a"), streams.counted("a"), streams.counted("a"), streams.counted("a"):
        assert STREAMS_OF_ONE_MAX == 4
        with pytest.raises(Refusal) as one:
            streams.check_room("a")
        streams.check_room("b")
    streams.check_room("a")
    with ExitStack() as listeners:
        for number in range(STREAMS_MAX):
            listeners.enter_context(streams.counted(f"c{number}"))
        with pytest.raises(Refusal) as all_of_them:
            streams.check_room("d")
    assert streams.open == 0
    assert (one.value.status_code, all_of_them.value.status_code) == (429, 503)


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}])
async def test_a_page_of_another_site_cannot_listen(house: House, headers: dict[str, str]) -> None:
    """Whatever cookie its browser has."""
    async with program(house, None) as client:
        assert (await client.get("/api/v1/events", headers=headers)).status_code == 403
        assert (await client.get("/api/v1/events")).status_code == 401
