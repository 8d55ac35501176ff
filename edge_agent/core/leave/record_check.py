"""Whether the record of an order holds, by nothing but the record: the first thing that does not, in plain words.

In the order of the recipe in docs/record.md. The texts are for whoever was handed the file, in English. What can be
checked ends with the household's key: whose key it is, and whether the merchant ever said what the household noted,
no such file can prove, and the words say so.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import rfc8785
from pydantic import ValidationError

from edge_agent.core.leave.audit import hash_after
from edge_agent.core.leave.receipt import consent_hash
from edge_agent.core.leave.record import RECORD_BYTES_MAX, OrderRecord, Row, canonical_record, fingerprint
from edge_agent.core.money import format_money
from edge_agent.errors import RefusedError

Verify = Callable[[bytes, bytes, bytes], bool]  # (raw public key, message, signature)

_KEY_BYTES = 32
_FIRST_FORM = 1  # of terms, before receipts were signed with them


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found. `fault` is the first thing that does not hold; None: all of it does."""

    record: OrderRecord
    fault: str | None


def read(document: bytes) -> OrderRecord:
    """The record in a file.

    Raises: RefusedError when it is none; that says nothing of any order.
    """
    if len(document) > RECORD_BYTES_MAX:
        raise RefusedError(f"it is larger than {RECORD_BYTES_MAX} bytes")
    try:
        tree = json.loads(document, object_pairs_hook=_without_twins, parse_constant=_no_number)
        record = OrderRecord.model_validate_json(json.dumps(tree))
        rfc8785.dumps(tree)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        raise RefusedError(f"{'.'.join(str(step) for step in first['loc']) or 'the whole'}: {first['msg']}") from exc
    except (ValueError, RecursionError, rfc8785.CanonicalizationError) as exc:
        raise RefusedError(f"it cannot be read: {exc}") from exc
    if len(_raw(record.public_key)) != _KEY_BYTES:
        raise RefusedError("public_key: no Ed25519 key")
    for signature in (record.signature, record.leave.signature):
        _raw(signature)
    return record


def check(document: bytes, *, verify: Verify, wanted: str | None = None) -> Checked:
    """Check a record; `wanted` is the fingerprint that the household's key is known to have, where it is known.

    Raises: RefusedError when it is no record.
    """
    record, tree = read(document), json.loads(document)
    return Checked(record, next(_faults(record, tree, verify=verify, wanted=wanted), None))


def _faults(record: OrderRecord, tree: Mapping[str, object], *, verify: Verify, wanted: str | None) -> Iterator[str]:
    """Everything that does not hold, in the order of the recipe."""
    key, leave = _raw(record.public_key), record.leave
    if record.fingerprint != fingerprint(key):
        yield "the fingerprint is not that of the key in this file"
    if wanted is not None and _digits(wanted) != _digits(record.fingerprint):
        yield f"this file bears the key {record.fingerprint}, not {wanted}"
    if not verify(key, canonical_record(tree), _raw(record.signature)):
        yield "the household's signature is not over what this file says: something in it was changed"
    if not verify(key, rfc8785.dumps(leave.terms), _raw(leave.signature)):
        yield "the terms do not bear the household's signature"
    if leave.terms.get("intent_id") != record.order:
        yield "the terms are those of another order"
    yield from _receipt_faults(record)
    yield from _chain_faults(record)
    yield from _row_faults(record)


def _receipt_faults(record: OrderRecord) -> Iterator[str]:
    terms, receipt = record.leave.terms, record.leave.receipt
    if receipt is None:
        if terms.get("version") != _FIRST_FORM:
            yield "the receipt is missing, and the terms carry the hash of one"
        return
    if consent_hash(rfc8785.dumps(receipt)) != terms.get("consent_hash"):
        yield "the receipt is not the one whose hash was signed"
    if receipt.get("prompt") != record.prompt:
        yield "the receipt is that of another question"


def _chain_faults(record: OrderRecord) -> Iterator[str]:
    """Each row follows from the one before it; a row of an older program that is kept back only says its hash."""
    seq, before = record.chain.start.seq, record.chain.start.hash
    for row in record.chain.rows:
        if row.seq != seq + 1:
            yield f"entry {seq + 1} of the audit log is missing, or out of its place"
        found = _hash_of(row, before)
        if found is None:
            yield f"entry {row.seq} of the audit log says neither its event nor one digest"
            return
        seq, before = row.seq, found
    if (seq, before) != (record.chain.end.seq, record.chain.end.hash):
        yield f"the audit log does not lead to the end that is signed (entry {record.chain.end.seq})"


def _hash_of(row: Row, before: str) -> str | None:
    match row.event, row.event_sha256, row.hash:
        case dict() as event, None, None:
            return hash_after(before, rfc8785.dumps(dict(event)).decode())
        case None, str() as digest, None:
            return hash_after(before, digest)
        case None, None, str() as said:
            return said
        case _:
            return None


def _row_faults(record: OrderRecord) -> Iterator[str]:
    """What the order's rows say fits the terms and the outcome."""
    terms_digest, last = hashlib.sha256(rfc8785.dumps(record.leave.terms)).hexdigest(), None
    for row in own_rows(record):
        event = row.event or {}
        if event.get("intent", record.order) != record.order or event.get("prompt", record.prompt) != record.prompt:
            yield f"entry {row.seq} of the audit log is about something else"
        if not {"intent", "prompt"} & set(event):
            yield f"entry {row.seq} of the audit log is about something else"
        if event.get("event") == "approved" and event.get("terms", terms_digest) != terms_digest:
            yield f"entry {row.seq} of the audit log tells of other terms"
        if "version" in event and str(event.get("event", "")).startswith("intent_"):
            last = event
    outcome = record.outcome
    if last is None:
        return
    if (last["event"], last["version"]) != (f"intent_{outcome.state}", outcome.version):
        yield "the outcome is not the last one in the audit log"
    for name, said in (("order_number", outcome.order_number), ("charged_minor", outcome.charged_minor)):
        if name in last and last[name] != said:
            yield f"the outcome tells another {name} than the audit log"


def own_rows(record: OrderRecord) -> list[Row]:
    """The rows that tell of this order."""
    return [row for row in record.chain.rows if row.event is not None]


def in_words(checked: Checked) -> str:
    """What was found, for a person."""
    record = checked.record
    whose = f"Key of the household, by its own word: {record.fingerprint}"
    if checked.fault is not None:
        lines = [f"THIS RECORD DOES NOT HOLD: {checked.fault}.", f"Order {record.order}", whose]
    else:
        holds = f"This record holds. Order {record.order}"
        lines = [holds, whose, "", *_proved(record), "", *_not_proved(record)]
    return "\n".join(map(_printable, lines))


def _proved(record: OrderRecord) -> Iterator[str]:
    terms, told = record.leave.terms, own_rows(record)
    currency = str(terms.get("currency"))
    yield "It proves:"
    yield (
        f"- Whoever holds this key signed leave to buy {terms.get('quantity')} x {terms.get('sku')} from "
        f"{terms.get('merchant')} for at most {_money(terms.get('total_max_minor'), currency)}."
    )
    receipt = record.leave.receipt
    if receipt is not None:
        by = receipt.get("by")
        names = ", ".join(str(name) for name in by) if isinstance(by, list) else "nobody"
        yield (
            f"- The signature covers what was agreed to at home: {receipt.get('quantity')} x {receipt.get('title')} "
            f"for {receipt.get('item_name')}, by {names}, at {receipt.get('at')}."
        )
    between = len(record.chain.rows) - len(told)
    yield (
        f"- The same key signed {len(told)} entries of its audit log about this order, and {between} others by their "
        f"hash, at {record.exported_at}: nobody has changed, dropped, put in or moved one since."
    )
    for row in told:
        yield f"    {row.seq}  {_event_words(row.event or {})}"
    outcome = record.outcome
    told_words = [f"state {outcome.state} at {outcome.at}"]
    if outcome.order_number is not None:
        told_words.append(f"order number {outcome.order_number}")
    if outcome.charged_minor is not None:
        told_words.append(f"charged {_money(outcome.charged_minor, outcome.currency)}")
    yield f"- This is what the household had noted of the outcome by then: {', '.join(told_words)}."


def _not_proved(record: OrderRecord) -> Iterator[str]:
    yield "It does not prove:"
    yield "- Whose key it is: compare the fingerprint above with the one on the household's own page (Household)."
    yield "- That the merchant said or did any of this: it has signed nothing here."
    yield "- That the household had not changed its own log before it signed this record, or when anything was: the"
    yield "  times are its own clock's. Two records of one household whose entries overlap must agree on them."
    if any(row.hash is not None for row in record.chain.rows):
        yield "- The links across entries that an older program wrote about other things: they stand here by their hash"
        yield "  alone, and only the signature holds them together."
    if not any((row.event or {}).get("event") == "approved" for row in own_rows(record)):
        yield "- That the leave stood in the audit log: its entry is no longer kept, or this record leaves it out."


def _event_words(event: Mapping[str, str | int]) -> str:
    rest = ", ".join(f"{name} {said}" for name, said in event.items() if name not in {"event", "salt"})
    return f"{event.get('event')}: {rest}"


def _money(amount_minor: object, currency: str) -> str:
    return format_money(amount_minor, currency) if isinstance(amount_minor, int) else "an unknown sum"


def _printable(line: str) -> str:
    """What the file says never steers a terminal, nor begins a line of its own."""
    return "".join(sign if sign.isprintable() else "?" for sign in line)


def _digits(text: str) -> str:
    return "".join(text.split()).lower()


def _raw(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as exc:
        raise RefusedError(f"{text[:12]}...: no base64") from exc
    if base64.b64encode(raw).decode() != text:
        raise RefusedError(f"{text[:12]}...: base64 that says the same in another way")
    return raw


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A name that is said twice could be read as either by somebody else."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name is said twice in one object")
    return dict(pairs)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")
