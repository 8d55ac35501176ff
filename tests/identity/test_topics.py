"""Attacks by a device that is enrolled, on real brokers: another's topics, wills, ears, sessions, kept messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.identity.home import Home, Login, home

pytestmark = pytest.mark.broker

BASE = "restock/v1/home"
REFUSED = 0x80
NOT_MALLORYS = (
    f"{BASE}/fridge/reading",
    f"{BASE}/fridge/state",
    f"{BASE}/fridge/ack",
    f"{BASE}/fridge/cmd",
    f"{BASE}/mallory/ack",
    f"{BASE}/mallory/cmd",
    f"{BASE}/mallory/reading/x",
    f"{BASE}/mallory",
    f"{BASE}//mallory/reading",
    "restock/v1/other/mallory/reading",
    "bridge/smartthings/x/status",
    "$SYS/broker/load",
)
EARS = (
    "#",
    "+/#",
    f"{BASE}/#",
    f"{BASE}/+/reading",
    f"{BASE}/+/+",
    f"{BASE}/fridge/ack",
    f"{BASE}/+/cmd",
    f"{BASE}/mallory/#",
    f"{BASE}/mallory/+",
    "$MQTT/#",
    "$JS/#",
    "$SYS/#",
    "$share/all/#",
)


@pytest.fixture(params=["nats", "mosquitto"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """The same attack on each broker."""
    with home(tmp_path, request.param) as running:
        yield running


def test_each_does_what_is_its_own(there: Home) -> None:
    """A device is heard by the hub and hears it: the control without which no refusal below means anything."""
    fridge, hub = there.call(there.enroll("fridge")), there.call(there.hub())
    speaking = there.call(there.hub("OUT_"))
    assert hub.subscribe(f"{BASE}/+/reading", f"{BASE}/+/birth", f"{BASE}/+/state") == [1, 1, 1]
    assert fridge.subscribe(f"{BASE}/fridge/ack", f"{BASE}/fridge/cmd") == [1, 1]
    for part in ("birth", "state", "reading"):
        assert fridge.publish(f"{BASE}/fridge/{part}", b"own")
        hub.wait_for(f"{BASE}/fridge/{part}", b"own")
    for part in ("ack", "cmd"):
        assert speaking.publish(f"{BASE}/fridge/{part}", b"told")
        fridge.wait_for(f"{BASE}/fridge/{part}", b"told")


def test_a_spoofed_topic_reaches_nobody(there: Home) -> None:
    """What a device says on a topic that is not its own is not delivered, to hub or device; nor is it kept."""
    fridge = there.call(there.enroll("fridge"))
    mallory, hub = there.call(there.enroll("mallory")), there.call(there.hub())
    hub.subscribe("#")
    fridge.subscribe(f"{BASE}/fridge/ack", f"{BASE}/fridge/cmd")
    for topic in NOT_MALLORYS:
        mallory.publish(topic, b"forged", retain=True)
    assert mallory.publish(f"{BASE}/mallory/reading", b"own")
    hub.wait_for(f"{BASE}/mallory/reading", b"own")
    late = there.call(there.hub("LOOK_"))
    late.subscribe("#")
    speaking = there.call(there.hub("OUT_"))
    assert mallory.publish(f"{BASE}/mallory/reading", b"last")
    assert speaking.publish(f"{BASE}/fridge/ack", b"told")
    late.wait_for(f"{BASE}/mallory/reading", b"last")
    fridge.wait_for(f"{BASE}/fridge/ack", b"told")
    assert b"forged" not in {payload for _, payload, _ in hub.heard + late.heard + fridge.heard}


def test_a_will_on_anothers_topic_is_not_delivered(there: Home) -> None:
    """A broken line forges no message of another device, and a device's own will still arrives."""
    fridge, mallory, hub = there.enroll("fridge"), there.enroll("mallory"), there.call(there.hub())
    hub.subscribe(f"{BASE}/#")
    for login, payload in ((mallory, b"forged"), (fridge, b"offline")):
        caller = there.call(login, will=(f"{BASE}/fridge/state", payload, True))
        assert caller.answer == "accepted"
        caller.drop()
    hub.wait_for(f"{BASE}/fridge/state", b"offline")
    again = there.call(mallory)
    assert again.publish(f"{BASE}/mallory/state", b"own")
    hub.wait_for(f"{BASE}/mallory/state", b"own")
    late = there.call(there.hub("LOOK_"))
    late.subscribe(f"{BASE}/#")
    late.wait_for(f"{BASE}/fridge/state", b"offline")
    assert b"forged" not in {payload for _, payload, _ in hub.heard + late.heard}


def test_a_device_overhears_nothing(there: Home) -> None:
    """No wildcard and no topic of another brings a device what it may not read, kept messages included."""
    fridge, mallory = there.call(there.enroll("fridge")), there.call(there.enroll("mallory"))
    hub = there.call(there.hub())
    hub.subscribe(f"{BASE}/#")
    assert fridge.publish(f"{BASE}/fridge/birth", b"kept", retain=True)
    hub.wait_for(f"{BASE}/fridge/birth", b"kept")
    for ear in EARS:
        # nats-server says no; Mosquitto says yes and delivers nothing.
        assert mallory.subscribe(ear) == ([REFUSED] if there.kind == "nats" else [1]), ear
    mallory.subscribe(f"{BASE}/mallory/ack")
    speaking = there.call(there.hub("OUT_"))
    assert fridge.publish(f"{BASE}/fridge/reading", b"private")
    assert speaking.publish(f"{BASE}/fridge/ack", b"private")
    hub.wait_for(f"{BASE}/fridge/reading", b"private")
    assert speaking.publish(f"{BASE}/mallory/ack", b"own")
    mallory.wait_for(f"{BASE}/mallory/ack", b"own")
    assert {topic for topic, _, _ in mallory.heard} == {f"{BASE}/mallory/ack"}


def test_a_guessed_client_id_takes_no_session(there: Home) -> None:
    """Whoever connects by another device's name keeps to a session of their own."""
    fridge_login = there.enroll("fridge")
    mallory_login = there.enroll("mallory")
    fridge, hub = there.call(fridge_login, clean=False), there.call(there.hub())
    hub.subscribe(f"{BASE}/#")
    fridge.subscribe(f"{BASE}/fridge/ack")
    for guess in ("fridge", "fridge-1", "hub", "hub-session", "#", "+", "+/#", "*", ">", "$SYS"):
        thief = there.call(replace(mallory_login, client_id=guess), clean=True)
        thief.publish(f"{BASE}/fridge/reading", b"forged")
        thief.leave()
    assert not fridge.gone.is_set()
    speaking = there.call(there.hub("OUT_"))
    assert speaking.publish(f"{BASE}/fridge/ack", b"still")
    fridge.wait_for(f"{BASE}/fridge/ack", b"still")
    assert fridge.publish(f"{BASE}/fridge/reading", b"own")
    hub.wait_for(f"{BASE}/fridge/reading", b"own")
    assert b"forged" not in {payload for _, payload, _ in hub.heard}


def test_a_message_over_the_limit_goes_no_further(there: Home) -> None:
    """The broker closes that one connection; others are served."""
    fridge, mallory = there.call(there.enroll("fridge")), there.call(there.enroll("mallory"))
    hub = there.call(there.hub())
    hub.subscribe(f"{BASE}/#")
    assert not mallory.publish(f"{BASE}/mallory/reading", b"x" * 140_000)
    assert fridge.publish(f"{BASE}/fridge/reading", b"x" * 65_000)
    hub.wait_for(f"{BASE}/fridge/reading", b"x" * 65_000)
    assert {topic for topic, _, _ in hub.heard} == {f"{BASE}/fridge/reading"}


@pytest.mark.parametrize("mqtt5", [False, True], ids=["3.1.1", "5"])
def test_mosquitto_gives_no_session_to_whoever_knows_its_client_id(tmp_path: Path, mqtt5: bool) -> None:
    """Its name is the user's, whatever a client says: the session and what waits in it stay with their owner."""
    with home(tmp_path, "mosquitto") as there:
        fridge_login, mallory = there.enroll("fridge"), there.enroll("mallory")
        fridge = there.call(fridge_login, clean=False)
        fridge.subscribe(f"{BASE}/fridge/ack")
        fridge.leave()
        speaking = there.call(there.hub("OUT_"))
        assert speaking.publish(f"{BASE}/fridge/ack", b"waits")
        for known in ("fridge", fridge_login.client_id):
            thief = there.call(replace(mallory, client_id=known), clean=True, mqtt5=mqtt5)
            assert thief.answer == "accepted"
            assert thief.heard == []
            thief.leave()
        again = there.call(fridge_login, clean=False)
        again.wait_for(f"{BASE}/fridge/ack", b"waits")


def test_nats_gives_a_session_to_whoever_knows_its_client_id(tmp_path: Path) -> None:
    """The limit that makes client ids secret here: the owner is thrown out, but nothing is overheard or forged."""
    with home(tmp_path, "nats") as there:
        fridge_login, mallory = there.enroll("fridge"), there.enroll("mallory")
        fridge = there.call(fridge_login, clean=False)
        fridge.subscribe(f"{BASE}/fridge/ack")
        thief = there.call(replace(mallory, client_id=fridge_login.client_id), clean=False)
        assert thief.answer == "accepted"
        fridge.wait_gone()
        hub, speaking = there.call(there.hub()), there.call(there.hub("OUT_"))
        hub.subscribe("#")
        assert speaking.publish(f"{BASE}/fridge/ack", b"private")
        thief.publish(f"{BASE}/fridge/reading", b"forged")
        assert thief.publish(f"{BASE}/mallory/reading", b"own")
        hub.wait_for(f"{BASE}/mallory/reading", b"own")
        assert thief.heard == []
        assert b"forged" not in {payload for _, payload, _ in hub.heard}


def test_the_hubs_logins_are_apart(there: Home) -> None:
    """The one that reads says nothing, the one that speaks says commands only and reads nothing."""
    fridge = there.call(there.enroll("fridge"))
    fridge.subscribe(f"{BASE}/fridge/ack")
    reading, speaking, looking = (there.call(there.hub(each)) for each in ("", "OUT_", "LOOK_"))
    for caller in (reading, looking):
        assert caller.subscribe("#") == [1]
        caller.publish(f"{BASE}/fridge/ack", b"forged")
    speaking.publish(f"{BASE}/fridge/reading", b"forged")
    speaking.subscribe("#")
    assert speaking.publish(f"{BASE}/fridge/ack", b"told")
    fridge.wait_for(f"{BASE}/fridge/ack", b"told")
    reading.wait_for(f"{BASE}/fridge/ack", b"told")
    assert fridge.heard == [(f"{BASE}/fridge/ack", b"told", False)]
    assert speaking.heard == []
    assert b"forged" not in {payload for _, payload, _ in reading.heard}


def test_no_name_of_a_wildcard_gets_in(there: Home) -> None:
    """A user name that MQTT or an access list could read as a pattern is nobody's: refused with any password."""
    password = there.enroll("fridge").password
    for user in (
        "#",
        "+",
        "fridge/#",
        "*",
        ">",
        "%u",
        "%c",
        "fridge\n",
        "FRIDGE",
        "fridge ",
        "$SYS",
        "hub\x00",
        "CN=hub",
    ):
        caller = there.call(Login(user, password, "fridge-1"))
        assert caller.answer in {"refused", "closed"}, user


def test_nobody_gets_in_without_a_login(there: Home) -> None:
    """No anonymous client, no password of another, no empty one."""
    fridge = there.enroll("fridge")
    there.enroll("mallory")
    for login in (
        Login(client_id="x"),
        replace(fridge, user="mallory"),
        replace(fridge, password=""),
        replace(fridge, password=fridge.password + "x"),
        replace(fridge, user="hub"),
    ):
        assert there.call(login).answer in {"refused", "closed"}
    assert there.call(fridge).answer == "accepted"


def test_a_foreign_device_keeps_to_its_familys_topics(there: Home) -> None:
    """It says what its profile reads and hears its commands, and the hub may send those."""
    robot = there.call(there.enroll("rocky", family="valetudo.robot"))
    hub, speaking = there.call(there.hub()), there.call(there.hub("OUT_"))
    hub.subscribe("valetudo/#")
    reset = "valetudo/rocky/ConsumableMonitoringCapability/filter-main/reset/set"
    assert robot.subscribe(reset) == [1]
    robot.publish("valetudo/other/BatteryStateAttribute/level", b"forged")
    assert robot.publish("valetudo/rocky/BatteryStateAttribute/level", b"88")
    hub.wait_for("valetudo/rocky/BatteryStateAttribute/level", b"88")
    assert speaking.publish(reset, b"PERFORM")
    robot.wait_for(reset, b"PERFORM")
    assert b"forged" not in {payload for _, payload, _ in hub.heard}


def test_a_name_with_dots_is_one_level(there: Home) -> None:
    """A dot in a vendor's name opens nothing above or below it, on a broker whose levels stand between dots."""
    scale = there.call(there.enroll("scale", topics=("tele/a.b/SENSOR", "tele/a.b/more/#")))
    hub = there.call(there.hub())
    hub.subscribe("tele/#")
    for topic in ("tele/a/b/SENSOR", "tele/a.b/SENSOR/x", "tele/a.c/SENSOR", "tele//a.b/SENSOR"):
        scale.publish(topic, b"forged")
    for topic in ("tele/a.b/SENSOR", "tele/a.b/more", "tele/a.b/more/1.2/x"):
        assert scale.publish(topic, b"own")
        hub.wait_for(topic, b"own")
    assert b"forged" not in {payload for _, payload, _ in hub.heard}
