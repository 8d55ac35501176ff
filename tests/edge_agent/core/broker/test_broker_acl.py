"""The text of a broker's files: every user spelled out, every setting stated."""

from __future__ import annotations

import pytest

from edge_agent.core.broker.acl import (
    Login,
    check_kinds,
    mosquitto_acl,
    mosquitto_passwords,
    nats_subjects,
    nats_users,
)
from edge_agent.core.broker.settings import Kind, Listener, is_loopback, mosquitto_settings, nats_settings, plan
from edge_agent.core.leave.grants import Grant, native_grant
from edge_agent.errors import ConfigurationError

FRIDGE = Login("fridge", native_grant("home", "fridge"), mosquitto="$7$1000$salt$hash", nats="$2b$08$hash")
SHOWN = Login("washer~2", native_grant("home", "washer"))
MUTE = Login("hub", Grant((), ("#",)), mosquitto="$7$1000$salt$other", nats="$2b$08$other")


def test_mosquitto_reads_whose_topics_are_whose() -> None:
    """One block a user, and no pattern that the broker would fill with a name."""
    text = mosquitto_acl([FRIDGE, SHOWN])
    assert "\nuser fridge\ntopic write restock/v1/home/fridge/birth\n" in text
    assert "topic read restock/v1/home/fridge/cmd\n\nuser washer~2\n" in text
    assert "pattern" not in text
    assert "%" not in text


def test_mosquitto_knows_passwords_by_their_hashes() -> None:
    """Those with a certificate have no line, so that no password opens for them."""
    assert mosquitto_passwords([FRIDGE, SHOWN]) == "fridge:$7$1000$salt$hash\n"


def test_nats_refuses_what_no_list_allows() -> None:
    """A user that says nothing has a denial: an empty list would allow everything."""
    text = nats_users([FRIDGE, MUTE], store_mib_max=8, memory_mib_max=4)
    assert '"restock.v1.home.fridge.reading"' in text
    assert '{ user: "hub", password: "$2b$08$other", allowed_connection_types: ["MQTT"]' in text
    assert 'publish: { deny: ">" }\n' in text
    assert "[]" not in text
    assert "max_file: 8MB" in text


def test_nats_maps_a_certificate_by_its_name() -> None:
    """And gives that user no password."""
    text = nats_users([SHOWN], store_mib_max=8, memory_mib_max=4)
    assert '{ user: "CN=washer~2", allowed' in text
    assert "password" not in text


@pytest.mark.parametrize(
    ("topic", "subjects"),
    [
        ("a/b", ("a.b",)),
        ("a/+/b", ("a.*.b",)),
        ("a/#", ("a", "a.>")),
        ("#", (">",)),
        ("a.b/c", ("a//b.c",)),
    ],
)
def test_topics_as_nats_writes_them(topic: str, subjects: tuple[str, ...]) -> None:
    """Dots stand between levels, and `a/#` is two."""
    assert nats_subjects(topic) == subjects


@pytest.mark.parametrize(("login", "certificates"), [(FRIDGE, True), (SHOWN, False)])
def test_nats_takes_one_kind_of_login(login: Login, certificates: bool) -> None:
    """What its one listener cannot serve is refused, and not written."""
    with pytest.raises(ConfigurationError, match=login.user):
        check_kinds([login], certificates=certificates)
    check_kinds([login], certificates=not certificates)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "10.0.0.1", "169.254.1.1", "fd00::1"])  # noqa: S104
def test_plain_text_stays_on_this_machine(host: str) -> None:
    """No listener without TLS is made for an address that others reach."""
    with pytest.raises(ConfigurationError, match="TLS only"):
        Listener(host, 1883)
    assert Listener(host, 8883, "password").tls == "password"


@pytest.mark.parametrize("host", ["localhost", "home.example", "", "127.0.0.1.example", "0177.0.0.1"])
def test_a_name_is_not_loopback(host: str) -> None:
    """It may lead anywhere, so an address is asked for."""
    with pytest.raises(ConfigurationError, match="IP address"):
        is_loopback(host)


@pytest.mark.parametrize(
    ("kind", "host", "certificates", "listeners"),
    [
        ("mosquitto", "127.0.0.1", None, [("127.0.0.1:1883", "none")]),
        ("mosquitto", "::", None, [("127.0.0.1:1883", "none"), ("[::]:8883", "password")]),
        (
            "mosquitto",
            "192.168.1.2",
            8884,
            [("127.0.0.1:1883", "none"), ("192.168.1.2:8883", "password"), ("192.168.1.2:8884", "certificate")],
        ),
        ("nats", "127.0.0.1", None, [("127.0.0.1:1883", "none")]),
        ("nats", "192.168.1.2", None, [("192.168.1.2:8883", "password")]),
        ("nats", "192.168.1.2", 8884, [("192.168.1.2:8883", "certificate")]),
    ],
)
def test_where_a_broker_listens(
    kind: Kind, host: str, certificates: int | None, listeners: list[tuple[str, str]]
) -> None:
    """Plain text on loopback alone; nats-server has one listener."""
    planned = plan(kind, home="home", host=host, port=1883, tls_port=8883, certificates=certificates)
    assert [(each.joined, each.tls) for each in planned.listeners] == listeners


def test_mosquittos_settings_are_all_stated() -> None:
    """Each that keeps what was acknowledged, bounds what waits, or says who somebody is."""
    planned = plan("mosquitto", home="home", host="192.168.1.2", port=1883, tls_port=8883, certificates=8884)
    text = mosquitto_settings(planned, folder="/x/broker", user="restock")
    wanted = {
        "user restock", "per_listener_settings false", "allow_anonymous false", "acl_file /x/broker/mosquitto.acl",
        "password_file /x/broker/mosquitto.passwd", "persistence true", "persistence_location /x/broker/store/",
        "autosave_on_changes true", "autosave_interval 1", "max_queued_messages 10000000",
        "max_queued_bytes 67108864", "max_inflight_messages 1000", "message_size_limit 65536", "max_packet_size 131072",
    }  # fmt: skip
    assert wanted <= set(text.splitlines())
    parts = text.split("\nlistener ")[1:]
    assert len(parts) == 3
    assert all("use_username_as_clientid true" in part for part in parts)
    assert [("certfile" in part, "require_certificate true" in part) for part in parts] == [
        (False, False),
        (True, False),
        (True, True),
    ]
    assert {"use_identity_as_username true", "crlfile /x/broker/revoked.crl"} <= set(parts[2].splitlines())


def test_nats_settings_are_all_stated() -> None:
    """Each that keeps what was acknowledged or bounds what waits; users are in a file of their own."""
    planned = plan("nats", home="home", host="192.168.1.2", port=1883, tls_port=8883, certificates=1)
    text = nats_settings(planned, folder="/x/broker")
    for part in (
        'server_name: "restock-home"', 'listen: "127.0.0.1:-1"', "max_payload: 65536", "sync_interval: always",
        "max_mem: 64MB", "max_file: 1024MB", 'ack_wait: "5s"', "max_ack_pending: 200", 'listen: "192.168.1.2:8883"',
        "verify_and_map: true", 'include "nats-users.conf"',
    ):  # fmt: skip
        assert part in text
    assert "verify_and_map" not in nats_settings(
        plan("nats", home="home", host="192.168.1.2", port=1883, tls_port=8883, certificates=None), folder="/x/broker"
    )


@pytest.mark.parametrize("folder", ["relative", "/a\nuser root", "/a\0"])
def test_a_folder_that_breaks_a_line_is_refused(folder: str) -> None:
    """It could add a setting."""
    planned = plan("mosquitto", home="home", host="127.0.0.1", port=1883, tls_port=8883, certificates=None)
    with pytest.raises(ConfigurationError, match="data_dir"):
        mosquitto_settings(planned, folder=folder, user="restock")
