"""The broker that the first run has chosen is the one that every command looks at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from edge_agent.__main__ import EXIT_DONE, EXIT_USAGE, main
from edge_agent.adapters.setup_files import BROKER_FILE, keep_broker
from edge_agent.commands.examining import examine
from edge_agent.core.setup.first_steps import Broker


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration without a broker, and a first run that has chosen one at which nobody listens."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    keep_broker(folder, Broker(host="127.0.0.1", port=1, user="hub", password=SecretStr("not to be shown")))
    file = tmp_path / "hub.toml"
    file.write_text(f"[home]\ndata_dir = {json.dumps(str(folder))}\n", encoding="utf-8")
    return file


def test_check_config_prints_the_chosen_broker(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its address and user; its password as stars."""
    assert main(["run", "--config", str(config), "--check-config"]) == EXIT_DONE
    printed = capsys.readouterr().out
    shown = json.loads(printed)
    assert (shown["mqtt"]["url"], shown["secrets"]["mqtt_user"]) == ("mqtt://127.0.0.1:1", "hub")
    assert "not to be shown" not in printed


async def test_doctor_looks_at_the_chosen_broker(config: Path) -> None:
    """And not at the one that the configuration would have by default."""
    found = await examine(config, {})
    assert [each.where for each in found.findings if "broker" in each.what and ":1" in each.where]
    assert not [each for each in found.findings if ":1883" in each.where]


async def test_a_broken_broker_file_is_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By doctor as its only finding, by --check-config as an error of the configuration."""
    (config.parent / "data" / BROKER_FILE).write_text("{", encoding="utf-8")
    (finding,) = (await examine(config, {})).findings
    assert BROKER_FILE in finding.what
    assert main(["run", "--config", str(config), "--check-config"]) == EXIT_USAGE
    assert BROKER_FILE in capsys.readouterr().err
