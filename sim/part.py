"""What every part of a scenario is made of: strict keys, and kinds of numbers with their bounds."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.limits import MOST_AMOUNT

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Money = Annotated[float, Field(ge=0, le=MOST_AMOUNT)]
"""currency units"""
Amount = Annotated[float, Field(gt=0, le=MOST_AMOUNT)]
"""money that is not nothing"""
Count = Annotated[int, Field(ge=0, le=MOST_AMOUNT)]
Base = Literal["list", "paid"]
"""the value that counts: at list price, or as paid"""


class Part(BaseModel):
    """Base of every part of a scenario: unknown keys are errors, values are frozen, text is not a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    def check(self) -> None:
        """Raise ValueError, or InputError with all that is wrong, where the values do not go together."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        self.check()
        return self
