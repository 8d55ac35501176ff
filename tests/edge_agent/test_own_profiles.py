"""The hub with a folder of the user's own profiles: what is broken is named, and everything else works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from edge_agent.commands.commission import set_up
from edge_agent.config import load
from edge_agent.folder import PROFILE_CACHE, STORE_FILE
from firmware_sim.services import HOUSEHOLD_FILE
from tests.conftest import Broker

STARTS_WITHIN_S = 180  # on a busy machine
OWN = """
profile: own.tank
version: 1
title: A tank in the garden
source: the label on its lid
match: {topic: "garden/{device}/level"}
decode: {format: json}
signals:
  liquid.remaining:
    select: /level
    parse: number
    unit: {canonical: "%"}
    range: [0, 100]
    class: level
    direction: down
samples:
  - {name: half, payload: {level: 50}, expect: {liquid.remaining: {value: 50, unit: "%"}}}
"""


@pytest.fixture
def settings(tmp_path: Path, nats_broker: Broker) -> Path:
    """A home with a broker, and a folder of own profiles: a good one and a broken one."""
    path, own = tmp_path / "hub.toml", tmp_path / "own"
    path.write_text(
        f"[home]\ndata_dir = {json.dumps(str(tmp_path / 'data'))}\n[mqtt]\nurl = {json.dumps(nats_broker.url)}\n"
        "[web]\nport = 0\n[bridge]\nurl = 'http://127.0.0.1:9'\n",
        encoding="utf-8",
    )
    own.mkdir()
    (own / "tank.yaml").write_text(OWN)
    (own / "wrong.yaml").write_text(OWN.replace("own.tank", "own.wrong").replace("class: level", "class: levl"))
    set_up(load(path), household_file=HOUSEHOLD_FILE, owner="anna", password="a password of the test")
    return path


@pytest.mark.timeout(STARTS_WITHIN_S)
def test_a_folder_of_own_profiles(settings: Path, nats_broker: Broker) -> None:
    """A broken file is refused with file, line, field and what is allowed; a device of the good one is understood."""
    command = [sys.executable, "-m", "edge_agent", "run", "--config", str(settings)]
    command += ["--profiles", str(settings.parent / "own")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as hub:
        try:
            assert hub.stderr is not None
            said = []
            for line in hub.stderr:
                said.append(line)
                if "Running on " in line:
                    break
            (refused,) = [line for line in said if "profile_refused" in line]
            assert "own/wrong.yaml: line 14, column 12: signals.liquid.remaining.class = 'levl'" in refused
            assert "'level', 'counter', 'run_time' or 'flag'" in refused
            _publish(nats_broker, "garden/butt/level", b'{"level": "full"}')
            assert any("quarantined reason=malformed topic=garden/butt/level" in line for line in hub.stderr)
        finally:
            hub.kill()
    data = settings.parent / "data"
    assert (data / STORE_FILE).exists()
    assert b"own.tank" in (data / PROFILE_CACHE).read_bytes()


def _publish(broker: Broker, topic: str, payload: bytes) -> None:
    """Once, acknowledged by the broker."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.publish(topic, payload, qos=1).wait_for_publish(timeout=STARTS_WITHIN_S)
    client.disconnect()
    client.loop_stop()


def test_a_folder_that_is_not_there(settings: Path, tmp_path: Path) -> None:
    """Exit code 2, and which folder; a hub without the profiles that were asked for would be a surprise."""
    command = [sys.executable, "-m", "edge_agent", "run", "--config", str(settings), "--profiles", str(tmp_path / "no")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=STARTS_WITHIN_S, check=False)
    assert ended.returncode == 2
    assert f"profiles: {tmp_path / 'no'} is not a folder" in ended.stderr
