"""From a forecast to the statement that the reports show: the books of its points, and what they rest on."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np

from reports.statement import Statement
from scenarios.finance.cost_view import CostView, cost_view
from scenarios.finance.forecast_document import Assumption, Forecast
from scenarios.finance.liability import Liability, liability
from scenarios.finance.point_value import point_value
from scenarios.finance.rounding import Number, exact
from scenarios.finance.third_party import Role, third_party
from scenarios.numerals import as_stated, integer, money
from sim.errors import InputError
from sim.scenario import Scenario
from sim.typing import Floats, Ints


def statement_of(
    forecast: Forecast, scenario: Scenario, value: Number | None = None, opening: Ints | int | None = None
) -> Statement:
    """The statement of a forecast of `scenario`.

    value: of a redeemed point, currency units, exact; default: what the rewards give (scenarios.finance.point_value). Without
    points, or where one is worth nothing, there are no books. opening: minor units of deferred revenue that they open with, in
    all or by past cohort and tier (`opening_of`).
    The months beyond the forecast, where it has them, tell the books how points end; without them they see no redemption
    beyond the ages that the forecast itself reaches. Raises InputError where `value` is no number, or no point can carry
    `opening`.
    """
    longer, names = forecast.longer, forecast.tiers.names
    stated = scenario.population.members
    if forecast.members != stated and not forecast.provenance.get("snapshot"):
        note = (
            f"Simulated are {integer(forecast.members)} members at the start of the {integer(stated)} that the scenario states; "
            "every amount, fixed cost in the same proportion, is for those, and so must the budget be."
        )
        forecast = dataclasses.replace(forecast, notes=[note, *forecast.notes])
    worth = point_value(scenario) if value is None else 100 * exact(value)
    if not forecast.point_values.any() or worth <= 0:
        if isinstance(opening, int) and opening:
            given = money(opening / 100, digits=2)
            raise InputError(f"--deferred: found {given}, but the points of {forecast.name} have no value to defer")
        return Statement(forecast)
    source = "value of the rewards / points they take" if value is None else "stated for this forecast"
    more = [Assumption("value of a redeemed point", as_stated(round(float(worth / 100), 6)), forecast.currency, source)]
    source = "this simulation, all replications; see the cohort triangle"
    more.append(Assumption("points ever redeemed", "by cohort", "share of points issued", source))
    if isinstance(opening, int):
        stated_now = "stated for this forecast; split over the months of earning as its own estimate would be"
        more.append(Assumption("deferred revenue at the start", money(opening / 100, digits=2), forecast.currency, stated_now))
    beyond = 0 if longer is None else len(longer.months) - len(forecast.months)
    source = "simulated beyond the forecast; redemption at ages that no cohort reaches by then counts nothing"
    more.append(Assumption("the books see ahead by", str(beyond), "months", source))
    found = liability(longer or forecast, value=worth, months=len(forecast.months), opening=opening)
    a_point = exact(scenario.economics.cost_per_point) * 100
    return Statement(
        dataclasses.replace(forecast, assumptions=[*forecast.assumptions, *more]),
        found.rolls[found.middle],
        _cost(found, a_point),
        replication=found.middle,
        tiers=tuple(names) if len(names) > 1 else Statement.tiers,
        liability=found,
        accrued=_accrued(found, a_point),
    )


def as_third_party(statement: Statement, payable: Number, role: Role) -> Statement:
    """The statement with its points shown as those of a third party (scenarios.finance.third_party). An agent has no cost of
    points to come: the third party has.

    payable: currency units that it is paid for a point. Raises InputError where there are no books.
    """
    found = statement.liability
    if found is None:
        raise InputError(f"--third-party: the points of {statement.forecast.name} have no value, so nothing is allocated to them")
    every = [third_party(roll, exact(payable) * 100, role) for roll in found.rolls]
    said = f"points of a third party, the company as {role}: it is paid"
    unit = f"{statement.forecast.currency} a point"
    paid = Assumption(said, as_stated(float(exact(payable))), unit, "stated for this forecast")
    forecast = dataclasses.replace(statement.forecast, assumptions=[*statement.forecast.assumptions, paid])
    due = np.stack([third.owed_to_partner for third in every])
    shown = dataclasses.replace(statement, forecast=forecast, third=every[found.middle], due=due)
    return dataclasses.replace(shown, cost=None, accrued=None) if role == "agent" else shown


def opening_of(statement: Statement) -> Ints | None:
    """(past cohorts, tiers) minor units deferred at the start, for books of the same points under other terms; None without any.

    What a sale allocated to points was fixed then: terms that change later change the estimate, never the allocation.
    """
    if statement.roll is None or not (statement.roll.points.earned < 0).any():
        return None
    before = statement.roll.points.earned < 0
    return np.asarray(statement.roll.opening[before, 0])


def _cost(found: Liability, a_point: Fraction) -> CostView | None:
    """The incremental-cost view of the same points, for the books shown; None where a point costs nothing."""
    if not a_point:
        return None
    return cost_view(found.rolls[found.middle].points, a_point, found.chance, found.expected[found.middle])


def _accrued(found: Liability, a_point: Fraction) -> Floats | None:
    """(replications, months) its balance in each of them, minor units; None where a point costs nothing."""
    if not a_point:
        return None
    pairs = zip(found.expected, found.rolls, strict=True)
    to_come = [(expected - roll.points.redeemed_so_far()).sum(axis=(0, 2)) for expected, roll in pairs]
    return np.asarray(np.stack(to_come) * float(a_point), np.float64)
