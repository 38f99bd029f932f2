"""Who of a live programme's members knows it, judged by the points that they have left lying."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.scenario import Scenario
from sim.typing import Floats, Ints

SAMPLE = 20_000
"""members by whom the level is set"""


@dataclass(frozen=True)
class Untouched:
    """What members would hold had they never redeemed, and what they hold; (n,) each, as list value of purchases."""

    held: Floats
    cheapest: Floats
    """what brings the points of the cheapest reward; inf where the programme has none"""
    earned: Floats
    """of purchases whose points have not lapsed, NaN where purchases are not known"""
    spread: Floats
    """standard deviation of what is known of `earned`"""

    def probability(self, share: float, chance: float, basket: float) -> Floats:
        """(n,) probability that a member knows the programme; over all members it is `share`.

        chance: of redeeming at a purchase at which the balance affords a reward; basket: mean list value of a purchase.
        Who knows it redeems after purchases that are worth a geometric sum of baskets, about an exponential (Renyi 1957), and
        then holds anything below the cheapest reward. Who does not holds all that was earned. Bayes' rule with these two.
        """
        if not 0.0 < share < 1.0 or not len(self.held):
            return np.full(len(self.held), share)
        waiting = np.exp(-chance * np.maximum(0.0, self.held - self.cheapest) / basket)
        redeemed = 1.0 - np.exp(-chance * np.maximum(0.0, self.earned - self.cheapest) / basket)
        all_kept = np.exp(-0.5 * ((self.held - self.earned) / self.spread) ** 2) / (self.spread * np.sqrt(2 * np.pi))
        below = (self.held < self.cheapest) & (redeemed > 0)
        odds = waiting + np.where(below, redeemed / np.maximum(self.cheapest * all_kept, 1e-12), 0.0)
        return _with_mean(share, odds)


def untouched(
    balance: Ints, tier: Ints, purchases: Ints, first: Floats, spend: Floats, scenario: Scenario,
) -> Untouched:  # fmt: skip
    """What the tables of a live programme tell of it.

    balance: points; purchases: since the first, 0 = not known; first: its day, below 0, NaN = not known; spend: their list value,
    currency units, NaN = not known; scenario: the programme under which they came to stand where they stand.
    """
    programme, people = scenario.programme, scenario.population.basket
    rate = np.zeros(len(balance))
    if programme.earning is not None and programme.rewards:
        rate = programme.earning.points_per_unit * np.array([x.earning for x in programme.tiers])[tier]
    there = rate > 0
    cheapest = float(min((reward.points for reward in programme.rewards), default=0))
    usual = people.median * np.exp(0.5 * (people.sigma**2 + people.sigma_between**2))
    within, between = np.expm1(people.sigma**2), np.expm1(people.sigma_between**2)
    age = np.maximum(1.0, -first)
    lasts = 365.25 / 12 * programme.expiry.months if programme.expiry.rule in ("rolling", "fixed_date") else np.inf
    valid = np.where(there & (purchases > 0), purchases * np.minimum(1.0, lasts / age), np.nan)
    told = np.isfinite(spend)
    mean = np.where(told, spend / np.maximum(purchases, 1), usual)
    return Untouched(
        held=np.divide(balance, rate, out=np.zeros(len(balance)), where=there),
        cheapest=np.divide(cheapest, rate, out=np.full(len(balance), np.inf), where=there),
        earned=valid * mean,
        spread=mean * np.sqrt(np.maximum(valid * within + np.where(told, 0.0, between) * valid**2, 0.01)),
    )


def _with_mean(share: float, odds: Floats) -> Floats:
    """Probabilities with these odds but for one factor, such that their mean is `share`."""
    some = odds[:: max(1, len(odds) // SAMPLE)]
    low, high = -60.0, 60.0
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        known = np.exp(middle) * some
        low, high = (middle, high) if (known / (1.0 + known)).mean() < share else (low, middle)
    known = np.exp(low) * odds
    return np.asarray(known / (1.0 + known))
