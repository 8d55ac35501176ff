"""What programs send, as strict and closed models. A PIN stands in a body only, never in an address or a header."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from edge_agent.core.deciding.problem import Word
from edge_agent.core.gs1 import CODE_MAX
from edge_agent.core.prompt import DeclineReason
from edge_agent.core.recall import BATCH_MAX, SOURCE_MAX, TEXT_MAX, What
from edge_agent.core.stock_events import PACKS_MAX
from edge_agent.core.stock_events import Told as Stock
from edge_agent.web.api.call import Body
from edge_agent.web.pages.order_acts import ORDER_NUMBER_MAX

Pin = Annotated[SecretStr, Field(min_length=1, max_length=12)]


class Nothing(Body):
    """An act that needs no more words; no body at all is as good."""


class Approve(Body):
    """Buy on exactly the terms with this hash. `pin` where the person's PIN is asked for."""

    terms_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    pin: Pin | None = None


class Snooze(Body):
    """Ask again in so many hours."""

    hours: Annotated[int, Field(ge=1, le=72)]


class Decline(Body):
    """Do not buy, and say why."""

    reason: Annotated[DeclineReason, Field(strict=False)]


class WithPin(Body):
    """An act that gives leave: with the person's PIN, where one is set."""

    pin: Pin | None = None


class SeeTo(Body):
    """What was in the way of a refused order is mended, so that it is asked about again; or it is let be."""

    word: Annotated[Word, Field(strict=False)]


class Settle(Body):
    """The person looked at the merchant: the order is there, or it is not. The merchant's number only if it is."""

    found: bool
    merchant_order_id: Annotated[str, StringConstraints(min_length=1, max_length=ORDER_NUMBER_MAX)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.merchant_order_id is not None and not (self.found and self.merchant_order_id.isprintable()):
            raise ValueError("merchant_order_id goes with found = true, in one line of text")
        return self


class TellStock(Body):
    """What a person says of a stock, in packs of the bound product; `opened` needs no number.

    `code` is what stands on the packs, as a scanner read it (GS1 element string or Digital Link): batch and dates of it
    are kept, with `taken_in`, `bought`, or `labelled` for packs that are counted already.
    """

    what: Stock
    packs: Annotated[float, Field(ge=0, le=PACKS_MAX, allow_inf_nan=False)] | None = None
    code: Annotated[str, Field(max_length=CODE_MAX)] | None = None

    @model_validator(mode="after")
    def _says_how_many(self) -> Self:
        if (self.packs is None) is not (self.what == "opened"):
            raise ValueError("packs is needed, except for opened")
        if self.what == "labelled" and self.code is None:
            raise ValueError("code is needed for labelled")
        return self


class FileRecall(Body):
    """Goods that are called back. `batch` "": all of them; `until`: packs whose date is that day or earlier."""

    gtin: Annotated[str, StringConstraints(pattern=r"^[0-9]{8,14}$")]
    batch: Annotated[str, StringConstraints(max_length=BATCH_MAX)] = ""
    until: Annotated[date, Field(strict=False)] | None = None
    text: Annotated[str, StringConstraints(min_length=1, max_length=TEXT_MAX)]
    source: Annotated[str, StringConstraints(min_length=1, max_length=SOURCE_MAX)]


class SettleRecall(Body):
    """What was done about a recall with one item. `packs` are thrown away or go back, in packs of the bound product."""

    item: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    what: What
    packs: Annotated[float, Field(ge=0, le=PACKS_MAX, allow_inf_nan=False)] = 0.0


class TellPresence(Body):
    """Who is at home: `away` and `guests` until a last day, or `as_usual`."""

    said: Literal["away", "guests", "as_usual"]
    last: Annotated[date, Field(strict=False)] | None = None

    @model_validator(mode="after")
    def _says_until_when(self) -> Self:
        if self.last is None and self.said != "as_usual":
            raise ValueError("last is needed: the last day of it")
        return self
