"""How merchants' documents are read: strict in what we use, blind to the rest, and bounded."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.http import Answer

# No control characters: PostgreSQL keeps no NUL, and an order whose id cannot be kept would stay in doubt for ever.
Key = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,255}$")]
# Both as `wire` can tell them: what the household could not be told of is not believed.
Amount = Annotated[int, Field(ge=-1_000_000_000_000, le=1_000_000_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
LongUrl = Annotated[str, StringConstraints(max_length=2048)]


class Document(BaseModel):
    """Strict in what it reads, blind to the rest."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


Read = TypeVar("Read", bound=Document)


def parse(kind: type[Read], answer: Answer) -> Read:
    """The answer's body as a document.

    Raises: MerchantUnclearError.
    """
    try:
        return kind.model_validate_json(answer.body)
    except ValidationError as exc:
        raise MerchantUnclearError(f"an answer that is no {kind.__name__}") from exc


class Refusal(Document):
    """Body of an error answer."""

    code: str = ""
    detail: object = None


def code_of(answer: Answer) -> str:
    """The code in an error answer; empty where there is none to read."""
    try:
        return Refusal.model_validate_json(answer.body).code
    except ValidationError:
        return ""
