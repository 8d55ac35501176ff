"""Simulated households at a bridge: their plan, their words against docs/bridge-protocol.md, and the judge."""

from __future__ import annotations

import argparse
import base64
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import ED25519
from pydantic import BaseModel

from cloud_bridge import wire
from cloud_bridge.config import HouseholdConfig
from cloud_bridge.core import leave
from firmware_sim.__main__ import _parser, main
from firmware_sim.crowd.chance import Outage
from firmware_sim.hubs import command, keys, page, result, words
from firmware_sim.hubs.hub import Order, Tally
from firmware_sim.hubs.judge import Verdict, judge
from firmware_sim.hubs.ledger import LedgerError, Sale, read
from firmware_sim.hubs.link import Books
from firmware_sim.hubs.plan import Plan
from firmware_sim.hubs.run import Caught, Outcome, Point
from firmware_sim.hubs.words import Bought, Line, Signatory, State

ROOT = Path(__file__).parents[2]
PROTOCOL = (ROOT / "docs/bridge-protocol.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^```json (\w+(?: \w+)?)\n(.*?)\n```$", PROTOCOL, re.MULTILINE | re.DOTALL))
RFC_8032_TEST_1 = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = re.search(r'public_key = "(.*?)"', PROTOCOL)[1]  # type: ignore[index]
PLAN = Plan(hubs=50, intents=2.0, duration_s=60.0, seed=7, outages=(Outage(10.0, 20.0, 0.4),))
MILK = Line(
    sku="milk-1l", title="Whole milk 1 L", unit_price_minor=179, delivery_minor=500, currency="USD", available=True
)
OURS: dict[str, type[BaseModel]] = {
    "receipt": words.Receipt,
    "problem": words.Problem,
    "head": words.Head,
    "events": words.Events,
    "price list": words.Prices,
}
THEIRS: dict[str, type[BaseModel]] = {
    "intent": wire.Intent,
    "receipt": wire.Receipt,
    "problem": wire.Problem,
    "head": wire.Head,
    "events": wire.EventPage,
    "price query": wire.PriceQuery,
    "price list": wire.PriceList,
    "settlement": wire.Settlement,
}


def order(number: int = 1, **changes: object) -> Order:
    """An order of two packs of milk that was placed."""
    values: dict[str, Any] = {
        "id": f"i-{number}",
        "household": f"sim-{number:04d}",
        "handover": 1,
        "body": b"{}",
        "sku": "milk-1l",
        "quantity": 2,
        "total_max_minor": 900,
        "currency": "USD",
        "approved_at_s": 1.0,
        "state": State.PLACED,
        "tries": 1,
        "accepted_at_s": 1.5,
        "merchant_order_id": f"m-{number}",
        **changes,
    }
    return Order(**values)


def sale(number: int = 1, **changes: object) -> Sale:
    """What the merchant has of it."""
    return replace(Sale(f"m-{number}", "milk-1l", 2, 858), **changes)


# --- the protocol's page ---


def test_the_page_has_an_example_of_every_document() -> None:
    """No JSON block is left unlabelled, and each is found by these tests."""
    assert set(EXAMPLES) == set(THEIRS)
    assert len(EXAMPLES) == len(re.findall(r"^```json", PROTOCOL, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_the_bridge_reads_and_writes_each_example(name: str) -> None:
    """Field by field, as the bridge's own models have it."""
    document = json.loads(EXAMPLES[name])
    assert json.loads(THEIRS[name].model_validate_json(EXAMPLES[name]).model_dump_json()) == document


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_simulator_reads_each_answer_and_no_field_more(name: str) -> None:
    """A field that the page does not have is a wrong answer."""
    document = json.loads(EXAMPLES[name])
    OURS[name].model_validate_json(json.dumps(document))
    with pytest.raises(ValueError, match="stranger"):
        OURS[name].model_validate_json(json.dumps(document | {"stranger": 1}))


def test_the_simulator_knows_every_state_and_field_that_the_bridge_tells() -> None:
    """States of orders, and the fields of every answer."""
    assert {state.value for state in State} - {"approved"} == {state.value for state in wire.OrderState}
    for ours, theirs in ((words.Event, wire.OrderEvent), (words.Known, wire.KnownIntent), (words.Line, wire.PriceLine)):
        assert set(ours.model_fields) == set(theirs.model_fields)
    assert all(f"`{state.value}`" in PROTOCOL for state in wire.OrderState)


def test_the_page_names_every_field_of_the_terms() -> None:
    """In its table."""
    assert [name for name in wire.Terms.model_fields if f"`{name}`" not in PROTOCOL] == []


def test_the_example_of_an_intent_is_signed() -> None:
    """By the key of the RFC, which is the one that the page admits."""
    intent = wire.Intent.model_validate_json(EXAMPLES["intent"])
    leave.check_leave(intent.terms, intent.signature, public_key=base64.b64decode(PUBLIC))
    assert Ed25519PrivateKey.from_private_bytes(RFC_8032_TEST_1).public_key().public_bytes_raw() == base64.b64decode(
        PUBLIC
    )


def test_the_example_of_a_request_is_signed() -> None:
    """Over method, target and the digest of the intent's body, written in one line."""
    block = re.search(r"```http\nPOST (\S+) .*?\n(.*?)\n```", PROTOCOL, re.DOTALL)
    assert block is not None
    headers = dict(line.split(": ", 1) for line in block[2].splitlines())
    body = json.dumps(json.loads(EXAMPLES["intent"]), separators=(",", ":")).encode()
    request = httpx.Request("POST", f"https://{headers['Host']}{block[1]}", headers=headers, content=body)
    key = Ed25519PrivateKey.from_private_bytes(RFC_8032_TEST_1).public_key()
    verifier = HTTPMessageVerifier(
        signature_algorithm=ED25519, key_resolver=MappingKeyResolver(public_keys={"home": key}, private_keys={})
    )
    [verified] = verifier.verify(request, max_age=None)
    verifier.verify_body(request, [verified], body)
    assert set(verified.covered_components) >= {'"@method"', '"@target-uri"', '"content-digest"'}


@pytest.mark.parametrize(
    ("title", "told"), [("4 x 330 mL", "4 330"), ("Beans", ""), ("0,50 kg and 12", "0.5 12"), ("1.250 g", "1 250")]
)
def test_figures_are_those_of_the_bridge(title: str, told: str) -> None:
    """What the page says of the numbers in a title, and what the bridge makes of it."""
    assert words.figures(title) == told
    assert (wire.figures(title) or "") == told


def test_an_intent_of_the_simulator_is_taken_by_the_bridges_models() -> None:
    """Strictly read, signed over the canonical terms, and its parts make the total."""
    by = Signatory("sim-0000", "hub", Ed25519PrivateKey.generate(), b"s" * 32)
    bought = Bought("grocer", "home", MILK, 3, 10, date(2026, 3, 9), datetime(2026, 3, 4, 8, 0, 1, 5, UTC), "ab" * 32)
    body = words.intent(bought, by=by, handover=4)
    intent = wire.Intent.model_validate_json(body)
    leave.check_leave(intent.terms, intent.signature, public_key=base64.b64decode(keys.public_key(by)))
    leave.check_sums(intent.terms)
    assert (intent.terms.total_minor, intent.terms.total_max_minor, intent.terms.handover) == (1037, 1088, 4)
    assert leave.canonical(intent.terms) == rfc8785.dumps(json.loads(body)["terms"])


# --- keys ---


def test_keys_are_for_their_owner_only_and_the_bridge_takes_what_is_admitted(tmp_path: Path) -> None:
    """A file that others cannot read, a key for each household, and a form that the configuration accepts."""
    made = keys.make(tmp_path / "keys", count=3, home="sim")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert [keys.public_key(each) for each in keys.load(tmp_path / "keys")] == [keys.public_key(each) for each in made]
    admitted = re.findall(r'id = "(.*)"\npublic_key = "(.*)"', keys.admission(made))
    assert [HouseholdConfig(id=each[0], public_key=each[1]).id for each in admitted] == [
        "sim-0000",
        "sim-0001",
        "sim-0002",
    ]
    assert len({each[1] for each in admitted}) == 3


# --- the plan ---


def test_one_seed_makes_one_plan() -> None:
    """The same orders at the same times for the same products; another seed, another plan."""

    def told(plan: Plan) -> list[object]:
        return [plan.approvals(3), plan.product(3, 0, of=5), plan.out(0), [plan.asks_prices_at_s(n) for n in range(50)]]

    assert told(PLAN) == told(replace(PLAN))
    assert told(PLAN) != told(replace(PLAN, seed=8))


def test_a_plan_keeps_to_its_shares() -> None:
    """The mean of the orders, the share that is out, the answers that are lost; a hub's first answer always comes."""
    plan = replace(PLAN, hubs=2_000, lost_answers=0.2)
    counts = [len(plan.approvals(index)) for index in range(plan.hubs)]
    assert sum(counts) / plan.hubs == pytest.approx(2.0, abs=0.1)
    assert {1, 2, 3} <= set(counts) <= {1, 2, 3, 4}
    assert len(plan.out(0)) == pytest.approx(800, abs=80)
    assert {back_s for _, back_s in plan.out(0)} == {30.0}
    assert sum(plan.is_answer_lost(index, 2) for index in range(plan.hubs)) == pytest.approx(400, abs=80)
    assert not any(plan.is_answer_lost(index, 1) for index in range(plan.hubs))
    assert all(plan.starts_at_s(index) <= at_s <= 60.0 for index in range(200) for at_s in plan.approvals(index))


# --- the judge ---


def test_books_that_agree_are_good() -> None:
    """Each sale has its intent, each placed intent its sale."""
    verdict = judge([order(1), order(2)], [sale(1), sale(2)])
    assert verdict == Verdict(2, 2, 0, 0, 0, 0, ())
    assert verdict.is_good


@pytest.mark.parametrize(
    ("orders", "sales", "found"),
    [
        pytest.param([order(1)], [sale(1), sale(9)], {"doubled": 1}, id="a second sale of what was signed"),
        pytest.param([order(1)], [sale(1), sale(1)], {"doubled": 1}, id="the same order twice"),
        pytest.param([order(1)], [sale(1), sale(9, sku="beer")], {"without_leave": 1}, id="nobody signed it"),
        pytest.param([order(1)], [sale(1, quantity=3)], {"without_leave": 1}, id="other packs than signed"),
        pytest.param([order(1)], [sale(1, total_minor=901)], {"without_leave": 1}, id="above the ceiling"),
        pytest.param([order(1)], [], {"lost": 1}, id="told of, and not in the books"),
        pytest.param([order(1), order(2, merchant_order_id="m-1")], [sale(1)], {"lost": 1}, id="one order for two"),
        pytest.param(
            [order(1, state=State.REJECTED, merchant_order_id=None)],
            [sale(1)],
            {"doubled": 1},
            id="bought, though refused",
        ),
        pytest.param(
            [order(1, state=State.HELD, merchant_order_id=None)],
            [sale(1)],
            {"unsettled": 1},
            id="no news yet",
        ),
        pytest.param(
            [order(1, state=State.HELD, merchant_order_id=None)],
            [sale(1), sale(2)],
            {"unsettled": 1, "doubled": 1},
            id="one is not settled and two were sold",
        ),
    ],
)
def test_what_is_wrong_in_the_books_is_seen(orders: list[Order], sales: list[Sale], found: dict[str, int]) -> None:
    """Lost, doubled, without leave, and what is not settled yet."""
    verdict = judge(orders, sales)
    names = ("lost", "doubled", "without_leave", "unsettled")
    assert {name: getattr(verdict, name) for name in names if getattr(verdict, name)} == found
    assert verdict.is_good is (set(found) <= {"unsettled"})


def test_a_ledger_that_is_none_is_named(tmp_path: Path) -> None:
    """A file that is missing, or holds something else; a line that is being written is not read yet."""
    ledger = tmp_path / "ledger"
    with pytest.raises(LedgerError, match="cannot be read"):
        read(ledger)
    ledger.write_text('{"order_id": "m-1", "sku": "milk-1l", "quantity": 2}\n{"order_id": "m-2"', encoding="utf-8")
    assert read(ledger) == [Sale("m-1", "milk-1l", 2, None)]
    ledger.write_text('{"id": 1}\n', encoding="utf-8")
    with pytest.raises(LedgerError, match="holds what is no sale"):
        read(ledger)


# --- the result ---


def outcome() -> Outcome:
    """A short run with an outage."""
    told = Outcome(PLAN, "ab", "done", Tally(), Books(), [Caught(hubs=1, owed=1, ended_s=30.0)], orders=[order()])
    told.caught[0].drained.add(2.0)
    told.points = [Point(float(n), 1, n, n, n, 0, 0.01, None, 1.0) for n in range(3)]
    told.verdict = judge(told.orders, [sale()])
    return told


def summary(told: Outcome | None = None) -> dict[str, Any]:
    """As it is printed."""
    setting = result.Setting("http://<b>&", "grocer", "ledger", "2026-01-01T00:00:00Z")
    return result.summarise(told or outcome(), setting)


def test_a_doubled_order_is_not_well() -> None:
    """Nor is one that is lost, a hub that did not catch up, or a ledger that could not be read."""
    assert summary()["ok"]
    for spoil in (
        lambda told: setattr(told, "verdict", judge(told.orders, [sale(), sale(2)])),
        lambda told: setattr(told, "verdict", judge(told.orders, [])),
        lambda told: setattr(told, "verdict", None),
        lambda told: setattr(told.caught[0], "hubs", 2),
        lambda told: setattr(told, "given_up", 1),
        lambda told: setattr(told, "ended", "unsettled"),
    ):
        told = outcome()
        spoil(told)
        assert not summary(told)["ok"]


def test_the_page_stands_alone_and_escapes_what_it_shows() -> None:
    """No script, nothing from elsewhere, and no word that becomes markup."""
    text = page.html(summary())
    assert "http://&lt;b&gt;&amp;" in text
    assert text.count("<svg") > 3
    assert not re.search(r"<script|src=|@import|url\(", text)


def test_every_field_of_the_result_is_explained() -> None:
    """docs/hubs.md names each one."""
    guide = (ROOT / "docs/hubs.md").read_text(encoding="utf-8")
    assert sorted(name for name in set(_names(summary())) if f"`{name}`" not in guide) == []


def test_every_option_is_explained() -> None:
    """docs/hubs.md names each one."""
    guide = (ROOT / "docs/hubs.md").read_text(encoding="utf-8")
    parser = argparse.ArgumentParser(add_help=False)
    command.add_arguments(parser)
    options = {option for action in parser._actions for option in action.option_strings}
    assert sorted(option for option in options if f"`{option}" not in guide) == []


def _names(told: object) -> list[str]:
    """All keys of a document; those under these names are not ours."""
    match told:
        case dict():
            own = [name for name in told if name not in {"unanswered", "refusals", "states", "requests"}]
            return [*told, *(inner for name in own for inner in _names(told[name]))]
        case list() if told:
            return _names(told[0])
        case _:
            return []


# --- arguments ---


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--merchant", "g", "--sku", "x"], "--bridge is wanted"),
        (["--bridge", "http://h/x", "--merchant", "g", "--sku", "x"], "without user, path or a last /"),
        (["--bridge", "http://h", "--sku", "x"], "--merchant is wanted"),
        (["--bridge", "http://h", "--merchant", "g"], "--sku: one is wanted"),
        (["--bridge", "http://h", "--merchant", "g", "--sku", "x", "--n", "9"], "has 2 households, --n says 9"),
        (["--bridge", "http://h", "--merchant", "g", "--sku", "x", "--outage", "70,1,1"], "--duration is 60 s"),
        (["--bridge", "http://h", "--merchant", "g", "--sku", "x", "--truth", __file__], "exists already"),
        (["--enrol", "/nonexistent/file"], "exists already"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    argv: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 before anything is sent."""
    keys.make(tmp_path / "keys", count=2, home="sim")
    assert main(["hubs", "--keys", str(tmp_path / "keys"), "--n", "2", *argv]) == 2
    assert complaint in capsys.readouterr().err


def test_a_plan_is_what_the_arguments_say() -> None:
    """With the pauses of a hub."""
    told = "hubs --keys k --n 9 --outage 3,2,0.5 --retry 5 --poll 6 --answer 7 --hold 8 --lost-answers 0.1 --back 4"
    plan = command.plan_of(_parser().parse_args(told.split()))
    assert (plan.hubs, plan.outages, plan.back_s, plan.lost_answers) == (9, (Outage(3, 2, 0.5),), 4, 0.1)
    assert (plan.pauses.retry_s, plan.pauses.poll_s, plan.pauses.answer_s, plan.hold_s) == (5, 6, 7, 8)
