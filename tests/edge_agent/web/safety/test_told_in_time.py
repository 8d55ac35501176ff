"""Messages to people: nobody is told of a question that is over, and nobody else reads the link."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from edge_agent.adapters.egress import Notice
from edge_agent.adapters.egress_mail import ComposedMail, MailEgress
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import ChannelId
from edge_agent.core.prompt import DeclineReason
from edge_agent.errors import ChannelUnreachableError
from edge_agent.notify_ports import ChannelKind, ChannelRow
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.pipeline.test_notifying import Room, room
from tests.edge_agent.samples import NOW

__all__ = ["room"]

P1 = PromptId("p1")


async def _turns() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_what_was_answered_while_it_waited_is_not_told(room: Room) -> None:
    """A turn may last minutes: a message whose question is over by then does not leave."""
    room.notices.put_channel(ChannelRow(ChannelId("olga-push"), "olga", ChannelKind.APPRISE, 0, "a://b", True, NOW))
    let_go = asyncio.Event()
    room.phones.hanging |= {"anna-push": let_go, "ben-chat": let_go}
    turn = asyncio.create_task(room.notifying.run_once())
    await _turns()
    room.desk.leave.answering.decline(P1, reason=DeclineReason.NOT_NOW, by="anna")
    let_go.set()
    await turn
    assert "olga-push" not in [name for name, words in room.phones.heard if not words.is_quiet]


TOKEN = "0" * 32 + "." + "a" * 64
LINK = f"http://hub.test/n/{TOKEN}"


@pytest.mark.parametrize(
    ("coding", "text"),
    [
        ("quoted-printable", f"{LINK[:75]}=\n{LINK[75:]}\n"),
        ("base64", base64.encodebytes(LINK.encode()).decode()),
        ("8bit", LINK),
    ],
)
async def test_the_ledger_does_not_show_a_link_that_a_mail_has_coded(tmp_path: Path, coding: str, text: str) -> None:
    """Mails break long lines and pack texts (RFC 2045, section 6): a key stays a key."""
    with Connection(tmp_path / "hub.sqlite3") as connection:
        ledger = EgressLedger(connection, clock=ManualClock())
        gate = MailEgress(ledger=ledger, is_allowed=lambda _: True, timeout_s=1)
        head = "To: c@d.test\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding"
        mail = ComposedMail(
            origin="smtps://127.0.0.1:1",
            host="127.0.0.1",
            port=1,
            user="",
            password="",
            sender="a@b.test",
            recipients=("c@d.test",),
            message=f"{head}: {coding}\n\n{text}".encode(),
        )
        notice = Notice(title="t", body="b", link=LINK, tag="t", is_quiet=False)
        with pytest.raises(ChannelUnreachableError):
            await gate.send(mail, notice=notice.model_dump_json().encode(), keys=(TOKEN,))
        body = connection.db.execute("SELECT body FROM egress").get
    assert b"http://hub.test/n/***" in body
