"""What all sections of a scenario file have in common: strict, closed and frozen, with bounds on every number."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Minutes = Annotated[float, Field(ge=1, le=1_440)]
Hours = Annotated[float, Field(ge=0, le=8_784)]
Share = Annotated[float, Field(gt=0, le=1)]


class Section(BaseModel):
    """Strict, closed and frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
