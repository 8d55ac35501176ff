"""What Home Assistant may ask for: three answers to one prompt, each on the terms that were shown. Parsed strictly.

Anything else is refused whole: another field, a field twice, a number as text, more than COMMAND_BYTES_MAX.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from edge_agent.errors import RefusedError

APPROVE: Literal["approve"] = "approve"
SNOOZE: Literal["snooze"] = "snooze"
DECLINE: Literal["decline"] = "decline"
COMMAND_BYTES_MAX = 1_024
_NO_COMMAND = "what came from Home Assistant is no answer to a question: {why}"


class Command(BaseModel):
    """One answer. `terms` is the hash of the terms that were shown; `hours` is for a snooze, `code` for an approval."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    act: Literal["approve", "snooze", "decline"]
    prompt: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
    terms: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    hours: Annotated[int, Field(ge=1, le=72)] | None = None
    code: Annotated[str, StringConstraints(max_length=64)] | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _fields_of_their_own_act(self) -> Command:
        if (self.hours is not None) != (self.act == SNOOZE):
            raise ValueError("hours belong to a snooze")
        if self.code is not None and self.act != APPROVE:
            raise ValueError("a code belongs to an approval")
        return self


def read_command(payload: bytes) -> Command:
    """What was asked for.

    Raises: RefusedError saying why it is nothing that can be done; never with a value that was sent.
    """
    if len(payload) > COMMAND_BYTES_MAX:
        raise RefusedError(_NO_COMMAND.format(why=f"more than {COMMAND_BYTES_MAX} bytes"))
    try:
        said = json.loads(payload.decode("utf-8"), object_pairs_hook=_each_once)
        return Command.model_validate(said)
    except ValidationError as exc:
        raise RefusedError(_NO_COMMAND.format(why=_first(exc))) from exc
    except (ValueError, RecursionError) as exc:
        raise RefusedError(_NO_COMMAND.format(why="not JSON in UTF-8 with every field once")) from exc


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field stands twice")
    return fields


def _first(exc: ValidationError) -> str:
    """The first fault by its field and kind: what was sent is not repeated, it may hold a code."""
    first = exc.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])[:40] if first["type"] != "extra_forbidden" else "another field"
    return f"{field or 'the whole'}: {first['msg']}"
