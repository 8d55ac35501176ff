"""Programs with a token, for tests."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta

import httpx

from edge_agent.core.api_token import ApiToken, Scope, TokenId
from edge_agent.core.intent import IntentState
from edge_agent.core.people import Role
from edge_agent.web.api.gate import TOKEN_MARK, hash_of
from tests.edge_agent.web.api.expected import BODIES
from tests.edge_agent.web.house import House

BOTH = frozenset(Scope)


def give_token(house: House, role: Role = Role.OWNER, *, scopes: frozenset[Scope] = BOTH, days: int = 30) -> str:
    """A token for the person of this role."""
    token, now = TOKEN_MARK + secrets.token_urlsafe(32), house.parts.clock.now()
    house.tokens.put(
        ApiToken(
            id=TokenId(secrets.token_hex(8)),
            token_hash=hash_of(token),
            label="a program",
            account=f"the-{role}",
            scopes=scopes,
            made_by="the-owner",
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
    )
    return token


def program(house: House, token: str | None) -> httpx.AsyncClient:
    """A client that sends this token."""
    client = house.client(raise_faults=False)
    if token is not None:
        client.headers["authorization"] = f"Bearer {token}"
    return client


def ready(house: House, path: str) -> str:
    """A path with something real in it, whose order or mandate stands where the act is possible."""
    act = path.rsplit("/", 1)[-1]
    stands = {
        "cancel": IntentState.HELD,
        "settle": IntentState.PARKED,
        "see-to": IntentState.REJECTED,
        "want": IntentState.REJECTED,
    }
    state, known = stands.get(act, IntentState.SHIPPED), house.home.all_intents["i-p-fluid"]
    house.home.all_intents["i-p-fluid"] = replace(
        known, state=state, detail="payment_failed", changed_at=house.home.clock.now()
    )
    view = house.mandates.kept["m-waits"]
    house.mandates.kept["m-waits"] = replace(view, record=replace(view.record, proposed_by="robin"))
    waits = act == "confirm" or (act == "decline" and "mandates" in path)
    mandate = "m-waits" if waits else "m-paused" if act == "resume" else "m-milk"
    return path.format(item="milk", prompt="p-milk", order="i-p-fluid", mandate=mandate, recall="r1")


def body_for(house: House, path: str) -> dict[str, object]:
    """A body that the address takes."""
    act = path.rsplit("/", 1)[-1]
    if act == "approve":
        return {"terms_hash": house.home.all_prompts["p-milk"].terms_hash}
    if act == "decline" and "prompts" in path:
        return {"reason": "not_now"}
    return BODIES.get(act, {})
