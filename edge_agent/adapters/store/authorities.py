"""The household's leave in the store: what was signed, by whom, under which number, with the receipt of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import apsw

from edge_agent.adapters.store.connection import from_ms, to_ms
from edge_agent.adapters.store.handover import next_number
from edge_agent.adapters.store.prompts import select_prompts
from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave.authority import AuthorityRow
from edge_agent.core.leave.receipt import consent_hash
from edge_agent.core.leave.terms import Terms, canonical
from edge_agent.core.messages import IntentId, PromptId
from edge_agent.core.said import say
from edge_agent.errors import AuthorityTamperedError, BugError, HandoverMovedError, RefusedError


@dataclass(frozen=True, slots=True)
class SignedLeave:
    """Terms, the household's signature over them, and the receipt whose hash they carry."""

    terms: Terms
    signature: bytes
    receipt: bytes


def insert_authority(db: apsw.Connection, leave: SignedLeave, *, intent: IntentRecord, signer: str) -> None:
    """Keep a leave.

    Raises: RefusedError when its nonce was used before; HandoverMovedError when its number is not the next one.
    """
    terms = leave.terms
    if terms.intent_id != intent.id or terms.consent_hash != consent_hash(leave.receipt):
        raise BugError(f"the leave of intent {intent.id} is put together from two")
    if terms.handover != next_number(db):
        raise HandoverMovedError(f"hand-over {terms.handover} is not the next one: seal intent {intent.id} again")
    if db.execute("SELECT 1 FROM authority WHERE nonce = ?", (terms.nonce,)).get is not None:
        raise RefusedError(say("the leave of intent {id} was used before", id=intent.id))
    db.execute(
        "INSERT INTO authority (intent, prompt, kind, signer, terms, signature, nonce, granted_ms, not_after_ms, "
        "receipt, handover) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            intent.id,
            intent.prompt,
            terms.leave,
            signer,
            canonical(terms),
            leave.signature,
            terms.nonce,
            to_ms(intent.created_at),
            to_ms(terms.offer_expires_at),
            leave.receipt,
            terms.handover,
        ),
    )


def select_authority(db: apsw.Connection, intent: IntentId) -> AuthorityRow | None:
    """The leave of an intent, with the body that waits and the offer of its prompt.

    Raises: AuthorityTamperedError when that prompt is gone.
    """
    row = db.execute(
        "SELECT a.prompt, a.kind, a.signer, a.terms, a.signature, a.receipt, o.body, a.granted_ms FROM authority AS a "
        "LEFT JOIN outbox AS o ON o.intent = a.intent WHERE a.intent = ?",
        (intent,),
    ).fetchone()
    if row is None:
        return None
    prompt, kind, signer, terms, signature, receipt, body, granted_ms = cast(
        "tuple[str, str, str, bytes, bytes, bytes | None, bytes | None, int]", row
    )
    asked = next(iter(select_prompts(db, "WHERE id = ?", (prompt,))), None)
    if asked is None:
        raise AuthorityTamperedError(
            say("the question that led to intent {intent} is gone: restore a backup", intent=intent)
        )
    return AuthorityRow(
        intent=intent,
        prompt=PromptId(prompt),
        kind=kind,
        signer=signer,
        terms=terms,
        signature=signature,
        receipt=receipt,
        body=body,
        offer=asked.offer,
        granted_at=from_ms(granted_ms),
    )


def select_signers(db: apsw.Connection) -> dict[IntentId, tuple[str, bytes]]:
    """Who gave leave for every intent, and the terms as signed."""
    rows = db.execute("SELECT intent, signer, terms FROM authority")
    return {
        IntentId(intent): (signer, terms) for intent, signer, terms in cast("Iterator[tuple[str, str, bytes]]", rows)
    }
