"""Forged intents: everything that somebody without the household's key can make of a genuine one. Pure, seeded."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import string
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.cloud_bridge.rig import Signer

_ORDER = 2**252 + 27742317777372353535851937790883648493  # of the Ed25519 group. Source: RFC 8032
_SMALL_ORDER_POINTS = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
_LOOKALIKES = {"a": "а", "e": "е", "o": "о", "p": "р", "i": "і", "-": "‐", "0": "０", "1": "１"}  # noqa: RUF001  that is the point
_TIMES = frozenset({"offer_expires_at", "deliver_by"})
_BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"


@dataclass(frozen=True, slots=True)
class Forgery:
    """One body that must not be taken; `kind` names the trick."""

    kind: str
    body: bytes


def forge(genuine: bytes, *, rng: Random, other: Signer) -> Iterator[Forgery]:
    """One forgery after the other, made of a genuine intent that has not been sent yet."""
    whole = json.loads(genuine)
    yield from _fields(whole, rng)
    yield from _shapes(whole, rng)
    yield from _signatures(whole, rng)
    yield from _foreign(whole, other)


def _made(kind: str, whole: dict[str, Any]) -> Forgery:
    return Forgery(kind, json.dumps(whole).encode())


def _with(whole: dict[str, Any], name: str, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(whole)
    changed["terms"][name] = value
    return changed


def _fields(whole: dict[str, Any], rng: Random) -> Iterator[Forgery]:
    for name, value in whole["terms"].items():
        for kind, other in _others(value, rng):
            if other == value or (kind == "upper" and name in _TIMES):
                continue  # that is the same thing in other letters
            yield _made(f"field:{kind}", _with(whole, name, other))


def _others(value: object, rng: Random) -> Iterator[tuple[str, object]]:
    yield "null", None
    yield "list", [value]
    yield "true", True
    if isinstance(value, int):
        yield "one_more", value + 1
        yield "one_less", value - 1
        yield "negative", -value or -1
        yield "far_more", value + rng.randint(2, 10**9)
        yield "huge", 10**400
        yield "float", float(value) + 0.5
        yield "text", str(value + 1)
    if isinstance(value, str):
        yield "one_letter", _one_letter(value, rng)
        yield "upper", value.upper() if value.upper() != value else value.lower()
        yield "empty", ""
        yield "lookalike", "".join(_LOOKALIKES.get(letter, letter) for letter in value) + "\u200b"
        yield "line_end", value + "\n"
        yield "nul", value + "\0"
        yield "right_to_left", "\u202e" + value
        yield "long", value * 1_000


def _one_letter(value: str, rng: Random) -> str:
    at = rng.randrange(len(value))
    letters = "0123456789" if value[at].isdigit() else "abcdef" if value[at] in "abcdef" else "xyz"
    return value[:at] + rng.choice([letter for letter in letters if letter != value[at]]) + value[at + 1 :]


def _shapes(whole: dict[str, Any], rng: Random) -> Iterator[Forgery]:
    for name in rng.sample(sorted(whole["terms"].keys() - {"version"}), 5):
        left = copy.deepcopy(whole)
        del left["terms"][name]
        yield _made("shape:field_missing", left)
    yield _made("shape:field_added", _with(whole, "rush", True))
    yield _made("shape:wrapped", {"intent": whole})
    yield _made("shape:list", [whole])  # type: ignore[arg-type]
    yield _made("shape:terms_as_text", {**whole, "terms": json.dumps(whole["terms"])})
    yield Forgery("shape:not_json", json.dumps(whole).replace('"', "'").encode())
    yield Forgery("shape:nan", json.dumps(whole).replace('"quantity": ', '"quantity": NaN, "q": ').encode())
    yield Forgery("shape:cut", json.dumps(whole).encode()[: -rng.randint(1, 200)])
    yield Forgery("shape:latin_1", json.dumps(_with(whole, "hub", "hüb"), ensure_ascii=False).encode("latin-1"))
    yield Forgery("shape:utf_16", json.dumps(whole).encode("utf-16"))
    more = whole["terms"]["quantity"] + 1
    text = json.dumps(whole)
    at = text.index('"quantity"')
    end = text.index(",", at)
    yield Forgery("shape:key_twice", f'{text[:end]}, "quantity": {more}{text[end:]}'.encode())
    second = json.dumps({**whole["terms"], "quantity": more})
    yield Forgery("shape:terms_twice", f'{text[:-1]}, "terms": {second}}}'.encode())
    yield Forgery("shape:deep", b"[" * 5_000 + b"]" * 5_000)
    yield Forgery("shape:empty", b"")


def _signatures(whole: dict[str, Any], rng: Random) -> Iterator[Forgery]:
    text = whole["signature"]
    raw = base64.b64decode(text)
    made = {
        "zero": bytes(64),
        "random": rng.randbytes(64),
        "one_bit": bytes([*raw[:10], raw[10] ^ (1 << rng.randrange(8)), *raw[11:]]),
        "halves_swapped": raw[32:] + raw[:32],
        "plus_order": raw[:32] + (int.from_bytes(raw[32:], "little") + _ORDER).to_bytes(32, "little"),
        "negated": raw[:32] + ((_ORDER - int.from_bytes(raw[32:], "little")) % _ORDER).to_bytes(32, "little"),
        "hash": hashlib.sha512(json.dumps(whole["terms"]).encode()).digest(),
    }
    for name, value in made.items():
        yield _made(f"signature:{name}", {**whole, "signature": base64.b64encode(value).decode()})
    for point in _SMALL_ORDER_POINTS:
        small = base64.b64encode(bytes.fromhex(point) + bytes(32)).decode()
        yield _made("signature:small_order", {**whole, "signature": small})
    for name, value in _texts(text, raw):
        yield _made(f"signature:{name}", {**whole, "signature": value})


def _texts(text: str, raw: bytes) -> Iterator[tuple[str, object]]:
    """The same 64 bytes, or nearly, written in another way: one leave has one text."""
    last = _BASE64.index(text[85])
    yield "loose_bits", text[:85] + _BASE64[last ^ 1] + "=="
    yield "url_safe", base64.urlsafe_b64encode(raw).decode().replace("+", "-").rstrip("=") + "=="[:1]
    yield "unpadded", text.rstrip("=")
    yield "overpadded", text + "="
    yield "spaced", text[:40] + " " + text[40:]
    yield "line_end", text + "\n"
    yield "hex", raw.hex()
    yield "truncated", base64.b64encode(raw[:63]).decode()
    yield "extended", base64.b64encode(raw + b"\0").decode()
    yield "empty", ""
    yield "none", None
    yield "list", [text]


def _foreign(whole: dict[str, Any], other: Signer) -> Iterator[Forgery]:
    """Signed by somebody else, or over other bytes."""
    canonical = json.dumps(whole["terms"], sort_keys=True, separators=(",", ":")).encode()
    over = {
        "other_key": canonical,
        "spaced_json": json.dumps(whole["terms"]).encode(),
        "whole_intent": json.dumps(whole, sort_keys=True, separators=(",", ":")).encode(),
        "nothing": b"",
    }
    for name, message in over.items():
        signature = base64.b64encode(other.key.sign(message)).decode()
        yield _made(f"signed:{name}", {**whole, "signature": signature})
