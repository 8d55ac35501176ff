"""What all parts of a profile share: the strict base, and the forms of names, pointers and texts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

ProfileId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+$", max_length=64)]
Pointer = Annotated[str, StringConstraints(pattern=r"^(/([^~/]|~[01])*)+$", max_length=200)]
# A filter over one array and nothing else: `$.a['b.c'][?@.kind == 'OIL'].level`. Steps of a pointer cannot search.
# After it, `[-1]` is the last element of a list: the newest of a series.
ArrayFilter = Annotated[
    str,
    StringConstraints(
        pattern=r"^\$(\.[A-Za-z_][A-Za-z0-9_]*|\['[^'\\]*'\])*\[\?@(\.[A-Za-z_][A-Za-z0-9_]*|\['[^'\\]*'\])+ ?== ?"
        r"('[^'\\]*'|-?[0-9]{1,15}|true|false)\](\.[A-Za-z_][A-Za-z0-9_]*|\['[^'\\]*'\]|\[(-1|[0-9]{1,4})\])*$",
        max_length=200,
    ),
]
SignalName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z_]+)?$", max_length=64)]
UnitCode = Annotated[str, StringConstraints(min_length=1, max_length=16)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]
ValueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Word = Annotated[str, StringConstraints(max_length=120)]


class Part(BaseModel):
    """Strict, closed and frozen: an unknown field is an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
