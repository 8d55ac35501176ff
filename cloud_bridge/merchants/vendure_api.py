"""Requests to a Vendure shop, and its answers: GraphQL over POST, one session token each way.

The rule of the file: an answer is read field by field. A field with an error of GraphQL has no value, whatever stands
in it; a result is an `Order` or an error that the schema knows; anything else is unclear.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import Field, SecretStr, TypeAdapter, ValidationError

from cloud_bridge.errors import MerchantAwayError, MerchantUnclearError
from cloud_bridge.merchants.documents import Document, read
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.merchants.vendure_documents import Order

FORBIDDEN = "FORBIDDEN"
_NOTHING_DONE = frozenset({*range(400, 500), 503})  # Vendure's own 400 is for a document that was never run
_TOKEN = re.compile(r"[\x21-\x7e]{1,255}\Z", re.ASCII)
# Source: every result of the Shop API's mutations that we ask for, in @vendure/core 3.7.3.
_REFUSALS = frozenset(
    {
        "CouponRemovedDuringCheckoutError",
        "IneligiblePaymentMethodError",
        "IneligibleShippingMethodError",
        "InsufficientStockError",
        "NegativeQuantityError",
        "NoActiveOrderError",
        "OrderInterceptorError",
        "OrderLimitError",
        "OrderModificationError",
        "OrderPaymentStateError",
        "OrderStateTransitionError",
        "PaymentDeclinedError",
        "PaymentFailedError",
    }
)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The shop said no, by the name of the result. Something may have changed all the same."""

    name: str


class _Extensions(Document):
    code: str = ""


class _Fault(Document):
    path: list[str | int] | None = Field(default=None, max_length=20)
    extensions: _Extensions | None = None


class _Body(Document):
    data: dict[str, Any] | None = None
    errors: list[_Fault] = Field(default=[], max_length=100)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `token` is the session that it came from, where the shop has opened one."""

    data: Mapping[str, Any]
    faults: Mapping[str, str]
    token: SecretStr | None = field(default=None)

    def fault(self, name: str) -> str | None:
        """The code of the error that a field has instead of a value; None where it has none."""
        return self.faults.get(name, self.faults.get(""))

    def value(self, name: str, kind: TypeAdapter[Value]) -> Value:
        """What stands in a field.

        Raises: MerchantUnclearError.
        """
        fault = self.fault(name)
        if fault is not None:
            raise MerchantUnclearError(f"the shop's {name} is an error: {fault[:64] or 'without a code'}")
        try:
            return kind.validate_python(self.data[name])
        except (KeyError, ValidationError) as exc:
            raise MerchantUnclearError(f"the shop's {name} cannot be read") from exc

    def result(self, name: str) -> Order | Refusal:
        """What a mutation came to.

        Raises: MerchantUnclearError, also for a result that the schema does not know.
        """
        typename = self.value(name, _RESULT).get("__typename")
        if typename == "Order":
            return self.value(name, _ORDER)
        if typename not in _REFUSALS:
            raise MerchantUnclearError(f"the shop's {name} is no result that is known")
        return Refusal(typename)


_RESULT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_ORDER = TypeAdapter(Order)


@dataclass(frozen=True, slots=True)
class ShopApi:
    """The Shop API at `path`. `channel` is the token of one of the shop's channels; None: the default one."""

    http: MerchantHttp
    path: str
    channel: str | None

    async def ask(self, document: str, *, token: SecretStr | None, **variables: object) -> Reply:
        """Send one document once, in a session or in none.

        Raises: MerchantAwayError when it cannot have arrived, or the shop did nothing for us; MerchantUnclearError.
        """
        headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
        if self.channel is not None:
            headers["vendure-token"] = self.channel
        asked = json.dumps({"query": document, "variables": variables}).encode()
        answer = await self.http.ask("POST", self.path, headers=headers, body=asked)
        if answer.status in _NOTHING_DONE:
            message = f"the shop: status {answer.status} {_code_of(answer)!r}"
            raise MerchantAwayError(message, retry_after_s=answer.retry_after_s)
        if answer.status != 200:
            raise MerchantUnclearError(f"the shop: status {answer.status}")
        try:
            body = read(_Body, answer.body)
        except ValueError as exc:
            raise MerchantUnclearError("the shop's answer is no answer of GraphQL") from exc
        return Reply(body.data or {}, _faults(body), _token(answer.headers.get("vendure-auth-token")))


def _faults(body: _Body) -> dict[str, str]:
    """Codes of errors by the field that has them; one that names no field is everybody's."""
    return {
        str(fault.path[0]) if fault.path else "": fault.extensions.code if fault.extensions else ""
        for fault in body.errors
    }


def _code_of(answer: Answer) -> str:
    """The code of the first error in an answer that is none: words of the shop's could repeat our password."""
    try:
        return next(iter(_faults(read(_Body, answer.body)).values()), "")[:64]
    except ValueError:
        return ""


def _token(text: str | None) -> SecretStr | None:
    return SecretStr(text) if text is not None and _TOKEN.match(text) else None
