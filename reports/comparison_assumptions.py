"""What a comparison rests on: effects with formula, value and source; members, economics, the engine's own assumptions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scenarios.comparison import Comparison
from scenarios.figure import drawn
from scenarios.numerals import NONE, integer, listed, money, percent, signed, significant
from sim.behaviour import Uncertain
from sim.effects import Effect, Parameter
from sim.population import Segment, Standing
from sim.scenario import Scenario
from sim.setting import Market
from sim.tables import BOUND
from sim.worth import value_of_point, worth_counts


def effects(comparison: Comparison, designs: list[str]) -> dict[str, Any]:
    """Every effect that is on in some design, with what is in force, and the names of those that are off in all."""
    chosen = [s for s in comparison.scenarios if s.name in designs]
    every = list(dict.fromkeys(e for s in chosen for e in s.behaviour.known()))
    on = [e for e in every if any(_acts(s, e) for s in chosen)]
    said = [_effect(e, chosen) for e in on]
    return {
        "on": said,
        "prior": any(p["prior"] for effect in said for p in effect["parameters"]),
        "off": [e.name.replace("_", " ") for e in every if e not in on],
    }


def members(comparison: Comparison) -> list[tuple[str, str]]:
    """The population in words, one line a fact."""
    p, currency = comparison.scenarios[0].population, comparison.scenarios[0].market.currency
    if p.leaving.probability is not None:
        leaving = f"{significant(100 * p.leaving.probability, 2)} % after each purchase, the same for all"
    else:
        a, b = p.leaving.a or 0.0, p.leaving.b or 1.0
        leaving = f"{significant(100 * a / (a + b), 2)} % after a purchase on average, "
        leaving += f"Beta({significant(a)}, {significant(b)}) over members"
    back = -math.expm1(-365 * p.leaving.return_rate)
    joining = "nobody joins during the run"
    if p.new_members_per_month:
        joining = f"{percent(p.new_members_per_month)} of the members at the start join in each month, "
        joining += "with a purchase" if p.first_purchase_on_joining else "and wait for their first purchase as for any other"
    facts = [
        ("Where the numbers come from", p.source),
        ("Purchases", f"{significant(365 * p.purchase_rate.mean)} a year for an active member on average, "
                      f"Gamma with shape {significant(p.purchase_rate.shape)} over members"),
        ("Gaps between purchases", "irregular (Poisson)" if p.regularity == 1 else f"regular (Erlang of order {p.regularity})"),
        ("Leaving", leaving),
        ("Coming back unasked", f"{percent(back)} of those who left turn back within a year, and buy when they next would have"
                                if back else "nobody"),
        ("Basket", f"median {money(p.basket.median, currency)} at list price, spread of logs {significant(p.basket.sigma, 2)} "
                   f"within a member and {significant(p.basket.sigma_between, 2)} between members"
                   f"{_together(p.basket.rate_correlation)}"),
        ("Segments", _segments(p.segments)),
        ("Before the start", _history(p.history_days)),
        *([("There before the data", _standing(p.standing))] if p.standing else []),
        ("Joining", joining),
        ("Season, growth", f"{'by week of the year' if p.season else 'no season'}, "
                           f"{'no growth' if not p.growth else percent(p.growth) + ' a year'}"),
        ("All members at once", _shocks(p.shocks.stated())),
        ("Prices, returns", _market(comparison.scenarios[0].market)),
        ("How sure", "drawn from the posterior of the calibration, jointly" if p.posterior else
         "taken as known: these numbers have no spread here, so the intervals leave out that they may be wrong"),
    ]  # fmt: skip
    return [(name, text) for name, text in facts]


def _standing(standing: Standing) -> str:
    return (
        f"{percent(standing.share)} of the members at the start, of whom the line above does not hold: who was still there "
        f"{integer(standing.since_days)} days before it of those who had come, at a steady pace, over "
        f"{integer(standing.came_over)} days; purchases and leaving above are joiners'"
    )


def _together(correlation: float) -> str:
    """Whether frequent buyers have other baskets."""
    if not correlation:
        return ", whatever a member's purchase rate"
    return f"; correlated with purchase rates over members, {signed(significant(correlation, 2))}"


def _segments(segments: list[Segment]) -> str:
    """Who differs from whom by a factor."""
    if not segments:
        return "none: one distribution for all members"
    kinds = [
        f"{s.name} {percent(s.share)} (purchase rate x {significant(s.rate)}, basket x {significant(s.basket)})" for s in segments
    ]
    return listed(kinds)


def _history(days: list[float]) -> str:
    """How long members at the start had been customers by then."""
    if not days[1]:
        return "members at the start became customers on that day"
    span = f"{integer(days[0])} to {integer(days[1])}" if days[0] < days[1] else integer(days[1])
    return f"members at the start had been customers for {span} days by then, and may have left meanwhile"


def stated(comparison: Comparison) -> list[dict[str, str]]:
    """What the scenarios say that they assume, and which of them do where not all."""
    every = dict.fromkeys(text for s in comparison.scenarios for text in s.assumptions)
    found = []
    for text in every:
        names = [s.name for s in comparison.scenarios if text in s.assumptions]
        found.append({"text": text, "only": "" if len(names) == len(comparison.scenarios) else listed(names)})
    return found


def economics(comparison: Comparison) -> list[dict[str, Any]]:
    """What things cost, a row a number, a column a scenario."""
    currency = comparison.scenarios[0].market.currency

    def cash(value: float) -> str:
        return money(value, currency) if value else NONE

    lines: tuple[tuple[str, Callable[[Scenario], str]], ...] = (
        ("Gross margin, share of list value", lambda s: percent(s.economics.gross_margin)),
        ("One message", lambda s: cash(s.economics.message_cost)),
        ("Free delivery, a purchase", lambda s: cash(s.economics.delivery_cost)),
        ("Free delivery, what it spares a member", lambda s: cash(s.market.delivery_charge)),
        ("Set-up, once", lambda s: cash(s.economics.set_up_cost)),
        ("Running cost a month", lambda s: cash(s.economics.running_cost_per_month)),
        ("Catalogue, a refresh", lambda s: cash(s.programme.catalogue_refresh_cost)),
        ("Discount rate a year", lambda s: percent(s.economics.discount_rate)),
        ("Redeems at a purchase, when the points suffice", _redeems),
        ("Rewards without a value draw as if worth", _unvalued),
    )
    rows = [{"title": title, "cells": [text(s) for s in comparison.scenarios]} for title, text in lines]
    return [row for row in rows if set(row["cells"]) != {NONE}]


def _unvalued(s: Scenario) -> str:
    """What rewards that state no value to members count as, where it matters."""
    rewards = [reward for reward in s.programme.rewards if not reward.value]
    if not rewards or not worth_counts(s.behaviour):
        return NONE
    of_point = value_of_point(s.programme.rewards)
    if not of_point:
        return "a basket"
    return listed([f"{reward.name} {money(reward.points * of_point, s.market.currency)}" for reward in rewards])


def _redeems(s: Scenario) -> str:
    return percent(s.behaviour.redeeming.probability, 0) if s.programme.rewards else NONE


def _shocks(stated: list[tuple[str, float]]) -> str:
    """What moves all members together."""
    if not stated:
        return "nothing befalls them together, so the intervals leave out a good or bad year of the whole shop"
    spreads = ", ".join(f"{what} by {percent(spread)}" for what, spread in stated)
    return f"{spreads} (standard deviations of logs), drawn in every replication"


def _market(market: Market) -> str:
    """What list prices do, and which purchases come back."""
    rise = market.price_inflation
    prices = f"list prices change by {signed(percent(rise))} a year" if rise else "list prices stay"
    if market.refunds is None:
        return f"{prices}; every purchase is kept"
    return f"{prices}; {percent(market.refunds.share)} of purchases are returned whole after {market.refunds.after_days} days"


def engine() -> list[tuple[str, str]]:
    """Assumptions of the engine itself, the same for every design."""
    return [
        (
            "Responses saturate",
            f"However many offers act at once, a member's purchase rate cannot exceed {integer(BOUND)} times the baseline; small "
            "lifts are hardly touched (one of 30 % by a three-thousandth of itself, one of 100 % by 1.5 %).",
        ),
        (
            "Leaving is drawn at the moments of the purchases a member would make without any programme",
            "so that selling more never makes members leave by itself; benefits lower, and a lost tier raises, the probability.",
        ),
        (
            "Points cost when they are redeemed",
            "not when they are given. For those still open at the end a provision is taken off the gain: all points of aware "
            "members who have not lapsed and, of those who do not know the programme, the share redeemed of all points issued, "
            "at the cost of a redeemed point; nothing for the points of lapsed members.",
        ),
        (
            "Rewards and gifts of goods come on top of what members buy",
            "they cost what the scenario states. A free cup in the place of one that the member would have paid for costs its "
            "price: such a reward is a voucher.",
        ),
        (
            "Purchases that come anyway are observed, not estimated",
            "every simulated member lives twice with the same luck, with and without the programme.",
        ),
        (
            "The fixed cost is spread over the members that the scenario states",
            "a simulation with fewer members bears its share of it.",
        ),
    ]


def _acts(s: Scenario, effect: Effect) -> bool:
    """Whether an effect is on in a scenario: of users' own effects, which may differ under one name, this very one."""
    return effect in s.behaviour.known() and s.behaviour.is_on(effect.name)


def _effect(effect: Effect, scenarios: list[Scenario]) -> dict[str, Any]:
    on = [s for s in scenarios if _acts(s, effect)]
    return {
        "title": effect.name.replace("_", " "),
        "says": effect.says,
        "formula": effect.formula,
        "source": effect.source,
        "only": "" if len(on) == len(scenarios) else listed([s.name for s in on]),
        "parameters": [_parameter(effect, p, on) for p in effect.parameters],
    }


def _parameter(effect: Effect, p: Parameter, scenarios: list[Scenario]) -> dict[str, Any]:
    groups: dict[tuple[float, float], list[str]] = {}
    for s in scenarios:
        stated = s.behaviour.stated(effect.name, p.name)
        groups.setdefault((stated.mean, stated.sd), []).append(s.name)
    texts = []
    for (mean, sd), names in groups.items():
        text = drawn(Uncertain(mean=mean, sd=sd), p)
        texts.append(text if len(groups) == 1 else f"{text} ({listed(names)})")
    prior = any(s.behaviour.given(effect.name, p.name) is None for s in scenarios)
    return {
        "name": p.name.replace("_", " "),
        "says": p.says,
        "unit": p.unit,
        "value": "; ".join(texts),
        "prior": prior and p.sd > 0,
        "from": ("prior" if p.sd > 0 else "convention") if prior else "set in the scenario",
    }

