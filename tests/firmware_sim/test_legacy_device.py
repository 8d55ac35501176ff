"""A device on asyncio-mqtt 0.16 with paho 1.6, in an environment of its own, beside our aiomqtt and paho 2."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Broker
from tests.environments import environment
from tests.firmware_sim.fake_hub import fake_hub

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
COUNT = 25


@pytest.fixture(scope="module")
def legacy_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment with the locked legacy requirements."""
    return environment(tmp_path_factory.mktemp("legacy"), "legacy.lock")


async def test_a_legacy_device_and_a_new_hub_understand_each_other(legacy_python: Path, broker: Broker) -> None:
    """Every reading that asyncio-mqtt saw acknowledged arrives at a subscriber on paho 2, in order."""
    script = ROOT / "firmware_sim" / "legacy_device.py"
    command = [str(legacy_python), str(script), "--port", str(broker.port), "--count", str(COUNT)]
    async with fake_hub(broker.port) as hub:
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=False, timeout=60, cwd=legacy_python.parent
        )
        assert done.returncode == 0, done.stderr
        words = json.loads(done.stdout)
        await hub.until(lambda: len(hub.readings["fridge", words["boot"]]) == COUNT)
        await hub.until(lambda: any(b"offline" in payload for _, payload, _ in hub.others))
    assert words["pubacked"] == list(range(1, COUNT + 1))
    assert list(hub.readings["fridge", words["boot"]]) == words["pubacked"]
    assert any(topic.endswith("/birth") and b"restock.fridge" in payload for topic, payload, _ in hub.others)


def test_a_legacy_device_without_a_broker_says_so(legacy_python: Path) -> None:
    """Its last line on standard error (the library says first that it was renamed), exit code 1."""
    script = ROOT / "firmware_sim" / "legacy_device.py"
    done = subprocess.run(
        [str(legacy_python), str(script), "--port", "9"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("legacy device: ")
    assert done.stdout == ""
