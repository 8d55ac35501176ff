"""Channels, receipts, messages and links in the store, all bounded; `core.notifying.plan` decides what may change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast

import apsw

from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import ENDED, ChannelId, Receipt, ReceiptState, Sent
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from edge_agent.notify_ports import ChannelKind, ChannelRow, LinkRow

CHANNELS_MAX = 64
CHANNELS_A_PERSON_MAX = 8
RECEIPTS_MAX = 5_000
SENT_MAX = 2_000
LINKS_MAX = 1_000

_ENDED = "(" + ", ".join(f"'{state}'" for state in sorted(ENDED)) + ")"
_RECEIPT = "prompt, person, channel, state, attempts, changed_ms, retry_ms"


class Notices:
    """Fulfils `notify_ports.NoticeStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def channels(self) -> list[ChannelRow]:
        """Every channel that is known, by person and rank."""
        rows = self._connection.db.execute(
            "SELECT id, person, kind, rank, address, is_on, added_ms, origin FROM notice_channel "
            "ORDER BY person, rank, id"
        )
        return [
            ChannelRow(
                ChannelId(ident), person, ChannelKind(kind), rank, address, bool(is_on), from_ms(added_ms), origin
            )
            for ident, person, kind, rank, address, is_on, added_ms, origin in cast(
                "Iterator[tuple[str, str, str, int, str, int, int, str]]", rows
            )
        ]

    def put_channel(self, row: ChannelRow) -> None:
        """Add one, or replace it.

        Raises: RefusedError when the person or the home has too many.
        """
        with self._connection.transaction() as db:
            others = db.execute("SELECT person FROM notice_channel WHERE id <> ?", (row.id,)).fetchall()
            if (
                len(others) >= CHANNELS_MAX
                or sum(person == row.person for (person,) in others) >= CHANNELS_A_PERSON_MAX
            ):
                raise RefusedError(
                    say(
                        "{person} has {number} channels already, or the home too many: remove one.",
                        person=row.person,
                        number=CHANNELS_A_PERSON_MAX,
                    )
                )
            db.execute(
                "INSERT OR REPLACE INTO notice_channel (id, person, kind, rank, address, is_on, added_ms, origin) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (row.id, row.person, row.kind, row.rank, row.address, int(row.is_on), to_ms(row.added_at), row.origin),
            )

    def rank_channels(self, channels: Sequence[ChannelId]) -> None:
        """Use them in this order from now on."""
        with self._connection.transaction() as db:
            ranks = [(rank, channel) for rank, channel in enumerate(channels)]
            db.executemany("UPDATE notice_channel SET rank = ? WHERE id = ?", ranks)

    def remove_channel(self, channel: ChannelId) -> None:
        """Forget one with its address; its links die with it."""
        with self._connection.transaction() as db:
            db.execute("DELETE FROM notice_channel WHERE id = ?", (channel,))
            db.execute("DELETE FROM notice_link WHERE channel = ?", (channel,))

    def switch_off(self, channel: ChannelId) -> None:
        """Its address is gone for good; the row stays, so that the person sees it."""
        with self._connection.transaction() as db:
            db.execute("UPDATE notice_channel SET is_on = 0 WHERE id = ?", (channel,))

    def receipts(self) -> list[Receipt]:
        """Those that have not ended."""
        return _receipts(self._connection.db, f"state NOT IN {_ENDED}", ())

    def receipts_of(self, prompt: PromptId) -> list[Receipt]:
        """How one question fared with everybody."""
        return _receipts(self._connection.db, "prompt = ?", (prompt,))

    def sent_since(self, at: datetime) -> list[Sent]:
        """What left at or after `at`."""
        rows = self._connection.db.execute(
            "SELECT person, channel, at_ms, has_failed FROM notice_sent WHERE at_ms >= ? ORDER BY at_ms", (to_ms(at),)
        )
        return [
            Sent(person, ChannelId(channel), from_ms(at_ms), has_failed=bool(has_failed))
            for person, channel, at_ms, has_failed in cast("Iterator[tuple[str, str, int, int]]", rows)
        ]

    def keep(self, receipts: Sequence[Receipt], *, sent: Sent | None = None, link: LinkRow | None = None) -> None:
        """Keep receipts, with the message that is about to leave and its link, in one transaction."""
        with self._connection.transaction() as db:
            for receipt in receipts:
                _keep_receipt(db, receipt)
            if sent is not None:
                _keep_sent(db, sent)
            if link is not None:
                _keep_link(db, link)
            _bound(db)

    def link(self, ident: str) -> LinkRow | None:
        """A link by its id."""
        row = self._connection.db.execute(
            "SELECT id, person, channel, prompts, expires_ms, used_ms FROM notice_link WHERE id = ?", (ident,)
        ).fetchone()
        if row is None:
            return None
        known, person, channel, prompts, expires_ms, used_ms = cast("tuple[str, str, str, str, int, int | None]", row)
        return LinkRow(
            id=known,
            person=person,
            channel=ChannelId(channel),
            prompts=tuple(PromptId(prompt) for prompt in json.loads(prompts)),
            expires_at=from_ms(expires_ms),
            used_at=None if used_ms is None else from_ms(used_ms),
        )

    def use_link(self, ident: str, *, at: datetime) -> bool:
        """Use it up; False where that was done before, or it has expired."""
        now_ms = to_ms(at)
        with self._connection.transaction() as db:
            db.execute(
                "UPDATE notice_link SET used_ms = ?1 WHERE id = ?2 AND used_ms IS NULL AND expires_ms > ?1",
                (now_ms, ident),
            )
            return db.changes() == 1


def _keep_receipt(db: apsw.Connection, receipt: Receipt) -> None:
    """What has ended stays ended, whatever came back late; only a new round begins anew."""
    retry_ms = None if receipt.retry_at is None else to_ms(receipt.retry_at)
    changed_ms = to_ms(receipt.changed_at)
    fields = (receipt.prompt, receipt.person, receipt.channel, receipt.state, receipt.attempts, changed_ms, retry_ms)
    db.execute(
        f"INSERT INTO notice_receipt ({_RECEIPT}) VALUES (?, ?, ?, ?, ?, ?, ?) "  # noqa: S608 - constants
        "ON CONFLICT (prompt, person, channel) DO UPDATE SET state = excluded.state, attempts = excluded.attempts, "
        "changed_ms = excluded.changed_ms, retry_ms = excluded.retry_ms "
        f"WHERE state NOT IN {_ENDED} OR excluded.state = 'sending'",
        fields,
    )


def _keep_sent(db: apsw.Connection, sent: Sent) -> None:
    """Add it, or what became of it."""
    at = (sent.person, sent.channel, to_ms(sent.at))
    if sent.has_failed:
        db.execute("UPDATE notice_sent SET has_failed = 1 WHERE person = ? AND channel = ? AND at_ms = ?", at)
    else:
        db.execute("INSERT INTO notice_sent (person, channel, at_ms) VALUES (?, ?, ?)", at)


def _keep_link(db: apsw.Connection, link: LinkRow) -> None:
    db.execute(
        "INSERT INTO notice_link (id, person, channel, prompts, expires_ms) VALUES (?, ?, ?, ?, ?)",
        (link.id, link.person, link.channel, json.dumps(link.prompts), to_ms(link.expires_at)),
    )


def _bound(db: apsw.Connection) -> None:
    """The oldest go: of receipts those that have ended."""
    db.execute("DELETE FROM notice_sent WHERE id <= (SELECT max(id) FROM notice_sent) - ?", (SENT_MAX,))
    db.execute(
        "DELETE FROM notice_link WHERE expires_ms < (SELECT expires_ms FROM notice_link "
        "ORDER BY expires_ms DESC LIMIT 1 OFFSET ?)",
        (LINKS_MAX - 1,),
    )
    db.execute(
        f"DELETE FROM notice_receipt WHERE state IN {_ENDED} AND changed_ms < (SELECT changed_ms FROM "  # noqa: S608
        "notice_receipt ORDER BY changed_ms DESC LIMIT 1 OFFSET ?)",
        (RECEIPTS_MAX - 1,),
    )


def _receipts(db: apsw.Connection, where: str, bindings: tuple[str, ...]) -> list[Receipt]:
    """The receipts that fit `where`, a constant clause of this module."""
    rows = db.execute(f"SELECT {_RECEIPT} FROM notice_receipt WHERE {where} ORDER BY changed_ms, channel", bindings)  # noqa: S608
    return [
        Receipt(
            prompt=PromptId(prompt),
            person=person,
            channel=ChannelId(channel),
            state=ReceiptState(state),
            attempts=attempts,
            changed_at=from_ms(changed_ms),
            retry_at=None if retry_ms is None else from_ms(retry_ms),
        )
        for prompt, person, channel, state, attempts, changed_ms, retry_ms in cast(
            "Iterator[tuple[str, str, str, str, int, int, int | None]]", rows
        )
    ]
