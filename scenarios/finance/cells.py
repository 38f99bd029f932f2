"""Cells of a table by named columns: text, days, numbers; what is wrong with one is a sentence with row and column.

`Cells` is for tables whose columns the reader names (activity, budgets): days or months, in one column or two. The tables of a
live programme have names of ours and empty cells with a meaning: `snapshot_tables` reads them, by the same functions for a cell.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from scenarios.source_dates import Dates, dates_of
from scenarios.source_numbers import Way, as_written
from sim.errors import InputError
from sim.limits import FIRST_YEAR, MOST_AMOUNT, MOST_COUNTED
from sim.scenario import Scenario
from sim.typing import Array, Floats, Ints

MOST_TOLD = 20
"""problems that are told one by one"""
_ALIKE = 5
"""of cells that are wrong in the same way"""
Told = dict[str, Way | Dates]
"""how columns of numbers that are not plain are written, and of dates whether day or month comes first"""
_MONTH = re.compile(r"\d{4}-\d{1,2}")


def is_empty(values: pd.Series[Any]) -> Array:
    """(rows,) whether nothing stands in the cell."""
    return np.asarray(values.isna() | (values.astype(str).str.strip() == ""))


def too_early(days: pd.Series[Any]) -> Array:
    """(rows,) whether a date is one that nobody meant; days: dates, NaT for none."""
    return np.asarray(days.dt.year < FIRST_YEAR)


def numbers_of(values: pd.Series[Any], name: str, column: str, told: Told, first: int) -> Floats:
    """(rows,) numbers of a column of the table `name`, NaN for a cell that is none; `told` learns how they are written if that is
    not plain. first: number of the first row."""
    numbers, way = as_written(values, f"{name}: column {column!r}", np.arange(first, first + len(values)))
    if way.style:
        told[column] = way
    return numbers


def days_of(values: pd.Series[Any], name: str, column: str, told: Told, first: int) -> pd.Series[Any]:
    """(rows,) days of a column of the table `name`, at midnight, NaT for a cell that holds none; `told` learns whether day or
    month comes first where that had to be asked. first: number of the first row."""
    if not pd.api.types.is_datetime64_any_dtype(values):
        values = values.astype(object).where(~is_empty(values), "")
    found = dates_of(values, f"{name}: column {column!r}", np.arange(first, first + len(values)))
    if found.cells:
        told[column] = found
    return found.days


def refuse(problems: list[str]) -> None:
    """Raise InputError with the problems, if there are any: the first MOST_TOLD, and how many more."""
    if problems:
        more = len(problems) - MOST_TOLD
        raise InputError(*problems[:MOST_TOLD], *([f"and {more:,} more"] if more > 0 else []))


def countable(numbers: Floats, name: str, column: str, problems: list[str]) -> Floats:
    """(rows,) the numbers that a cell can hold, 0 for all else; a problem more where their sum is beyond counting."""
    found = np.where(np.abs(numbers) <= MOST_AMOUNT, numbers, 0.0)
    total, most = float(np.abs(found).sum()), MOST_COUNTED // 100  # currency units as well as points
    if total > most:
        problems.append(f"{name}: column {column}: its numbers add up to {total:,.0f}, allowed is {most:,} together")
    return np.asarray(found)


def looks_personal(ids: Array) -> tuple[int, str] | None:
    """The first of the ids, (rows,) text, that is an e-mail address or a telephone number, and which of the two; None without."""
    marks: pd.Series[Any] = pd.Series(ids)
    mails = np.flatnonzero(marks.str.contains("@", regex=False))
    phones = np.flatnonzero(marks.str.fullmatch(r"(\+|00)\d[\d \-()/]{6,}"))
    if len(mails):
        return int(mails[0]), "an e-mail address"
    return (int(phones[0]), "a telephone number") if len(phones) else None


class Cells:
    """The cells of a table, and what is wrong with them."""

    def __init__(self, name: str, first: int, frame: pd.DataFrame) -> None:
        self.name, self.first, self.frame = name, first, frame
        self.problems: list[str] = []
        self.told: Told = {}

    def refuse(self) -> None:
        """Raise InputError with what is wrong so far, if anything is."""
        refuse(self.problems)

    def ids(self, column: str) -> Array:
        """(rows,) text, none of it empty."""
        values = self.frame[column]
        found = values.astype(str).str.strip()
        self._wrong(column, values.isna() | (found == ""), "a member id")
        personal = looks_personal(found.to_numpy(dtype=object))
        if personal is not None:
            row, kind = personal
            raise InputError(
                f"{self.name}: row {row + self.first}, column {column}: looks like {kind}; a backtest takes pseudonymous ids only"
            )
        return found.to_numpy(dtype=object)

    def dates(self, columns: list[str]) -> tuple[Ints, bool]:
        """Days since 1970, and whether they are months; a month is its first day."""
        if len(columns) == 2:
            year, month = (self.numbers(column) for column in columns)
            self._wrong(columns[0], (year < 1970) | (year > 9999) | (year % 1 != 0), "a year such as 2017")
            self._wrong(columns[1], (month < 1) | (month > 12) | (month % 1 != 0), "a month from 1 to 12")
            self.refuse()
            first = (year.astype(np.int64) - 1970) * 12 + month.astype(np.int64) - 1
            return first.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64), True
        column = columns[0]
        values: Any = self.frame[column]
        text = values.astype(str).str.strip()
        months = text.str.fullmatch(_MONTH)
        text_month = bool(months.mean() > 0.5)
        if text_month:
            parsed = pd.to_datetime(text.where(months), format="%Y-%m", errors="coerce")
        else:
            parsed = days_of(values, self.name, column, self.told, self.first)
        self._wrong(column, parsed.isna(), "a day such as 2017-03-14, or in every row a month such as 2017-03")
        self._wrong(column, too_early(parsed), f"a date from {FIRST_YEAR} on")
        self.refuse()
        days = parsed.to_numpy(dtype="datetime64[D]").astype(np.int64)
        firsts = bool((parsed.dt.day == 1).all())
        return days, text_month or (firsts and parsed.dt.to_period("M").nunique() > 1)

    def numbers(self, column: str, *, negative: bool = False, empty_is_0: bool = False) -> Floats:
        """(rows,) finite numbers, 0 or more unless `negative`."""
        values: Any = self.frame[column]
        number = numbers_of(values, self.name, column, self.told, self.first)
        if empty_is_0:
            number = np.where(is_empty(values), 0.0, number)
        self._wrong(column, np.isnan(number), "a number such as 120.50")
        self._wrong(column, np.abs(number) > MOST_AMOUNT, f"{MOST_AMOUNT:,} at most")
        if not negative:
            self._wrong(column, number < 0, "0 or more")
        return countable(number, self.name, column, self.problems)

    def whole(self, column: str, values: Floats) -> None:
        """Note values of the column that are not whole."""
        self._wrong(column, values != np.floor(values), "a whole number")

    def tiers(self, column: str, scenario: Scenario) -> Ints:
        """(rows,) number of the scenario's tier."""
        names = [tier.name for tier in scenario.programme.tiers]
        found = self.frame[column].astype(str).str.strip()
        self._wrong(column, ~found.isin(names), f"a tier of the scenario: {', '.join(names)}")
        return np.asarray(found.map({name: k for k, name in enumerate(names)}).fillna(-1).astype(np.int64))

    def _wrong(self, column: str, bad: Any, allowed: str) -> None:
        rows = np.flatnonzero(np.asarray(bad))
        for row in rows[:_ALIKE]:
            cell = self.frame[column].iloc[int(row)]
            found = "an empty cell" if pd.isna(cell) or str(cell).strip() == "" else repr(str(cell))
            self.problems.append(
                f"{self.name}: row {int(row) + self.first}, column {column}: found {found}, allowed is {allowed}"
            )
        if len(rows) > _ALIKE:
            self.problems.append(f"{self.name}: column {column}: {len(rows) - _ALIKE:,} more rows like these")
