"""The gate out's mail slot: the one message to people that is no HTTP. The same rules hold as in `egress`.

The server is an origin that the household allows (`smtps://host:465`, or `smtp://host:587` with STARTTLS); without a
valid certificate nothing is said to it, whatever the channel's address asks for. The ledger has the message whole,
recipients and all, without the account's keys.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_agent.adapters.egress import PASSAGES, Purpose, check_notice, masked
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.errors import ChannelUnreachableError, EgressRefusedError

_MESSAGE_BYTES_MAX = 32_768
_RECIPIENTS_MAX = 4
_OUR_NAME = "restock.invalid"  # else the machine's own name is told, after a look-up of it


@dataclass(frozen=True, slots=True)
class ComposedMail:
    """A mail as a channel's library composed it; nothing of it has left. `origin` names server, port and how."""

    origin: str
    host: str
    port: int
    user: str
    password: str
    sender: str
    recipients: tuple[str, ...]
    message: bytes


class MailEgress:
    """Mails, each kept in the ledger before its server hears of it.

    Raises: EgressRefusedError for what may not leave; ChannelUnreachableError where the server does not take it whole
    within the deadline.
    """

    def __init__(
        self,
        *,
        ledger: EgressLedger,
        is_allowed: Callable[[str], bool],
        timeout_s: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._ledger = ledger
        self._is_allowed = is_allowed
        self._timeout_s = timeout_s
        self._tls = tls

    async def send(self, mail: ComposedMail, *, notice: bytes, keys: Sequence[str]) -> None:
        """Check, write down, and send, once."""
        check_notice(Purpose.MAIL, mail.origin, notice=notice)
        if not self._is_allowed(mail.origin):
            raise EgressRefusedError(f"mail may not go by {mail.origin}: the household allows other servers only")
        if len(mail.message) > _MESSAGE_BYTES_MAX or not 1 <= len(mail.recipients) <= _RECIPIENTS_MAX:
            raise EgressRefusedError("a channel made more of a mail than may leave")
        self._ledger.write_down(
            purpose=Purpose.MAIL,
            recipient=f"{mail.host}:{mail.port}",
            method=PASSAGES[Purpose.MAIL].method,
            path=", ".join(mail.recipients),
            body=masked(_unfolded(mail.message), keys),
        )
        await self._deliver(mail)

    async def _deliver(self, mail: ComposedMail) -> None:
        try:
            import aiosmtplib  # noqa: PLC0415 - of the extra `channels`
        except ImportError as exc:
            raise ChannelUnreachableError("mail needs the extra `channels`") from exc
        is_tls = mail.origin.startswith("smtps:")
        try:
            async with asyncio.timeout(self._timeout_s):
                refused, _ = await aiosmtplib.send(
                    mail.message,
                    sender=mail.sender,
                    recipients=list(mail.recipients),
                    hostname=mail.host,
                    port=mail.port,
                    username=mail.user or None,
                    password=mail.password or None,
                    use_tls=is_tls,
                    start_tls=not is_tls,
                    tls_context=self._tls,
                    local_hostname=_OUR_NAME,
                    timeout=self._timeout_s,
                )
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as exc:
            raise ChannelUnreachableError(f"{mail.host}: {type(exc).__name__}") from exc
        if refused:
            raise ChannelUnreachableError(f"{mail.host}: not every recipient was taken")


def _unfolded(message: bytes) -> bytes:
    """The mail with its texts as they read, so that a key is found in it: its coding breaks lines, or hides it whole.

    Raises: EgressRefusedError for a mail that cannot be read back.
    """
    mail = email.message_from_bytes(message, policy=email.policy.SMTPUTF8.clone(max_line_length=0))
    try:
        for part in mail.walk():
            if part.get_content_maintype() == "text":
                part.set_content(part.get_content(), subtype=part.get_content_subtype(), cte="8bit")
        return mail.as_bytes()
    except (LookupError, ValueError) as exc:
        raise EgressRefusedError("a channel made a mail that cannot be written down as it reads") from exc
