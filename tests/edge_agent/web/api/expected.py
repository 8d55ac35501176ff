"""What each address promises to which programs, written down once more: a new one fails until somebody decides."""

from __future__ import annotations

# (method, path): (who, what the token must be for)
API: dict[tuple[str, str], tuple[str, str]] = {
    ("GET", "/api/v1/openapi.json"): ("signed_in", "read"),
    ("GET", "/api/v1/me"): ("signed_in", "read"),
    ("GET", "/api/v1/items"): ("signed_in", "read"),
    ("GET", "/api/v1/items/{item}"): ("signed_in", "read"),
    ("GET", "/api/v1/items/{item}/why"): ("signed_in", "read"),
    ("GET", "/api/v1/items/{item}/decision"): ("member", "read"),
    ("POST", "/api/v1/items/{item}/stock"): ("member", "answer"),
    ("POST", "/api/v1/presence"): ("member", "answer"),
    ("GET", "/api/v1/prompts"): ("signed_in", "read"),
    ("GET", "/api/v1/prompts/{prompt}"): ("signed_in", "read"),
    ("POST", "/api/v1/prompts/{prompt}/approve"): ("signed_in", "answer"),
    ("POST", "/api/v1/prompts/{prompt}/snooze"): ("member", "answer"),
    ("POST", "/api/v1/prompts/{prompt}/decline"): ("member", "answer"),
    ("GET", "/api/v1/orders"): ("signed_in", "read"),
    ("GET", "/api/v1/orders/{order}"): ("signed_in", "read"),
    ("GET", "/api/v1/orders/{order}/record"): ("member", "read"),
    ("POST", "/api/v1/orders/{order}/cancel"): ("member", "answer"),
    ("POST", "/api/v1/orders/{order}/settle"): ("member", "answer"),
    ("POST", "/api/v1/orders/{order}/arrived"): ("member", "answer"),
    ("POST", "/api/v1/orders/{order}/never-came"): ("member", "answer"),
    ("GET", "/api/v1/mandates"): ("member", "read"),
    ("GET", "/api/v1/mandates/{mandate}"): ("member", "read"),
    ("POST", "/api/v1/mandates/{mandate}/confirm"): ("member", "answer"),
    ("POST", "/api/v1/mandates/{mandate}/decline"): ("member", "answer"),
    ("POST", "/api/v1/mandates/{mandate}/pause"): ("member", "answer"),
    ("POST", "/api/v1/mandates/{mandate}/resume"): ("owner", "answer"),
    ("POST", "/api/v1/mandates/{mandate}/revoke"): ("member", "answer"),
    ("GET", "/api/v1/devices"): ("signed_in", "read"),
    ("GET", "/api/v1/sent"): ("member", "read"),
    ("GET", "/api/v1/events"): ("signed_in", "read"),
    ("GET", "/health"): ("signed_in", "read"),
    ("GET", "/metrics"): ("signed_in", "read"),
}
BODIES: dict[str, dict[str, object]] = {
    "stock": {"what": "counted", "packs": 2},
    "presence": {"said": "as_usual"},
    "snooze": {"hours": 6},
    "settle": {"found": True},
}
