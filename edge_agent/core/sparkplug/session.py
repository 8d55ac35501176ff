"""What a host must know of each Sparkplug edge node to believe its messages: births, aliases, order, and deaths.

Rules of this file, none of which guesses:
- names and types come from births; a message before its birth, or with an alias that no birth gave, is not read, and a
  rebirth is asked for;
- every message of a node counts on by one, modulo 256, from its birth; where one is missing, nothing of the node is
  read until it is born again, since what was missed may have changed what an alias means;
- a death is that of the birth with the same `bdSeq`, and stale otherwise;
- what is historical was true once: it is left out; what is null has no value.

Time is an argument, in milliseconds since 1970. Not here: subscribing, sending, and the order of messages in the air.

Source: Eclipse Sparkplug 3.0: chapters 5 (sessions, sequence numbers, deaths), 6 (payloads, rebirth).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edge_agent.core.formats.sparkplug import Frame, Metric, read_frame, write_frame
from edge_agent.core.messages import QuarantineReason
from edge_agent.core.sparkplug.topics import NAMESPACE, Kind, RebirthRequest, Sender, sender_of
from edge_agent.core.token_bucket import TokenBucket
from edge_agent.errors import DecodeError

REBIRTH = "Node Control/Rebirth"
BD_SEQ = "bdSeq"
_BOOLEAN = 11
_SEQ_COUNT = 256
_BYTES_MAX = 1_048_576  # of one message: a birth names every metric of a node
_METRICS_MAX = 5_000  # of one node with its devices
_DEVICES_MAX = 500  # of one node
_NODES_MAX = 500
_METRICS_OF_ALL_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a message.

    `frame` has its metrics named and typed, without historical ones; it is None where nothing may be believed, and
    `why` and `reason` say for what cause. `request` is to be published. `gone` are the devices that are away from now
    on; None among them is the node itself.
    """

    sender: Sender
    kind: Kind
    frame: Frame | None
    why: str = ""
    request: RebirthRequest | None = None
    gone: tuple[str | None, ...] = ()
    reason: QuarantineReason = QuarantineReason.UNKNOWN_DEVICE


@dataclass(frozen=True, slots=True)
class _Meaning:
    device: str | None
    name: str
    datatype: int


class _LostError(Exception):
    """The session cannot be trusted any more; its text says why."""


class _RefusedError(Exception):
    """This one message is not read; its text says why. The session stands."""


class SparkplugSession:
    """One edge node, from its birth to its death.

    `rebirth_every_ms` is how often it is asked at the most, and `requests` bounds how often any node is; None: nothing.
    """

    def __init__(self, *, rebirth_every_ms: int = 10_000, requests: TokenBucket | None = None) -> None:
        self._every_ms = rebirth_every_ms
        self._requests = requests
        self._next_seq: int | None = None  # None: not born, or lost
        self._bd_seq: int | None = None
        self._devices: set[str] = set()
        self._named: dict[tuple[str | None, str], int] = {}
        self._aliases: dict[int, _Meaning] = {}
        self._asked_at_ms: int | None = None
        self._metrics_max = _METRICS_MAX

    @property
    def is_online(self) -> bool:
        """Whether the node is born and nothing of it was missed."""
        return self._next_seq is not None

    @property
    def metrics(self) -> int:
        """How many are known, of the node and its devices."""
        return len(self._named)

    def take(
        self,
        sender: Sender,
        kind: Kind,
        payload: bytes,
        *,
        at_ms: int,
        is_whole: bool = True,
        metrics_max: int = _METRICS_MAX,
    ) -> Heard:
        """One message in; of one that is not whole, nothing is read. Never raises."""
        self._metrics_max = min(metrics_max, _METRICS_MAX)
        try:
            frame = _whole_frame(payload, is_whole=is_whole)
            match kind:
                case "NBIRTH":
                    gone: tuple[str | None, ...] = tuple(sorted(self._devices))
                    return Heard(sender, kind, self._born(frame), gone=gone)
                case "NDEATH":
                    return self._node_death(sender, frame)
                case _:
                    return self._counted(sender, kind, frame)
        except DecodeError as exc:
            heard = Heard(sender, kind, None, exc.detail, reason=QuarantineReason(exc.reason))
            return heard if kind == "NDEATH" else self._lost(heard, at_ms)
        except _RefusedError as exc:
            return Heard(sender, kind, None, str(exc), reason=QuarantineReason.MALFORMED)
        except _LostError as exc:
            return self._lost(Heard(sender, kind, None, str(exc)), at_ms)

    def _lost(self, heard: Heard, at_ms: int) -> Heard:
        self._next_seq = None
        return replace(heard, request=self._request(heard.sender, at_ms))

    def _request(self, sender: Sender, at_ms: int) -> RebirthRequest | None:
        asked = self._asked_at_ms
        if asked is not None and 0 <= at_ms - asked < self._every_ms:
            return None
        if self._requests is not None and not self._requests.take(at_ms=at_ms):
            return None  # not noted as asked: the next message of this node tries again
        self._asked_at_ms = at_ms
        return rebirth_request(sender, at_ms=at_ms)

    def _born(self, frame: Frame) -> Frame:
        """Everything that was known before is forgotten: the devices are to be born again too."""
        self._next_seq, self._bd_seq = None, _bd_seq(frame)
        self._devices, self._named, self._aliases = set(), {}, {}
        if frame.seq is None:
            raise _LostError("a birth without its seq")
        self._learn(None, frame)
        self._next_seq = (frame.seq + 1) % _SEQ_COUNT
        return self._resolved(None, frame)

    def _node_death(self, sender: Sender, frame: Frame) -> Heard:
        told = _bd_seq(frame)
        if told is not None and self._bd_seq is not None and told != self._bd_seq:
            raise _RefusedError(f"a stale death: its bdSeq is {told}, the birth's is {self._bd_seq}")
        if told is None or (self._bd_seq is None and self.is_online):
            raise _LostError("a death that does not say which birth it ends")
        gone: tuple[str | None, ...] = (*sorted(self._devices), None)
        self._next_seq, self._devices, self._named, self._aliases = None, set(), {}, {}
        return Heard(sender, "NDEATH", frame, gone=gone)

    def _counted(self, sender: Sender, kind: Kind, frame: Frame) -> Heard:
        if self._next_seq is None:
            raise _LostError("it came before the birth of its node")
        if frame.seq != self._next_seq:
            raise _LostError(f"seq {frame.seq} came, {self._next_seq} was to come: a message was missed")
        self._next_seq = (frame.seq + 1) % _SEQ_COUNT
        device = sender.device
        if kind == "DBIRTH" and device is not None:
            self._forget(device)
            self._learn(device, frame)
            self._devices.add(device)
            if len(self._devices) > _DEVICES_MAX:
                raise _LostError(f"more than {_DEVICES_MAX} devices")
        elif device is not None and device not in self._devices:
            raise _LostError("it came before the birth of its device")
        if kind == "DDEATH" and device is not None:
            self._forget(device)
            self._devices.discard(device)
            return Heard(sender, kind, frame, gone=(device,))
        return Heard(sender, kind, self._resolved(device, frame))

    def _forget(self, device: str) -> None:
        self._named = {key: each for key, each in self._named.items() if key[0] != device}
        self._aliases = {alias: each for alias, each in self._aliases.items() if each.device != device}

    def _learn(self, device: str | None, frame: Frame) -> None:
        """Names and types of a birth. An alias is one metric's in the whole node."""
        if len(self._named) + len(frame.metrics) > self._metrics_max:
            raise _LostError(f"more than {self._metrics_max} metrics")
        for metric in frame.metrics:
            if metric.name is None:
                raise _LostError("a birth with a metric that has no name")
            if metric.is_historical:
                continue
            if (device, metric.name) in self._named:
                raise _LostError(f"a birth names {metric.name!r} twice")
            self._named[device, metric.name] = metric.datatype
            if metric.alias is not None:
                if metric.alias in self._aliases:
                    raise _LostError(f"a birth gives the alias {metric.alias} twice")
                self._aliases[metric.alias] = _Meaning(device, metric.name, metric.datatype)

    def _resolved(self, device: str | None, frame: Frame) -> Frame:
        metrics = [self._named_metric(device, each) for each in frame.metrics if not each.is_historical]
        names = [each.name for each in metrics]
        if len(set(names)) != len(names):
            raise _RefusedError("a metric stands twice")
        return replace(frame, metrics=tuple(metrics))

    def _named_metric(self, device: str | None, metric: Metric) -> Metric:
        name = metric.name
        if name is None:
            meaning = None if metric.alias is None else self._aliases.get(metric.alias)
            if meaning is None or meaning.device != device:
                raise _LostError(f"the alias {metric.alias} is of no metric that was born")
            name = meaning.name
        born = self._named.get((device, name))
        if born is None:
            raise _LostError(f"{name!r} was not born")
        if metric.datatype and born and metric.datatype != born:
            return replace(metric, name=name, datatype=born, is_null=True, raw=None)  # which one is right is not known
        return replace(metric, name=name, datatype=born or metric.datatype)


@dataclass(slots=True)
class SparkplugHost:
    """Every edge node that was heard of, each with its session."""

    rebirth_every_ms: int = 10_000
    requests: TokenBucket | None = None
    _sessions: dict[str, SparkplugSession] = field(default_factory=dict)

    def take(self, topic: str, payload: bytes, *, at_ms: int, is_whole: bool = True) -> Heard | None:
        """One message in; None for a topic that is none of an edge node, and for one node too many.

        A node that was never born, or is away, makes room: names that somebody invents keep no real node out.
        """
        found = sender_of(topic)
        if found is None:
            return None
        sender, kind = found
        if sender.edge not in self._sessions:
            if len(self._sessions) >= _NODES_MAX and not self._make_room():
                return None
            self._sessions[sender.edge] = SparkplugSession(
                rebirth_every_ms=self.rebirth_every_ms, requests=self.requests
            )
        session = self._sessions[sender.edge]
        room = self._room_for(session) if kind in {"NBIRTH", "DBIRTH"} else _METRICS_MAX
        return session.take(sender, kind, payload, at_ms=at_ms, is_whole=is_whole, metrics_max=room)

    def _room_for(self, session: SparkplugSession) -> int:
        """How many metrics it may have where all nodes together have a limit."""
        others = sum(each.metrics for each in self._sessions.values()) - session.metrics
        return max(_METRICS_OF_ALL_MAX - others, 0)

    def _make_room(self) -> bool:
        away = next((edge for edge, session in self._sessions.items() if not session.is_online), None)
        if away is not None:
            del self._sessions[away]
        return away is not None


def rebirth_request(sender: Sender, *, at_ms: int) -> RebirthRequest:
    """The command by which a host asks a node for its births."""
    wish = Metric(
        REBIRTH, None, max(at_ms, 0), _BOOLEAN, is_historical=False, is_transient=False, is_null=False, raw=True
    )
    topic = f"{NAMESPACE}/{sender.group}/NCMD/{sender.node}"
    return RebirthRequest(topic, write_frame(Frame(wish.at_ms, None, (wish,))))


def _whole_frame(payload: bytes, *, is_whole: bool) -> Frame:
    if not is_whole or len(payload) > _BYTES_MAX:
        raise DecodeError(QuarantineReason.TOO_LARGE, "larger than the hub takes, so it was not read")
    return read_frame(payload)


def _bd_seq(frame: Frame) -> int | None:
    found = [each.value for each in frame.metrics if each.name == BD_SEQ]
    (told,) = found if len(found) == 1 else (None,)
    return told if isinstance(told, int) and not isinstance(told, bool) else None
