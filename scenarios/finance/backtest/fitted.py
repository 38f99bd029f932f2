"""What the rows before the forecast say of a programme's members, their redeeming and its costs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scenarios.calibration import calibrate
from scenarios.finance.backtest.activity import Activity, month_number, month_of
from scenarios.finance.backtest.occasions import Occasions, occasions_of
from scenarios.finance.backtest.standing import People, Standing, held_before, standing
from scenarios.finance.backtest.willingness import Recorded, Willingness, willingness
from scenarios.finance.snapshot_tables import DAY_ZERO
from scenarios.numerals import integer, percent, signed
from scenarios.sources import FrameSource
from sim.errors import InputError
from sim.population import Population
from sim.programme import Reward
from sim.scenario import Scenario
from sim.typing import Floats

LEAST_REDEMPTIONS = 20
"""below so many the redemption rate of the scenario stays"""
SAME_SIZE = 0.95
"""share of redemptions that must be at a reward's price for the scenario's rewards to stay"""


@dataclass(frozen=True)
class Number:
    """One number that was fitted."""

    name: str
    value: float
    unit: str
    says: str


@dataclass(frozen=True)
class Fitted:
    """The scenario that the forecast runs, and where it starts; from the rows before the forecast alone."""

    scenario: Scenario
    standing: Standing
    start: Recorded
    """where the forecast starts"""
    occasions: Occasions
    purchases_each: float
    """purchases a row with any: what the model takes for one"""
    numbers: list[Number]
    notes: list[str]
    calibration: dict[str, Any] | None
    """report of the calibration (scenarios.calibration), None where the population was given"""


def fit(
    a: Activity, people: People, scenario: Scenario, *, seed: int = 0, joins: float | None = None,
    before: str = "unknown", population: Population | None = None, progress: Callable[[str], None] | None = None,
) -> Fitted:  # fmt: skip
    """Fit a scenario to the rows of `a`, which end on the day before the forecast.

    joins: new members a month, share of members; default: of the members table, else of the population; before: whether members
    were there before the rows (scenarios.calibration.before); population: members known already, taken as they are; default:
    calibrated on the purchases. Raises InputError where the rows
    are too few to calibrate, or the scenario has incentives for segments, which no activity table tells.
    """
    named = sorted({s for incentive in scenario.programme.incentives for s in incentive.only.segments})
    if named and population is None:
        raise InputError(
            scenario.told(
                ("programme", "incentives"),
                f"found the segments {', '.join(named)}; members fitted to activity have no segments, so these cannot be "
                "backtested: take them out of the scenario",
            )
        )
    population, report = _calibrated(a, before, seed, progress) if population is None else (population, None)
    as_joined = population.first_purchase_on_joining
    rate, how = _new_members(a, people, population, calibrated=report is not None) if joins is None else (joins, "as stated")
    with_first = as_joined or (report is not None and not people.told)  # without a table members join with their first row
    population = population.model_copy(update={"new_members_per_month": rate, "first_purchase_on_joining": with_first})
    held, _ = held_before(a, people)
    occasions = occasions_of(a, held[: len(a.who)])
    designed, numbers, said = _rewards(a, scenario)
    willing, counted, unsure = _willing(a, occasions, designed)
    behaviour = willing.put(designed.behaviour)
    market = designed.market.model_copy(update={"refunds": None})
    designed = designed.model_copy(update={"population": population, "behaviour": behaviour, "market": market})
    stood = standing(a, people, designed, from_first_purchase=as_joined or (rate > 0 and not people.told))
    each = float(a.purchases.sum() / max(1, (a.purchases > 0).sum())) if report or a.by_month else 1.0
    single = Number("purchases a row", each, "purchases", "of a member's day or month; what one purchase of the model stands for")
    numbers = [
        Number("new members a month", population.new_members_per_month, "share of members", how),
        *([single] if each != 1.0 else []),
        *numbers,
        *counted,
    ]
    redeems = np.full(stood.snapshot.size, willing.share)
    redeems[: len(a.who)] = willing.redeems()
    notes = [
        "Effects of the programme on buying are in the fitted level already; the engine's own are switched off, or they would be "
        "counted twice.",
        *(["Returns are left out on both sides: market.refunds is not simulated."] if scenario.market.refunds else []),
        *stood.notes, *said, *unsure, *_earning_check(a, scenario), *_before_note(report), *_season_note(population, report),
        *_month_note(a),
    ]  # fmt: skip
    return Fitted(designed, stood, Recorded(stood.snapshot, redeems), occasions, each, numbers, notes, report)


def _calibrated(
    a: Activity, before: str, seed: int, progress: Callable[[str], None] | None
) -> tuple[Population, dict[str, Any]]:
    """Members as their purchases tell of them, and the report of the calibration."""
    bought = a.purchases > 0
    frame = pd.DataFrame({"member": a.who[a.member[bought]], "date": DAY_ZERO + a.day[bought], "value": a.value[bought]})
    found = calibrate(
        FrameSource(frame, a.name), member="member", date="date", value="value", members_before=before, seed=seed,
        progress=progress,
    )  # fmt: skip
    return found.population, found.report


def _before_note(report: dict[str, Any] | None) -> list[str]:
    return [] if report is None else [f"Members before the rows: {report['choice']['before']}."]


def _season_note(population: Population, report: dict[str, Any] | None) -> list[str]:
    if report is None:
        return []
    if population.season:
        return [f"A season was fitted: {report['choice']['season']}."]
    unseen = report["uncertainty"]["unseen_season_rate"]
    return [
        "No season was fitted, so a season of the months forecast is not in the middle; the band has room for "
        + (f"± {percent(unseen)} of purchases, as weeks of the fit lay off it." if unseen else "none: weeks show none.")
    ]


def _month_note(a: Activity) -> list[str]:
    if not a.by_month:
        return []
    return [
        "The table is by month: a member's month with purchases is one purchase of the model, on a day drawn from the "
        "member's id, so active members are forecast as its purchases."
    ]


def _new_members(a: Activity, people: People, population: Population, *, calibrated: bool) -> tuple[float, str]:
    """New members a month as a share of members at the end of the rows, and how it was found: of the members table those who
    joined in the last third of the months, else what the population says of its own members."""
    if people.told:
        third, last = max(1, a.months // 3), month_number(a.end)
        joined = month_of(people.joined.astype(np.int64))
        count = float(((joined > last - third) & (joined <= last)).sum())
        return min(1.0, count / third / len(people.who)), "who joined in the last third of the fit, of the members table"
    if not calibrated:
        return population.new_members_per_month, "of the population given"
    rate = population.new_members_per_month * population.members / len(people.who)
    return min(1.0, rate), "as calibrated: joiners are told from rare buyers who were there before by members' own gaps"


def _rewards(a: Activity, scenario: Scenario) -> tuple[Scenario, list[Number], list[str]]:
    """Rewards and what a redeemed point costs, as the rows have them."""
    redeems = a.redeemed > 0
    if scenario.programme.earning is None or not scenario.programme.rewards or "points_redeemed" not in a.has:
        return scenario, [], ["Redemption is not fitted: it needs rewards in the scenario and a column of points redeemed."]
    count = int(redeems.sum())
    if count < LEAST_REDEMPTIONS:
        few = f"{count} redemptions before the forecast, fewer than {LEAST_REDEMPTIONS}"
        return scenario, [], [f"{few}: rewards are the scenario's."]
    notes, numbers = [], []
    rewards, cost = scenario.programme.rewards, None
    points = a.redeemed[redeems]
    if "cost" in a.has:
        elsewhere = a.cost[~redeems].sum() / max(1, a.cost.sum())
        if elsewhere <= 0.01:
            cost = float(a.cost[redeems].sum() / 100 / points.sum())
            numbers.append(Number("cost of a redeemed point", cost, scenario.market.currency, f"{integer(count)} redemptions"))
        else:
            lies = f"{percent(elsewhere, 0)} of the cost is not in rows with redemptions"
            notes.append(f"{lies}: the cost of rewards is the scenario's.")
    at_price = np.isin(points, [r.points for r in rewards]) | np.logical_or.reduce(
        [points % r.points == 0 for r in rewards if r.kind == "voucher"] or [np.zeros(count, bool)]
    )
    if at_price.mean() >= SAME_SIZE:
        if cost is not None:
            rewards = [r if r.kind == "voucher" else r.model_copy(update={"cost": round(r.points * cost, 4)}) for r in rewards]
    else:
        size = max(1, round(float(points.mean())))
        each = (
            cost
            if cost is not None
            else float(np.mean([(r.value if r.kind == "voucher" else r.cost) / r.points for r in rewards]))
        )
        rewards = [Reward(name="redemption", points=size, value=round(size * each, 4), cost=round(size * each, 4))]
        notes.append(
            f"{percent(1 - at_price.mean(), 0)} of redemptions are at no price of the scenario's rewards, which are replaced by "
            f"one of {integer(size)} points, the mean of the fit; that single redemptions differ in size is not in the band."
        )
    programme = scenario.programme.model_copy(update={"rewards": rewards})
    return scenario.model_copy(update={"programme": programme}), numbers, notes


def _willing(a: Activity, o: Occasions, scenario: Scenario) -> tuple[Willingness, list[Number], list[str]]:
    """Who redeems, and with what chance; the scenario's chance where there is too little to tell."""
    none = np.zeros(len(a.who), np.int64)
    prices = [r.points for r in scenario.programme.rewards]
    did = a.redeemed[o.row] > 0
    if "points_redeemed" not in a.has or not prices or did.sum() < LEAST_REDEMPTIONS:
        stated = scenario.behaviour.redeeming.probability
        return Willingness(1.0, stated, none, none), [], ["Willingness to redeem is the scenario's: the rows do not tell enough."]
    could = o.affords(min(prices))
    trials, used = (np.bincount(o.member[rows], minlength=len(a.who)) for rows in (could, could & did))
    found = willingness(trials, used)
    numbers = [
        Number(
            "redeems when the balance affords a reward", found.chance, "share of purchases", f"{integer(could.sum())} purchases"
        ),
        Number("redeems at all", found.share, "share of members", f"{integer((trials > 0).sum())} members who could have"),
    ]
    beyond = int((did & ~could).sum())
    notes = [f"{integer(beyond)} redemptions came from balances that are not known to afford a reward; they are not in the rate."]
    kept = [
        "Who redeems at all is drawn by each member's own record; memory of messages and benefits starts empty, limits and "
        "budgets of incentives start unused. Rate and share of redeeming are taken as known, so the band lacks their error."
    ]
    return found, numbers, [*kept, *(notes if beyond else [])]


def _earning_check(a: Activity, scenario: Scenario) -> list[str]:
    """How far the points of the rows are from those of the scenario's rule."""
    earning = scenario.programme.earning
    if earning is None or "points_earned" not in a.has or not a.value.sum():
        return []
    tiers: Floats = np.array([tier.earning for tier in scenario.programme.tiers])
    rule = float((a.value * tiers[np.maximum(a.tier, 0)]).sum() * earning.points_per_unit)
    off = a.earned.sum() / rule - 1 if rule else 0.0
    if abs(off) <= 0.02:
        return []
    return [
        f"The rows have {integer(a.earned.sum())} points earned; value x programme.earning would be {integer(rule)} "
        f"({signed(percent(off))}): check it."
    ]


def check_start(date: dt.date, a: Activity) -> None:
    """Raise InputError where no forecast can begin: not on the first of a month, or without whole months before and after."""
    if date.day != 1:
        raise InputError(f"--from: found {date}, allowed is the first of a month")
    if not a.start < date <= a.end:
        raise InputError(f"--from: found {date}; {a.name} has whole months from {a.start} to {a.end}, allowed is one within")
