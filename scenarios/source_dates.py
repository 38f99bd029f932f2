"""Dates as tables write them: year first, or day or month first, with or without a time of the day.

A purchase is of the day that the table writes, whatever the time and its zone. Year first, and with points day first, leave no
doubt; of 03/04/2017 other cells of the column tell which comes first, and where they do not the column is refused. One
cell in a hundred tells nothing: so many that fit the other order alone, or that no other tells, are left out as no dates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.source_numbers import FEW
from sim.errors import InputError
from sim.typing import Ints

_TIME = (
    r"(?<=[0-9])[T ] *[0-9]{1,2}(:?[0-9]{2}(:?[0-9]{2}([.,][0-9]+)?)?)? *([AaPp]\.?[Mm]\.?)? *"
    r"(Z|UTC|GMT|[+-][0-9]{2}(:?[0-9]{2})?)?(\[[\w/+-]+\])?$"
)
_YEAR_FIRST = r"([0-9]{4})(?:[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})|([0-9]{2})([0-9]{2})(?:\.0)?)"
_WITH_POINTS = r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})"
_EITHER = r"([0-9]{1,2})[-/]([0-9]{1,2})[-/]([0-9]{4})"
_NUMBER = r"[+-]?[0-9]+(\.[0-9]*)?"
_WRITE = "write dates as 2017-09-30"


@dataclass(frozen=True)
class Dates:
    """The day of each cell, at midnight, NaT for a cell that holds none; how it was told whether day or month comes first."""

    days: pd.Series[Any]
    words: str = "none: no date is written as 03/04/2017"
    cells: int = 0
    """how many cells were read by that order"""


def dates_of(column: pd.Series[Any], place: str, rows: Ints) -> Dates:
    """The dates of a column; `rows` are the numbers of its cells as a person counts.

    Raises InputError, beginning with `place`, where day and month cannot be told apart, or the column holds plain numbers.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        local: pd.Series[Any] = column.dt.tz_localize(None) if column.dt.tz is not None else column
        return Dates(local.dt.floor("D"))
    written = column.astype(str).str.strip()
    codes, texts = pd.factorize(written.str.replace(_TIME, "", regex=True))
    text: pd.Series[str] = pd.Series(texts, dtype=str)
    times, first = np.bincount(codes, minlength=len(text)), np.unique(codes, return_index=True)[1]

    def told(which: NDArray[np.bool_]) -> str:
        at = int(first[int(which.argmax())])
        return f"{written.iloc[at]!r} in row {rows[at]}"

    day_first, month_first = _parts(text, _EITHER, "dmy"), _parts(text, _EITHER, "mdy")
    by_day, by_month = (np.asarray(found.notna()) for found in (day_first, month_first))
    days, months = (int(times[which].sum()) for which in (by_day & ~by_month, by_month & ~by_day))
    if min(days, months) > FEW * (days + months):
        found = f"day first (found {told(by_day & ~by_month)}) and month first ({told(by_month & ~by_day)})"
        raise InputError(f"{place} has dates {found}; {_WRITE}")
    doubtful = by_day & by_month & np.asarray(day_first != month_first)
    either = int(times[doubtful].sum())
    told_apart = max(days, months) > FEW * either
    if not told_apart and either > FEW * len(column):
        raise InputError(f"{place} can be read day first or month first (found {told(doubtful)}); {_WRITE}")
    which, shows, best = ("day", by_day & ~by_month, day_first) if days > months else ("month", by_month & ~by_day, month_first)
    best = best if told_apart else best.mask(doubtful)
    words = f"{which} first, as {told(shows)} shows: read so" if told_apart else Dates.words
    cells = int(times[np.asarray(best.notna())].sum()) if told_apart else 0
    best = best.fillna(_parts(text, _YEAR_FIRST, "ymd")).fillna(_parts(text, _WITH_POINTS, "dmy"))
    number = np.asarray(best.isna() & text.str.fullmatch(_NUMBER))
    if 2 * int(times[number].sum()) > len(column):
        raise InputError(
            f"{place} holds plain numbers (found {told(number)}), not dates; name the column of dates, or, if they are days or "
            f"seconds as a program counts them, {_WRITE}"
        )
    return Dates(best.iloc[codes].set_axis(column.index), words, cells)


def _parts(text: pd.Series[str], pattern: str, order: str) -> pd.Series[Any]:
    """Dates of the texts that are written so; NaT for others, and for days that no calendar has."""
    groups = text.str.extract(rf"^(?:{pattern})$")
    if len(groups.columns) > 3:
        groups = pd.DataFrame({0: groups[0], 1: groups[1].fillna(groups[3]), 2: groups[2].fillna(groups[4])})
    names = {"d": "day", "m": "month", "y": "year"}
    groups = groups.set_axis([names[part] for part in order], axis=1)
    there = groups.notna().all(axis=1)
    found: pd.Series[Any] = pd.to_datetime(groups[there].astype(int), errors="coerce").reindex(text.index)
    return found.astype("datetime64[s]")
