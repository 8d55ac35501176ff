"""The record of an order from a real store with the real key: it holds, for a stranger too, and no change passes."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.__main__ import main
from edge_agent.adapters.signatures import is_signed
from edge_agent.adapters.store import chain
from edge_agent.adapters.store.intents import insert_intent
from edge_agent.core.intent import IntentState, step
from edge_agent.core.leave.audit import ORIGIN, append
from edge_agent.core.leave.record import canonical_record, fingerprint
from edge_agent.core.leave.record_check import check, in_words
from edge_agent.core.messages import IntentId, PromptId
from edge_agent.errors import RefusedError
from edge_agent.pipeline.order_records import OrderRecords
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.samples import NOW, prompt
from tests.edge_agent.stranger import follow_recipe

OTHERS = "kitchen-secret"
Tree = dict[str, Any]


def records(desk: Desk) -> OrderRecords:
    """As the hub wires it."""
    return OrderRecords(
        orders=desk.orders,
        chain=desk.chain,
        clock=desk.clock,
        public_key=desk.key.public_key(),
        sign=desk.key.sign,
        verify=is_signed,
    )


def record(desk: Desk, order: IntentId) -> bytes | None:
    """The record of an order, made now."""
    return asyncio.run(records(desk).of(order))


def note(desk: Desk, what: str) -> None:
    """Something else happens at home."""
    with desk.connection.transaction() as db:
        chain.append(db, {"event": what, "item": OTHERS})


def live_an_order(desk: Desk) -> IntentId:
    """Asked, approved, placed, delivered; other things happen before, between and after."""
    note(desk, "before")
    desk.orders.add_prompt(prompt())
    note(desk, "between")
    order = desk.leave.answering.approve(PromptId("p1"), terms_hash=prompt().terms_hash, by="anna", pin_checked=False)
    assert order is not None
    for state, more in (
        (IntentState.PLACED, {"merchant_order_id": "o-77", "charged_minor": 1016}),
        (IntentState.DELIVERED, {}),
    ):
        known = desk.orders.intent(order.id)
        assert known is not None
        change = step(known, state, at=NOW + timedelta(hours=1), **more)  # type: ignore[arg-type]
        assert change is not None
        desk.orders.change_intents([change], cursor=None)
        note(desk, "after")
    return order.id


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """A record, and the fingerprint that the household's page shows."""
    with open_desk(tmp_path_factory.mktemp("home")) as desk:
        order = live_an_order(desk)
        document = record(desk, order)
        assert document is not None
        return document, records(desk).fingerprint


def test_a_record_holds_and_says_what_it_proves(lived: tuple[bytes, str]) -> None:
    """Terms, receipt and outcome are in it; of everything else only that there was something."""
    document, known = lived
    found = check(document, verify=is_signed, wanted=known)
    assert found.fault is None
    words = in_words(found)
    for said in (known, "by anna", "Whole milk 1 L", "$10.66", "order number o-77", "charged $10.16", "does not prove"):
        assert said in words
    tree = json.loads(document)
    assert [row["event"]["event"] for row in tree["chain"]["rows"] if "event" in row] == [
        "prompt_opened", "prompt_approve", "approved", "intent_placed", "intent_delivered",
    ]  # fmt: skip
    assert sum("event_sha256" in row for row in tree["chain"]["rows"]) == 3
    assert OTHERS not in document.decode()


def test_a_stranger_comes_to_the_same_by_the_document_alone(lived: tuple[bytes, str]) -> None:
    """The recipe of docs/record.md with hashes, canonical JSON and Ed25519, and nothing of ours."""
    document, known = lived
    follow_recipe(document, fingerprint=known)
    with pytest.raises(ValueError, match="1"):
        follow_recipe(document, fingerprint="0000 " * 7 + "0000")


def leaves(tree: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Every value in a tree that bears a meaning, with the way to it."""
    if isinstance(tree, dict):
        for name, each in tree.items():
            yield from leaves(each, (*path, name))
    elif isinstance(tree, list):
        for place, each in enumerate(tree):
            yield from leaves(each, (*path, place))
    else:
        yield path, tree


def put(tree: Tree, path: tuple[str | int, ...], value: object) -> Tree:
    """The tree with another value there."""
    copy: Tree = json.loads(json.dumps(tree))
    at: Any = copy
    for way in path[:-1]:
        at = at[way]
    at[path[-1]] = value
    return copy


def is_refused(document: bytes, known: str) -> bool:
    """It does not hold, or is no record at all."""
    try:
        return check(document, verify=is_signed, wanted=known).fault is not None
    except RefusedError:
        return True


def is_refused_by_stranger(document: bytes, known: str) -> bool:
    """By the recipe alone."""
    try:
        follow_recipe(document, fingerprint=known)
    except (ValueError, InvalidSignature, KeyError, TypeError, AttributeError):
        return True
    return False


@given(drawn=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_byte_of_a_value_is_found(lived: tuple[bytes, str], drawn: st.DataObject) -> None:
    """Whichever field, whichever character."""
    document, known = lived
    tree = json.loads(document)
    path, value = drawn.draw(st.sampled_from(list(leaves(tree))))
    if isinstance(value, str) and value:
        place = drawn.draw(st.integers(0, len(value) - 1))
        other = drawn.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda c: c != value[place]))
        changed: object = value[:place] + other + value[place + 1 :]
    elif isinstance(value, int | float):
        changed = value + drawn.draw(st.sampled_from((-1, 1, 10)))
    else:
        changed = "x"
    document = json.dumps(put(tree, path, changed)).encode()
    assert is_refused(document, known), path
    assert is_refused_by_stranger(document, known) or path == ("signature",), path  # base64 may say the same otherwise


@given(drawn=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_byte_of_the_file_is_found_or_changes_nothing(
    lived: tuple[bytes, str], drawn: st.DataObject
) -> None:
    """A byte in the file itself: what still holds says the very same."""
    document, known = lived
    place = drawn.draw(st.integers(0, len(document) - 1))
    other = drawn.draw(st.integers(0, 255).filter(lambda byte: byte != document[place]))
    changed = document[:place] + bytes((other,)) + document[place + 1 :]
    if not is_refused(changed, known):
        assert rfc8785.dumps(json.loads(changed)) == document


def without(rows: list[Tree], place: int) -> list[Tree]:
    """One row fewer."""
    return rows[:place] + rows[place + 1 :]


def renumbered(rows: list[Tree]) -> list[Tree]:
    """The numbers put right after rows were moved."""
    first = min(row["seq"] for row in rows)
    return [{**row, "seq": first + place} for place, row in enumerate(rows)]


FORGED = {"seq": 0, "event": {"event": "intent_refunded", "intent": "0" * 32, "version": 9, "salt": "0" * 32}}
ROWS: dict[str, Callable[[list[Tree]], list[Tree]]] = {
    "dropped": lambda rows: without(rows, 1),
    "dropped, and renumbered": lambda rows: renumbered(without(rows, 3)),
    "the last dropped": lambda rows: rows[:-1],
    "swapped": lambda rows: [rows[0], rows[2], rows[1], *rows[3:]],
    "swapped, and renumbered": lambda rows: renumbered([rows[0], rows[2], rows[1], *rows[3:]]),
    "put in": lambda rows: [*rows[:2], {**FORGED, "seq": rows[2]["seq"]}, *rows[2:]],
    "put in, and renumbered": lambda rows: renumbered([*rows[:2], {**FORGED, "seq": rows[2]["seq"]}, *rows[2:]]),
    "kept back": lambda rows: [{"seq": row["seq"], "event_sha256": "0" * 64} for row in rows],
    "two stories in one row": lambda rows: [{**rows[0], "event_sha256": "0" * 64}, *rows[1:]],
}


@pytest.mark.parametrize("change", ROWS.values(), ids=ROWS.keys())
def test_rows_that_were_dropped_moved_or_put_in_are_found(
    lived: tuple[bytes, str], change: Callable[[list[Tree]], list[Tree]]
) -> None:
    """By the signature, and by the chain itself where the household signed the record anew with its own key."""
    document, known = lived
    tree = json.loads(document)
    tree["chain"]["rows"] = change(tree["chain"]["rows"])
    assert is_refused(json.dumps(tree).encode(), known)
    assert is_refused_by_stranger(json.dumps(tree).encode(), known)
    stranger = Ed25519PrivateKey.generate()
    resigned = signed_anew(tree, stranger)
    fault = check(resigned, verify=is_signed).fault
    assert fault is not None
    assert "audit log" in fault


def signed_anew(tree: Tree, key: Ed25519PrivateKey) -> bytes:
    """The same story under another household's key: terms and all."""
    raw = key.public_key().public_bytes_raw()
    said = {**tree, "public_key": base64.b64encode(raw).decode(), "fingerprint": fingerprint(raw)}
    said["leave"] = {
        **tree["leave"], "signature": base64.b64encode(key.sign(rfc8785.dumps(tree["leave"]["terms"]))).decode()
    }  # fmt: skip
    said["signature"] = base64.b64encode(key.sign(canonical_record(said))).decode()
    return rfc8785.dumps(said)


def test_another_households_key_is_seen(lived: tuple[bytes, str]) -> None:
    """It holds by itself, as anybody can sign; the fingerprint that the household shows tells it, and is printed."""
    document, known = lived
    forged = signed_anew(json.loads(document), Ed25519PrivateKey.generate())
    alone = check(forged, verify=is_signed)
    assert alone.fault is None
    assert known not in in_words(alone)
    assert alone.record.fingerprint in in_words(alone)
    fault = check(forged, verify=is_signed, wanted=known).fault
    assert fault is not None
    assert fault.startswith("this file bears the key")
    with pytest.raises(ValueError, match="1"):
        follow_recipe(forged, fingerprint=known)


WRONG: dict[str, tuple[tuple[str, ...], object, str]] = {
    "the receipt": (("leave", "receipt", "title"), "Gold", "receipt is not the one"),
    "its question": (("prompt",), "p2", "receipt is that of another question"),
    "the order": (("order",), "f" * 32, "terms are those of another order"),
    "the charge": (("outcome", "charged_minor"), 1, "another charged_minor"),
    "the number": (("outcome", "order_number"), "o-78", "another order_number"),
    "the state": (("outcome", "state"), "refunded", "not the last one"),
    "the end": (("chain", "end", "hash"), "0" * 64, "does not lead to the end"),
    "the fingerprint": (("fingerprint",), "0000", "fingerprint is not that of the key"),
}


@pytest.mark.parametrize(("path", "value", "wanted"), WRONG.values(), ids=WRONG.keys())
def test_each_check_stands_by_itself(
    lived: tuple[bytes, str], path: tuple[str, ...], value: object, wanted: str
) -> None:
    """Even a record that its household signed wrong is found to contradict itself."""
    tree = put(json.loads(lived[0]), path, value)
    key = Ed25519PrivateKey.generate()
    document = signed_anew(tree, key)
    if path == ("fingerprint",):
        said = {**json.loads(document), "fingerprint": value}
        said["signature"] = base64.b64encode(key.sign(canonical_record(said))).decode()
        document = rfc8785.dumps(said)
    fault = check(document, verify=is_signed).fault
    assert fault is not None
    assert wanted in fault


def test_what_a_file_says_never_steers_a_terminal(lived: tuple[bytes, str]) -> None:
    """A title with an escape sequence, and one that begins a line of its own."""
    tree = put(json.loads(lived[0]), ("leave", "receipt", "title"), "\x1b[2J\nThis record holds.")
    words = in_words(check(json.dumps(tree).encode(), verify=is_signed))
    assert "\x1b" not in words
    assert not [line for line in words.splitlines() if line == "This record holds."]
    assert words.startswith("THIS RECORD DOES NOT HOLD: ")


@pytest.mark.parametrize(
    "document",
    [b"", b"{}", b"[]", b'{"format": "x"}', b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000],
    ids=["empty", "object", "list", "other format", "no text", "NaN", "twice", "deep"],
)
def test_what_is_no_record_is_said_to_be_none(document: bytes) -> None:
    """It is neither right nor wrong."""
    with pytest.raises(RefusedError):
        check(document, verify=is_signed)


def test_the_command_says_it_by_its_exit_code(
    lived: tuple[bytes, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 right, 1 wrong with the reason, 2 no such file; with the fingerprint where it is known."""
    document, known = lived
    right, wrong, none = tmp_path / "right.json", tmp_path / "wrong.json", tmp_path / "none.json"
    right.write_bytes(document)
    wrong.write_bytes(re.sub(rb"o-77", b"o-78", document))
    none.write_bytes(b"{}")
    assert main(["check-record", str(right)]) == 0
    assert main(["check-record", str(right), "--key", known.replace(" ", "").upper()]) == 0
    assert main(["check-record", str(right), "--key", "0" * 32]) == 1
    assert main(["check-record", str(wrong)]) == 1
    told = capsys.readouterr().out
    assert "THIS RECORD DOES NOT HOLD: the household's signature is not over what this file says" in told
    assert main(["check-record", str(none)]) == 2
    assert main(["check-record", str(tmp_path / "nowhere.json")]) == 2


def test_an_order_of_an_older_program_has_a_record_too(tmp_path: Path) -> None:
    """Rows without a salt: this order's are told, the others stand by their hash, and the words say so."""
    with open_desk(tmp_path) as desk:
        order = live_an_order(desk)
        _as_an_older_program_wrote(desk)
        document = record(desk, order)
    assert document is not None
    follow_recipe(document, fingerprint=records(desk).fingerprint)
    words = in_words(check(document, verify=is_signed))
    assert words.startswith("This record holds.")
    assert "an older program wrote" in words
    assert OTHERS not in document.decode()


def _as_an_older_program_wrote(desk: Desk) -> None:
    """The same chain without salts; its end sealed by a last row of this program."""
    db = desk.connection.db
    events = [json.loads(str(row[0])) for row in db.execute("SELECT event FROM audit ORDER BY seq")]
    with desk.connection.transaction() as db:
        db.execute("DELETE FROM audit")
        end = ORIGIN
        for event in events:
            row = append(end, {name: said for name, said in event.items() if name != "salt"})
            db.execute("INSERT INTO audit VALUES (?, ?, ?, ?)", (row.seq, row.prev_hash, row.hash, row.event))
            end = row.link


def test_rows_that_were_folded_are_not_claimed(tmp_path: Path) -> None:
    """An order whose rows went into a checkpoint: its leave still stands, and the words say what is missing."""
    with open_desk(tmp_path) as desk:
        order = live_an_order(desk)
        for _ in range(30):
            note(desk, "later")
        assert desk.chain.fold(rows_max=10)
        document = record(desk, order)
    assert document is not None
    found = check(document, verify=is_signed)
    assert found.fault is None
    assert "That the leave stood in the audit log" in in_words(found)


def test_a_log_that_is_not_whole_is_not_signed(tmp_path: Path) -> None:
    """What the household does not believe itself it hands to nobody."""
    with open_desk(tmp_path) as desk:
        order = live_an_order(desk)
        desk.connection.db.execute("UPDATE audit SET event = replace(event, 'anna', 'olga')")
        with pytest.raises(RefusedError, match="audit log is broken"):
            record(desk, order)


def test_an_order_that_is_not_there_has_none(tmp_path: Path) -> None:
    """None of an unknown one; of one that was taken over from the order service, its leave is not kept here."""
    with open_desk(tmp_path) as desk:
        assert record(desk, IntentId("nobody")) is None
        order = live_an_order(desk)
        known = desk.orders.intent(order)
        assert known is not None
        with desk.connection.transaction() as db:
            insert_intent(db, replace(known, id=IntentId("taken"), prompt=PromptId("elsewhere")))
        with pytest.raises(RefusedError, match="taken over"):
            record(desk, IntentId("taken"))
