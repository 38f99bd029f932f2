"""A budget as a person states it: one figure for the whole period, or a small table of months and amounts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from scenarios.finance.cells import Cells
from scenarios.sources import first_row, open_source, require, whole
from sim.errors import InputError
from sim.limits import MOST_AMOUNT

WANTED = {"month": "a month such as 2027-01, or a day in it", "amount": "the budget of that month, currency units"}


def budget_of(said: str, months: Sequence[dt.date]) -> float | list[float]:
    """The budget that `said` means: an amount, or one for each of `months` (a day in each, ascending) from a table.

    A table has the columns of WANTED and every month of the forecast once, in any order. Raises InputError with file, row and
    column for cells that are neither, and for months that are missing, twice there or outside the forecast.
    """
    try:
        amount = float(said)
    except ValueError:
        return _by_month(said, months)
    if not 0 <= amount <= MOST_AMOUNT:
        allowed = f"an amount from 0 to {MOST_AMOUNT:,}, or a table of month and amount"
        raise InputError(f"--budget: found {said}, allowed is {allowed}")
    return amount


def _by_month(where: str, months: Sequence[dt.date]) -> list[float]:
    try:
        source = open_source(where)
    except InputError as problem:
        raise InputError(f"--budget: found {where!r}, allowed is an amount, or a table of month and amount: {problem}") from None
    require(source, WANTED)
    frame = whole(source)
    if not len(frame):
        raise InputError(f"{source.name}: has no rows; a budget has one a month")
    cells = Cells(source.name, first_row(source), frame)
    amounts = cells.numbers("amount")
    days, _ = cells.dates(["month"])
    cells.refuse()
    given = days.astype("datetime64[D]").astype("datetime64[M]")
    wanted = np.array(months, dtype="datetime64[M]")
    span = f"from {wanted[0]} to {wanted[-1]}"
    row_of: dict[np.datetime64, int] = {}
    for row, month in enumerate(given):
        place = f"{source.name}: row {row + cells.first}, column month: found {month}"
        if not wanted[0] <= month <= wanted[-1]:
            cells.problems.append(f"{place}, allowed is a month of the forecast, {span}")
        elif month in row_of:
            cells.problems.append(f"{place} again, after row {row_of[month] + cells.first}; allowed is every month once")
        else:
            row_of[month] = row
    missing = [str(month) for month in wanted if month not in row_of]
    if missing and not cells.problems:
        cells.problems.append(f"{source.name}: column month: {', '.join(missing)} missing; the budget needs every month {span}")
    cells.refuse()
    return [float(amounts[row_of[month]]) for month in wanted]
