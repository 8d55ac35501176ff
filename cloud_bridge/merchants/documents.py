"""How merchants' documents are read: strict in what we use, blind to the rest, and bounded.

What is no plain JSON is no document, wherever in it that stands: a name that comes twice says two things, and two
readers of it may believe either; NaN and Infinity are no numbers of JSON (RFC 8259 sections 4 and 6).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.http import Answer

# No control characters: PostgreSQL keeps no NUL, and an order whose id cannot be kept would stay in doubt for ever.
Key = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,255}$")]
# Both as `wire` can tell them: what the household could not be told of is not believed.
AMOUNT_MAX = 1_000_000_000_000
Amount = Annotated[int, Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
LongUrl = Annotated[str, StringConstraints(max_length=2048)]


class Document(BaseModel):
    """Strict in what it reads, blind to the rest."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


Read = TypeVar("Read", bound=BaseModel)


def read(kind: type[Read], body: bytes) -> Read:
    """A body as a document.

    Raises: ValueError when it is none; a ValidationError is one.
    """
    try:
        json.loads(body, object_pairs_hook=without_twins, parse_constant=_no_number)
    except RecursionError as exc:
        raise ValueError("it is too deep") from exc
    return kind.model_validate_json(body)


def without_twins(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON in which no name stands twice. Raises: ValueError."""
    told = list(pairs)
    found = dict(told)
    if len(found) != len(told):
        raise ValueError("a name stands twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def parse(kind: type[Read], answer: Answer) -> Read:
    """The answer's body as a document.

    Raises: MerchantUnclearError.
    """
    try:
        return read(kind, answer.body)
    except ValueError as exc:
        raise MerchantUnclearError(f"an answer that is no {kind.__name__}") from exc


class Refusal(Document):
    """Body of an error answer."""

    code: str = ""
    detail: object = None


def code_of(answer: Answer) -> str:
    """The code in an error answer; empty where there is none to read."""
    try:
        return read(Refusal, answer.body).code
    except ValueError:
        return ""
