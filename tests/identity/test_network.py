"""A broker that the home's network reaches: TLS with passwords there, plain text on this machine only."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from edge_agent.adapters.announce import MqttDevices
from edge_agent.adapters.home_ca import HomeAuthority
from edge_agent.adapters.intake import MqttIntake
from edge_agent.config import MqttConfig
from edge_agent.core.messages import DeviceId, StoredCursor
from tests.identity.home import Home, home

pytestmark = pytest.mark.broker

BASE = "restock/v1/home"
_CONNECT = bytes.fromhex("101000044d5154540402003c000474657374")  # MQTT 3.1.1, client id "test"
_LOOPBACK = {"127.0.0.1", "::1"}


@pytest.fixture(params=["nats", "mosquitto"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """On all addresses, logins by password."""
    with home(tmp_path, request.param, host="0.0.0.0") as running:  # noqa: S104 - that is what is tested
        yield running


def test_only_the_port_with_tls_is_open_to_others(there: Home) -> None:
    """Of what the broker listens on, everything else is on loopback."""
    assert there.process_id is not None
    listening = [
        each.laddr
        for each in psutil.Process(there.process_id).net_connections("tcp")
        if each.status == psutil.CONN_LISTEN
    ]
    assert {each.port for each in listening if each.ip not in _LOOPBACK} == {there.tls_port}
    assert there.tls_port in {each.port for each in listening}


def test_plain_text_is_not_understood_there(there: Home) -> None:
    """A client that does not speak TLS gets no answer of the broker's protocol."""
    with socket.create_connection(("127.0.0.1", there.tls_port), timeout=20) as line:
        line.sendall(_CONNECT)
        try:
            answer = line.recv(64)
        except ConnectionResetError:
            answer = b""
    assert answer[:1] != b"\x20"  # CONNACK


def test_a_password_goes_over_tls(there: Home) -> None:
    """Device and hub meet; the broker shows a certificate of the home's authority."""
    told = there.enroll("fridge")
    login = replace(told, ca=there.broker_folder / "ca.crt")
    fridge = there.call(login, port=there.tls_port)
    hub = there.call(there.hub())
    assert hub.subscribe(f"{BASE}/+/reading") == [1]
    assert fridge.publish(f"{BASE}/fridge/reading", b"own")
    hub.wait_for(f"{BASE}/fridge/reading", b"own")
    for wrong in (replace(login, password="x"), replace(login, user="")):
        assert there.call(wrong, port=there.tls_port).answer in {"refused", "closed"}


def test_a_device_knows_another_authoritys_broker(there: Home, tmp_path: Path) -> None:
    """With another home's authority, or under a name that the certificate lacks, it sends no password."""
    other = tmp_path / "other"
    other.mkdir()
    HomeAuthority.load_or_make(other, home="home", now=there.now)
    for ca, name in ((other / "ca.crt", "127.0.0.1"), (there.broker_folder / "ca.crt", "other.example")):
        context = ssl.create_default_context(cafile=str(ca))
        with (
            socket.create_connection(("127.0.0.1", there.tls_port), timeout=20) as line,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            context.wrap_socket(line, server_hostname=name)


async def test_the_hubs_own_connection_takes_it(there: Home) -> None:
    """What the command says of address and authority is what the hub's inbox connects by."""
    fridge = replace(there.enroll("fridge"), ca=there.broker_folder / "ca.crt")
    login = there.hub()
    config = MqttConfig(
        url=f"mqtts://127.0.0.1:{there.tls_port}", ca_file=str(there.broker_folder / "ca.crt"), client_id="hub-1f7c"
    )
    inbox = MqttIntake(
        config,
        client_id=config.client_id,
        filters=(f"{BASE}/+/reading",),
        now=lambda: there.now,
        user=login.user,
        password=login.password,
    )
    async with inbox:
        await inbox.ready()
        assert there.call(fridge, port=there.tls_port).publish(f"{BASE}/fridge/reading", b"own")
        [message] = await inbox.receive(group_max=1, wait_s=0.01)
    assert message.payload == b"own"


@pytest.mark.parametrize("kind", ["nats", "mosquitto"])
async def test_the_hubs_two_connections_live_side_by_side(tmp_path: Path, kind: str) -> None:
    """The one that reads stays while the other speaks, also where the user's name is taken for the client id."""
    with home(tmp_path, kind) as there:
        fridge = there.call(there.enroll("fridge"))
        fridge.subscribe(f"{BASE}/fridge/ack")
        config = MqttConfig(url=f"mqtt://127.0.0.1:{there.port}")
        reading, speaking = there.hub(), there.hub("OUT_")
        inbox = MqttIntake(
            config,
            client_id="hub-1f7c",
            filters=(f"{BASE}/+/reading",),
            now=lambda: there.now,
            user=reading.user,
            password=reading.password,
        )
        words = MqttDevices(
            config, home="home", client_id="hub-1f7c-out", user=speaking.user, password=speaking.password
        )
        async with inbox, words:
            await inbox.ready()
            for seq in (1, 2):
                assert fridge.publish(f"{BASE}/fridge/reading", b"%d" % seq)
                [message] = await inbox.receive(group_max=1, wait_s=0.01)
                inbox.acknowledge([message])
                await words.acknowledge([StoredCursor(device=DeviceId("fridge"), boot="b1", seq=seq)])
                told = b'{"device":"fridge","boot":"b1","seq":%d}' % seq
                await asyncio.to_thread(fridge.wait_for, f"{BASE}/fridge/ack", told)
            assert inbox.connected


async def test_the_hubs_own_connection_shows_its_certificate(tmp_path: Path) -> None:
    """Where nats-server takes certificates from all, the hub has one too."""
    with home(tmp_path, "nats", certificates=True) as there:
        folder = there.broker_folder
        config = MqttConfig(
            url=f"mqtts://127.0.0.1:{there.tls_port}",
            ca_file=str(folder / "ca.crt"),
            cert_file=str(folder / "hub.crt"),
            key_file=str(folder / "hub.key"),
        )
        inbox = MqttIntake(config, client_id="hub-1f7c", filters=(f"{BASE}/+/reading",), now=lambda: there.now)
        fridge = there.enroll("fridge", certificate=True)
        async with inbox:
            await inbox.ready()
            assert there.call(fridge).publish(f"{BASE}/fridge/reading", b"own")
            [message] = await inbox.receive(group_max=1, wait_s=0.01)
        assert message.payload == b"own"
