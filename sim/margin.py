"""What a run earned and cost, in currency units: the amounts that measures and forecasts are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sim.errors import InputError
from sim.outcome import Outcome
from sim.programme import is_programme
from sim.tally import COST_LINES
from sim.typing import Floats


def members_ever(o: Outcome) -> int:
    """Members at the start and those who joined during the run."""
    return o.total("joined") + (o.n if o.tables.p["opened"][0] else 0)


def ratio(top: float, bottom: float) -> float:
    """top / bottom; NaN where bottom is 0."""
    return top / bottom if bottom else float("nan")


def fixed_cost_by_month(o: Outcome) -> Floats:
    """(months,) set-up, running and catalogue cost of the programme in currency units, for the simulated members.

    The scenario states them for population.members; a run with another number of members bears its share. A run that goes on from
    members that are there was set up before.
    """
    economics, programme = o.scenario.economics, o.scenario.programme
    cost = np.zeros(len(o.tables.months))
    if is_programme(programme):
        cost += economics.running_cost_per_month
        if not o.tables.p["opened"][0]:
            cost[0] += economics.set_up_cost
        if programme.catalogue_refresh_months:
            cost[o.tables.months["since_refresh"] == 0] += programme.catalogue_refresh_cost
    return np.asarray(cost * o.tables.p["base"][0] / o.scenario.population.members)


def benefit_cost_by_month(o: Outcome) -> Floats:
    """(months,) benefit cost in currency units: the sum of the cost lines of sim.tally."""
    return np.asarray(sum(o.by_month(line) for line in COST_LINES) / 100.0)


def point_cost(o: Outcome) -> float:
    """Cost of a redeemed point, currency units: as in the run; where nothing was redeemed, of the cheapest reward."""
    redeemed = o.total("points_redeemed")
    if redeemed:
        return redemption_cost(o) / redeemed
    rewards = o.tables.rewards
    cost = rewards["cost"] + rewards["charge"] - rewards["recovered"]
    return float(cost[0] / rewards["points"][0]) / 100.0 if len(rewards) else 0.0


def redemption_cost(o: Outcome) -> float:
    """Currency units that redeemed rewards and vouchers cost, net of what partners pay back."""
    return (o.total("reward_cost") + o.total("voucher_value") + o.total("reward_partners")) / 100.0


def provision(o: Outcome) -> float:
    """What the points still open at the end will cost, currency units: of members who have not lapsed, all points of those
    who know the programme and of the others the share that was redeemed of all points issued; of lapsed members none; each at
    the cost of a redeemed point. Without it a design would look the better the longer its members wait. An estimate: what
    happens to the points after the run is not simulated."""
    share = ratio(o.total("points_redeemed"), o.total("points_issued"))
    unaware = float(o.by_month("open_unaware")[-1])
    return (float(o.by_month("open_aware")[-1]) + (share * unaware if unaware else 0.0)) * point_cost(o)


def net_margin_by_month(o: Outcome) -> Floats:
    """(months,) gross margin on list value and membership fees less benefit cost less fixed cost, currency units, before the
    provision."""
    gross = o.scenario.economics.gross_margin * o.by_month("list_value") / 100.0
    return np.asarray(gross + o.by_month("fees") / 100.0 - benefit_cost_by_month(o) - fixed_cost_by_month(o))


def present_value(flows: ArrayLike, annual_rate: float) -> Floats:
    """Monthly amounts discounted to the start of the first month: flow / (1 + rate)^(months / 12).

    flows: (..., months), in any unit of money, which the result (...) has too; a month's amount counts at its end. Raises
    InputError for a rate of -1 or less.
    """
    if not annual_rate > -1:
        raise InputError(f"the discount rate is {annual_rate:g} a year; more than -1 is allowed")
    amounts = np.asarray(flows, np.float64)
    months = np.arange(1.0, amounts.shape[-1] + 1)
    return np.asarray(amounts @ (1 + annual_rate) ** (-months / 12))
