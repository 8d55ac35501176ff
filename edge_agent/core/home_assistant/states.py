"""What Home Assistant shows of the hub and of each item: retained states, and events of its questions.

A value that nobody knows is null, which Home Assistant shows as unknown. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from edge_agent.core.home_assistant.discovery import EVENT_TYPES, bought
from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import Forecast, Propose, StockEstimate
from edge_agent.core.overview import BridgeStatus, DeviceOverview, ItemOverview
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.core.safety import SafetyProblem

_MEDIAN, _EARLY = 0.5, 0.1
_STATE_LENGTH_MAX = 255  # Home Assistant keeps no longer state
_DAYS_MAX = 3_650.0
_PROBLEMS_MAX = 16

_NO_QUESTION = "None open"
_ASKED = "Buy {terms}?"
_SNOOZED = "Asked again later: {terms}"


def item_state(seen: ItemOverview, *, lead_d: int) -> bytes:
    """One item's values. `terms` is what an open question would buy, word for word as it is agreed to.

    `lead_d` is how many days a delivery takes.
    """
    estimate, prompt = seen.estimate, seen.prompt
    amount = estimate.amount.value if estimate is not None and estimate.amount is not None else None
    return _json(
        {
            "days_left": _rounded(_days_left(seen.forecast), digits=2),
            "order_by": _iso(_order_by(seen, lead_d=lead_d)),
            "amount": _rounded(amount, digits=3),
            "trust": None if estimate is None else _percent(estimate),
            "question": _question(prompt),
            "terms": {} if prompt is None else shown_terms(prompt),
        }
    )


def hub_state(
    *,
    problems: Sequence[SafetyProblem],
    bridge: BridgeStatus,
    devices: Sequence[DeviceOverview],
    open_questions: int,
    orders_to_see_to: int,
) -> bytes:
    """How the hub is. Binary states are Home Assistant's own words."""
    return _json(
        {
            "problem": "ON" if problems else "OFF",
            "bridge": "ON" if bridge.reachable else "OFF",
            "open_questions": open_questions,
            "orders_to_see_to": orders_to_see_to,
            "devices_away": sum(each.online is False for each in devices),
            "details": {
                "problems": [each.text for each in problems[:_PROBLEMS_MAX]],
                "codes": [str(each.code) for each in problems[:_PROBLEMS_MAX]],
                "orders_wait_since": _iso(bridge.waiting_since),
            },
        }
    )


def event(kind: str, prompt: PromptRecord, *, item_name: str, text: str = "") -> bytes:
    """Something that happened to a question. `kind` is one of EVENT_TYPES, `text` what a person is told of it."""
    if kind not in EVENT_TYPES:
        raise ValueError(kind)
    told = {"event_type": kind, "item": prompt.item, "item_name": item_name, "state": str(prompt.state)}
    return _json({**told, **shown_terms(prompt), **({"text": text} if text else {})})


def shown_terms(prompt: PromptRecord) -> Mapping[str, object]:
    """The offer, as the hash beside it binds it. Units: amounts in minor units of `currency`."""
    offer: Offer = prompt.offer
    return {
        "prompt": prompt.id,
        "terms": prompt.terms_hash,
        "summary": bought(offer),
        "title": offer.title,
        "quantity": offer.quantity,
        "merchant": offer.merchant,
        "unit_price_minor": offer.unit_price_minor,
        "delivery_minor": offer.delivery_minor,
        "total_minor": offer.total_minor,
        "total_max_minor": offer.total_max_minor,
        "currency": offer.currency,
        "deliver_by": offer.deliver_by.isoformat(),
        "expires_at": _iso(offer.expires_at),
        "hold_s": offer.hold_s,
        "instead_of": offer.instead_of,
        "on_list": offer.is_listed,
        "delivery_kind": offer.delivery_kind,
        "delivery_title": offer.delivery_title,
        "delivery_place": offer.delivery_place,
        "reasons": [reason.text for reason in prompt.reasons],
    }


def _question(prompt: PromptRecord | None) -> str:
    if prompt is None:
        return _NO_QUESTION
    words = _ASKED if prompt.state is PromptState.OPEN else _SNOOZED
    said = words.format(terms=bought(prompt.offer))
    return said if len(said) <= _STATE_LENGTH_MAX else f"{said[: _STATE_LENGTH_MAX - 1]}…"


def _days_left(forecast: Forecast | None, *, quantile: float = _MEDIAN) -> float | None:
    """Days until the stock is empty, at the probability nearest to `quantile`."""
    if forecast is None or not forecast.days_to_empty:
        return None
    at = min(range(len(forecast.quantiles)), key=lambda place: abs(forecast.quantiles[place] - quantile))
    days = forecast.days_to_empty[at]
    return min(days, _DAYS_MAX) if math.isfinite(days) else None


def _order_by(seen: ItemOverview, *, lead_d: int) -> datetime | None:
    """As the open question or the last decision says; else when it would run out early, less the time to deliver."""
    if seen.prompt is not None:
        return seen.prompt.order_by
    if isinstance(seen.decision, Propose):
        return seen.decision.order_by
    days = _days_left(seen.forecast, quantile=_EARLY)
    if seen.forecast is None or days is None:
        return None
    return seen.forecast.as_of + timedelta(days=max(0.0, days - lead_d))


def _percent(estimate: StockEstimate) -> int:
    return round(100 * min(1.0, max(0.0, estimate.trust)))


def _rounded(value: float | None, *, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds")


def _json(said: Mapping[str, object]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
