"""Points that members owe after returns: in no balance, and so told on their own."""

from __future__ import annotations

from typing import Any

from reports.statement import Statement, month_name
from scenarios.finance.forecast_document import POINT_LINES, spread_of
from scenarios.numerals import integer, money
from sim.typing import Floats

WHERE = (
    "They are in no balance: a company has no claim to be paid for them, so there is no asset, and what it owes other members "
    "is not less. Points that the same members earn next repay them: those are deferred with their sale, and clawed back once "
    "they could be spent. Who earns nothing more never repays."
)


def owed_spread(statement: Statement) -> Floats | None:
    """(months, 4) P10, P50, P90 and mean of the points owed at month ends; None where none ever are."""
    values = statement.forecast.point_values[:, :, POINT_LINES.index("points_owed")].astype(float)
    return spread_of(values, values[:0], low=0.0)[..., :4] if values.any() else None


def owed_sentence(statement: Statement) -> str | None:
    """How many points are owed at the end and what they were worth; None where none ever are, or without books."""
    spread, f = owed_spread(statement), statement.forecast
    if spread is None or statement.liability is None:
        return None
    low, _, high, mean = spread[-1]
    band = f" (P10 {integer(low)}, P90 {integer(high)})" if len(f.values) > 1 else ""
    worth = money(mean * float(statement.liability.value) / statement.unit, f.currency)
    return (
        f"At the end of {month_name(f.months[-1])} members owe {integer(mean)} points{band}: redeemed before the purchase that "
        f"earned them came back, and worth {worth} to them. {WHERE}"
    )


def owed_rows(statement: Statement) -> list[dict[str, Any]]:
    """Every third month end and the last: points owed, their worth when redeemed, their cost; nothing where none ever are."""
    spread, f = owed_spread(statement), statement.forecast
    if spread is None or statement.liability is None:
        return []
    last = len(f.months) - 1
    prices = [float(statement.liability.value)] + ([] if statement.cost is None else [float(statement.cost.cost_per_point[-1])])
    rows = []
    for m in (m for m in range(last + 1) if m % 3 == 2 or m == last):
        low, _, high, mean = spread[m]
        band = f"{integer(low)} to {integer(high)}" if len(f.values) > 1 else ""
        amounts = [(money(mean * price / statement.unit, digits=statement.digits), "") for price in prices]
        rows.append({"month": month_name(f.months[m]), "cells": [(integer(mean), band), *amounts]})
    return rows
