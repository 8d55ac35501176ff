"""The hub as a process: it starts on a damaged store, tells whoever opens the page, and stops as it was asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from edge_agent.commands.commission import set_up
from edge_agent.config import load
from edge_agent.folder import STORE_FILE
from firmware_sim.services import HOUSEHOLD_FILE
from tests import loopback

STARTS_WITHIN_S = 60


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A home whose broker and bridge are away."""
    path = tmp_path / "hub.toml"
    path.write_text(
        f"[home]\ndata_dir = {json.dumps(str(tmp_path / 'data'))}\n[mqtt]\nurl = 'mqtt://127.0.0.1:9'\n"
        "[web]\nport = 0\n[bridge]\nurl = 'http://127.0.0.1:9'\n",
        encoding="utf-8",
    )
    set_up(load(path), household_file=HOUSEHOLD_FILE, owner="anna", password="a password of the test")
    return path


@contextmanager
def running(settings: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The hub, and its address once it serves."""
    command = [sys.executable, "-m", "edge_agent", "run", "--config", str(settings)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as hub:
        try:
            assert hub.stderr is not None
            line = next(line for line in hub.stderr if "Running on " in line)  # it listens from here on
            yield hub, line.split("Running on ")[1].split()[0]
        finally:
            hub.kill()


@pytest.mark.timeout(STARTS_WITHIN_S)
def test_a_damaged_store_stops_neither_the_page_nor_the_hub(settings: Path) -> None:
    """The sign-in page, to which nobody has an account any more, says what happened and where the file lies."""
    store = settings.parent / "data" / STORE_FILE
    store.write_bytes(store.read_bytes()[:4_096] + b"\xff" * 50_000)
    with running(settings) as (hub, address):
        page = loopback.get(f"{address}/login").text
        assert 'data-problem="store_set_aside"' in page
        assert f"{STORE_FILE}.damaged-" in page
        hub.send_signal(signal.SIGTERM)
        assert hub.wait(timeout=STARTS_WITHIN_S) == 0


@pytest.mark.timeout(STARTS_WITHIN_S)
def test_a_hub_that_is_told_to_stop_says_that_it_did(settings: Path) -> None:
    """Exit code 0, so that whoever supervises it does not take it for a failure."""
    with running(settings) as (hub, _):
        hub.send_signal(signal.SIGTERM)
        assert hub.wait(timeout=STARTS_WITHIN_S) == 0


@pytest.mark.timeout(STARTS_WITHIN_S)
def test_the_setup_code_is_said_at_once(tmp_path: Path) -> None:
    """A service's journal is no terminal: what is kept back there until the end, nobody reads."""
    path = tmp_path / "hub.toml"
    path.write_text(f"[home]\ndata_dir = {json.dumps(str(tmp_path / 'data'))}\n[web]\nport = 0\n", encoding="utf-8")
    command = [sys.executable, "-m", "edge_agent", "run", "--config", str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_buffered(os.environ)
    ) as hub:
        try:
            assert hub.stdout is not None
            assert "give this setup code: " in hub.stdout.readline()
        finally:
            hub.kill()


def _buffered(environment: Mapping[str, str]) -> dict[str, str]:
    """As a service has it."""
    return {name: value for name, value in environment.items() if name != "PYTHONUNBUFFERED"}


@pytest.mark.timeout(STARTS_WITHIN_S)
def test_a_store_of_a_newer_program_ends_it_for_good(settings: Path) -> None:
    """Exit code 2, after which systemd does not start it again, and one line that says what to do."""
    db = apsw.Connection(str(settings.parent / "data" / STORE_FILE))
    db.pragma("user_version", 999)
    db.close()
    command = [sys.executable, "-m", "edge_agent", "run", "--config", str(settings)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "schema 999" in done.stderr.splitlines()[-1]
    assert "Going back" in done.stderr.splitlines()[-1]
