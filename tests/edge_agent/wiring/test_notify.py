"""The notifier as it is wired: silent until the household says where messages may go; its key is made once."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from edge_agent.adapters.channels.push_key import load_push_key
from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.notices import Notices
from edge_agent.config import HubConfig, NotifyConfig
from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import ChannelId, ReceiptState
from edge_agent.errors import ConfigurationError
from edge_agent.notify_ports import ChannelKind, ChannelRow
from edge_agent.wiring.notify import NotifySide, wire_notify
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.samples import NOW, prompt


def wired(desk: Desk, folder: Path, config: NotifyConfig) -> NotifySide:
    """The notifier of a home."""
    return wire_notify(
        config,
        desk.connection,
        folder=folder,
        timezone="Europe/Berlin",
        clock=desk.clock,
        ledger=EgressLedger(desk.connection, clock=desk.clock),
        orders=desk.orders,
        household=desk.household,
        people=desk.leave.accounts,
        sealer=HouseholdSecret(b"s" * 32),
        new_id=lambda: "0" * 32,
    )


async def test_nothing_leaves_a_home_that_listed_nothing(tmp_path: Path) -> None:
    """A channel alone is not leave: its message fails, is tried again later, and the ledger stays empty."""
    with open_desk(tmp_path) as desk:
        desk.orders.add_prompt(prompt())
        side, notices = wired(desk, tmp_path, HubConfig().notify), Notices(desk.connection)
        notices.put_channel(
            ChannelRow(ChannelId("c"), "anna", ChannelKind.APPRISE, 0, "ntfys://ntfy.test/topic", True, NOW)
        )
        desk.clock.advance(minutes=3)
        await side.notifying.run_once()
        [receipt] = notices.receipts_of(PromptId("p1"))
        assert (receipt.state, side.desk.push_key) == (ReceiptState.FAILED, None)
        assert desk.connection.db.execute("SELECT count(*) FROM egress").get == 0


def test_the_push_key_is_made_once_and_for_us_only(tmp_path: Path) -> None:
    """The same key after a restart; browsers get the point of 65 bytes, and another user of the machine nothing."""
    first, again = load_push_key(tmp_path), load_push_key(tmp_path)
    assert first == again
    assert len(base64.urlsafe_b64decode(first.public + "=")) == 65
    assert (tmp_path / "push.key").stat().st_mode & 0o077 == 0
    (tmp_path / "push.key").write_text("no key")
    with pytest.raises(ConfigurationError, match="damaged"):
        load_push_key(tmp_path)


@pytest.mark.parametrize(
    "said",
    [
        {"origins": ["ntfy.sh"]},
        {"origins": ["https://ntfy.sh/topic"]},
        {"origins": ["https://user@ntfy.sh"]},
        {"origins": ["file://x"]},
        {"home_url": "https://hub/n/"},
        {"daily_max": 0},
        {"contact": "me"},
    ],
)
def test_a_wrong_setting_is_refused(said: dict[str, object]) -> None:
    """An origin is a scheme, a host and a port, and nothing else."""
    with pytest.raises(ValueError, match=next(iter(said))):
        NotifyConfig.model_validate_json(json.dumps(said))
