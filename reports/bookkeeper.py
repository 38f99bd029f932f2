"""Forecasts with their books: designs, changed terms and a closing, all of the same members with the same luck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from reports.books import as_third_party, opening_of, statement_of
from reports.statement import Statement
from reports.what_if import RunOff
from scenarios.finance.closing import closed, run_off_months, what_goes_on
from scenarios.finance.forecast import Start, forecast, placed
from scenarios.finance.third_party import Role
from scenarios.replications import Progress
from sim.scenario import Scenario


@dataclass(frozen=True)
class Terms:
    """What the books rest on besides the forecast; None = not stated."""

    value: Fraction | None = None
    """of a redeemed point, currency units; default: what the rewards give"""
    deferred: int | None = None
    """at the start, minor units; default: what a sale of the first month allocates to such points"""
    role: Role | None = None
    """of the company, where the points are those of a third party"""
    payable: Fraction = Fraction(0)
    """what the third party is paid for a point, currency units"""


@dataclass(frozen=True)
class Bookkeeper:
    """Makes statements that differ by nothing but their designs; arguments as in scenarios.finance.forecast.forecast."""

    terms: Terms
    members: int | None
    replications: int
    seed: int
    progress: Progress
    say: Callable[[str], None]
    """gets what is being done, in words"""

    def statement(
        self, design: Scenario, start: Start | None, months: int, beyond: int, *, before: Statement | None = None,
        budget: float | Sequence[float] | None = None, valued: bool = False,
    ) -> Statement:  # fmt: skip
        """The statement of a forecast.

        before: under other terms, whose allocation to the points of the start stays; valued: raise InputError where the points of
        a third party have no value, instead of telling none.
        """
        found = forecast(
            design, snapshot=start, months=months, members=self.members, replications=self.replications, seed=self.seed,
            budget=budget, beyond=beyond if design.programme.earning is not None else 0, progress=self.progress,
        )  # fmt: skip
        self.say("keeping the books")
        made = statement_of(found, design, self.terms.value, self.terms.deferred if before is None else opening_of(before))
        if self.terms.role is None or (made.liability is None and not valued):
            return made
        return as_third_party(made, self.terms.payable, self.terms.role)

    def run_off(self, design: Scenario, start: Start | None, months: int, beyond: int, before: Statement) -> RunOff:
        """What becomes of the points if the programme closes at the start; over `months` where nothing ends them, 120 at most."""
        last = run_off_months(design, placed(design, start, months).horizon.start)
        length = min(120, last or months)
        shut = closed(placed(design, start, length))
        off = self.statement(shut, start, length, 0 if last else beyond, before=before)
        return RunOff(off, ends=last == length, felt=tuple(what_goes_on(design)))
