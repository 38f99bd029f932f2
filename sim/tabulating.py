"""A scenario made into the tables that the engine reads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from sim.calendar import Calendar
from sim.effects import EFFECTS
from sim.errors import InputError
from sim.incentive_tables import IncentiveTables, partner_rates
from sim.opening import Opening
from sim.own_effects import own_tables
from sim.population import Population, PurchaseRate
from sim.programme import Programme, is_programme
from sim.rules.numbers import exp
from sim.scenario import Scenario
from sim.setting import Economics
from sim.standing_tables import standing_tables
from sim.tables import (
    BEHAVIOUR,
    CLAWBACKS,
    DECAYS,
    EXPIRIES,
    INACTIVE,
    INACTIVITY,
    MOVES_RATES,
    REWARD,
    REWARD_KINDS,
    RULES,
    SCORES,
    SEGMENT,
    TIER,
    Tables,
    minor,
)  # fmt: skip
from sim.typing import Array, Floats
from sim.worth import rewards_worth


def compile_tables(
    scenario: Scenario, *, members: int | None = None, seed: int = 0, draw: int | None = None,
    score: dict[str, float] | None = None, cohorts: bool = False, watch: tuple[float, float, int] = (0.0, 1.0, 0),
    opening: Opening | None = None, goes_on: bool = False, shocks: int | None = None,
) -> Tables:  # fmt: skip
    """Tables of a scenario.

    members: number at the start; seed: run seed; draw: number of the parameter draw, None for the means; score: normal
    scores of single effect parameters; cohorts: keep points by month of credit though they never expire, and tally them so;
    watch: first day, days a period and number of periods for which single members are recorded; opening: members to go on
    from instead of new ones; goes_on: another run will go on from the end of this one; shocks: seed of the common shocks,
    None = the run's. Raises InputError where the scenario cannot go on from the opening.
    """
    if opening is not None:
        opening.check(scenario)
    population = scenario.population
    if draw is not None:
        population = population.drawn(np.random.Generator(np.random.Philox([draw, 7])))
    n = opening.n if opening else members or population.members
    calendar = Calendar(
        scenario.horizon, population, scenario.programme, origin=opening.origin if opening else None,
        level_days=opening.level_days if opening else 0.0, inflation=scenario.market.price_inflation,
        seed=(seed if shocks is None else shocks) & 0xFFFFFFFF,
    )  # fmt: skip
    programme, behaviour = scenario.programme, scenario.behaviour
    values = behaviour.values(draw, score)
    b = _behaviour(values)
    power = values["reward_worth.power"]
    table = IncentiveTables(scenario, calendar, opening, power)
    own = own_tables(behaviour, values, [x.name for x in programme.tiers], [x.name for x in population.segments])
    p = np.zeros(1, RULES)
    r = p[0]
    r["seed"], r["goes_on"], r["cohorts"], r["past"] = seed & 0xFFFFFFFF, goes_on, cohorts, opening.past if opening else 0
    r["watch_from"], r["watch_days"], r["watch_periods"] = watch
    _calendar(r, calendar)
    _population(r, population, n, opening)
    _programme(r, programme, calendar, int(opening.members["longer"].max(initial=0)) if opening else 0)
    _refunds(r, scenario, opening)
    _economics(r, scenario.economics)
    r["delivery_charge"] = minor(scenario.market.delivery_charge)
    _incentives(r, table)
    r["redeem"] = behaviour.redeeming.probability
    offers = (table.incentives["event"] == INACTIVITY) & (table.incentives["gives"] == 1)
    winning_back = bool(offers.any()) and b["win_back_returns"][0] > 0
    r["may_return"] = population.leaving.return_rate > 0 or winning_back
    for name in ("own_rate", "own_basket", "own_leaving", "own_redeeming", "own_most"):
        r[name] = own[name]
    unmoved = all(b[name][0] == 0.0 for name in MOVES_RATES) and not (r["own_rate"] or r["own_basket"] or r["own_leaving"])
    r["calm"] = unmoved or (opening is None and _gives_nothing(programme))
    falls_due = (r["has_incentives"], r["has_refunds"], r["pending_days"], r["card_days"], r["fee"], r["expiry"] == INACTIVE)
    r["has_due"] = any(falls_due)
    calendar.months["wear"] = [exp(-b["catalogue_wear_fading"][0] * age) for age in calendar.months["since_refresh"]]
    numbers = np.arange(len(calendar.months))
    calendar.months["lot"], calendar.months["slot"] = numbers % r["slots"], numbers % max(1, r["window_months"])
    periods = (r["month_zero"] + numbers, calendar.months["quarter"], calendar.months["year"], 0 * numbers)
    rates, leaving = _log_gamma_quantiles(population.purchase_rate), _log_leaving_quantiles(population)
    standing_rates, standing_leaving = standing_tables(population.standing, rates, leaving)
    return Tables(
        p=p,
        b=b,
        tiers=_tiers(programme),
        rewards=_rewards(programme, power),
        incentives=table.incentives,
        days=calendar.days,
        months=calendar.months,
        day_of_op=calendar.day_of_op,
        starts=calendar.starts,
        calls=table.calls,
        rates=rates,
        leaving=leaving,
        standing_rates=standing_rates,
        standing_leaving=standing_leaving,
        segments=_segments(population),
        categories=np.cumsum([c.share for c in scenario.market.categories] or [1.0]),
        open_to=table.open_to,
        periods=np.array(periods, np.int64),
        window_ends=calendar.window_ends,
        own=own["own"],
        closes=table.closes,
        closes_for=np.zeros(len(table.closes), np.int64),
        **table.parts,
    )


def _gives_nothing(programme: Programme) -> bool:
    """Whether there is nothing to react to, so that no effect can act."""
    return len(programme.tiers) == 1 and not is_programme(programme) and not programme.tiers[0].care_value_per_month


def _calendar(r: Any, calendar: Calendar) -> None:
    r["end"], r["steady"], r["op_end"] = calendar.end, calendar.steady, calendar.op_end
    r["dearer"] = bool((calendar.days["dear"] != 1.0).any())
    r["weekday"] = calendar.start.weekday()
    r["migration_month"] = len(calendar.months) // 2 - 1


def _population(r: Any, population: Population, n: int, opening: Opening | None) -> None:
    r["n_start"], r["first_new"], r["base"] = n, n, n
    if opening is not None:
        r["opened"], r["first_new"], r["base"] = 1, opening.next_key, opening.base
        r["day_zero"], r["month_zero"], r["level_days"] = opening.day_zero, opening.month_zero, opening.level_days
    r["new_per_month"] = math.floor(int(r["base"]) * population.new_members_per_month + 0.5)
    r["buys_on_joining"] = population.first_purchase_on_joining
    r["regular"], r["stage"] = population.regularity, 1.0 / population.regularity
    r["mean_rate"] = population.purchase_rate.mean
    r["return_rate"] = population.leaving.return_rate
    basket = population.basket
    r["ln_median"], r["sigma"] = math.log(basket.median), basket.sigma
    r["mean_to_median"] = exp(0.5 * basket.sigma**2)
    r["sigma_between"], r["rate_correlation"] = basket.sigma_between, basket.rate_correlation
    r["history_from"], r["history_to"] = population.history_days
    if population.standing is not None:
        r["standing_share"], r["standing_since"] = population.standing.share, population.standing.since_days


def _programme(r: Any, programme: Programme, calendar: Calendar, longer: int) -> None:
    """longer: most months by which points of the members to go on from live longer."""
    earning, expiry, q = programme.earning, programme.expiry, programme.qualification
    r["earn_paid"] = 1
    if earning is not None:
        r["has_points"], r["points_milli"] = 1, math.floor(earning.points_per_unit * 1000 + 0.5)
        r["round_points"] = 50_000_000 if earning.rounding == "nearest" else 0
        r["earn_paid"], r["pending_days"] = earning.base == "paid", earning.pending_days
        r["cap"] = earning.cap_per_month or 0
        r["clawback"] = CLAWBACKS.index(earning.clawback)
    r["window"] = ("cumulative", "calendar", "rolling").index(q.window)
    r["window_months"] = q.months
    r["counts_points"] = any(tier.requires.points is not None for tier in programme.tiers)
    r["qualify_paid"], r["at_once"] = q.base == "paid", q.upgrade == "at_once"
    r["downgrade"], r["grace"] = ("never", "one_step", "full").index(q.downgrade), q.grace_months
    r["expiry"] = EXPIRIES.index(expiry.rule)
    r["expiry_months"], r["expiry_month"] = expiry.months, expiry.month
    if programme.fee is not None:
        r["fee"], r["fee_days"] = minor(programme.fee.amount), programme.fee.days
    longest = max([reward.months for reward in programme.rewards] + [longer])
    horizon = len(calendar.months) + 1 + int(r["past"])
    needed = {"never": 1, "inactivity": 1, "rolling": expiry.months + 1, "fixed_date": expiry.months + 13}[expiry.rule]
    if needed > 1:
        # what is overdue under a shorter validity than before lapses with the first month, or on the next date
        needed = max(needed + longest, int(r["past"]) + (12 if expiry.rule == "fixed_date" else 1))
    r["slots"] = horizon if r["cohorts"] else min(horizon, needed)
    r["card_days"] = 30.0 * programme.card_valid_months if programme.card_valid_months else 0.0


def _refunds(r: Any, scenario: Scenario, opening: Opening | None) -> None:
    """What a run finds waiting to be returned is returned, though nothing new may be."""
    refunds, waiting = scenario.market.refunds, opening.refunds.shape[1] if opening else 0
    r["refund_slots"] = max(1, waiting)
    if refunds is not None:
        r["refund_share"], r["refund_days"] = refunds.share, refunds.after_days
        r["refund_slots"] = max(refunds.after_days + 1, waiting)
    r["has_refunds"] = refunds is not None or waiting > 0


def _economics(r: Any, economics: Economics) -> None:
    r["delivery_cost"], r["message_cost"] = minor(economics.delivery_cost), minor(economics.message_cost)
    r["point_cost"] = economics.cost_per_point * 100


def _incentives(r: Any, table: IncentiveTables) -> None:
    r["has_incentives"], r["has_goals"] = len(table.incentives) > 0, table.incentives["goal"].any()
    for name, bits in table.bits.items():
        r[name] = bits
    r["on_first"], r["felt_cut"] = table.on_first, table.incentives["log_cut"][table.parts["felt"]].sum()


def _tiers(programme: Programme) -> Array:
    found = np.zeros(len(programme.tiers), TIER)
    found["status"] = np.arange(len(found)) * min(1.0, 2.0 / max(1, len(found) - 1))
    for row, tier in zip(found, programme.tiers, strict=True):
        row["spend"] = -1 if tier.requires.spend is None else minor(tier.requires.spend)
        row["points"] = -1 if tier.requires.points is None else tier.requires.points
        row["purchases"] = -1 if tier.requires.purchases is None else tier.requires.purchases
        row["price"], row["log_cut"] = math.floor(tier.price * 10_000 + 0.5), -math.log(tier.price)
        row["free_delivery"] = tier.free_delivery
        if programme.earning is not None:  # points for a million currency units
            row["micro"] = math.floor(programme.earning.points_per_unit * 1000 + 0.5) * math.floor(tier.earning * 1000 + 0.5)
        row["care_cost"], row["care_value"] = minor(tier.care_cost_per_month), tier.care_value_per_month * 100
    return found


def _rewards(programme: Programme, power: float) -> Array:
    found = np.zeros(len(programme.rewards), REWARD)
    ranked = sorted(programme.rewards, key=lambda reward: reward.points)
    for row, reward in zip(found, ranked, strict=True):
        row["points"], row["kind"], row["months"] = reward.points, REWARD_KINDS.index(reward.kind), reward.months
        row["value"] = minor(reward.value)
        row["cost"] = minor(reward.value if reward.kind == "voucher" else reward.cost)
        row["charge"], row["recovered"] = partner_rates(reward.partner, int(row["cost"]))
    rewards_worth(found, ranked, power)
    return found


def _behaviour(values: dict[str, float]) -> Array:
    found = np.zeros(1, BEHAVIOUR)
    for effect in EFFECTS:
        for parameter in effect.parameters:
            found[f"{effect.name}_{parameter.name}"] = values[f"{effect.name}.{parameter.name}"]
    for decay, days in DECAYS.items():
        found[decay] = 1.0 / found[days]
    return found


def _segments(population: Population) -> Array:
    found = np.zeros(max(1, len(population.segments)), SEGMENT)
    found["upto"], found["rate"], found["basket"] = 1.0, 1.0, 1.0
    for k, segment in enumerate(population.segments):
        found[k] = (sum(s.share for s in population.segments[: k + 1]), segment.rate, segment.basket)
    found["upto"][-1] = 1.0
    return found


def _log_gamma_quantiles(rate: PurchaseRate) -> Floats:
    """Log quantiles of Gamma(shape, mean / shape); in the far lower tail F(x) = x^shape / Gamma(shape + 1)."""
    shape, mean = rate.shape, rate.mean
    upper = SCORES > 0
    x = np.where(
        upper,
        special.gammainccinv(shape, special.ndtr(-SCORES)),
        special.gammaincinv(shape, special.ndtr(SCORES)),
    )
    tail = (special.log_ndtr(SCORES) + special.gammaln(shape + 1)) / shape
    log_x = np.where(x > 1e-200, np.log(np.maximum(x, 1e-300)), tail)
    return np.asarray(np.maximum(log_x, -600.0) + math.log(mean / shape))


def _log_leaving_quantiles(population: Population) -> Floats:
    leaving = population.leaving
    if leaving.probability is not None:
        return np.full(len(SCORES), math.log(leaving.probability) if leaving.probability else -700.0)
    if leaving.a is None or leaving.b is None:
        raise InputError("population.leaving: give either probability, or a and b")
    a, b = leaving.a, leaving.b
    upper = SCORES > 0
    x = np.where(
        upper, 1.0 - special.betaincinv(b, a, special.ndtr(-SCORES)), special.betaincinv(a, b, special.ndtr(SCORES))
    )
    tail = (special.log_ndtr(SCORES) + math.log(a) + special.betaln(a, b)) / a
    log_x = np.where(x > 1e-200, np.log(np.maximum(x, 1e-300)), tail)
    return np.asarray(np.maximum(log_x, -700.0))
