"""What ACP allows in a request, restated by us as closed models: no package that installs carries the schema.

Written from the JSON Schema of 2026-04-17 (`CheckoutSessionCreateRequest` and the requests beside it), as far as
members that we might send; `additionalProperties: false` there is `extra="forbid"` here. The schema of 2026-01-30 asks
for the same of these. Nothing of ours is imported here.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class _Closed(BaseModel):
    """Closed, strict, and null is not absent: no member of these takes null."""

    model_config = ConfigDict(strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, given: Any) -> Any:  # noqa: ANN401  whatever JSON holds
        if isinstance(given, dict) and None in given.values():
            raise ValueError("null would clear a field")
        return given


class Item(_Closed):
    """`Item`: no quantity in it."""

    id: str
    name: str = ""
    unit_amount: int = 0


class Address(_Closed):
    """`Address`."""

    name: str
    line_one: str
    line_two: str = ""
    city: str
    state: str
    country: str
    postal_code: str
    company: str = ""


class Details(_Closed):
    """`FulfillmentDetails`."""

    name: str = ""
    phone_number: str = ""
    email: str = Field(default="a@b.example", pattern=r"^[^@\s]+@[^@\s]+$")
    address: Address | None = None


class Buyer(_Closed):
    """`Buyer`, without what a company has."""

    first_name: str = ""
    last_name: str = ""
    full_name: str = ""
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    phone_number: str = ""
    customer_id: str = ""


class Interventions(_Closed):
    """`InterventionCapabilities`, the agent's part."""

    supported: list[Literal["3ds", "biometric", "address_verification"]] = []
    display_context: Literal["native", "webview", "modal", "redirect"] = "redirect"
    redirect_context: Literal["in_app", "external_browser", "none"] = "none"
    max_redirects: int = Field(default=0, ge=0)
    max_interaction_depth: int = Field(default=1, ge=1)


class Capabilities(_Closed):
    """`Capabilities` of an agent."""

    interventions: Interventions | None = None
    extensions: list[str] = []


class Create(_Closed):
    """`CheckoutSessionCreateRequest`."""

    buyer: Buyer | None = None
    line_items: list[Item] = Field(min_length=1)
    currency: str = Field(pattern=r"^[a-z]{3}$")  # lower case is recommended
    fulfillment_details: Details | None = None
    capabilities: Capabilities
    locale: str = ""
    metadata: dict[str, Any] = {}


class Selected(_Closed):
    """`SelectedFulfillmentOption`."""

    type: Literal["shipping", "digital", "pickup", "local_delivery"]
    option_id: str
    item_ids: list[str]


class Update(_Closed):
    """`CheckoutSessionUpdateRequest`."""

    buyer: Buyer | None = None
    line_items: list[Item] = []
    fulfillment_details: Details | None = None
    selected_fulfillment_options: list[Selected] = []


class Credential(BaseModel):
    """The credential of an instrument; open in the schema."""

    model_config = ConfigDict(strict=True)

    type: str
    token: str


class Instrument(BaseModel):
    """The instrument; open in the schema."""

    model_config = ConfigDict(strict=True)

    type: str
    credential: Credential


class PaymentData(_Closed):
    """`PaymentData`, paid by a handler's instrument."""

    handler_id: str
    instrument: Instrument
    billing_address: Address | None = None


class Complete(_Closed):
    """`CheckoutSessionCompleteRequest`."""

    buyer: Buyer | None = None
    payment_data: PaymentData


class Cancel(_Closed):
    """`CancelSessionRequest`."""


OPERATIONS: dict[str, type[BaseModel]] = {"create": Create, "update": Update, "complete": Complete, "cancel": Cancel}


def faults(operation: str, body: Any) -> list[str]:  # noqa: ANN401  whatever JSON holds
    """What is wrong with the body of a request."""
    try:
        OPERATIONS[operation].model_validate(body)
    except ValidationError as exc:
        return [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors()]
    return []
