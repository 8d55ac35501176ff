"""The load fleet on three nats-servers, one of which is killed under it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edge_agent.core.broker.acl import NATS_ACCOUNT, Login, nats_users
from edge_agent.core.leave.grants import Grant, hub_writes, native_grant
from tests.conftest import nats_program
from tests.nats_cluster import FLEET, PASSWORD, cluster, play_through_a_kill

ROOT = Path(__file__).parents[2]
_HASH = "$2b$04$PutTheHashFromRestockHubEnrollHereInPlaceOfThisOneXXXX"


@pytest.mark.broker
def test_a_killed_node_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Its devices go to the other two, which go on without it; what comes twice is told."""
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    words = ["--devices", "60", "--rate", "60", "--duration", "4", "--settle", "15"]
    words += ["--username", FLEET.user, "--password-file", str(password)]
    with cluster(tmp_path, program=nats_program(), logins=[FLEET]) as nodes:
        result = play_through_a_kill(nodes, words, kill_at=60, start_at=210)
    links, readings, heard = result["connections"], result["readings"], result["consumer"]
    assert links["reached"] == 60
    assert links["lost"] >= 20
    assert links["made"] == 60 + links["lost"]
    assert (readings["taken"], readings["acknowledged"], readings["dropped"]) == (240, 240, 0)
    assert (heard["distinct"], heard["lost"], heard["breaks"] > 0, heard["forgotten"]) == (240, 0, True, 0)
    assert heard["heard"] == heard["distinct"] + heard["duplicates"]
    assert result["ended"] == "done"


@pytest.mark.parametrize("home", ["home-0001", "home-0002"])
def test_the_example_lets_each_login_do_what_the_hub_would_let_it(home: str) -> None:
    """The accounts in packaging/nats are what the hub's own code writes, one for each home."""
    fridge = native_grant(home, "fridge")
    logins = [
        Login(f"{home}.fridge", fridge, "-", _HASH),
        Login(f"{home}.hub", Grant((), ("#",)), "-", _HASH),
        Login(f"{home}.hub-says", Grant(hub_writes(home, [fridge]), ()), "-", _HASH),
    ]
    text = nats_users(logins, store_mib_max=1_024, memory_mib_max=64)
    account = text[text.index(f"  {NATS_ACCOUNT} {{") : text.rindex("}")].replace(NATS_ACCOUNT, home, 1)
    assert account in (ROOT / "packaging/nats/homes.conf").read_text(encoding="utf-8")


def test_the_example_is_a_configuration_that_nats_server_takes(tmp_path: Path) -> None:
    """All but the certificates, which only an operator has."""
    for name in ("node.conf", "homes.conf"):
        (tmp_path / name).write_text((ROOT / "packaging/nats" / name).read_text(encoding="utf-8"))
    for name in ("routes.conf", "mqtt-tls.conf"):
        (tmp_path / name).write_text("")
    lines = (ROOT / "packaging/nats/nats.env").read_text(encoding="utf-8").splitlines()
    env = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    words = [nats_program(), "-t", "-c", str(tmp_path / "node.conf")]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
