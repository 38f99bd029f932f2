"""What a change of terms does and how a closed programme runs off, as the page and the workbook show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from reports.statement import OWED_TITLES, POINT_TITLES, TITLES, Statement, by_line, month_name
from scenarios.finance.closing import paired_whole
from scenarios.finance.forecast_document import POINT_LINES, SPREAD, spread_of
from scenarios.finance.liability import COLUMNS
from scenarios.numerals import NONE, integer, money, percent, signed
from sim.typing import Floats

CHANGE_TITLES = {**TITLES, **POINT_TITLES, **OWED_TITLES}
"""Lines of a difference: those of the forecast, then what is owed for points at the end"""
RUSH = (
    "Members are taken to redeem as they do now: a rush at the announcement, and a last chance that is offered, are not "
    "simulated and would move redemption forward and up."
)


@dataclass(frozen=True)
class Variant:
    """A forecast under changed terms, of the same members with the same luck as `before`."""

    said: str
    """the change as it was asked for"""
    before: Statement
    after: Statement

    @cached_property
    def whole(self) -> dict[str, dict[str, float]]:
        """Line of CHANGE_TITLES -> SPREAD of the difference over the whole period, replication by replication."""
        table = paired_whole(self.before.forecast, self.after.forecast)
        found = {str(row["line"]): {name: float(row[name]) for name in SPREAD} for row in table.to_dict("records")}
        owed = self.owed
        if owed is not None:
            found[self.before.owed] = {name: float(owed[name].iloc[-1]) if name in COLUMNS else np.nan for name in SPREAD}
        return found

    @property
    def sentence(self) -> str:
        """What the change does to cost, net margin and deferred revenue, on average."""
        cost = self.whole["benefit_cost"]["mean"] + self.whole["fixed_cost"]["mean"]
        parts = [f"cost {_more(cost)}", f"net margin {_more(self.whole['net_margin']['mean'])}"]
        owed = self.before.owed
        if owed in self.whole:
            title = OWED_TITLES[owed]
            parts.append(f"{title[0].lower()}{title[1:]} {_more(self.whole[owed]['mean'])}")
        return f"With {self.said}: {', '.join(parts)} {self.before.forecast.currency} (mean)."

    @cached_property
    def owed(self) -> pd.DataFrame | None:
        """month, then COLUMNS of the difference of what is owed for points at month end, replication by replication, currency
        units; None where one side has no books."""
        one, two = self.before.closing_values(), self.after.closing_values()
        if one is None or two is None:
            return None
        found = spread_of(two - one, one[:0])[..., : len(COLUMNS)]
        return pd.DataFrame(found, columns=list(COLUMNS)).assign(month=self.before.forecast.months)


@dataclass(frozen=True)
class RunOff:
    """The programme closed where the forecast starts."""

    statement: Statement
    ends: bool
    """whether the rule of expiry leaves no point at the last month"""
    felt: tuple[str, ...] = ()
    """what members still feel after the closing, and what not; sentences"""

    @property
    def notes(self) -> list[str]:
        """What ends and what goes on, and what is not simulated; sentences."""
        return [*self.felt, RUSH]

    @property
    def opening(self) -> int:
        """Points that members hold at the start."""
        return int(self.statement.forecast.cohorts.opening.sum())

    @property
    def owed(self) -> float:
        """Deferred revenue at the start, currency units; 0 without books, and as agent."""
        roll = self.statement.roll
        return 0.0 if roll is None or self.statement.as_agent else float(roll.total()["opening"][0]) / self.statement.unit

    def deferred(self) -> Floats | None:
        """(months, 4) COLUMNS of deferred revenue at month ends, currency units; None without books, and as agent."""
        return None if self.statement.as_agent else self.statement.closing_spread()

    @property
    def worth(self) -> float:
        """Mean benefit cost, discounted to the start, currency units."""
        return by_line(self.statement.forecast.present_value)["benefit_cost"]["mean"]

    def points(self, line: str, cumulative: bool = False) -> Floats:
        """(months, 6) SPREAD of one of POINT_LINES, of each month or so far."""
        values = self.statement.forecast.point_values[:, :, POINT_LINES.index(line)].astype(float)
        return _spread(values.cumsum(axis=1) if cumulative else values)

    def cost(self, cumulative: bool = False) -> Floats:
        """(months, 6) SPREAD of the benefit cost of each month, or so far."""
        values = self.statement.forecast.of("benefit_cost")
        return _spread(values.cumsum(axis=1) if cumulative else values)


def variant_rows(variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """Lines that some change moves, with the mean difference and its P10 to P90 for each change."""
    whole = [variant.whole for variant in variants]
    rows = []
    for line, title in CHANGE_TITLES.items():
        found = [w.get(line) for w in whole]
        if not any(f is not None and any(np.nan_to_num(f[name]) for name in ("p10", "p90", "mean")) for f in found):
            continue
        show = integer if line in POINT_LINES else money
        cells = []
        for f in found:
            if f is None:
                cells.append((NONE, ""))
            elif np.isfinite(f["p10"]):
                cells.append((signed(show(f["mean"])), f"{show(f['p10'])} to {show(f['p90'])}"))
            else:
                cells.append((signed(show(f["mean"])), ""))
        rows.append({"title": title, "cells": cells})
    return rows


def run_off_answer(run: RunOff) -> str:
    """How much of what is owed will be redeemed, at what cost, and until when."""
    s, f = run.statement, run.statement.forecast
    p10, _, p90, mean, *_ = run.points("points_redeemed", cumulative=True)[-1]
    cost = run.cost(cumulative=True)[-1]
    share = f" ({percent(mean / run.opening, 0)})" if run.opening else ""
    text = f"If the programme closed on {f.provenance['start']}, {integer(mean)}{share} of the {integer(run.opening)} points "
    text += f"outstanding would still be redeemed{_band(p10, p90, integer)}, at a cost of {money(cost[3], f.currency)}"
    text += f"{_band(cost[0], cost[2], money)}"
    if s.as_agent:
        text += "; as agent the company defers nothing for them, and owed the third party for each when it was issued."
    else:
        text += f"; {money(run.owed, f.currency)} of revenue is deferred for them." if s.roll is not None else "."
        due = s.due_spread()
        if due is not None:
            text += f" Redeeming them makes {money(due[-1, 3], f.currency)} due to the third party."
    debt = f.point_values[:, -1, POINT_LINES.index("points_owed")].mean()
    if debt:
        text += f" {integer(debt)} points that members owe after returns are never repaid, for nothing more is earned."
    left = f.outstanding[:, -1].mean()
    end = month_name(f.months[-1])
    if run.ends:
        return f"{text} At the end of {end} no point is left."
    rule = "the rule of expiry has no last day for who keeps buying"
    return f"{text} At the end of {end}, {integer(left)} points are left: {rule}."


def run_off_rows(run: RunOff) -> list[dict[str, Any]]:
    """Every third month end and the last: points redeemed and gone otherwise so far, left, cost so far, deferred revenue."""
    f = run.statement.forecast
    flows = dict(zip(POINT_LINES, np.moveaxis(f.point_values, 2, 0).cumsum(axis=2), strict=True))
    so_far = [flows["points_redeemed"], flows["points_expired"] + flows["points_clawed_back"]]
    left, cost, owed = run.points("points_outstanding"), run.cost(cumulative=True), run.deferred()
    last = len(f.months) - 1
    rows = []
    for m in (m for m in range(last + 1) if m % 3 == 2 or m == last):
        cells = [(integer(float(values[:, m].mean())), "") for values in so_far]
        cells.append((integer(left[m, 3]), _to(left[m], integer)))
        cells.append((money(cost[m, 3]), _to(cost[m], money)))
        cells.append((NONE, "") if owed is None else (money(owed[m, 3]), _to(owed[m], money)))
        rows.append({"month": month_name(f.months[m]), "cells": cells})
    return rows


def _more(amount: float) -> str:
    return signed(money(amount))


def _spread(values: Floats) -> Floats:
    return spread_of(values, values[:0], low=0.0)


def _band(low: float, high: float, show: Any) -> str:
    return f" (P10 {show(low)}, P90 {show(high)})" if np.isfinite(low) else ""


def _to(row: Floats, show: Any) -> str:
    return f"{show(row[0])} to {show(row[2])}" if np.isfinite(row[0]) else ""
