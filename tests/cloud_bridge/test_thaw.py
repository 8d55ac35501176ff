"""`restock-bridge thaw`: the operator lets a household order again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cloud_bridge.__main__ import main
from cloud_bridge.errors import ForkedError
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from tests.cloud_bridge.rig import HOUSEHOLD, HandClock, Rig, Signer, accept


async def _fork(database: Database) -> None:
    rig = Rig(SqlOrderStore(database), HandClock(), Signer(), SimulatedMerchant({}))
    await accept(rig, rig.signer.intent(handover=1))
    with pytest.raises(ForkedError):
        await accept(rig, rig.signer.intent(handover=1))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A bridge's configuration, over a store in which one household is frozen."""
    url = f"sqlite:///{tmp_path / 'bridge.sqlite3'}"
    with Database(url) as database:
        asyncio.run(_fork(database))
    file = tmp_path / "bridge.toml"
    file.write_text(f'[store]\nurl = "{url}"\n', encoding="utf-8")
    return file


def test_a_thaw_says_whether_there_was_anything_to_thaw(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once it thaws; then there is nothing left to do."""
    command = ["thaw", "--config", str(config), "--household", HOUSEHOLD]
    assert (main(command), main(command)) == (0, 0)
    assert capsys.readouterr().out.splitlines() == [
        f"household {HOUSEHOLD} may order again",
        f"household {HOUSEHOLD} was not frozen",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "told"), [([], 2, "--household"), (["--household", "home-9"], 1, "home-9")]
)
def test_a_thaw_of_nobody_is_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str
) -> None:
    """No household is wrong usage; one that never ordered is an error."""
    assert main(["thaw", "--config", str(config), *arguments]) == code
    assert told in capsys.readouterr().err.splitlines()[-1]


def test_a_store_that_a_running_bridge_holds_is_not_thawed_beside_it(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A SQLite file has one writer: the bridge is stopped first."""
    with Database(f"sqlite:///{config.parent / 'bridge.sqlite3'}"):
        assert main(["thaw", "--config", str(config), "--household", HOUSEHOLD]) == 1
    assert "held by another bridge" in capsys.readouterr().err
