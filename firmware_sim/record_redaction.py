"""What is private is taken out of a message before it is written down: by key, place, topic level and pattern. Pure.

The same value gets the same placeholder all through a recording (`redacted-serial-1`), so that what belonged together
still does; a number becomes null, since a number in its place could be taken for a reading. A value that was found
once by its key is looked for everywhere, also in what was written before it was known (`again`).

What cannot be searched is not let through: payloads that are no text, and JSON that is broken or has a key twice.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from firmware_sim.record_format import RecordingError

_KINDS_BY_WORD = {
    "token": "token password passwd pwd passphrase secret cookie authorization bearer credential apikey psk signature",
    "mail": "email mail",
    "vin": "vin licenseplate licenceplate registration",
    "serial": "serial serialno serialnumber sn duid did imei imsi iccid udid uuid guid meid",
    "place": "latitude longitude lat lon lng gps location coordinate coordinates street city zip postcode "
    "address geofence altitude destination",
    "person": "username userid owner firstname lastname fullname surname phone telephone mobile birthday",
    "network": "ssid bssid mac macaddress ip ipaddress ipv4 ipv6 hostname",
}
_KEY_KINDS = {word: kind for kind, words in _KINDS_BY_WORD.items() for word in words.split()}
_PAIRS = {
    **dict.fromkeys(("api key", "access key", "private key", "client id", "session id"), "token"),
    **dict.fromkeys(("license plate", "licence plate", "number plate"), "vin"),
    **dict.fromkeys(("first name", "last name", "full name", "user name", "user id", "account id"), "person"),
}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PATTERNS = (
    ("mail", re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")),
    ("token", re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?")),
    ("token", re.compile(r"(?i:bearer|basic) [A-Za-z0-9._~+/=-]{8,}")),
    ("token", re.compile(r"(?<![A-Za-z0-9])(?=\d*[a-f])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})(?![A-Za-z0-9])")),
    ("serial", re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Fa-f])")),
    ("network", re.compile(r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:])")),
    ("network", re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")),
    ("vin", re.compile(r"(?<![A-Za-z0-9])(?=[A-HJ-NPR-Z]*\d)(?=\d*[A-HJ-NPR-Z])[A-HJ-NPR-Z0-9]{17}(?![A-Za-z0-9])")),
    ("place", re.compile(r"-?\d{1,3}\.\d{4,}\s{0,3}[,;/ ]\s{0,3}-?\d{1,3}\.\d{4,}")),
)
_TOPICS = (
    "device/{redact}/report",
    "device/{redact}/request",
    "+/{redact}/status/current",
    "+/{redact}/command",
    "ovms/{redact}/{redact}/#",
)
_NO_SECRETS = frozenset({"timestamp", "time", "date", "unit", "units"})
_LEARNED_MIN = 6  # shorter ones stand in too much else
_LEARNED_MAX = 20_000
_EMBEDDED_MAX = 4
_FILE_BYTES_MAX = 262_144


class UnreadableError(Exception):
    """A payload that cannot be searched for what is private."""


def _compiles(text: str) -> str:
    try:
        re.compile(text)
    except re.error as exc:
        raise ValueError(f"not a regular expression: {exc}") from exc
    return text


_Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
_Pointer = Annotated[str, StringConstraints(pattern=r"^(/.*)+$", max_length=500)]
_Topic = Annotated[str, StringConstraints(pattern=r"^.*\{redact\}.*$", max_length=500)]


class Rules(BaseModel):
    """What to take out. `keys` are names of JSON members, `pointers` JSON Pointers, `patterns` regular expressions.

    `topics` are topic filters in which `{redact}` stands for the level that goes. `keep` are keys that the defaults
    would take and that stay.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    defaults: bool = True
    keys: Annotated[list[_Text], Field(max_length=1_000)] = []
    pointers: Annotated[list[_Pointer], Field(max_length=1_000)] = []
    topics: Annotated[list[_Topic], Field(max_length=1_000)] = []
    patterns: Annotated[list[Annotated[_Text, AfterValidator(_compiles)]], Field(max_length=200)] = []
    keep: Annotated[list[_Text], Field(max_length=1_000)] = []


def load_rules(path: Path) -> Rules:
    """Rules from a TOML file.

    Raises: RecordingError.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > _FILE_BYTES_MAX:
            raise RecordingError(f"{path}: larger than {_FILE_BYTES_MAX} bytes")
        return Rules.model_validate(tomllib.loads(text))
    except OSError as exc:
        raise RecordingError(f"{path}: cannot be read ({exc.strerror})") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise RecordingError(f"{path}: not valid TOML: {exc}") from exc
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise RecordingError(f"{path}: {field}: {first['msg']}") from exc


class Redactor:
    """Takes out what the rules name, and remembers what it took."""

    def __init__(self, rules: Rules) -> None:
        self._keys = {_folded(key) for key in rules.keys}
        self._keep = {_folded(key) for key in rules.keep}
        self._pointers = set(rules.pointers)
        self._defaults = rules.defaults
        own = tuple(("pattern", re.compile(each)) for each in rules.patterns)
        self._patterns = own + (_PATTERNS if rules.defaults else ())
        self._topics = tuple(each.split("/") for each in (*rules.topics, *(_TOPICS if rules.defaults else ())))
        self._placeholders: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._learned: re.Pattern[str] | None = None
        self._stale = False

    def message(self, topic: str, payload: bytes) -> tuple[str, bytes]:
        """Topic and payload without what is private; the same bytes where there was nothing.

        Raises: UnreadableError for a payload that cannot be searched; RecordingError when there is too much to hide.
        """
        text = _text_of(payload)
        kind = self._kind(topic.rpartition("/")[2])
        tree = _tree_of(text)
        if tree is None:
            said = self._placeholder(kind, text) if kind and text.strip() else self._in_text(text)
        else:
            found = self._blank(tree, kind) if kind else self._walk(tree, "", 0)
            said = text if found == tree else _written(found)
        return self._in_topic(topic), said.encode() if said != text else payload

    def topic(self, topic: str) -> str:
        """A topic by itself."""
        return self._in_topic(topic)

    def again(self, topic: str, payload: bytes) -> tuple[str, bytes]:
        """A message that was redacted before, now that more is known."""
        if self._pattern() is None:
            return topic, payload
        try:
            text = _text_of(payload)
            tree = _tree_of(text)
        except UnreadableError:
            return self._known("/", topic), payload
        if tree is None:
            said = self._known("", text)
        else:
            found = self._replaced(tree)
            said = text if found == tree else _written(found)
        return self._known("/", topic), said.encode()

    # --- JSON ---

    def _walk(self, node: Any, at: str, depth: int) -> Any:  # noqa: ANN401 - any JSON
        """`at` is where we are, as a JSON Pointer; `depth` how many texts of JSON are around us."""
        if isinstance(node, dict):
            return {self._in_text(key): self._member(value, key, at, depth) for key, value in node.items()}
        if isinstance(node, list):
            return [self._member(each, str(number), at, depth) for number, each in enumerate(node)]
        return self._embedded(node, depth) if isinstance(node, str) else self._number(node)

    def _member(self, value: Any, key: str, at: str, depth: int) -> Any:  # noqa: ANN401
        here = f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
        kind = "pointer" if here in self._pointers else self._kind(key)
        return self._blank(value, kind) if kind else self._walk(value, here, depth)

    def _blank(self, node: Any, kind: str) -> Any:  # noqa: ANN401
        """Everything below goes, but for units and times of day; the shape stays."""
        if isinstance(node, dict):
            return {
                self._in_text(key): value if _last_word(key) in _NO_SECRETS else self._blank(value, kind)
                for key, value in node.items()
            }
        if isinstance(node, list):
            return [self._blank(each, kind) for each in node]
        if isinstance(node, str):
            return self._placeholder(kind, node) if node else node
        if isinstance(node, bool) or node is None:
            return node
        if isinstance(node, int) and kind != "place":  # a number that is a name; a measured one may be met anywhere
            self._placeholder(kind, str(node))
        return None

    def _embedded(self, text: str, depth: int) -> str:
        """A text, which may be JSON itself."""
        if text[:1] in {"{", "["} and depth < _EMBEDDED_MAX:
            try:
                tree = _tree_of(text)
            except UnreadableError:
                tree = None
            if tree is not None:
                found = self._walk(tree, "embedded:", depth + 1)  # no pointer leads in here
                return text if found == tree else _written(found)
        return self._in_text(text)

    def _number(self, node: Any) -> Any:  # noqa: ANN401
        return None if not isinstance(node, bool) and str(node) in self._placeholders and _is_long(str(node)) else node

    def _replaced(self, node: Any) -> Any:  # noqa: ANN401
        if isinstance(node, dict):
            return {self._known("", key): self._replaced(value) for key, value in node.items()}
        if isinstance(node, list):
            return [self._replaced(each) for each in node]
        return self._known("", node) if isinstance(node, str) else self._number(node)

    # --- texts ---

    def _kind(self, key: str) -> str | None:
        """What kind of private thing a name says it names."""
        folded = _folded(key)
        if folded in self._keys:
            return "key"
        if not self._defaults or folded in self._keep or len(key) > 200:
            return None
        words = _words(key)
        singles = [*words, folded, *(each.removesuffix("s") for each in words)]
        pairs = [f"{one} {two}" for one, two in pairwise(words)]
        return next((kind for each in singles if (kind := _KEY_KINDS.get(each))), None) or next(
            (kind for each in pairs if (kind := _PAIRS.get(each))), None
        )

    def _in_text(self, text: str) -> str:
        for kind, pattern in self._patterns:
            text = pattern.sub(partial(self._hidden, kind), text)
        return self._known("", text)

    def _in_topic(self, topic: str) -> str:
        levels = topic.split("/")
        for pattern in self._topics:
            if _fits(pattern, levels):
                for place, step in enumerate(pattern):
                    if step == "{redact}":
                        levels[place] = self._placeholder("level", levels[place])
        return "/".join(self._in_text(level) for level in levels)

    def _hidden(self, kind: str, found: re.Match[str]) -> str:
        return self._placeholder(kind, found[0])

    def _placeholder(self, kind: str, value: str) -> str:
        if value.startswith("redacted-"):
            return value
        if value not in self._placeholders:
            if len(self._placeholders) >= _LEARNED_MAX:
                raise RecordingError(f"more than {_LEARNED_MAX} private values: record fewer topics, or for less long")
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._placeholders[value] = f"redacted-{kind}-{self._counts[kind]}"
            self._stale = self._stale or _is_long(value)
        return self._placeholders[value]

    def _known(self, split: str, text: str) -> str:
        """Values that were found elsewhere; in a topic, level by level."""
        pattern = self._pattern()
        if pattern is None:
            return text
        parts = text.split(split) if split else [text]
        return (split or "").join(pattern.sub(lambda found: self._placeholders[found[0]], each) for each in parts)

    def _pattern(self) -> re.Pattern[str] | None:
        if self._stale:
            long = sorted((value for value in self._placeholders if _is_long(value)), key=len, reverse=True)
            self._learned, self._stale = re.compile("|".join(re.escape(value) for value in long)), False
        return self._learned


def _is_long(value: str) -> bool:
    return len(value) >= _LEARNED_MIN


def _folded(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())


def _words(key: str) -> list[str]:
    return [each.lower() for each in _WORDS.findall(key)]


def _last_word(key: str) -> str:
    return (_words(key) or [""])[-1]


def _fits(pattern: list[str], levels: list[str]) -> bool:
    if pattern[-1] == "#":
        return len(levels) >= len(pattern) - 1 and _fits(pattern[:-1], levels[: len(pattern) - 1])
    return len(pattern) == len(levels) and all(
        step in {"+", "{redact}"} or step == level for step, level in zip(pattern, levels, strict=True)
    )


def _text_of(payload: bytes) -> str:
    try:
        text = payload.decode()
    except UnicodeDecodeError as exc:
        raise UnreadableError("not a text") from exc
    if any(letter < " " and letter not in "\t\r\n" for letter in text):
        raise UnreadableError("not a text")
    return text


def _tree_of(text: str) -> Any:  # noqa: ANN401 - any JSON; None where the text is not an object or list
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start not in {"{", "["}:
        return None
    try:
        return json.loads(text, object_pairs_hook=_members)
    except (ValueError, RecursionError) as exc:
        raise UnreadableError("broken JSON") from exc


def _members(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    listed = list(pairs)
    members = dict(listed)
    if len(members) != len(listed):
        raise ValueError("a key stands twice")
    return members


def _written(tree: Any) -> str:  # noqa: ANN401
    return json.dumps(tree, separators=(",", ":"), ensure_ascii=False)
