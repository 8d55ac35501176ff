"""The part of the composition root that tells people: channels, receipts, links, and the gate that their messages pass.

Apart from `household` for its size only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.adapters.channels.carrying import Carrier
from edge_agent.adapters.channels.composer import Composer
from edge_agent.adapters.channels.origins import allowed_origins
from edge_agent.adapters.channels.push_key import load_push_key
from edge_agent.adapters.egress import ChannelEgress
from edge_agent.adapters.egress_mail import MailEgress
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.notices import Notices
from edge_agent.adapters.store.recalls import SqliteRecalls
from edge_agent.config import NotifyConfig
from edge_agent.core.notifying.plan import Rules
from edge_agent.core.recall import Match
from edge_agent.leave_ports import PeopleStore
from edge_agent.notify_ports import LinkSealer
from edge_agent.pipeline.channels import ChannelDesk
from edge_agent.pipeline.links import Links
from edge_agent.pipeline.notifying import Manner, Notifying
from edge_agent.pipeline.recall_telling import RecallTelling
from edge_agent.ports import Clock, HouseholdStore, OrderStore

_COMPOSING_S = 20.0  # a small board takes seconds to load the libraries


@dataclass(frozen=True, slots=True)
class NotifySide:
    """What the rest of the hub needs of it. Without `may_tell` nothing can leave."""

    notifying: Notifying
    links: Links
    desk: ChannelDesk
    recalls: RecallTelling
    may_tell: bool = True


def wire_notify(
    config: NotifyConfig,
    connection: Connection,
    *,
    folder: Path,
    timezone: str,
    clock: Clock,
    ledger: EgressLedger,
    orders: OrderStore,
    household: HouseholdStore,
    people: PeopleStore,
    sealer: LinkSealer,
    new_id: Callable[[], str],
    matches: Callable[[], Sequence[Match]] = tuple,
    note: Callable[[Mapping[str, str | int]], None] = lambda _event: None,
    speak: Callable[[str | None, str], str] = lambda _language, text: text,
) -> NotifySide:
    """Which adapter fulfils which port. `speak` says a text in the language of a person, None where none was chosen.

    `matches` are the recalls that may be about something at home.
    """
    push_key = load_push_key(folder) if config.web_push else None
    is_allowed = allowed_origins(config.origins, web_push=config.web_push)
    channels = Carrier(
        gate=ChannelEgress(ledger=ledger, is_allowed=is_allowed, timeout_s=config.timeout_s),
        mail=MailEgress(ledger=ledger, is_allowed=is_allowed, timeout_s=config.timeout_s),
        composer=Composer(timeout_s=_COMPOSING_S + config.timeout_s),
        vapid_pem=None if push_key is None else push_key.pem,
        contact=config.contact,
    )
    notices = Notices(connection)
    links = Links(
        notices=notices,
        sealer=sealer,
        clock=clock,
        new_id=new_id,
        home_url=config.home_url,
        life=timedelta(hours=config.link_life_h),
    )
    notifying = Notifying(
        clock=clock,
        orders=orders,
        household=household,
        people=people,
        notices=notices,
        channels=channels,
        links=links,
        manner=Manner(_rules(config, ZoneInfo(timezone)), tell_names=config.tell_names, later=config.later),
        speak=speak,
    )
    desk = ChannelDesk(
        clock=clock,
        notices=notices,
        channels=channels,
        people=people,
        is_allowed=is_allowed,
        new_id=new_id,
        note=note,
        origins=config.origins,
        push_key=None if push_key is None else push_key.public,
        speak=speak,
    )
    recalls = RecallTelling(
        clock=clock,
        zone=ZoneInfo(timezone),
        matches=matches,
        store=SqliteRecalls(connection),
        household=household,
        people=people,
        notices=notices,
        channels=channels,
        tell_names=config.tell_names,
        speak=speak,
    )
    may_tell = bool(config.origins) or config.web_push
    return NotifySide(notifying, links, desk, recalls, may_tell=may_tell)


def _rules(config: NotifyConfig, zone: ZoneInfo) -> Rules:
    return Rules(
        zone=zone,
        batch_wait=timedelta(seconds=config.batch_wait_s),
        rank_wait=timedelta(minutes=config.rank_wait_min),
        tier_wait=timedelta(minutes=config.tier_wait_min),
        gap=timedelta(minutes=config.gap_min),
        daily_max=config.daily_max,
    )
