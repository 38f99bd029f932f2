"""What a forecast rests on: every number that somebody could doubt, with its unit and source."""

from __future__ import annotations

from scenarios.finance.budget import BudgetAtRisk
from scenarios.finance.forecast_document import Assumption
from sim.effects import EFFECTS
from sim.scenario import Scenario


def assumptions_of(scenario: Scenario) -> list[Assumption]:
    """What the scenario says that it assumes, its population, economics and market, and the parameters of the effects that act;
    a programme's own rules are terms, not assumptions, and are not in the list."""
    stated = [Assumption(text, "assumed", "", f"scenario {scenario.name}") for text in scenario.assumptions]
    return [*stated, *_population(scenario), *_economics(scenario), *_effects(scenario)]


def budget_assumption(risk: BudgetAtRisk | None, currency: str) -> list[Assumption]:
    """The budget and how it lies over the months, where there is one."""
    if risk is None:
        return []
    how = "one amount: fixed cost in its months, the rest spread evenly" if risk.spread else "by month"
    return [Assumption("budget", f"{risk.budget:.2f}", currency, f"stated for this forecast, {how}")]


def _population(scenario: Scenario) -> list[Assumption]:
    population = scenario.population
    rate, basket, leaving = population.purchase_rate, population.basket, population.leaving
    if leaving.probability is not None:
        leaves = f"{leaving.probability:g}"
    else:
        leaves = f"Beta({leaving.a:g}, {leaving.b:g}) over members"
    rows = [
        ("members at the start", f"{population.members}", "members"),
        ("purchase rate, mean", f"{rate.mean:g}", "purchases a day of an active member"),
        ("purchase rate, shape", f"{rate.shape:g}", "gamma over members"),
        ("leaving after a purchase", leaves, "probability"),
        ("return of lapsed members", f"{leaving.return_rate:g}", "a day"),
        ("basket, median", f"{basket.median:g}", f"{scenario.market.currency} at list price"),
        ("basket, spread within a member", f"{basket.sigma:g}", "standard deviation of logs"),
        ("basket, spread between members", f"{basket.sigma_between:g}", "standard deviation of logs"),
        ("growth of the purchase rate", f"{population.growth:g}", "a year"),
        ("joining members", f"{population.new_members_per_month:g}", "a month, share of the members at the start"),
    ]
    return [Assumption(name, value, unit, population.source) for name, value, unit in rows]


def _economics(scenario: Scenario) -> list[Assumption]:
    economics, market, source = scenario.economics, scenario.market, f"scenario {scenario.name}"
    money = market.currency
    rows = [
        ("gross margin before benefits", f"{economics.gross_margin:g}", "share of list value"),
        ("cost of a message", f"{economics.message_cost:g}", money),
        ("cost of a free delivery", f"{economics.delivery_cost:g}", money),
        ("expected cost of a point", f"{economics.cost_per_point:g}", money),
        ("set-up cost", f"{economics.set_up_cost:g}", f"{money}, once"),
        ("running cost", f"{economics.running_cost_per_month:g}", f"{money} a month"),
        ("discount rate", f"{economics.discount_rate:g}", "a year"),
        ("price inflation", f"{market.price_inflation:g}", "a year"),
        ("purchases returned", f"{market.refunds.share if market.refunds else 0:g}", "share, with the programme and without"),
        ("redeeming", f"{scenario.behaviour.redeeming.probability:g}", "probability at a purchase that affords a reward"),
    ]
    if market.refunds:
        rows.append(("days to a return", f"{market.refunds.after_days}", "whole days from the day of the purchase"))
    return [Assumption(name, value, unit, source) for name, value, unit in rows]


def _effects(scenario: Scenario) -> list[Assumption]:
    found = []
    for effect in EFFECTS:
        if not scenario.behaviour.is_on(effect.name):
            found.append(Assumption(effect.name, "off", "", "scenario"))
            continue
        for p in effect.parameters:
            stated = scenario.behaviour.stated(effect.name, p.name)
            given = getattr(getattr(scenario.behaviour.effects, effect.name), p.name)
            source = effect.source if given is None else f"scenario {scenario.name}"
            spread = f" +/- {stated.sd:g}" if stated.sd else ""
            found.append(Assumption(f"{effect.name}.{p.name}", f"{stated.mean:g}{spread}", p.unit, source))
    return found
