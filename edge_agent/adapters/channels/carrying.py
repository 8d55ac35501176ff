"""One message to one address: its words closed, its keys masked, its request composed apart and sent by the gate."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from edge_agent.adapters.channels.composer import Composer
from edge_agent.adapters.egress import Answer, ChannelEgress, Composed, Notice, origin_of
from edge_agent.adapters.egress_mail import ComposedMail, MailEgress
from edge_agent.errors import ChannelUnreachableError, EgressRefusedError
from edge_agent.notify_ports import ChannelKind, ChannelRow, Outcome, Words

log = logging.getLogger(__name__)

_GONE = frozenset({404, 410})  # RFC 8030, section 7.3: the subscription has ended
_MAIL_TAKEN = 250
_TTL_S = 86_400
_KEY_CHARS_MIN = 6  # a shorter part of an address is a word such as `bot`, not a key


class Carrier:
    """Fulfils `notify_ports.Channels`. `vapid_pem` is the hub's own key for Web Push; None: that is not set up."""

    def __init__(
        self, *, gate: ChannelEgress, mail: MailEgress, composer: Composer, vapid_pem: str | None, contact: str
    ) -> None:
        self._gate = gate
        self._mail = mail
        self._composer = composer
        self._vapid_pem = vapid_pem
        self._contact = contact

    async def carry(self, channel: ChannelRow, words: Words) -> Outcome:
        """Once. What goes wrong is an outcome, and a line of the log without the address."""
        try:
            return await self._carry(channel, words)
        except (ChannelUnreachableError, EgressRefusedError) as exc:
            log.warning("channel_failed channel=%s error=%s", channel.id, exc)
            return Outcome.FAILED
        except (ValueError, KeyError, TypeError) as exc:  # an address that is none; its text may be a key
            log.warning("channel_address_unusable channel=%s error=%s", channel.id, type(exc).__name__)
            return Outcome.FAILED

    async def origin(self, channel: ChannelRow) -> str | None:
        """Where a message would go, by composing one that is not sent; None: nothing can be composed.

        Raises: ChannelUnreachableError when the composing itself fails.
        """
        found: list[str | None] = []

        async def note(composed: Composed | ComposedMail) -> Answer:
            found.append(composed.origin if isinstance(composed, ComposedMail) else origin_of(composed))
            raise EgressRefusedError("nothing is sent: this only asks where it would go")

        notice = Notice(title="-", body="-", link="", tag="test", is_quiet=True).model_dump_json()
        with suppress(ValueError, KeyError, TypeError):  # it is no address
            await self._composer.run(self._job(channel, notice), note)
        return found[0] if found else None

    async def _carry(self, channel: ChannelRow, words: Words) -> Outcome:
        notice = Notice(
            title=words.title, body=words.body, link=words.link, tag=words.tag, is_quiet=words.is_quiet
        ).model_dump_json()
        statuses: list[int] = []
        token = words.link.rpartition("/")[2]
        keys = (*keys_of(channel), token) if token else keys_of(channel)

        async def send(composed: Composed | ComposedMail) -> Answer:
            if isinstance(composed, ComposedMail):
                await self._mail.send(composed, notice=notice.encode(), keys=(*keys, composed.password))
                answer = Answer(_MAIL_TAKEN, b"")
            else:
                answer = await self._gate.send(composed, notice=notice.encode(), keys=keys)
            statuses.append(answer.status_code)
            return answer

        is_taken = await self._composer.run(self._job(channel, notice), send)
        if channel.kind is ChannelKind.WEB_PUSH and _GONE.intersection(statuses):
            return Outcome.GONE
        return Outcome.TAKEN if is_taken and statuses else Outcome.FAILED

    def _job(self, channel: ChannelRow, notice: str) -> Mapping[str, object]:
        job: dict[str, object] = {"kind": str(channel.kind), "address": channel.address, **json.loads(notice)}
        if channel.kind is ChannelKind.WEB_PUSH:
            if self._vapid_pem is None:
                raise ChannelUnreachableError("Web Push has no key: set it up first")
            job |= {"key": self._vapid_pem, "contact": self._contact, "ttl_s": _TTL_S}
        return job


def keys_of(channel: ChannelRow) -> tuple[str, ...]:
    """The parts of an address that open something: user, password, path and query, for the ledger to leave out."""
    url = channel.address
    if channel.kind is ChannelKind.WEB_PUSH:
        url = str(json.loads(channel.address)["endpoint"])
    parts = urlsplit(url)
    host = parts.hostname or ""
    wanted = [parts.username or "", parts.password or "", *re.split(r"[/?&=]", f"{parts.path}?{parts.query}")]
    if parts.scheme not in {"http", "https"} and not _is_origin(host):
        wanted += [parts.netloc, parts.netloc.lower()]  # a token stands where others have a host: tgram://TOKEN/chat
    spelled = {each for part in wanted for each in (part, unquote(part), part.lower())}
    return tuple(sorted(each for each in spelled if len(each) >= _KEY_CHARS_MIN and each != host))


def _is_origin(host: str) -> bool:
    return "." in host
