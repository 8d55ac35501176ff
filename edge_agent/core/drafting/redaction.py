"""What a sample payload says of people and places, taken out before it becomes part of a file that others may read.

By the name of a place (a token, a position, a serial number) and by the form of a value (an e-mail address, a MAC, a
VIN). A replacement has the type of what it replaces. Times are moved to the instant at which samples are checked, so
that they stay fresh. A key that is itself such a value is renamed. Too much is taken rather than too little.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge_agent.core.decoding.payload import Tree

REDACTED = "REDACTED"
# Samples are checked at 2026-01-01T12:00:00Z; a minute before it nothing is stale.
_AT: Mapping[str, str | int] = MappingProxyType(
    {"rfc3339": "2026-01-01T11:59:00Z", "epoch_s": 1_767_268_740, "epoch_ms": 1_767_268_740_000}
)
_KEY_MAX = 100
_TEXT_MAX = 200


def word_set(text: str) -> frozenset[str]:
    """The words of a text, each once."""
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_SECRET = word_set(
    "token secret password passwd passphrase pwd pass psk pin auth authorization credential credentials cookie session "
    "key apikey jwt bearer signature nonce hash otp pairing "
    "mail email user username userid account owner person firstname lastname surname nickname phone mobile address "
    "street city zip postcode birthday vin plate licence license "
    "lat latitude lon lng long longitude loc gps geo coordinates coordinate coords location position altitude heading "
    "serial sn serialnumber mac bssid ssid wifi wlan ip ipaddress hostname host imei imsi iccid msisdn eid uuid guid "
    "uid url uri endpoint"
)
_NUMBERED = word_set("id device client node user account home house family customer installation")
_KEPT = frozenset({"remaining", "level", "percent", "pct", "state", "status", "count", "type", "model"})
_FORMS = tuple(
    re.compile(form)
    for form in (
        r"[^@\s]{1,64}@[^@\s]{1,190}\.[A-Za-z]{2,}",  # e-mail
        r"\b([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b",  # MAC
        r"\b[A-HJ-NPR-Z0-9]{17}\b",  # VIN
        r"[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}",  # UUID
        r"eyJ[A-Za-z0-9_-]{8,}",  # JWT
        r"\b(\d{1,3}\.){3}\d{1,3}\b",  # IPv4
        r"\b([0-9A-Fa-f]{1,4}:){3,7}[0-9A-Fa-f]{1,4}\b",  # IPv6
        r"[a-z][a-z0-9+.-]{1,15}://",  # an address of any kind
        r"-?\d{1,3}\.\d{3,}\s*[,; ]\s*-?\d{1,3}\.\d{3,}",  # a position
        r"\+\d[\d ()/-]{7,}\d",  # a telephone number
        r"\b(?=[0-9A-Za-z_+/=-]*\d)(?=[0-9A-Za-z_+/=-]*[A-Za-z])[0-9A-Za-z_+/=-]{16,}\b",  # a key, a digest
        r"\b(?=[0-9A-Z-]*\d)(?=[0-9A-Z-]*[A-Z])[0-9A-Z-]{9,}\b",  # a serial number
        r"\d{9,}",
    )
)
_PACKED = (
    re.compile(r"([0-9A-Fa-f]{2} ?){4,}"),
    re.compile(r"(?=[^+/=]*[A-Z])(?=[^+/=]*[a-z])([A-Za-z0-9+/]{4}){2,}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)")
_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?")
_TIME_WORDS = word_set("time timestamp ts date datetime updated update seen at epoch measured reported since")


@dataclass(frozen=True, slots=True)
class Redaction:
    """A sample without what is private; `places` are the pointers of what was replaced, `times` those of times.

    `packed` are those of `places` whose text could as well be numbers in bytes: long hex or base64, and no name that
    says a secret.
    """

    tree: Tree
    places: tuple[str, ...]
    times: dict[str, str]
    packed: tuple[str, ...] = ()


def words_of(name: str) -> tuple[str, ...]:
    """`filterLife_pct` as (filter, life, pct)."""
    return tuple(word.lower() for word in _WORD.findall(name))


def pointer(steps: tuple[str, ...]) -> str:
    """The steps as a JSON Pointer."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def redacted(tree: Tree) -> Redaction:
    """The sample as it may be kept."""
    worker = _Worker()
    clean = worker.clean(tree, (), is_secret=False)
    return Redaction(clean, tuple(worker.places), worker.times, tuple(worker.packed))


def time_form(name: str, value: Tree) -> str | None:
    """`rfc3339`, `epoch_s` or `epoch_ms` where the name and the value both speak of a time; None otherwise."""
    if isinstance(value, str):
        return "rfc3339" if _RFC3339.fullmatch(value) else None
    if type(value) not in {int, float} or not _TIME_WORDS.intersection(words_of(name)):
        return None
    number = float(value)  # type: ignore[arg-type]
    if 1e9 <= number < 4e9:
        return "epoch_s"
    return "epoch_ms" if 1e12 <= number < 4e12 else None


def looks_packed(text: str) -> bool:
    """Whether a text could be bytes in hex or base64; so could many a key."""
    return any(form.fullmatch(text) for form in _PACKED)


def is_private_text(text: str) -> bool:
    """Whether a text has the form of something that names a person, a place or one device.

    A long one is taken for private unseen: it is no state and no word, and searching it could take for ever.
    """
    return len(text) > _TEXT_MAX or any(form.search(text) for form in _FORMS)


def is_private_name(name: str) -> bool:
    """Whether what stands under this name is private, whatever it is."""
    words = words_of(name)
    joined = "".join(words)
    if joined in _SECRET or _SECRET.intersection(words):
        return not _KEPT.intersection(words)
    return words == ("id",) or (words[-1:] == ("id",) and bool(_NUMBERED.intersection(words)))


class _Worker:
    def __init__(self) -> None:
        self.places: list[str] = []
        self.packed: list[str] = []
        self.times: dict[str, str] = {}
        self._keys = 0

    def clean(self, tree: Tree, steps: tuple[str, ...], *, is_secret: bool) -> Tree:
        """The tree below `steps`."""
        if isinstance(tree, dict):
            return self._members(tree, steps, is_secret=is_secret)
        if isinstance(tree, list):
            is_secret = is_secret or _is_position(tree)
            return [self.clean(each, (*steps, str(at)), is_secret=is_secret) for at, each in enumerate(tree)]
        return self._leaf(tree, steps, is_secret=is_secret)

    def _members(self, tree: dict[str, Tree], steps: tuple[str, ...], *, is_secret: bool) -> Tree:
        members: dict[str, Tree] = {}
        for key, value in tree.items():
            name, hidden = self._name(key, taken=tree), is_secret or is_private_name(key)
            if name != key:
                self.places.append(pointer((*steps, name)))
            members[name] = self.clean(value, (*steps, name), is_secret=hidden)
        return members

    def _name(self, key: str, *, taken: dict[str, Tree]) -> str:
        if len(key) <= _KEY_MAX and not is_private_text(key):
            return key
        while (name := f"redacted_{self._keys}") in taken:
            self._keys += 1
        self._keys += 1
        return name

    def _leaf(self, value: Tree, steps: tuple[str, ...], *, is_secret: bool) -> Tree:
        if value is None or isinstance(value, bool):
            return value
        form = None if is_secret else time_form(steps[-1] if steps else "", value)
        if form is not None:
            self.times[pointer(steps)] = form
            return _AT[form]
        if is_secret or _is_private(value):
            self.places.append(pointer(steps))
            if isinstance(value, str) and not is_secret and looks_packed(value):
                self.packed.append(pointer(steps))
            return REDACTED if isinstance(value, str) else 0 if isinstance(value, int) else 0.0
        return value


def _is_position(values: list[Tree]) -> bool:
    """Two numbers with decimals that could be a latitude and a longitude."""
    numbers = [
        each for each in values if isinstance(each, float) and abs(each) <= 180 and not (each * 100).is_integer()
    ]
    return len(values) in {2, 3} and len(numbers) >= 2


def _is_private(value: Tree) -> bool:
    if isinstance(value, str):
        return _LOCAL_TIME.fullmatch(value) is None and is_private_text(value)
    return isinstance(value, int) and abs(value) >= 10**9
