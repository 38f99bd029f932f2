"""Whether whole numbers of 64 bits had room for what a run counted: what they cannot hold is refused, never wrapped."""

from __future__ import annotations

import math

import numpy as np

from sim import tally
from sim.errors import InputError
from sim.limits import MOST_COUNTED
from sim.programme import most_multiplied
from sim.rules.words import normal, uniform
from sim.scenario import Scenario
from sim.state import Chunk
from sim.tables import BOUND, Tables
from sim.typing import Floats

_WHOLE = 2.0**62
"""what no sum inside a chunk may come near; half of what 64 bits hold"""
_FARTHEST = float(normal(uniform(0xFFFFFFFF)))
"""the largest normal score that a word of 32 bits gives"""
_EVENTS = (tally.PURCHASES, tally.REDEMPTIONS, tally.MESSAGES, tally.MEMBERS, tally.JOINED)
_Path = tuple[str, ...]
_EARNING, _REWARDS = ("programme", "earning"), ("programme", "rewards")
_KEYS: dict[str, _Path] = {
    "gift_cost": ("programme", "incentives"), "reward_cost": _REWARDS, "reward_partners": _REWARDS, "partner_": _REWARDS,
    "care_cost": ("programme", "tiers"), "delivery_cost": ("economics", "delivery_cost"),
    "message_cost": ("economics", "message_cost"), "fees": ("programme", "fee"), "points_": _EARNING,
    "outstanding": _EARNING, "pending": _EARNING, "open_": _EARNING, "owed": _EARNING,
}  # fmt: skip
"""Where what a tally counts is stated, by the beginning of its name; all others count purchases."""


class Room:
    """What the chunks of one run have counted so far, as floats, which do not wrap."""

    def __init__(self, scenario: Scenario, t: Tables) -> None:
        self.scenario = scenario
        self.counted: Floats = np.zeros(tally.SIZE)
        p, b = t.p[0], t.b[0]
        tenths = math.log(10.0) * (1 + (p["delivery_charge"] > 0))  # no coupon, no delivery looks larger than nine tenths
        cut = float(t.tiers["log_cut"].max()) + tenths + float(p["felt_cut"])
        lift = float(b["price_response_basket"]) * cut * 2.0 + len(scenario.behaviour.acting()) * math.log(BOUND)
        dear = float(p["sigma"]) * _FARTHEST + lift + math.log(float(t.days["dear"].max()))
        self.dearest = math.exp(min(dear, 700.0))  # times a member's median
        earning = most_multiplied(scenario.programme.incentives)
        self.factor = max(1e4, float(t.tiers["micro"].max()) * earning)  # by which an amount is multiplied before a division
        self.amount = _largest(scenario, t)

    def counts(self, chunk: Chunk, given: int) -> Floats:
        """(tallies,) what a finished chunk counted; given: grants in its wallets. Raises InputError where a sum of it may have
        wrapped."""
        cube = chunk.cube
        cell = cube.max(axis=0, initial=0)
        dearest = self.dearest * float(chunk.members["median"].max(initial=0.0))
        if dearest * float(cell[tally.PURCHASES] + cell[tally.BASE_PURCHASES]) > _WHOLE:
            worth = f"a purchase could be worth {dearest:.3g} minor units, too much to be added up"
            self._refuse(("population", "basket"), worth)
        sales = float(cell[tally.LIST_VALUE]) + float(cell[tally.REFUNDED_LIST])  # by the line above they have not wrapped
        if min(dearest, sales) * self.factor > _WHOLE:
            rate = f"{self.factor / 1e6:.3g} points a currency unit"
            self._refuse(_EARNING, f"{rate} are too many for a purchase of {min(dearest, sales):.3g} minor units")
        key, amount = self.amount
        if amount * (given + 3 * int(cube[:, _EVENTS].sum())) > _WHOLE:
            self._refuse(key, f"found {amount:.3g} minor units or points, too much to be added up")
        return np.asarray(np.add.reduce(np.abs(cube), axis=0, dtype=np.float64))

    def take(self, counted: Floats) -> None:
        """Add what a chunk counted. Raises InputError where all chunks together leave no room."""
        self.counted += counted
        most = int(self.counted.argmax())
        if self.counted[most] > MOST_COUNTED:
            name = tally.NAMES[most]
            found = f"{self.counted[most]:.3g} of {name} or more in all months together"
            self._refuse(self._key(name), f"{found}, allowed is {MOST_COUNTED:.0e}")

    def _key(self, name: str) -> _Path:
        """The key of the scenario that makes a tally so large."""
        bonus = self.counted[tally.POINTS_BONUS] > self.counted[tally.POINTS_ISSUED] / 2
        if bonus and any(name.startswith(start) for start, key in _KEYS.items() if key == _EARNING):
            best = max(self.scenario.programme.incentives, key=lambda row: row.give.points)
            return "programme", "incentives", best.name, "give", "points"
        return next((key for start, key in _KEYS.items() if name.startswith(start)), ("population", "basket"))

    def _refuse(self, key: _Path, found: str) -> None:
        lower = "lower amounts, members (population.members) or months (horizon.months)"
        raise InputError(self.scenario.told(key, f"{found}; {lower}"))


def _largest(scenario: Scenario, t: Tables) -> tuple[_Path, float]:
    """(path, minor units or points) of the most that one event hands over or costs."""
    p = t.p[0]
    found: dict[_Path, float] = {
        ("economics", "message_cost"): float(p["message_cost"]),
        ("economics", "delivery_cost"): float(p["delivery_cost"]),
        ("programme", "fee", "amount"): float(p["fee"]),
    }
    for tier, row in zip(scenario.programme.tiers, t.tiers, strict=True):
        found["programme", "tiers", tier.name, "care_cost_per_month"] = float(row["care_cost"])
    for reward, row in zip(sorted(scenario.programme.rewards, key=lambda r: r.points), t.rewards, strict=True):
        found["programme", "rewards", reward.name] = float(row["cost"]) + float(row["charge"]) + float(row["recovered"])
    for incentive, row in zip(scenario.programme.incentives, t.incentives, strict=True):
        gift = float(row["gift_cost"]) + float(row["gift_charge"]) + float(row["gift_recovered"])
        found["programme", "incentives", incentive.name, "give"] = max(float(row["points"]), gift)
    return max(found.items(), key=lambda item: item[1])
