"""Messages of edge nodes before they are decoded: named, kept apart with a reason, or of no interest to any profile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from edge_agent.core.formats.sparkplug import read_frame
from edge_agent.core.messages import QuarantineReason, RawMessage
from edge_agent.core.sparkplug.admission import SparkplugAdmission
from edge_agent.core.sparkplug.topics import Admitted, EdgeNodes, Sender
from tests.edge_agent.core.formats.test_sparkplug import metric, payload
from tests.edge_agent.core.sparkplug.test_session import death, device_birth, double, node_birth, topic
from tests.edge_agent.samples import NOW

READ = frozenset({topic("DBIRTH"), topic("DDATA")})
OWN = EdgeNodes(frozenset({("home", "cellar")}))
ANY = EdgeNodes(frozenset({("home", "+")}))


def raw(name: str, body: bytes, *, after_s: float = 0.0) -> RawMessage:
    """A message that came so many seconds after the start."""
    at = NOW + timedelta(seconds=after_s)
    return RawMessage(name, body, retained=False, duplicate=False, received_at=at, receipt=7)


def alias_only(seq: int = 2) -> bytes:
    """A level, by its alias."""
    return payload(metric(None, None, double(7.5), alias=10), seq=seq)


def admission(nodes: EdgeNodes = OWN) -> SparkplugAdmission:
    """For one device of one node."""
    return SparkplugAdmission(nodes, is_read=READ.__contains__)


def born() -> SparkplugAdmission:
    """The same, with the births of node and device."""
    gate = admission()
    assert gate.admit(raw(topic("NBIRTH"), node_birth())) == Admitted()  # no profile is for it
    assert gate.admit(raw(topic("DBIRTH"), device_birth())).message is not None
    return gate


def test_an_alias_goes_on_with_its_name() -> None:
    """Everything of the message stays but the payload, which names and types the metric."""
    came = raw(topic("DDATA"), alias_only())
    message = born().admit(came).message
    assert message is not None
    (told,) = read_frame(message.payload).metrics
    assert (told.name, told.datatype, told.value) == ("fill/level", 10, 7.5)
    assert replace(message, payload=came.payload) == came


def test_what_is_kept_back_is_kept_apart_as_it_came() -> None:
    """After a gap: the bytes on the wire, the reason, and a request to the node."""
    came = raw(topic("DDATA"), alias_only(seq=5))
    result = born().admit(came)
    assert result.message is None
    assert result.apart is not None
    assert (result.apart.payload, result.apart.reason) == (came.payload, QuarantineReason.UNKNOWN_DEVICE)
    assert result.apart.detail == (
        "Sparkplug node home/cellar: seq 5 came, 2 was to come: a message was missed; the node is asked for its births"
    )
    assert result.request is not None
    assert result.request.topic == "spBv1.0/home/NCMD/cellar"


def test_a_message_that_the_intake_cut_is_never_read() -> None:
    """What is left of it may be a payload by chance; the node is asked, and what comes next is not believed."""
    gate = born()
    result = gate.admit(replace(raw(topic("DDATA"), alias_only()), whole_bytes=70_000))
    assert result.message is None
    assert result.apart is not None
    assert (result.apart.reason, result.apart.size_bytes) == (QuarantineReason.TOO_LARGE, 70_000)
    assert result.request is not None
    assert gate.admit(raw(topic("DDATA"), alias_only(seq=3))).apart is not None


def test_a_retained_birth_is_none() -> None:
    """It is left to the decoder, which refuses it; the session has not heard it."""
    gate = admission()
    for kind, body in (("NBIRTH", node_birth()), ("DBIRTH", device_birth())):
        came = replace(raw(topic(kind), body), retained=True)
        assert gate.admit(came) == (Admitted(came) if topic(kind) in READ else Admitted())
    assert gate.admit(raw(topic("DDATA"), alias_only())).apart is not None


@pytest.mark.parametrize(
    "name", ["spBv1.0/home/NCMD/cellar", "spBv1.0/STATE/host", "spBv1.0/home/NDATA/attic", "spBv1.0/far/NDATA/cellar"]
)
def test_what_no_profile_is_for(name: str) -> None:
    """Words of hosts and of other nodes are neither decoded nor stored, and nobody is asked."""
    assert admission().admit(raw(name, payload(seq=1))) == Admitted()


def test_other_messages_pass() -> None:
    """Also one whose topic only begins alike."""
    for name in ("zigbee2mqtt/tank", "spBv1.0x/home/NDATA/cellar", "restock/v1/home/fridge/birth"):
        came = raw(name, b"{}")
        assert admission().admit(came) == Admitted(came)


def test_a_true_death_is_no_message_to_keep() -> None:
    """A stale one is kept apart; after the true one nothing of the node is believed."""
    gate = born()
    assert gate.admit(raw(topic("NDEATH"), death(6))).apart is not None
    came = raw(topic("NDEATH"), death(7))
    away = (Sender("home", "cellar", "tank"), Sender("home", "cellar", None))
    assert gate.admit(came) == Admitted(gone=away, heard_at=came.received_at)
    assert gate.admit(raw(topic("DDATA"), alias_only())).apart is not None


def test_invented_nodes_make_no_flood_of_requests() -> None:
    """Of a thousand names twenty are asked at once, and then one a second; each message is kept apart all the same."""
    gate = admission(ANY)
    results = [gate.admit(raw(f"spBv1.0/home/NDATA/x{number}", payload(seq=1))) for number in range(1_000)]
    assert sum(each.request is not None for each in results) == 20
    assert all(each.apart is not None for each in results)
    assert gate.admit(raw("spBv1.0/home/NDATA/x1500", payload(seq=1), after_s=0.9)).request is None
    assert gate.admit(raw("spBv1.0/home/NDATA/x1500", payload(seq=1), after_s=1.1)).request is not None


def test_which_nodes_are_meant() -> None:
    """By group and node, with open levels."""
    assert Sender("home", "cellar", "x") in OWN
    assert Sender("home", "attic", None) not in OWN
    assert Sender("home", "attic", None) in ANY
    assert Sender("far", "cellar", None) not in ANY


def test_one_subscription_for_the_namespace() -> None:
    """Filters below it would overlap or come in another order; without a node to read nothing changes."""
    filters = ("a/+", "spBv1.0/home/DDATA/cellar/tank", "spBv1.0x/b")
    assert OWN.subscriptions(filters) == ("a/+", "spBv1.0x/b", "spBv1.0/#")
    assert EdgeNodes(frozenset()).subscriptions(filters) == filters


def test_a_message_that_nobody_looked_at_was_missed() -> None:
    """A birth among a flood may have given the aliases anew: what follows is not read by the old ones."""
    gate = born()
    request = gate.miss(raw(topic("NBIRTH"), node_birth(seq=1)))
    assert request is not None
    assert request.topic == "spBv1.0/home/NCMD/cellar"
    assert gate.admit(raw(topic("DDATA"), alias_only())).apart is not None
