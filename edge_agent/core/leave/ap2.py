"""A mandate in the field names of AP2, for people who want to compare it or take it elsewhere.

An export only: nothing here is read back, signed or sent. AP2 counts a range in minor units and a budget in major ones
(a JSON number), so the budget is converted here and nowhere else.

Source: AP2 v0.2, `OpenPaymentMandate` and `OpenCheckoutMandate`.
"""

from __future__ import annotations

from decimal import Decimal

from edge_agent.core.leave.mandate import MandateItem, MandateTerms
from edge_agent.core.money import exponent


def as_ap2(terms: MandateTerms) -> dict[str, object]:
    """The mandate as AP2 would write it."""
    window, span = terms.execution_date, terms.amount_range
    constraints: list[dict[str, object]] = [
        {
            "type": "payment.amount_range",
            "currency": span.currency,
            "min": span.min_minor,
            "max": span.max_minor,
        },
        {
            "type": "payment.budget",
            "currency": terms.budget.currency,
            "max": _major(terms.budget.max_minor, terms.budget.currency),
        },
        {
            "type": "payment.agent_recurrence",
            "frequency": terms.recurrence.frequency.value,
            "max_occurrences": terms.recurrence.max_occurrences,
        },
        {"type": "payment.allowed_payees", "allowed": _merchants(terms)},
        {
            "type": "payment.execution_date",
            "not_before": terms.first_day.isoformat(),
            "not_after": window.not_after.isoformat(),
        },
    ]
    return {
        "id": terms.id,
        "open_payment_mandate": {"constraints": constraints},
        "open_checkout_mandate": {
            "allowed_merchants": _merchants(terms),
            "line_items": [_line(entry) for entry in terms.items],
        },
    }


def _merchants(terms: MandateTerms) -> list[str]:
    return sorted({product.merchant for entry in terms.items for product in entry.acceptable})


def _line(entry: MandateItem) -> dict[str, object]:
    products = [{"id": product.sku, "merchant": product.merchant} for product in entry.acceptable]
    return {"id": entry.item, "acceptable_items": products, "quantity": entry.quantity_max}


def _major(amount_minor: int, currency: str) -> float:
    """Exact to the minor unit: the nearest number that prints as that amount."""
    return float(Decimal(amount_minor).scaleb(-exponent(currency)))
