"""The Supervisor asks the add-on whether it lives, by the container's own address."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import yaml

from edge_agent.config import WebConfig
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import ask, opened

ADDON = Path(__file__).parents[4] / "packaging" / "home-assistant-addon"
CONTAINER = b"172.30.33.5:8480"


async def test_the_supervisors_watchdog_is_answered(tmp_path: Path) -> None:
    """Any status from 300 on counts as dead there, and restarts the hub again and again."""
    watchdog = yaml.safe_load((ADDON / "config.yaml").read_text(encoding="utf-8")).get("watchdog", "")
    if not watchdog.startswith("http"):
        return  # tcp: a connection is enough
    found = importlib.util.spec_from_file_location("start", ADDON / "start.py")
    assert found is not None
    assert found.loader is not None
    start = importlib.util.module_from_spec(found)
    found.loader.exec_module(start)
    web = tomllib.loads(start.configuration({"page_names": ["homeassistant.local"]}, {}))["web"]
    with opened(tmp_path, ManualClock(), web=WebConfig(allowed_hosts=tuple(web["allowed_hosts"]))) as house:
        assert await ask(house, path="/healthz", headers=[(b"host", CONTAINER)]) < 300
