"""What a tier runs, what it counts, and what it goes on with after it was stopped."""

from __future__ import annotations

import pytest

from tests.campaign.bugs import Bug
from tests.campaign.faults import BARS, BUGS, QUICK
from tests.campaign.figures import Figures
from tests.campaign.table import table
from tests.campaign.tiers import Done, Pace, Piece, Share, caught, expected_s, longest_first, pieces, totals

PIECE = Piece("power", 100, 1)


def figures(**changes: object) -> Figures:
    """A piece that went well, with changes."""
    return Figures(**{"name": "power", "done": 100, "unit": "states", **changes})  # type: ignore[arg-type]


def test_a_tier_is_cut_into_pieces_that_take_turns() -> None:
    """Each goal is met exactly, each piece has a seed of its own, and the campaigns alternate."""
    cut = pieces([Share("power", 250, 100), Share("kills", 20, 10)])
    assert cut == [
        Piece("power", 100, 1),
        Piece("kills", 10, 1),
        Piece("power", 100, 2),
        Piece("kills", 10, 2),
        Piece("power", 50, 3),
    ]


@pytest.mark.parametrize(
    ("bug", "found", "holds"),
    [
        (None, figures(), True),
        (None, figures(lost=1), False),
        (None, figures(faults=("odd",)), False),
        (None, figures(wanted=("a",), covered={"b": 1}), True),
        (None, figures(done=0), False),
        (None, None, False),
        (Bug.NO_FENCE, figures(), False),
        (Bug.NO_FENCE, figures(doubled=1), True),
        (Bug.NO_FENCE, figures(faults=("seed 1: the paused worker sent",)), True),
        (Bug.NO_FENCE, figures(wanted=("a",)), False),
        (Bug.NO_FENCE, None, False),
    ],
)
def test_a_piece_goes_as_it_must(bug: Bug | None, found: Figures | None, *, holds: bool) -> None:
    """A bug must be caught by harm that was seen: a run that met too little, or that broke, proves nothing."""
    assert Done(Piece("power", 100, 1, bug), found).holds is holds


def test_pieces_add_up_by_campaign_and_doubt_stands_apart() -> None:
    """Bugs are left out of the totals; what one piece did not meet, another may have."""
    both = ("a torn page", "a cut in the middle")
    results = [
        Done(PIECE, figures(in_doubt=2, parked=1, wanted=both, covered={"a torn page": 3})),
        Done(Piece("power", 100, 2), figures(wanted=both)),
        Done(Piece("power", 100, 1, Bug.SYNCHRONOUS_NORMAL), figures(lost=9)),
    ]
    [total] = totals(results)
    assert (total.done, total.lost, total.in_doubt, total.parked) == (200, 0, 2, 1)
    assert total.missed == ("a cut in the middle",)
    assert caught(results) == {Bug.SYNCHRONOUS_NORMAL: True}


def test_a_fault_or_a_broken_process_leaves_no_bound() -> None:
    """Both are told with the piece that shows them again."""
    [total] = totals([Done(PIECE, figures(faults=("a row is gone",))), Done(Piece("power", 100, 2), None)])
    assert total.faults == ("power-1: a row is gone", "power-2: its process broke")
    assert total.bound is None


def test_the_bound_is_three_over_n() -> None:
    """Nothing failed in 100: under 3 % at 95 %."""
    [total] = totals([Done(PIECE, figures())])
    assert total.bound == pytest.approx(0.03)


def test_a_bug_counts_as_caught_only_where_every_campaign_that_must_has_caught_it() -> None:
    """Whichever of them is first."""
    good = Done(Piece("simulation", 100, 1, Bug.NO_FENCE), figures(doubled=1))
    bad = Done(Piece("replicas", 100, 1, Bug.NO_FENCE), figures())
    assert good.piece.name != bad.piece.name
    assert caught([good, bad]) == caught([bad, good]) == {Bug.NO_FENCE: False}
    assert caught([good, good]) == {Bug.NO_FENCE: True}


def test_every_bug_is_planted_and_pieces_have_names_of_their_own() -> None:
    """A record keeps results by these names."""
    assert {piece.bug for piece in BUGS} == set(Bug)
    names = [piece.name for piece in (*BUGS, *pieces(BARS))]
    assert len(names) == len(set(names))


def test_the_bars_are_the_quick_tier_at_its_full_bars() -> None:
    """The same campaigns with the same bars, all of which are reached."""
    assert [(share.campaign, share.bar) for share in BARS] == [(share.campaign, share.bar) for share in QUICK]
    assert all(share.goal >= (share.bar or 1) for share in BARS)


def test_the_longest_pieces_go_first() -> None:
    """Then lanes that take them one by one end together; none is left out."""
    wanted = [Piece("power", 100, 1), Piece("kills", 500, 1), Piece("power", 100, 1, Bug.NO_FENCE)]
    assert longest_first(wanted) == [wanted[1], wanted[2], wanted[0]]


def test_the_rest_is_told_at_the_pace_so_far() -> None:
    """Where pieces take twice as long as expected, so will the others; no lane is faster than its longest piece."""
    pace, long, short = Pace(), Piece("kills", 500, 1), Piece("power", 100, 2)
    assert pace.rest_s([long, long], lanes=2) == pytest.approx(expected_s(long))
    pace.note(Done(PIECE, figures(seconds=2 * expected_s(PIECE))))
    pace.note(Done(PIECE, None))
    assert pace.rest_s([long, short], lanes=2) == pytest.approx(2 * expected_s(long))
    assert pace.rest_s([short, short], lanes=1) == pytest.approx(4 * expected_s(short))


def test_harm_with_a_line_of_its_own_is_shown_once() -> None:
    """Only what is beside it is another fault."""
    [total] = totals([Done(PIECE, figures(lost=1, faults=("x",))), Done(Piece("power", 100, 2), None)])
    assert table([total], bars={}).splitlines()[1].split()[3:5] == ["1", "1"]


def test_the_table_tells_harm_doubt_and_what_was_missed_apart() -> None:
    """One line a campaign, and no bound where something failed."""
    sums = totals([
        Done(PIECE, figures(done=3_000, in_doubt=2, parked=1, wanted=("a",))),
        Done(Piece("kills", 10, 1), figures(lost=1, faults=("x",))),
    ])  # fmt: skip
    lines = [line.split() for line in table(sums, bars={"power": 100_000, "kills": None}).splitlines()]
    assert lines[1] == ["power", "3,000", "100,000", "0", "0", "2", "1", "1", "in", "1,000", "a"]
    assert lines[2] == ["kills", "100", "-", "1", "0", "0", "0", "-", "-"]
