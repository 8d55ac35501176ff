"""A Sparkplug edge node: births, aliases, order and deaths; what is not certain is asked for, and never guessed."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.formats.sparkplug import read_frame, write_frame
from edge_agent.core.sparkplug.session import Heard, SparkplugHost, SparkplugSession
from edge_agent.core.sparkplug.topics import Sender, sender_of
from tests.edge_agent.core.formats.test_sparkplug import EIGHT, LENGTH, VARINT, metric, part, payload, varint, whole

GROUP, NODE, DEVICE = "home", "cellar", "tank"


def topic(kind: str) -> str:
    """The topic of a message of the node or of its device."""
    return f"spBv1.0/{GROUP}/{kind}/{NODE}" + (f"/{DEVICE}" if kind.startswith("D") else "")


def double(value: float) -> bytes:
    """`double_value`."""
    return part(13, EIGHT, struct.pack("<d", value))


def bd_seq(number: int) -> bytes:
    """The metric that ties a birth to its death."""
    return metric("bdSeq", 4, part(11, VARINT, varint(number)))


def node_birth(seq: int = 0, bd: int = 7, *more: bytes) -> bytes:
    """The node is born, with one value of its own."""
    return payload(bd_seq(bd), metric("uptime", 8, part(11, VARINT, varint(5)), alias=1), *more, seq=seq)


def device_birth(seq: int = 1, *more: bytes) -> bytes:
    """The device is born: a level with an alias, and a flag without."""
    level = metric("fill/level", 10, double(42.5), alias=10)
    return payload(level, metric("low", 11, part(14, VARINT, b"\x00")), *more, seq=seq)


def death(bd: int) -> bytes:
    """The will of a node: no seq."""
    return part(1, VARINT, varint(9)) + bd_seq(bd)


class Air:
    """A host, and messages to it in their order."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401
        self.host, self.at_ms = SparkplugHost(**options), 0

    def send(self, kind: str, body: bytes, *, after_ms: int = 60_000) -> Heard:
        """One message; by default so late that a rebirth may be asked for again."""
        self.at_ms += after_ms
        heard = self.host.take(topic(kind), body, at_ms=self.at_ms)
        assert heard is not None
        return heard

    def born(self) -> Air:
        """The node and its device."""
        assert self.send("NBIRTH", node_birth()).frame is not None
        assert self.send("DBIRTH", device_birth()).frame is not None
        return self


def values(heard: Heard) -> dict[str | None, object]:
    """Name -> value."""
    assert heard.frame is not None, heard.why
    return {each.name: each.value for each in heard.frame.metrics}


def test_an_alias_means_what_its_birth_said() -> None:
    """Name and type come from the birth; a metric with its own name needs its type from there too."""
    air = Air().born()
    told = air.send("DDATA", payload(metric(None, None, double(40.0), alias=10), seq=2))
    assert values(told) == {"fill/level": 40.0}
    told = air.send("DDATA", payload(metric("low", None, part(14, VARINT, b"\x01")), seq=3))
    assert values(told) == {"low": True}
    assert values(air.send("NDATA", payload(metric(None, None, whole(6), alias=1), seq=4))) == {"uptime": 6}


@pytest.mark.parametrize("start", [0, 200, 255])
def test_seq_starts_with_the_birth_and_goes_round(start: int) -> None:
    """A birth may start anywhere; what comes counts on, modulo 256."""
    air = Air()
    assert air.send("NBIRTH", node_birth(seq=start)).frame is not None
    assert air.send("DBIRTH", device_birth(seq=(start + 1) % 256)).frame is not None
    for number in range(2, 300):
        told = air.send("DDATA", payload(metric(None, None, double(1.0), alias=10), seq=(start + number) % 256))
        assert values(told) == {"fill/level": 1.0}


def test_a_gap_asks_for_a_rebirth_and_nothing_is_believed_until_then() -> None:
    """What was missed may have changed an alias: also what comes in order afterwards is not read."""
    air = Air().born()
    lost = air.send("DDATA", payload(metric(None, None, double(1.0), alias=10), seq=4))
    assert (lost.frame, lost.why) == (None, "seq 4 came, 2 was to come: a message was missed")
    assert lost.request is not None
    assert lost.request.topic == "spBv1.0/home/NCMD/cellar"
    (wish,) = read_frame(lost.request.payload).metrics
    assert (wish.name, wish.datatype, wish.value) == ("Node Control/Rebirth", 11, True)
    assert air.send("DDATA", payload(metric("low", 11, part(14, VARINT, b"\x01")), seq=5)).frame is None
    assert air.send("NBIRTH", node_birth(seq=9)).frame is not None
    assert air.send("DDATA", payload(metric(None, None, double(1.0), alias=10), seq=10)).why.endswith("of its device")
    assert air.send("NBIRTH", node_birth(seq=20)).frame is not None
    assert air.send("DBIRTH", device_birth(seq=21)).frame is not None
    assert values(air.send("DDATA", payload(metric(None, None, double(1.0), alias=10), seq=22))) == {"fill/level": 1.0}


def test_a_node_is_not_asked_all_the_time() -> None:
    """Once in ten seconds at the most, however much it sends; a clock that is set back does not stop it."""
    air = Air()
    asked = [air.send("NDATA", payload(seq=1), after_ms=after).request for after in (0, 1, 9_998, 1, 5_000, 5_000)]
    assert [each is not None for each in asked] == [True, False, False, True, False, True]
    assert air.send("NDATA", payload(seq=1), after_ms=-100_000).request is not None


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("DDATA", payload(metric(None, None, double(1.0), alias=99), seq=2), "alias 99 is of no metric"),
        ("NDATA", payload(metric(None, None, double(1.0), alias=10), seq=2), "alias 10 is of no metric"),
        ("DDATA", payload(metric(None, None, double(1.0)), seq=2), "alias None"),
        ("DDATA", payload(metric("new", 10, double(1.0)), seq=2), "'new' was not born"),
        ("DBIRTH", device_birth(2, metric("x", 10, double(1.0), alias=1)), "alias 1 twice"),
        ("DBIRTH", device_birth(2, metric("low", 10, double(1.0))), "'low' twice"),
        ("DBIRTH", payload(metric(None, 10, double(1.0), alias=3), seq=2), "no name"),
        ("NBIRTH", part(1, VARINT, varint(9)) + bd_seq(8), "without its seq"),
        ("DDATA", b"\xff", "not a Sparkplug B payload"),
        ("DDATA", part(1, VARINT, varint(9)), "seq None came"),
    ],
)
def test_what_is_not_known_is_asked_for(kind: str, body: bytes, why: str) -> None:
    """Each of these is a rebirth request, and the session is over."""
    air = Air().born()
    heard = air.send(kind, body)
    assert heard.frame is None
    assert why in heard.why
    assert heard.request is not None
    assert air.send("DDATA", payload(metric("low", 11, part(14, VARINT, b"\x01")), seq=3)).frame is None


def test_before_any_birth() -> None:
    """Data, and a device, of a node that nobody knows."""
    for kind, body in (("NDATA", payload(seq=1)), ("DBIRTH", device_birth()), ("DDEATH", payload(seq=1))):
        heard = Air().send(kind, body)
        assert (heard.frame, heard.why) == (None, "it came before the birth of its node")
        assert heard.request is not None


def test_a_stale_death() -> None:
    """The will of a connection that is over, told late: the node was born since, and lives."""
    air = Air().born()
    stale = air.send("NDEATH", death(6))
    assert (stale.frame, stale.gone, stale.request) == (None, (), None)
    assert stale.why == "a stale death: its bdSeq is 6, the birth's is 7"
    assert values(air.send("DDATA", payload(metric(None, None, double(2.0), alias=10), seq=2))) == {"fill/level": 2.0}
    real = air.send("NDEATH", death(7))
    assert real.gone == ("tank", None)
    assert air.send("DDATA", payload(metric(None, None, double(2.0), alias=10), seq=3)).frame is None


def test_a_death_that_does_not_say_whose_it_is() -> None:
    """Nothing of the node is believed, and it is asked whether it lives."""
    heard = Air().born().send("NDEATH", part(1, VARINT, varint(9)))
    assert (heard.frame, heard.gone) == (None, ())
    assert heard.request is not None


def test_a_device_dies_alone() -> None:
    """Its aliases are forgotten; the node lives on."""
    air = Air().born()
    assert air.send("DDEATH", payload(seq=2)).gone == ("tank",)
    assert values(air.send("NDATA", payload(metric(None, None, whole(6), alias=1), seq=3))) == {"uptime": 6}
    assert air.send("DDATA", payload(metric(None, None, double(2.0), alias=10), seq=4)).frame is None


def test_a_rebirth_forgets_what_was_known() -> None:
    """The devices are away until each is born again, and an alias may mean something else."""
    air = Air().born()
    assert air.send("NBIRTH", node_birth(2, 7, metric("other", 10, double(0.5), alias=10))).gone == ("tank",)
    assert values(air.send("NDATA", payload(metric(None, None, double(9.0), alias=10), seq=3))) == {"other": 9.0}


def test_null_and_historical() -> None:
    """Null has no value; what was true once is left out, also where it is all there is."""
    air = Air().born()
    assert values(air.send("DDATA", payload(metric(None, None, alias=10, is_null=1), seq=2))) == {"fill/level": None}
    old = metric(None, None, double(1.0), alias=10, is_historical=1)
    assert values(air.send("DDATA", payload(old, seq=3))) == {}
    both = payload(old, metric(None, None, double(3.0), alias=10), seq=4)
    assert values(air.send("DDATA", both)) == {"fill/level": 3.0}


def test_another_type_than_was_born_has_no_value() -> None:
    """Which of the two is right is not known; the name stays."""
    air = Air().born()
    assert values(air.send("DDATA", payload(metric("fill/level", 3, whole(5)), seq=2))) == {"fill/level": None}


def test_a_metric_twice_is_refused_and_the_session_stands() -> None:
    """By name and by alias, it is the same metric."""
    air = Air().born()
    twice = payload(metric(None, None, double(1.0), alias=10), metric("fill/level", None, double(2.0)), seq=2)
    heard = air.send("DDATA", twice)
    assert (heard.frame, heard.why, heard.request) == (None, "a metric stands twice", None)
    assert values(air.send("DDATA", payload(metric(None, None, double(2.0), alias=10), seq=3))) == {"fill/level": 2.0}


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("spBv1.0/g/NBIRTH/n", (Sender("g", "n", None), "NBIRTH")),
        ("spBv1.0/g/DDATA/n/d", (Sender("g", "n", "d"), "DDATA")),
        ("spBv1.0/g/DDATA/n", None),
        ("spBv1.0/g/NDATA/n/d", None),
        ("spBv1.0/g/NCMD/n", None),
        ("spBv1.0/STATE/host", None),
        ("spAv1.0/g/NDATA/n", None),
        ("spBv1.0//NDATA/n", None),
        ("spBv1.0/g/NDATA/n/d/e", None),
        ("", None),
    ],
)
def test_topics(text: str, sender: object) -> None:
    """Who sent it and what it is; anything else is none of an edge node's."""
    assert sender_of(text) == sender


def test_what_was_named_can_be_written_and_read_again() -> None:
    """A named frame is a payload that needs no birth any more."""
    air = Air().born()
    body = payload(metric(None, None, double(40.0), alias=10), metric("low", None, part(14, VARINT, b"\x01")), seq=2)
    frame = air.send("DDATA", body).frame
    assert frame is not None
    assert read_frame(write_frame(frame)) == frame


def test_invented_nodes_keep_no_real_one_out() -> None:
    """Where there is no room, one that is away makes it; the born ones stay."""
    host = SparkplugHost()
    assert host.take(topic("NBIRTH"), node_birth(), at_ms=0) is not None
    for number in range(600):
        assert host.take(f"spBv1.0/home/NDATA/x{number}", payload(seq=1), at_ms=0) is not None
    told = host.take(topic("NDATA"), payload(metric(None, None, whole(6), alias=1), seq=1), at_ms=0)
    assert told is not None
    assert values(told) == {"uptime": 6}


MESSAGES = st.tuples(
    st.sampled_from(["NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"]),
    st.one_of(
        st.binary(max_size=40),
        st.builds(payload, seq=st.integers(0, 255)),
        st.builds(node_birth, st.integers(0, 3), st.integers(0, 2)),
        st.builds(device_birth, st.integers(0, 3)),
        st.builds(death, st.integers(0, 2)),
        st.builds(
            lambda name, alias, kind, seq: payload(metric(name, kind, double(1.5), alias=alias), seq=seq),
            st.sampled_from([None, "low", "fill/level", "x"]),
            st.integers(0, 11),
            st.sampled_from([None, 3, 10]),
            st.integers(0, 3),
        ),
    ),
)


@given(messages=st.lists(MESSAGES, max_size=12))
def test_any_messages(messages: list[tuple[str, bytes]]) -> None:
    """It never raises; what it believes is named, typed by a birth and in order; what it does not has a reason."""
    session, sender = SparkplugSession(rebirth_every_ms=0), Sender(GROUP, NODE, None)
    born = False
    for kind, body in messages:
        who = Sender(GROUP, NODE, DEVICE if kind.startswith("D") else None)
        heard = session.take(who, kind, body, at_ms=0)  # type: ignore[arg-type]
        born = born or (kind == "NBIRTH" and heard.frame is not None)
        if heard.frame is None:
            assert heard.why
        else:
            assert born or kind == "NDEATH"
            assert kind in {"NDEATH", "DDEATH"} or all(
                each.name and not each.is_historical for each in heard.frame.metrics
            )
    assert sender.edge == "home/cellar"


@given(body=st.binary(max_size=60).map(lambda raw: part(2, LENGTH, raw)))
def test_a_frame_that_is_read_is_written_as_it_was_meant(body: bytes) -> None:
    """Every value and mark of any payload that is read comes back."""
    from contextlib import suppress  # noqa: PLC0415

    from edge_agent.errors import DecodeError  # noqa: PLC0415

    with suppress(DecodeError):
        frame = read_frame(payload() + body)
        again = read_frame(write_frame(frame))
        assert [(each.name, each.alias, each.at_ms, each.datatype, each.is_null) for each in again.metrics] == [
            (each.name, each.alias, each.at_ms, each.datatype, each.is_null) for each in frame.metrics
        ]
        assert [repr(each.value) for each in again.metrics] == [repr(each.value) for each in frame.metrics]
