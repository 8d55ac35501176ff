"""One message and the profiles in, one record out: readings, a birth, a presence, or the reason why it is kept apart.

Rules of this file, in their order:
- what is too large is not looked at;
- a retained copy is never fresh evidence: only births and presence may be retained;
- a Restock-native message must say in the payload which device the topic says;
- a device without a birth is asked for one, never guessed;
- of a message that may say where somebody goes nothing is kept but what a signal that may be kept is read from;
- a time outside the window around the hub's own is refused, and what the profile refuses is refused as a whole.

Not here: whether a message was seen before (the store knows that).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from edge_agent.core.decoding.foreign import ForeignDevices
from edge_agent.core.decoding.parting import parted, public_part
from edge_agent.core.decoding.payload import Tree, TreeLimits, parse_json
from edge_agent.core.decoding.raw import digest_of, refuse_retained, size_of, unknown_device, without_payload
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    PresenceChange,
    Quarantined,
    QuarantineReason,
    RawMessage,
)
from edge_agent.core.profile import NativeValue
from edge_agent.core.registry import Ready, Registry
from edge_agent.core.topics import DEVICE_ID
from edge_agent.errors import DecodeError

SEQ_MAX = 2**53

_Device = Annotated[str, StringConstraints(pattern=DEVICE_ID)]
_Boot = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
_Instant = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]{1,6})?Z$")]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
_Word = Annotated[str, StringConstraints(max_length=120)]

Outcome = Decoded | Birth | PresenceChange | Quarantined


@dataclass(frozen=True, slots=True)
class Limits:
    """What a message may be. `clock_skew_max_s` is to either side; a quarantined payload is cut to the last one."""

    payload_bytes_max: int = 65_536
    clock_skew_max_s: float = 86_400.0
    quarantine_bytes_max: int = 4_096
    tree: TreeLimits = field(default_factory=TreeLimits)


class _Envelope(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    device: _Device
    boot: _Boot


class _BirthEnvelope(_Envelope):
    profile: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]{1,64}$")]
    firmware: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    at: _Instant
    first_seq: Annotated[int, Field(ge=1, le=SEQ_MAX)] = 1


class _StateEnvelope(_Envelope):
    state: Literal["online", "offline"]


class _Value(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    value: bool | int | float | _Word
    unit: Annotated[str, StringConstraints(max_length=16)]


class _ReadingEnvelope(_Envelope):
    seq: Annotated[int, Field(ge=1, le=SEQ_MAX)]
    at: _Instant
    values: Annotated[dict[_Name, _Value], Field(min_length=1, max_length=64)]


_E = TypeVar("_E", bound=_Envelope)
_Window: TypeAlias = tuple[datetime, datetime]  # between which times a message came


class Decoder:
    """Decodes for one home. `birth_of` tells which profile a native device announced.

    What it understood of a foreign device says why signals have no value (`Decoded.untold`), for one device at most
    every `explains_every_s`; None for never.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        home: str,
        limits: Limits,
        birth_of: Callable[[DeviceId], Birth | None],
        explains_every_s: float | None = None,
    ) -> None:
        self._registry = registry
        self._home = home
        self._limits = limits
        self._birth_of = birth_of
        self._foreign = ForeignDevices(registry, explains_every_s=explains_every_s)

    def is_private(self, topic: str) -> bool:
        """Whether a message on this topic, understood or not, may hold what is never kept.

        A native reading whose profile nobody has told yet may: no more can be known of it.
        """
        levels = topic.split("/", 5)
        if levels[0] != "restock":
            return self._foreign.is_private(topic)
        if len(levels) != 5 or levels[4] != "reading":
            return False
        birth = self._birth_of(DeviceId(levels[3]))
        ready = None if birth is None else self._registry.native(birth.profile)
        return ready is None or bool(ready.in_passing)

    def decode(self, message: RawMessage, *, now: datetime, since: datetime | None = None) -> Outcome:
        """One message, understood or kept apart with the reason; never raises for what a device sends.

        It came `now`, or at some time between `since` and `now` where that is given.
        """
        native = message.topic.startswith("restock") and message.topic.partition("/")[0] == "restock"
        levels = message.topic.split("/", 5) if native else []
        device = DeviceId(levels[3]) if native and len(levels) == 5 and DEVICE_ID.fullmatch(levels[3]) else None
        try:
            if len(message.payload) > self._limits.payload_bytes_max or message.whole_bytes is not None:
                self._refuse_size(message)
            if not native:
                return self._foreign.understand(message, now=now)
            if device is None or levels[1:3] != ["v1", self._home]:
                raise unknown_device("not a topic of a device of this home")
            return self._native(message, device, kind=levels[4], window=(since or now, now))
        except DecodeError as exc:
            if not native and exc.reason == QuarantineReason.RETAINED:  # a person is to see that there is such a device
                device = self._foreign.whose(message)
            return self._apart(message, exc, device=device)

    def _refuse_size(self, message: RawMessage) -> None:
        size = size_of(message)
        if size > self._limits.payload_bytes_max:
            raise DecodeError(QuarantineReason.TOO_LARGE, f"{size} bytes; {self._limits.payload_bytes_max} are allowed")

    def _native(self, message: RawMessage, device: DeviceId, *, kind: str, window: _Window) -> Outcome:
        match kind:
            case "birth":
                birth = self._envelope(_BirthEnvelope, message, device=device)
                return Birth(
                    device, birth.profile, birth.firmware, birth.boot, message.received_at, first_seq=birth.first_seq
                )
            case "state":
                state = self._envelope(_StateEnvelope, message, device=device)
                return PresenceChange(device, state.state == "online", message.received_at)
            case "reading":
                return self._reading(message, device, window=window)
            case _:
                raise _malformed("not a topic on which devices publish")

    def _reading(self, message: RawMessage, device: DeviceId, *, window: _Window) -> Decoded | Quarantined:
        refuse_retained(message)
        tree = parse_json(message.payload, self._limits.tree)
        envelope = _checked(_ReadingEnvelope, tree, device=device)
        ready = self._profile_of(device)
        try:
            event_at = self._event_time(envelope.at, window=window)
            _check_values(envelope, ready.profile.match.native or {})
            told = ready.read(tree, window[1])
        except DecodeError as exc:
            # The envelope is sound, so this seq is accounted for: the device need not send it for ever.
            strange = self._apart(message, exc, device=device, boot=envelope.boot, seq=envelope.seq)
            if not ready.in_passing:
                return strange
            public = public_part(tree, ready.profile)
            return replace(strange, payload=public, digest=hashlib.sha256(public).hexdigest())
        decoded = Decoded(
            device=device,
            profile=ready.profile.profile,
            topic=message.topic,
            boot=envelope.boot,
            seq=envelope.seq,
            digest=digest_of(message),
            event_at=event_at,
            received_at=message.received_at,
            duplicate=message.duplicate,
            readings=told.readings,
        )
        if not ready.in_passing:
            return decoded
        digest = hashlib.sha256(public_part(tree, ready.profile)).hexdigest()
        return parted(decoded, ready.in_passing)._replace(digest=digest)

    def _envelope(self, model: type[_E], message: RawMessage, *, device: DeviceId) -> _E:
        return _checked(model, parse_json(message.payload, self._limits.tree), device=device)

    def _profile_of(self, device: DeviceId) -> Ready:
        birth = self._birth_of(device)
        if birth is None:
            raise unknown_device("no birth certificate yet")
        ready = self._registry.native(birth.profile)
        if ready is None:
            raise unknown_device(f"its birth names the profile {birth.profile!r}, which is not loaded")
        return ready

    def _event_time(self, text: str, *, window: _Window) -> datetime:
        try:
            at = datetime.fromisoformat(text).astimezone(UTC)
        except ValueError as exc:
            raise _malformed(f"at: {exc}") from exc
        too_early_s, too_late_s = (window[0] - at).total_seconds(), (at - window[1]).total_seconds()
        if max(too_early_s, too_late_s) > self._limits.clock_skew_max_s:
            raise DecodeError(QuarantineReason.WRONG_TIME, f"{text} is too far from the hub's own time")
        return at

    def _apart(
        self,
        message: RawMessage,
        error: DecodeError,
        *,
        device: DeviceId | None,
        boot: str | None = None,
        seq: int | None = None,
    ) -> Quarantined:
        strange = Quarantined(
            topic=message.topic,
            device=device,
            reason=QuarantineReason(error.reason),
            detail=error.detail,
            payload=message.payload[: self._limits.quarantine_bytes_max],
            size_bytes=size_of(message),
            digest=digest_of(message),
            received_at=message.received_at,
            duplicate=message.duplicate or message.retained,  # a retained copy comes again at every start
            boot=boot,
            seq=seq,
        )
        return without_payload(strange) if self.is_private(message.topic) else strange


def native_filters(home: str) -> tuple[str, ...]:
    """MQTT subscriptions for the Restock-native devices of a home; births first."""
    return tuple(f"restock/v1/{home}/+/{kind}" for kind in ("birth", "state", "reading"))


def _checked(model: type[_E], tree: Tree, *, device: DeviceId) -> _E:
    try:
        envelope = model.model_validate(tree)
    except ValidationError as exc:
        raise _malformed(_first_error(exc)) from exc
    if envelope.device != device:
        raise DecodeError(QuarantineReason.DEVICE_MISMATCH, f"topic says {device!r}, payload {envelope.device!r}")
    return envelope


def _check_values(envelope: _ReadingEnvelope, declared: dict[str, NativeValue]) -> None:
    for name, measured in envelope.values.items():
        known = declared.get(name)
        if known is None:
            raise _malformed(f"values.{name}: the profile has no such value")
        if _type_of(measured.value) != known.type:
            raise _malformed(f"values.{name}: a {known.type} is needed")
        if measured.unit != known.unit:
            raise DecodeError(QuarantineReason.WRONG_UNIT, f"values.{name}: {measured.unit!r} for {known.unit!r}")


def _type_of(value: bool | float | str) -> str:  # noqa: FBT001 - one of the three types of a value
    if isinstance(value, bool):
        return "flag"
    return "text" if isinstance(value, str) else "number"


def _malformed(detail: str) -> DecodeError:
    return DecodeError(QuarantineReason.MALFORMED, detail)


def _first_error(exc: ValidationError) -> str:
    """Where and what; not the value, which may be private."""
    first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:40] for part in first["loc"][:4]) or "payload"
    return f"{where}: {first['msg']}"
