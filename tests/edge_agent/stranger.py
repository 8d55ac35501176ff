"""The recipe of docs/record.md, step by step, by somebody without Restock: nothing of ours is imported here."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def c(thing: dict[str, Any]) -> bytes:
    """Canonical JSON."""
    return rfc8785.dumps(thing)


def h(text: bytes) -> str:
    """SHA-256 as hex digits."""
    return hashlib.sha256(text).hexdigest()


def must(holds: bool, step: str) -> None:
    """A step of the recipe."""
    if not holds:
        raise ValueError(step)


def follow_recipe(text: bytes, *, fingerprint: str) -> None:
    """Raises ValueError, or InvalidSignature, where a step does not hold."""
    record: dict[str, Any] = json.loads(text)
    raw = base64.b64decode(record["public_key"])
    digits = h(raw)[:32]
    mine = " ".join(digits[i : i + 4] for i in range(0, 32, 4))
    must(fingerprint == record["fingerprint"] == mine, "1")

    key = Ed25519PublicKey.from_public_bytes(raw)
    rest = {name: value for name, value in record.items() if name != "signature"}
    key.verify(base64.b64decode(record["signature"]), c(rest))  # 2

    terms = record["leave"]["terms"]
    key.verify(base64.b64decode(record["leave"]["signature"]), c(terms))
    must(terms["intent_id"] == record["order"], "3")

    receipt = record["leave"]["receipt"]
    if receipt is None:
        must(terms["version"] == 1, "4")
    else:
        must(terms["consent_hash"] == h(c(receipt)) and receipt["prompt"] == record["prompt"], "4")

    chain = record["chain"]
    n, so_far = chain["start"]["seq"], chain["start"]["hash"]
    for row in chain["rows"]:
        must(row["seq"] == n + 1, "5")
        n = row["seq"]
        if "event" in row and isinstance(row["event"].get("salt"), str):
            so_far = h((so_far + h(c(row["event"]))).encode())
        elif "event" in row:
            so_far = h(so_far.encode() + c(row["event"]))
        elif "event_sha256" in row:
            so_far = h((so_far + row["event_sha256"]).encode())
        else:
            so_far = row["hash"]
    must((n, so_far) == (chain["end"]["seq"], chain["end"]["hash"]), "5")

    events = [row["event"] for row in chain["rows"] if "event" in row]
    for event in events:
        must("intent" in event or "prompt" in event, "6")
        must(event.get("intent", record["order"]) == record["order"], "6")
        must(event.get("prompt", record["prompt"]) == record["prompt"], "6")
        if event["event"] == "approved" and "terms" in event:
            must(event["terms"] == h(c(terms)), "6")

    steps = [event for event in events if "version" in event and event["event"].startswith("intent_")]
    if steps:
        last, outcome = steps[-1], record["outcome"]
        must(last["event"] == f"intent_{outcome['state']}" and last["version"] == outcome["version"], "7")
        for name in ("order_number", "charged_minor"):
            must(last.get(name, outcome[name]) == outcome[name], "7")
