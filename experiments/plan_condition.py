"""A condition of eligibility in EXPERIMENT.yaml, and how a date is written there."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from experiments.plan_metric import Name
from experiments.records import Record
from scenarios.numerals import as_stated


def _day(value: Any) -> Any:
    """A quoted date is a date too."""
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            return value
    return value


Day = Annotated[dt.date, BeforeValidator(_day)]


def _bound(value: float | dt.date) -> str:
    return as_stated(value) if isinstance(value, float) else str(value)


class Condition(Record):
    """One condition of eligibility on a column of the members' table; all conditions must hold."""

    column: Name
    one_of: Annotated[list[str], Field(min_length=1)] | None = None
    at_least: float | Day | None = None
    at_most: float | Day | None = None

    @model_validator(mode="after")
    def _something(self) -> Condition:
        if self.one_of is None and self.at_least is None and self.at_most is None:
            raise ValueError(f"the condition on {self.column} says nothing; give one_of, at_least or at_most")
        return self

    @property
    def compares_numbers(self) -> bool:
        """Whether the column must hold numbers."""
        return isinstance(self.at_least, float) or isinstance(self.at_most, float)

    @property
    def words(self) -> str:
        """The condition as a reader would say it."""
        parts = []
        if self.one_of is not None:
            parts.append(f"{self.column} is {' or '.join(self.one_of)}")
        if self.at_least is not None:
            parts.append(f"{self.column} at least {_bound(self.at_least)}")
        if self.at_most is not None:
            parts.append(f"{self.column} at most {_bound(self.at_most)}")
        return " and ".join(parts)
