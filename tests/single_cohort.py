"""What one cohort of points earns, worked out on its own: what the roll-forward of many must agree with."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from scenarios.finance.allocation import earned_so_far
from scenarios.finance.rounding import divide, exact


@dataclass(frozen=True)
class Recognition:
    """What the points of one cohort earn in one period, minor units, signed as revenue."""

    redemption: int
    """points redeemed, at the price allocated to one point issued"""
    breakage: int
    """the same points' share of those never expected to be redeemed, by the expectation at the period's start"""
    change_of_estimate: int
    """catch-up of everything earned so far to the expectation at the period's end; negative where more redemption is expected"""

    @property
    def revenue(self) -> int:
        """All three."""
        return self.redemption + self.breakage + self.change_of_estimate


def recognise(
    allocation: int,
    issued: int,
    *,
    redeemed_before: int,
    expected_before: int | Fraction,
    redeemed: int,
    expected: int | Fraction,
) -> Recognition:
    """What one cohort earns in a period, in three lines whose sum is the change of earned_so_far.

    redeemed_before, redeemed: points redeemed from inception to the period's start and end; expected_before, expected: points
    expected ever to be redeemed, as seen then. Each line is made of differences of rounded balances, so an estimate that does not
    change gives a change of 0, not of a stray cent.
    """
    before = earned_so_far(allocation, redeemed_before, expected_before)
    after = earned_so_far(allocation, redeemed, expected)

    def step(of: int | Fraction) -> int:
        if not of:
            return 0
        return divide(allocation * redeemed, of) - divide(allocation * redeemed_before, of)

    redemption = step(issued)
    unchanged = step(expected_before) if expected_before else redemption
    redemption = min(redemption, unchanged)
    return Recognition(redemption, unchanged - redemption, after - before - unchanged)


def accrued_cost(cost_per_point: str, redeemed: int, expected: int | Fraction) -> int:
    """Incremental-cost view: cost of the points still expected to be redeemed, minor units, rounded."""
    return divide(exact(cost_per_point) * (expected - redeemed), 1)
