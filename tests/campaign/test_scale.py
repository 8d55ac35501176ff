"""The capacity model: its laws, its simulation of arrivals, and that docs/scale.md says what they say."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.campaign.scale import chart, inputs, model, pages, queue
from tests.campaign.scale.__main__ import ANSWERS, PAGE, PICTURE, main
from tests.campaign.scale.arrivals import QUIET, WEEK_S, Rule, World, order_rate, simulate
from tests.campaign.scale.inputs import Costs

INPUTS = inputs.load()
SVG = "{http://www.w3.org/2000/svg}"
UNIT_COSTS = sorted({field.name for field in fields(Costs)} - {"database_commits_per_s"})
homes = st.integers(1, 20_000_000)


def numbers(need: model.Need) -> dict[str, float]:
    """Everything that is needed."""
    return {name: value for name, value in asdict(need).items() if name != "homes"}


# --- the model ---


@given(few=homes, more=homes)
def test_more_homes_never_need_less(few: int, more: int) -> None:
    """Of anything."""
    few, more = sorted((few, more))
    less, most = numbers(model.need(few, INPUTS)), numbers(model.need(more, INPUTS))
    assert [name for name in less if less[name] > most[name] * (1 + 1e-12)] == []


@given(size=homes)
def test_nothing_is_negative(size: int) -> None:
    """And there is a bridge and a server for whoever has a home."""
    need = model.need(size, INPUTS)
    assert min(numbers(need).values()) >= 0
    assert min(need.replicas, need.shards, need.device_nodes) >= 1


@given(size=homes, name=st.sampled_from(UNIT_COSTS), share=st.floats(0.0, 1.0))
def test_a_lower_cost_never_raises_a_need(size: int, name: str, share: float) -> None:
    """Whichever cost, and of anything; nor does a part stop earlier for it."""
    cheaper = INPUTS.with_costs(**{name: getattr(INPUTS.costs, name) * max(share, 1e-6)})
    before, after = numbers(model.need(size, INPUTS)), numbers(model.need(size, cheaper))
    assert [each for each in before if after[each] > before[each] * (1 + 1e-12)] == []
    earlier = {stop.part: stop.homes for stop in model.stops(INPUTS)}
    assert [stop.part for stop in model.stops(cheaper) if stop.homes < earlier[stop.part] * (1 - 1e-12)] == []


@given(size=homes)
def test_a_server_that_commits_more_never_needs_company(size: int) -> None:
    """The one measured figure of which more is better."""
    better = INPUTS.with_costs(database_commits_per_s=2 * INPUTS.costs.database_commits_per_s)
    assert model.shards(size, better) <= model.shards(size, INPUTS)


def test_the_first_home_beyond_a_servers_limit_needs_a_second_one() -> None:
    """Where the table of stops says that one PostgreSQL ends, the table of needs has another one."""
    limits = [stop.homes for stop in model.stops(INPUTS) if "a shard more" in stop.instead]
    ends = int(min(limits))
    assert (model.shards(ends, INPUTS), model.shards(ends + 2, INPUTS)) == (1, 2)


def test_prices_shared_are_never_asked_more_often() -> None:
    """And a small town shares nothing."""
    for size in model.SIZES:
        need = model.need(size, INPUTS)
        assert need.merchant_calls_cached <= need.merchant_calls
    assert model.need(1, INPUTS).merchant_calls_cached == pytest.approx(model.need(1, INPUTS).merchant_calls)


# --- its inputs ---


def test_every_input_says_where_it_is_from() -> None:
    """With a unit; what is measured names its command, and what is not measured has no value."""
    wanted = {field.name for kind in (Costs, inputs.Choices) for field in fields(kind)}
    entries = inputs.read()
    assert wanted <= set(entries)
    for name, entry in entries.items():
        assert set(entry) - {"on"} == {"value", "unit", "what", "source", "status"}, name
        assert (entry["value"] is None) == (entry["status"] == "not_measured"), name
        assert entry["status"] != "measured" or "python -m " in entry["source"], name


def test_the_schedule_is_the_products_own() -> None:
    """What is typed off goes stale."""
    rules = INPUTS.rules
    assert (rules.poll_s, rules.prices_s, rules.look_s) == (300, 86_400, 3_600)
    assert (rules.households_max, rules.merchants_max) == (10_000, 100)


def test_what_was_measured_is_taken_over() -> None:
    """And what was not stays."""
    line = {"figure": "pg.head", "median": 2.5, "database_ms": 0.25}
    entries = {
        "head_ms": {"value": 1.0, "status": "measured"},
        "look_ms": {"value": 7.0, "status": "measured"},
        "areas": {"value": 3.0, "status": "assumed"},
    }
    taken = inputs.take([json.dumps(line), json.dumps({"figure": "machine", "cores": 2})], entries)
    assert taken["head_ms"] == {"value": 2.5, "status": "measured", "on": {"cores": 2}}
    assert {name: taken[name] for name in ("look_ms", "areas")} == {
        name: entries[name] for name in ("look_ms", "areas")
    }


# --- the simulation ---


def test_a_quiet_week_has_the_models_means() -> None:
    """Two ways to the same figure."""
    week, mean = simulate(2_000, INPUTS, seed=3, world=QUIET), model.rates(2_000, INPUTS)
    assert week.polls.mean() == pytest.approx(mean.polls, rel=0.01)
    assert week.price_lists.mean() == pytest.approx(mean.price_lists, rel=0.08)
    assert week.orders.mean() == pytest.approx(mean.orders, rel=0.05)
    assert week.looks.mean() == pytest.approx(mean.looks, rel=0.05)


@pytest.mark.parametrize("rule", ["now", "fixed"])
def test_nothing_reaches_a_bridge_that_is_away(rule: Rule) -> None:
    """And what was ordered meanwhile comes when it is back, all of it."""
    world = World()
    week = simulate(1_000, INPUTS, seed=5, rule=rule, world=world)
    start, end = (int(each) for each in world.outage)
    assert sum(int(counts[start:end].sum()) for counts in (week.polls, week.price_lists, week.orders)) == 0
    quiet = simulate(1_000, INPUTS, seed=5, rule=rule, world=replace(world, outage_s=0.0))
    assert week.orders.sum() == quiet.orders.sum()


def test_the_same_seed_is_the_same_week() -> None:
    """And another one is another."""
    one, again, other = (simulate(300, INPUTS, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one.kinds()[name], again.kinds()[name]) for name in one.kinds())
    assert not np.array_equal(one.polls, other.polls)


def test_an_outage_makes_no_crowd_of_price_lists() -> None:
    """With fixed periods it does, on that day and on each day after it."""
    world = World(outage_s=6 * 3_600.0)
    end = int(world.outage[1])
    crowds: dict[Rule, tuple[int, int]] = {}
    rules: tuple[Rule, ...] = ("now", "fixed")
    for rule in rules:
        lists = simulate(3_000, INPUTS, seed=9, rule=rule, world=world).price_lists
        quarters = lists[end : end + 2 * 86_400].reshape(-1, 900).sum(axis=1)
        crowds[rule] = int(quarters[:96].max()), int(quarters[96:].max())
    assert crowds["now"][0] < crowds["fixed"][0] / 2
    assert crowds["now"][1] < crowds["fixed"][1] / 3


def test_orders_have_peaks() -> None:
    """With mean 1, and the evening the busiest."""
    rate = order_rate(((0, 1.0),))
    assert rate.mean() == pytest.approx(1.0)
    assert int(rate.argmax()) % 86_400 // 3_600 == 18


# --- the queue ---


@settings(max_examples=20, deadline=None)
@given(replicas=st.integers(1, 40))
def test_more_bridges_never_make_anybody_wait_longer(replicas: int) -> None:
    """In the same week."""
    fewer, more = (queue.waits(WEEK, INPUTS, replicas=count, scale=3_000) for count in (replicas, replicas + 1))
    assert more.p99_s <= fewer.p99_s
    assert more.longest_s <= fewer.longest_s


def test_the_fewest_bridges_are_enough_and_one_less_is_not() -> None:
    """For what was asked."""
    found = queue.replicas_for(WEEK, INPUTS, p99_s=1.0, scale=3_000)
    assert found.p99_s <= 1.0
    assert queue.waits(WEEK, INPUTS, replicas=found.replicas - 1, scale=3_000).p99_s > 1.0


def test_work_that_does_not_fit_waits_and_is_done() -> None:
    """Three seconds of work in one second make the next one wait two, and the one after that one."""
    lone = simulate(1, INPUTS.with_choices(orders_per_day=0.0, products=0.0), seed=1, world=QUIET)
    polls = np.zeros(WEEK_S, dtype=np.int32)
    polls[100:103] = (round(3_000 / INPUTS.costs.poll_ms), 1, 1)
    burst = replace(lone, polls=polls, price_lists=polls * 0, looks=polls * 0)
    waited = queue.waits(burst, INPUTS, replicas=1)
    assert waited.longest_s == pytest.approx(2.0, abs=0.05)
    assert queue.waits(burst, INPUTS, replicas=4).longest_s < 0.5


WEEK = simulate(500, INPUTS, seed=4)


# --- the page ---


def answers() -> dict[str, Any]:
    """What the simulation said when it was kept."""
    kept: dict[str, Any] = json.loads(ANSWERS.read_text(encoding="utf-8"))
    return kept


def test_the_tables_are_those_of_the_model() -> None:
    """`python -m tests.campaign.scale write` was run after the last change of the model or of an input."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == pages.filled(page, INPUTS, inputs.read(), answers()), "run `python -m tests.campaign.scale write`"


def test_a_table_that_moved_on_is_seen() -> None:
    """A cost that is measured anew makes another page."""
    page = PAGE.read_text(encoding="utf-8")
    other = INPUTS.with_costs(poll_ms=2 * INPUTS.costs.poll_ms)
    assert pages.filled(page, other, inputs.read(), answers()) != page


def test_the_picture_is_that_of_the_model() -> None:
    """With a bar for each part, the earliest on top."""
    picture = PICTURE.read_text(encoding="utf-8")
    assert picture == chart.drawn(INPUTS), "run `python -m tests.campaign.scale write`"
    bars = [one for one in ET.fromstring(picture).findall(f"{SVG}rect") if one.get("height") == "14"]  # noqa: S314
    widths = [float(one.get("width", "0")) for one in bars]
    assert len(bars) == len(model.stops(INPUTS))
    assert widths == sorted(widths)


def test_the_command_prints_one_object_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts the one, for people the other."""
    assert main([]) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert [need["homes"] for need in told["needs"]] == list(model.SIZES)
    assert "10,000,000" in printed.err
