"""Scenarios that several tests share."""

from __future__ import annotations

import copy
import math
from typing import Any

from sim.scenario import Scenario

SEASON = [1.0 + 0.3 * math.sin(week / 53 * 2 * math.pi) for week in range(53)]

RICH: dict[str, Any] = {
    "name": "rich",
    "population": {
        "purchase_rate": {"mean": 0.05, "shape": 1.0},
        "regularity": 2,
        "leaving": {"a": 0.8, "b": 8.0, "return_rate": 0.0005},
        "basket": {"median": 40.0, "sigma": 0.6, "sigma_between": 0.4, "rate_correlation": -0.2},
        "season": SEASON,
        "growth": 0.1,
        "history_days": [0.0, 200.0],
        "new_members_per_month": 0.02,
        "first_purchase_on_joining": True,
        "segments": [{"name": "town", "share": 0.4, "rate": 1.4}, {"name": "country", "share": 0.6, "basket": 1.2}],
        "shocks": {"purchases": {"level": 0.1, "week": 0.1}, "baskets": {"quarter": 0.05, "week": 0.05}},
    },
    "programme": {
        "name": "everything at once",
        "earning": {"points_per_unit": 1.0, "pending_days": 7},
        "tiers": [
            {"name": "silver", "price": 0.95},
            {"name": "gold", "requires": {"purchases": 4, "spend": 150.0}, "price": 0.88, "free_delivery": True},
            {
                "name": "diamond",
                "requires": {"purchases": 8, "spend": 400.0},
                "price": 0.80,
                "free_delivery": True,
                "care_cost_per_month": 1.5,
                "care_value_per_month": 3.0,
            },
        ],
        "qualification": {"window": "rolling", "months": 6, "review_every_months": 3, "downgrade": "one_step"},
        "rewards": [
            {
                "name": "mug",
                "points": 100,
                "value": 10.0,
                "cost": 6.0,
                "partner": {"name": "potter", "charge": 0.5, "recovered": 0.3},
            },
            {"name": "voucher", "points": 300, "value": 20.0, "kind": "voucher"},
            {"name": "longer", "points": 400, "kind": "longer_validity", "months": 2},
            {"name": "up", "points": 500, "kind": "tier_upgrade"},
        ],
        "catalogue_refresh_months": 2,
        "fee": {"amount": 12.0, "every_months": 4},
        "expiry": {"rule": "rolling", "months": 3},
        "card_valid_months": 6,
        "incentives": [
            {
                "name": "welcome",
                "when": {"event": "sign_up"},
                "give": {"points": 20, "coupon": {"value": 10.0, "days": 60}},
                "group": "c",
            },
            {
                "name": "first",
                "when": {"event": "first_purchase"},
                "give": {"gift": {"cost": 2.0, "value": 5.0}, "coupon": {"value": 5.0}},
                "budget": 300.0,
            },
            {
                "name": "birthday",
                "when": {"event": "birthday", "days_before": 3},
                "only": {"tiers": ["gold", "diamond"]},
                "during": {"earning": 2.0},
                "message": True,
                "group": "x",
            },
            {
                "name": "day18",
                "when": {"event": "calendar", "days_of_month": [18], "days_before": 1},
                "during": {"earning": 2.0},
                "message": True,
                "group": "x",
            },
            {
                "name": "ladder",
                "when": {"event": "spend_in_window", "reach": 200.0, "window": "month"},
                "give": {"coupon": {"value": 30.0, "min_spend": 50.0}},
            },
            {
                "name": "sprint",
                "when": {"event": "count_in_window", "reach": 3.0, "window": "quarter"},
                "give": {"points": 100, "tier": "gold"},
                "limit": 2,
            },
            {
                "name": "year",
                "when": {"event": "anniversary"},
                "give": {"gift": {"cost": 3.0, "value": 6.0, "partner": {"name": "florist", "recovered": 0.5}}},
                "message": True,
            },
            {
                "name": "win60",
                "when": {"event": "inactivity", "days": 60},
                "give": {"coupon": {"value": 20.0}},
                "message": True,
                "group": "c",
                "budget": 800.0,
            },
            {
                "name": "win200",
                "when": {"event": "inactivity", "days": 200},
                "give": {"coupon": {"value": 30.0, "min_spend": 60.0}},
                "message": True,
                "group": "c",
            },
            {"name": "arrived", "when": {"event": "tier_reached", "tier": "gold"}, "give": {"points": 50}},
            {"name": "review", "when": {"event": "task", "per_month": 0.4}, "give": {"points": 50}},
            {"name": "lapsing", "when": {"event": "points_expiring", "days": 14}, "message": True},
            {
                "name": "food",
                "when": {"event": "purchase"},
                "only": {"category": "food", "min_basket": 30.0},
                "during": {"price": 0.95},
            },
        ],
    },
    "market": {
        "categories": [{"name": "food", "share": 0.6}, {"name": "toys", "share": 0.4}],
        "price_inflation": 0.03,
        "refunds": {"share": 0.1, "after_days": 14},
    },
    "economics": {"message_cost": 0.05, "delivery_cost": 3.0, "cost_per_point": 0.05},
    "horizon": {"months": 15},
}


def scenario(base: dict[str, Any] | None = None, /, **changes: Any) -> Scenario:
    """A scenario from a mapping, with parts or dotted keys (double underscore for the dot) replaced."""
    data = copy.deepcopy(base if base is not None else PLAIN)
    for key, value in changes.items():
        *path, leaf = key.split("__")
        node = data
        for step in path:
            node = node.setdefault(step, {})
        node[leaf] = value
    return Scenario.model_validate(data)


PLAIN: dict[str, Any] = {
    "name": "plain",
    "population": {"purchase_rate": {"mean": 0.05, "shape": 2.0}, "basket": {"median": 40.0, "sigma": 0.6}},
    "horizon": {"months": 12},
}


def only(**effects: Any) -> dict[str, Any]:
    """Behaviour with every effect off but those named; awareness off means that everybody is aware."""
    from sim.effects import EFFECTS

    return {
        "effects": {e.name: {"on": e.name in effects, **(effects.get(e.name) or {})} for e in EFFECTS},
        "redeeming": {"probability": 1.0},
    }


def without(base: dict[str, Any], *names: str) -> dict[str, Any]:
    """A copy of the mapping, down to its rows, with some incentives taken out."""
    found = copy.deepcopy(base)
    found["programme"]["incentives"] = [row for row in found["programme"]["incentives"] if row["name"] not in names]
    return found
