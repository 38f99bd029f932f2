"""A scenario made into the tables that the engine reads."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
from scipy import special

from sim.behaviour import Behaviour
from sim.calendar import Calendar
from sim.errors import InputError
from sim.member import NEVER
from sim.opening import Opening
from sim.population import Population
from sim.programme import Give, Incentive, Partner, Programme
from sim.scenario import Scenario
from sim.tables import (
    BEHAVIOUR,
    CALENDAR,
    CLAWBACKS,
    COUNT_IN_WINDOW,
    EVENTS,
    EXPIRIES,
    FIRST_PURCHASE,
    INACTIVE,
    INACTIVITY,
    INCENTIVE,
    MOVES_RATES,
    POINTS_EXPIRING,
    PURCHASE,
    REWARD,
    REWARD_KINDS,
    RULES,
    SCORES,
    SEGMENT,
    SPEND_IN_WINDOW,
    TASK,
    TIER,
    TIMED,
    Tables,
    minor,
)  # fmt: skip
from sim.typing import Array, Floats, Ints


def compile_tables(
    scenario: Scenario, *, members: int | None = None, seed: int = 0, draw: int | None = None,
    score: dict[str, float] | None = None, cohorts: bool = False, watch: tuple[float, float, int] = (0.0, 1.0, 0),
    opening: Opening | None = None,
) -> Tables:  # fmt: skip
    """Tables of a scenario.

    members: number at the start; seed: run seed; draw: number of the parameter draw, None for the means; score: normal
    scores of single effect parameters; cohorts: keep points by month of credit though they never expire, and tally them so;
    watch: first day, days a period and number of periods for which single members are recorded; opening: members to go on
    from instead of new ones.
    """
    if opening is not None:
        opening.check(scenario)
    population = scenario.population
    if draw is not None:
        population = population.drawn(np.random.Generator(np.random.Philox([draw, 7])))
    n = opening.n if opening else members or population.members
    calendar = Calendar(
        scenario.horizon, population, scenario.programme, origin=opening.origin if opening else None,
        level_days=opening.level_days if opening else 0.0,
    )  # fmt: skip
    programme, behaviour = scenario.programme, scenario.behaviour
    p = np.zeros(1, RULES)
    r = p[0]
    r["seed"], r["end"] = seed & 0xFFFFFFFF, calendar.end
    r["steady"], r["op_end"] = calendar.steady, calendar.op_end
    _population(r, population, n, opening)
    r["cohorts"], r["past"], r["eve"] = cohorts, opening.past if opening else 0, calendar.eve
    _programme(r, programme, calendar, int(opening.members["longer"].max(initial=0)) if opening else 0)
    _refunds(r, scenario, opening)
    economics = scenario.economics
    r["inflation"] = math.log1p(scenario.market.price_inflation) / 365.0
    r["redeem"] = behaviour.redeeming.probability
    r["delivery_cost"], r["message_cost"] = minor(economics.delivery_cost), minor(economics.message_cost)
    r["point_cost"] = economics.cost_per_point * 100
    r["migration_month"] = len(calendar.months) // 2 - 1
    r["watch_from"], r["watch_days"], r["watch_periods"] = watch
    incentives = _incentives(scenario, calendar)
    r["has_incentives"] = len(incentives) > 0
    r["has_lasting"] = incentives["lasting"].any()
    r["has_goals"] = incentives["goal"].any()
    winning_back = bool((incentives["event"] == INACTIVITY).any())
    b = _behaviour(behaviour, draw, score)
    r["may_return"] = population.leaving.return_rate > 0 or (winning_back and b["win_back_returns"][0] > 0)
    r["calm"] = all(b[name][0] == 0.0 for name in MOVES_RATES) or (opening is None and _gives_nothing(programme))
    r["has_due"] = bool(len(incentives)) or r["pending_days"] > 0 or r["expiry"] == INACTIVE or r["card_days"] > 0
    r["has_due"] = r["has_due"] or r["has_refunds"] or r["fee"] > 0
    closes = np.full(max(1, len(incentives)), NEVER)
    if opening is not None:
        closes[: len(incentives)][opening.closed(scenario)] = -1.0
        for row, incentive in zip(incentives, scenario.programme.incentives, strict=True):
            row["budget"] = opening.left(incentive.name, int(row["budget"]))
    return Tables(
        p=p,
        b=b,
        tiers=_tiers(programme),
        rewards=_rewards(programme),
        incentives=incentives,
        days=calendar.days,
        months=calendar.months,
        day_of_op=calendar.day_of_op,
        starts=calendar.starts,
        moments=calendar.moments,
        rates=_log_gamma_quantiles(population.purchase_rate.shape, population.purchase_rate.mean),
        leaving=_log_leaving_quantiles(population),
        segments=_segments(population),
        categories=np.cumsum([c.share for c in scenario.market.categories] or [1.0]),
        closes=closes,
        closes_for=np.zeros(max(1, len(incentives)), np.int64),
        **_by_part(incentives),
    )


def _gives_nothing(programme: Programme) -> bool:
    """Whether there is nothing to react to, so that no effect can act."""
    tier = programme.tiers[0]
    given = tier.price < 1 or tier.free_delivery or tier.care_value_per_month or programme.earning or programme.incentives
    return len(programme.tiers) == 1 and not given


def _by_part(incentives: Array) -> dict[str, Ints]:
    """Incentives by the part they play, so that a rule visits those only that can matter to it."""
    event, lasting = incentives["event"], incentives["lasting"] == 1
    parts = {
        "lasting": lasting,
        "felt": lasting & ((incentives["log_cut"] != 0.0) | (event == CALENDAR)),
        "timed": incentives["timed"] == 1,
        "expiring": (incentives["timed"] == 1) & (event == POINTS_EXPIRING),
        "waiting": (incentives["timed"] == 1) & (event == INACTIVITY),
        "goals": incentives["goal"] == 1,
        "bought": np.isin(event, (FIRST_PURCHASE, SPEND_IN_WINDOW, COUNT_IN_WINDOW))
        | ((event == PURCHASE) & (incentives["gives"] == 1)),
        "coupons": incentives["coupon"] > 0,
        "tasks": event == TASK,
    }
    return {name: np.flatnonzero(of_part).astype(np.int64) for name, of_part in parts.items()}


def _population(r: Any, population: Population, n: int, opening: Opening | None) -> None:
    r["n_start"], r["first_new"], r["base"] = n, n, n
    if opening is not None:
        r["opened"], r["first_new"], r["base"] = 1, opening.next_key, opening.base
        r["day_zero"], r["month_zero"], r["level_days"] = opening.day_zero, opening.month_zero, opening.level_days
    r["new_per_month"] = math.floor(int(r["base"]) * population.new_members_per_month + 0.5)
    r["buys_on_joining"] = population.first_purchase_on_joining
    r["regular"] = population.regularity
    r["mean_rate"] = population.purchase_rate.mean
    r["return_rate"] = population.leaving.return_rate
    basket = population.basket
    r["ln_median"], r["sigma"] = math.log(basket.median), basket.sigma
    r["sigma_between"], r["rate_correlation"] = basket.sigma_between, basket.rate_correlation
    r["history_from"], r["history_to"] = population.history_days


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
        r["fee"], r["fee_days"] = minor(programme.fee.amount), programme.fee.every_months * 365.0 / 12.0
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


def _tiers(programme: Programme) -> Array:
    found = np.zeros(len(programme.tiers), TIER)
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


def _rewards(programme: Programme) -> Array:
    found = np.zeros(len(programme.rewards), REWARD)
    ranked = sorted(programme.rewards, key=lambda reward: reward.points)
    for row, reward in zip(found, ranked, strict=True):
        row["points"], row["kind"], row["months"] = reward.points, REWARD_KINDS.index(reward.kind), reward.months
        row["value"] = minor(reward.value)
        row["cost"] = minor(reward.value if reward.kind == "voucher" else reward.cost)
        row["charge"], row["recovered"] = _partner(reward.partner, int(row["cost"]))
    return found


def _incentives(scenario: Scenario, calendar: Calendar) -> Array:
    programme = scenario.programme
    found = np.zeros(len(programme.incentives), INCENTIVE)
    groups: dict[str, int] = {}
    for row, incentive in zip(found, programme.incentives, strict=True):
        own = incentive.group if incentive.group is not None else f"\0{incentive.name}"
        row["group"] = groups.setdefault(own, len(groups))
        _incentive(row, incentive, scenario, calendar)
    return found


def _incentive(row: Any, incentive: Incentive, scenario: Scenario, calendar: Calendar) -> None:
    when, only, give, during = incentive.when, incentive.only, incentive.give, incentive.during
    tiers = [t.name for t in scenario.programme.tiers]
    segments = [s.name for s in scenario.population.segments]
    row["event"] = EVENTS.index(when.event)
    row["window"] = ("month", "quarter", "year", "programme").index(when.window)
    reach = when.reach or 0.0
    row["reach"] = minor(reach) if when.event == "spend_in_window" else int(reach)
    row["on_paid"], row["days"], row["before"] = when.base == "paid", when.days or 0, when.days_before
    row["tier"] = tiers.index(when.tier) if when.tier is not None else -1
    row["gap"] = 365.25 / 12.0 / when.per_month if when.per_month else NEVER  # mean days from one task to the next
    row["tiers"] = _mask(only.tiers, tiers)
    row["segments"] = _mask(only.segments, segments or ["all"])
    categories = [c.name for c in scenario.market.categories]
    row["category"] = categories.index(only.category) if only.category is not None else -1
    row["min_basket"] = minor(only.min_basket)
    row["points"] = give.points
    if give.coupon:
        row["coupon"], row["coupon_min"] = minor(give.coupon.value), minor(give.coupon.min_spend)
        row["coupon_days"] = give.coupon.days
    if give.gift:
        row["gift_cost"], row["gift_value"] = minor(give.gift.cost), minor(give.gift.value)
        row["gift_charge"], row["gift_recovered"] = _partner(give.gift.partner, int(row["gift_cost"]))
    row["lifts_to"] = tiers.index(give.tier) if give.tier is not None else -1
    row["lasting"] = (during.earning, during.price, during.free_delivery) != (1.0, 1.0, False)
    row["earning"], row["price"] = math.floor(during.earning * 1000 + 0.5), math.floor(during.price * 10_000 + 0.5)
    row["log_cut"], row["free_delivery"] = -math.log(during.price), during.free_delivery
    row["message"] = incentive.message
    row["budget"], row["limit"] = minor(incentive.budget or 0.0), incentive.limit or 0
    row["valid_from"] = calendar.day(incentive.valid_from) if incentive.valid_from else -NEVER
    row["valid_until"] = calendar.day(incentive.valid_until) + 1.0 if incentive.valid_until else NEVER
    row["timed"] = EVENTS.index(when.event) in TIMED and (incentive.message or give != Give())
    row["gives"] = give != Give()
    row["luck"] = zlib.crc32(incentive.name.encode())
    if when.days_of_month:
        offer = max(during.earning - 1.0, 20.0 * (1.0 - during.price))
        row["special"] = min(1.0, max(0.0, offer)) / len(set(when.days_of_month))
    row["goal"] = when.event in ("spend_in_window", "count_in_window")


def _partner(partner: Partner | None, cost: int) -> tuple[int, int]:
    """What a partner bills and pays back for a unit that costs `cost`, minor units."""
    if partner is None:
        return 0, 0
    charge = minor(partner.charge)
    return charge, math.floor((cost + charge) * partner.recovered + 0.5)


def _mask(chosen: list[str], names: list[str]) -> int:
    return sum(1 << names.index(name) for name in (chosen or names))


def _behaviour(behaviour: Behaviour, draw: int | None, score: dict[str, float] | None) -> Array:
    found = np.zeros(1, BEHAVIOUR)
    values = behaviour.values(draw, score)
    for name, value in values.items():
        found[name.replace(".", "_")] = value
    return found


def _segments(population: Population) -> Array:
    found = np.zeros(max(1, len(population.segments)), SEGMENT)
    found["upto"], found["rate"], found["basket"] = 1.0, 1.0, 1.0
    for k, segment in enumerate(population.segments):
        found[k] = (sum(s.share for s in population.segments[: k + 1]), segment.rate, segment.basket)
    found["upto"][-1] = 1.0
    return found


def _log_gamma_quantiles(shape: float, mean: float) -> Floats:
    """Log quantiles of Gamma(shape, mean / shape); in the far lower tail F(x) = x^shape / Gamma(shape + 1)."""
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
