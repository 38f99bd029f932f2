"""What a forecast rests on: every number that somebody could doubt, with its unit and source."""

from __future__ import annotations

from scenarios.figure import drawn
from scenarios.finance.budget import BudgetAtRisk
from scenarios.finance.forecast_document import Assumption
from scenarios.numerals import as_stated, integer
from sim.population import Population
from sim.scenario import Scenario


def assumptions_of(scenario: Scenario, members: int) -> list[Assumption]:
    """What the scenario says that it assumes, its population, economics and market, and the parameters of the effects that act;
    a programme's own rules are terms, not assumptions, and are not in the list. members: simulated at the start, of which fixed
    cost bears the share."""
    stated = [Assumption(text, "assumed", "", f"scenario {scenario.name}") for text in scenario.assumptions]
    return [*stated, *_population(scenario, members), *_economics(scenario), *_effects(scenario)]


def budget_assumption(risk: BudgetAtRisk | None, currency: str) -> list[Assumption]:
    """The budget and how it lies over the months, where there is one."""
    if risk is None:
        return []
    how = "one amount: fixed cost in its months, the rest spread evenly" if risk.spread else "by month"
    return [Assumption("budget", as_stated(risk.budget), currency, f"stated for this forecast, {how}")]


def _population(scenario: Scenario, members: int) -> list[Assumption]:
    population = scenario.population
    rate, basket, leaving = population.purchase_rate, population.basket, population.leaving
    if leaving.a is None or leaving.b is None:
        leaves = as_stated(leaving.probability or 0.0)
    else:
        leaves = f"Beta({as_stated(leaving.a)}, {as_stated(leaving.b)}) over members"
    rows = [
        ("purchase rate, mean", as_stated(rate.mean), "purchases a day of an active member"),
        ("purchase rate, shape", as_stated(rate.shape), "gamma over members"),
        ("gaps between purchases, order", integer(population.regularity), "Erlang; 1 is irregular (Poisson)"),
        ("leaving after a purchase", leaves, "probability"),
        ("return of lapsed members", as_stated(leaving.return_rate), "a day"),
        ("basket, median", as_stated(basket.median), f"{scenario.market.currency} at list price"),
        ("basket, spread within a member", as_stated(basket.sigma), "standard deviation of logs"),
        ("basket, spread between members", as_stated(basket.sigma_between), "standard deviation of logs"),
        ("basket and purchase rate, correlation", as_stated(basket.rate_correlation), "of normal scores over members"),
        *(
            (f"segment {s.name}", as_stated(s.share), f"of members; rate x {as_stated(s.rate)}, basket x {as_stated(s.basket)}")
            for s in population.segments
        ),
        ("season", "by week of the year" if population.season else "none", "factor on purchase rates"),
        ("growth of the purchase rate", as_stated(population.growth), "a year"),
        *((f"shocks: {what}", as_stated(spread), "standard deviation of logs") for what, spread in population.shocks.stated()),
        *_standing(population),
        ("joining members", as_stated(population.new_members_per_month), "a month, share of the members at the start"),
        ("a purchase on joining", "yes" if population.first_purchase_on_joining else "no", "of those who join in the run"),
        ("customers before the start", " to ".join(map(as_stated, population.history_days)), "days; of who is in no snapshot"),
        ("spread of these numbers", "posterior, drawn jointly" if population.posterior else "none: taken as known", ""),
    ]
    if members == population.members:
        rows.insert(0, ("members at the start", integer(members), "members"))
        return [Assumption(name, value, unit, population.source) for name, value, unit in rows]
    rows.insert(0, ("members for whom fixed cost is stated", integer(population.members), "members"))
    asked = Assumption("members at the start", integer(members), "members", "stated for this forecast")
    return [asked, *(Assumption(name, value, unit, population.source) for name, value, unit in rows)]


def _standing(population: Population) -> list[tuple[str, str, str]]:
    standing = population.standing
    if standing is None:
        return []
    return [
        ("there before the data", as_stated(standing.share), "share of the members at the start"),
        ("followed from", as_stated(standing.since_days), "days before the start"),
        ("had come over", as_stated(standing.came_over), "days, at a steady pace; those still there are left"),
    ]


def _economics(scenario: Scenario) -> list[Assumption]:
    economics, market, source = scenario.economics, scenario.market, f"scenario {scenario.name}"
    money = market.currency
    rows = [
        ("gross margin before benefits", as_stated(economics.gross_margin), "share of list value"),
        ("cost of a message", as_stated(economics.message_cost), money),
        ("cost of a free delivery", as_stated(economics.delivery_cost), money),
        ("delivery charge that members are spared", as_stated(market.delivery_charge), f"{money} a purchase"),
        ("expected cost of a point", as_stated(economics.cost_per_point), money),
        ("set-up cost", as_stated(economics.set_up_cost), f"{money}, once"),
        ("running cost", as_stated(economics.running_cost_per_month), f"{money} a month"),
        ("discount rate", as_stated(economics.discount_rate), "a year"),
        ("price inflation", as_stated(market.price_inflation), "a year"),
        ("purchases returned", as_stated(market.refunds.share if market.refunds else 0), "share, with the programme and without"),
        ("redeeming", as_stated(scenario.behaviour.redeeming.probability), "probability at a purchase that affords a reward"),
    ]
    rows += [(f"category {c.name}", as_stated(c.share), "share of purchases") for c in market.categories]
    if market.refunds:
        rows.append(("days to a return", f"{market.refunds.after_days}", "whole days from the day of the purchase"))
    return [Assumption(name, value, unit, source) for name, value, unit in rows]


def _effects(scenario: Scenario) -> list[Assumption]:
    found = []
    for effect in scenario.behaviour.known():
        if not scenario.behaviour.is_on(effect.name):
            found.append(Assumption(effect.name, "off", "", "scenario"))
            continue
        own = scenario.behaviour.own(effect.name) is not None
        if own:
            found.append(Assumption(effect.name, effect.formula, "formula", effect.source))
        for p in effect.parameters:
            stated = scenario.behaviour.stated(effect.name, p.name)
            prior = own or scenario.behaviour.given(effect.name, p.name) is None
            source = effect.source if prior else f"scenario {scenario.name}"
            found.append(Assumption(f"{effect.name}.{p.name}", drawn(stated, p), p.unit, source))
    return found
