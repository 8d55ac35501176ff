"""Credentials that ended, on real brokers: revoked, rotated, expired, forged. The broker runs on meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge_agent.adapters.broker_config import Told
from edge_agent.adapters.home_ca import HomeAuthority
from edge_agent.commands.enroll import Wish
from tests.identity.home import Home, Login, home

pytestmark = pytest.mark.broker

BASE = "restock/v1/home"
NOT_LET_IN = {"refused", "closed"}


@pytest.fixture(params=["nats", "mosquitto"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """Logins by password."""
    with home(tmp_path, request.param) as running:
        yield running


@pytest.fixture(params=["nats", "mosquitto"])
def certified(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """Logins by certificate."""
    with home(tmp_path, request.param, certificates=True) as running:
        yield running


def lets_in(there: Home, login: Login) -> bool:
    """Whether a new connection is accepted and may speak."""
    answer = there.call(login).answer
    assert answer in {"accepted", *NOT_LET_IN}
    return answer == "accepted"


def test_a_revoked_password_is_out_at_once(there: Home) -> None:
    """Its connection is closed and no new one is taken; others go on, on the connections that they have."""
    fridge, washer, hub = there.enroll("fridge"), there.call(there.enroll("washer")), there.call(there.hub())
    hub.subscribe(f"{BASE}/#")
    there_before = there.call(fridge)
    there.revoke("fridge")
    there_before.wait_gone()
    assert not lets_in(there, fridge)
    assert washer.publish(f"{BASE}/washer/reading", b"on")
    hub.wait_for(f"{BASE}/washer/reading", b"on")
    assert not washer.gone.is_set()


def test_a_device_comes_back_only_with_what_it_gets_anew(there: Home) -> None:
    """Enrolled again after a revocation, the old login stays out."""
    old = there.enroll("fridge")
    there.revoke("fridge")
    new = there.enroll("fridge")
    assert (lets_in(there, old), lets_in(there, new)) == (False, True)


def test_a_rotated_password_ends_at_once(there: Home) -> None:
    """Without an overlap the old one is closed and refused, the new one works."""
    old = there.enroll("fridge")
    before = there.call(old)
    new = there.rotate("fridge")
    before.wait_gone()
    assert (lets_in(there, old), lets_in(there, new)) == (False, True)


def test_an_overlap_ends_when_it_was_said(there: Home) -> None:
    """Both logins work until then, on the same topics; then the old one is closed and refused."""
    old = there.enroll("fridge")
    hub = there.call(there.hub())
    hub.subscribe(f"{BASE}/#")
    new = there.rotate("fridge", overlap=timedelta(hours=12))
    first, second = there.call(old), there.call(new)
    for caller, payload in ((first, b"old"), (second, b"new")):
        assert caller.publish(f"{BASE}/fridge/reading", payload)
        hub.wait_for(f"{BASE}/fridge/reading", payload)
    there.now += timedelta(hours=11, minutes=59)
    there.write_again()
    assert lets_in(there, old)
    first = there.call(old)
    there.now += timedelta(minutes=1)
    there.write_again()
    first.wait_gone()
    assert (lets_in(there, old), lets_in(there, new)) == (False, True)


def test_what_waits_for_the_hub_outlives_changes(there: Home) -> None:
    """Enrolling and revoking others loses nothing that the broker holds, or gets, for a hub that is away."""
    fridge_login, hub_login = there.enroll("fridge"), there.hub()
    hub = there.call(hub_login, clean=False)
    hub.subscribe(f"{BASE}/+/reading")
    hub.leave()
    fridge = there.call(fridge_login)
    assert fridge.publish(f"{BASE}/fridge/reading", b"one")
    there.enroll("washer")
    there.revoke("washer")
    assert fridge.publish(f"{BASE}/fridge/reading", b"two")
    there.stop()
    there.start()
    fridge = there.call(fridge_login)
    assert fridge.publish(f"{BASE}/fridge/reading", b"three")
    again = there.call(hub_login, clean=False)
    for payload in (b"one", b"two", b"three"):
        again.wait_for(f"{BASE}/fridge/reading", payload)


def test_the_hubs_logins_rotate(there: Home) -> None:
    """Its old ones end at once, on every connection."""
    logins = [there.hub(each) for each in ("", "OUT_", "LOOK_")]
    before = [there.call(login) for login in logins]
    there.after_reload(lambda: there.enrolment.rotate("hub", Wish(), overlap=timedelta(0)))
    for caller, login, connection in zip(before, logins, ("", "OUT_", "LOOK_"), strict=True):
        caller.wait_gone()
        assert not lets_in(there, login)
        assert lets_in(there, there.hub(connection))


def test_a_run_that_changes_nothing_leaves_the_broker_alone(there: Home) -> None:
    """A daily run makes it read nothing anew, and the next change is told all the same."""
    there.enroll("fridge")
    assert there.enrolment.write_again()["broker"] == Told.UNCHANGED
    there.enroll("washer")
    assert there.enrolment.write_again()["broker"] == Told.UNCHANGED
    there.stop()
    there.start()
    assert there.enrolment.write_again()["broker"] == Told.UNCHANGED


def test_settings_that_changed_ask_for_a_restart(there: Home) -> None:
    """Until then the command says that a change is not in force, each time, and leaves the broker as it is."""
    fridge = there.call(there.enroll("fridge"))
    changed = there.config.broker.model_copy(update={"certificates": True})
    if there.kind == "nats":  # whose one listener would take no password any more
        changed = there.config.broker.model_copy(update={"tls_port": there.port, "host": "0.0.0.0"})  # noqa: S104
    there.config = there.config.model_copy(update={"broker": changed})
    for device in ("washer", "dryer"):
        told = there.enrolment.enroll(device, Wish())
        assert (told["in_force"], str(told["broker"])[:12]) == (False, "NOT IN FORCE")
    assert fridge.publish(f"{BASE}/fridge/reading", b"on")
    there.stop()
    there.start()
    washer = there.enrolment.rotate("washer", Wish(), overlap=timedelta(0))
    assert washer["in_force"]


def test_a_certificate_says_what_is_its_devices(certified: Home) -> None:
    """It is heard on its own topics only, and its hub speaks to it: the control for what follows."""
    fridge = certified.call(certified.enroll("fridge", certificate=True))
    certified.enroll("washer", certificate=True)
    hub = certified.call(certified.hub())
    hub.subscribe(f"{BASE}/#")
    fridge.publish(f"{BASE}/washer/reading", b"forged")
    assert fridge.publish(f"{BASE}/fridge/reading", b"own")
    hub.wait_for(f"{BASE}/fridge/reading", b"own")
    fridge.subscribe(f"{BASE}/fridge/ack")
    speaking = certified.call(certified.hub("OUT_"))
    assert speaking.publish(f"{BASE}/fridge/ack", b"told")
    fridge.wait_for(f"{BASE}/fridge/ack", b"told")
    assert b"forged" not in {payload for _, payload, _ in hub.heard}


def test_a_certificate_gives_no_other_name(certified: Home) -> None:
    """A user name and a client id that a caller adds to its certificate change nothing about who it is."""
    mallory = certified.enroll("mallory", certificate=True)
    fridge_login = certified.enroll("fridge", certificate=True)
    fridge = certified.call(fridge_login)
    hub = certified.call(certified.hub())
    hub.subscribe(f"{BASE}/#")
    known = "fridge" if certified.kind == "nats" else fridge_login.client_id  # nats-server: see test_topics
    for user in ("fridge", "CN=fridge", "hub", "#"):
        thief = certified.call(replace(mallory, user=user, password="x", client_id=known))
        if thief.answer == "accepted":
            thief.publish(f"{BASE}/fridge/reading", b"forged")
    assert fridge.publish(f"{BASE}/fridge/reading", b"own")
    hub.wait_for(f"{BASE}/fridge/reading", b"own")
    assert not fridge.gone.is_set()
    assert b"forged" not in {payload for _, payload, _ in hub.heard}


def test_a_revoked_certificate_gets_in_no_more(certified: Home) -> None:
    """Nor can its open connection do anything: nats-server closes it, Mosquitto leaves it deaf and mute."""
    login, hub = certified.enroll("fridge", certificate=True), certified.call(certified.hub())
    hub.subscribe(f"{BASE}/#")
    washer = certified.call(certified.enroll("washer", certificate=True))
    before = certified.call(login)
    before.subscribe(f"{BASE}/fridge/ack")
    certified.revoke("fridge")
    if certified.kind == "nats":
        before.wait_gone()
    else:
        assert before.publish(f"{BASE}/fridge/reading", b"forged")
        speaking = certified.call(certified.hub("OUT_"))
        assert speaking.publish(f"{BASE}/fridge/ack", b"private")
        before.subscribe(f"{BASE}/fridge/cmd")
    assert not lets_in(certified, login)
    assert washer.publish(f"{BASE}/washer/reading", b"on")
    hub.wait_for(f"{BASE}/washer/reading", b"on")
    assert before.heard == []
    assert b"forged" not in {payload for _, payload, _ in hub.heard}


def test_a_rotated_certificate_ends(certified: Home) -> None:
    """At once without an overlap, else when it is over; the other one works all the time."""
    first = certified.enroll("fridge", certificate=True)
    second = certified.rotate("fridge")
    assert (lets_in(certified, first), lets_in(certified, second)) == (False, True)
    third = certified.rotate("fridge", overlap=timedelta(days=1))
    assert (lets_in(certified, second), lets_in(certified, third)) == (True, True)
    certified.now += timedelta(days=1)
    certified.write_again()
    assert (lets_in(certified, second), lets_in(certified, third)) == (False, True)


def test_an_expired_certificate_is_refused(certified: Home) -> None:
    """The broker looks at its dates."""
    good = certified.enroll("washer", certificate=True)
    certified.now -= timedelta(days=3 * 365)
    expired = certified.enroll("fridge", certificate=True)
    assert (lets_in(certified, expired), lets_in(certified, good)) == (False, True)


def test_a_certificate_of_another_authority_is_refused(certified: Home, tmp_path: Path) -> None:
    """The same name under another home's authority, signed by itself, or none at all: nobody."""
    good = certified.enroll("fridge", certificate=True)
    other = tmp_path / "other"
    other.mkdir()
    authority = HomeAuthority.load_or_make(other, home="home", now=certified.now)
    issued = authority.issue_client("fridge", now=certified.now)
    (other / "fridge.crt").write_bytes(issued.certificate)
    (other / "fridge.key").write_bytes(issued.key)
    forged = replace(good, certificate=other / "fridge.crt", key=other / "fridge.key")
    (other / "self.crt").write_bytes(self_signed(other / "self.key"))
    self_made = replace(good, certificate=other / "self.crt", key=other / "self.key")
    none = replace(good, certificate=None, key=None)
    assert not lets_in(certified, forged)
    assert not lets_in(certified, self_made)
    assert certified.call(none, port=certified.shown_port).answer in NOT_LET_IN
    assert certified.call(replace(none, user="fridge", password="x"), port=certified.shown_port).answer in NOT_LET_IN
    assert lets_in(certified, good)


def test_a_device_cannot_pose_as_the_broker(certified: Home) -> None:
    """Its certificate is no server's, and the server's is no client's."""
    login = certified.enroll("fridge", certificate=True)
    folder = certified.broker_folder
    posing = replace(login, certificate=folder / "server.crt", key=folder / "server.key")
    assert not lets_in(certified, posing)
    assert login.certificate is not None
    usage = x509.load_pem_x509_certificate(login.certificate.read_bytes()).extensions.get_extension_for_class(
        x509.ExtendedKeyUsage
    )
    assert list(usage.value) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_device_may_keep_its_own_key(certified: Home) -> None:
    """A certificate for a signing request: the key never leaves the device, and the hub says who it is."""
    key = ec.generate_private_key(ec.SECP256R1())
    asked = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
    request = x509.CertificateSigningRequestBuilder().subject_name(asked).sign(key, hashes.SHA256())
    login = certified.enroll("fridge", certificate=True, request=request.public_bytes(serialization.Encoding.PEM))
    (certified.folder / "own.key").write_bytes(pem_of(key))
    fridge = certified.call(replace(login, key=certified.folder / "own.key"))
    hub = certified.call(certified.hub())
    hub.subscribe(f"{BASE}/#")
    assert fridge.publish(f"{BASE}/fridge/reading", b"own")
    hub.wait_for(f"{BASE}/fridge/reading", b"own")


def self_signed(key_file: Path) -> bytes:
    """A certificate that nobody vouches for, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    key_file.write_bytes(pem_of(key))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fridge")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=3_650))
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Unencrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
