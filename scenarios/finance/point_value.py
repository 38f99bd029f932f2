"""What a redeemed point is worth to a member, from what the programme's rewards give for points."""

from __future__ import annotations

from fractions import Fraction

from scenarios.finance.rounding import exact
from sim.scenario import Scenario


def point_value(scenario: Scenario) -> Fraction:
    """Minor units a point, exact: value of all rewards that have one / the points they take together; 0 without such rewards.

    A stand-alone price would weigh rewards by how often they are chosen, which depends on members; state it yourself where
    rewards differ much in value a point.
    """
    priced = [reward for reward in scenario.programme.rewards if reward.value > 0]
    points = sum(reward.points for reward in priced)
    return sum((100 * exact(reward.value) for reward in priced), Fraction(0)) / points if points else Fraction(0)
