"""Alert rules and the dashboard: they name only what a hub and a bridge tell, and they fire when they must."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from tests.cloud_bridge.rig import HandClock
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.api.programs import give_token, program
from tests.edge_agent.web.house import opened

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "packaging" / "observability"
RULES = FOLDER / "restock.rules.yml"
DASHBOARD = FOLDER / "grafana-restock.json"
OF_PROMETHEUS = {"up"}
_NAME = re.compile(r"\b(?:restock|process)_[a-z_]+\b|\bup\b")
WANTED = {
    "orders in doubt": {"RestockOrderUnknown", "RestockOrderParked", "RestockBridgeOrdersUnknown"},
    "age of the outbox": {"RestockOutboxOld"},
    "quarantine": {"RestockQuarantineGrows"},
    "broker": {"RestockBrokerAway"},
    "disk": {"RestockDiskRoom"},
    "prices": {"RestockPricesStale"},
    "merchant": {"RestockMerchantFailing"},
    "leases": {"RestockLeaseChurn"},
    "clocks": {"RestockClockUntrusted", "RestockBridgeClockSkew"},
}


@pytest.fixture
def bridge_store(tmp_path: Path) -> Iterator[SqlOrderStore]:
    """A bridge's store without an order."""
    with Database(f"sqlite:///{tmp_path / 'bridge.sqlite3'}") as database:
        yield SqlOrderStore(database)


def rules() -> list[dict[str, Any]]:
    """Every alert."""
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Every panel with a question in it."""
    document = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def asked() -> Iterator[str]:
    """Every expression of both files."""
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


def names_in(text: str) -> set[str]:
    """The names of what is told, as Prometheus stores them."""
    parser = pytest.importorskip("prometheus_client.parser")
    families = list(parser.text_string_to_metric_families(text))
    return {family.name + ("_total" if family.type == "counter" else "") for family in families}


async def told_by_a_hub(folder: Path) -> set[str]:
    """What a hub's page tells."""
    with opened(folder, ManualClock(NOW)) as house:
        async with program(house, give_token(house)) as client:
            return names_in((await client.get("/metrics")).text)


async def told_by_a_bridge(store: SqlOrderStore, clock: HandClock) -> set[str]:
    """What a bridge's port tells."""
    metrics = pytest.importorskip("cloud_bridge.api.metrics")
    counted = metrics.Counted({}, lambda: 0, {"place": Counter(done=1)})
    transport = httpx.ASGITransport(metrics.create_metrics(store, counted, clock=clock))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return names_in((await client.get("/metrics")).text)


async def test_rules_and_dashboard_name_only_what_is_told(tmp_path: Path, bridge_store: SqlOrderStore) -> None:
    """A figure that is renamed breaks them here, and not in the night when it was needed."""
    told = await told_by_a_hub(tmp_path) | await told_by_a_bridge(bridge_store, HandClock())
    named = {name for text in asked() for name in _NAME.findall(text)}
    assert named - told == OF_PROMETHEUS
    assert len(named) > 25


async def test_the_dashboard_shows_every_figure_of_a_bridge(bridge_store: SqlOrderStore) -> None:
    """And none is told for nobody."""
    shown = {name for panel in panels() for target in panel["targets"] for name in _NAME.findall(target["expr"])}
    told = await told_by_a_bridge(bridge_store, HandClock())
    assert {name for name in told if name.startswith("restock_")} <= shown


@pytest.mark.parametrize("trouble", WANTED)
def test_every_trouble_has_its_alert(trouble: str) -> None:
    """The list of what must not go unnoticed."""
    assert {rule["alert"] for rule in rules()} >= WANTED[trouble]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_happened_and_where_to_read_on(rule: dict[str, Any]) -> None:
    """The link leads to a heading that is there."""
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["summary"].endswith(".")
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    text = (ROOT / page).read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    assert anchor in {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def test_the_dashboard_can_be_imported() -> None:
    """Each panel has an id of its own, a place, a unit and a sentence; the data source is asked for."""
    document = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    ids = [panel["id"] for panel in document["panels"]]
    assert len(ids) == len(set(ids))
    assert [each["name"] for each in document["templating"]["list"]] == ["datasource"]
    for panel in panels():
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


@pytest.mark.parametrize("arguments", [("check", "rules", RULES.name), ("test", "rules", "restock.rules.test.yml")])
def test_prometheus_takes_the_rules_and_they_fire_when_they_must(arguments: tuple[str, ...]) -> None:
    """By its own tool, which also runs the cases beside them."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool (Debian's package prometheus) is not installed")
    run = subprocess.run([promtool, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
