"""Tiers on members whose every purchase is known: windows, reviews, downgrades, grace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scenes import scenario

from sim.member import MEMBER
from sim.reference import _named
from sim.rules.monthend import end_month
from sim.rules.tiers import qualify, reached
from sim.state import Chunk, empty_chunk
from sim.tables import Tables
from sim.tabulating import compile_tables

THREE = [
    {"name": "silver"},
    {"name": "gold", "requires": {"spend": 100.0}},
    {"name": "diamond", "requires": {"spend": 300.0, "purchases": 2}},
]


def tiers_by_month(spend: list[float], **qualification: Any) -> list[int]:
    """Tier after each month of a member who spends so much in each month, one purchase a month, reviewed at month ends only."""
    base = {
        "name": "tiers",
        "population": {"purchase_rate": {"mean": 0.05, "shape": 2.0}, "basket": {"median": 40.0, "sigma": 0.6}},
        "programme": {"tiers": THREE, "qualification": {"upgrade": "at_review", "review_every_months": 1, **qualification}},
        "horizon": {"months": len(spend)},
    }
    plain = compile_tables(scenario(base), members=1)
    t = Tables(*(_named(a) for a in plain))
    s = Chunk(*(_named(a) for a in empty_chunk(plain, 1)))
    m = s.members[0]
    m.failed, m.alive, m.tier0 = -1, 1, -1
    found = []
    for month, amount in enumerate(spend):
        if amount:
            qualify(m, 0, s, t, round(amount * 100), month)
        end_month(m, 0, s, t, month)
        found.append(int(m.tier))
    return found


@pytest.mark.parametrize(
    ("qualification", "spend", "expected"),
    [
        # cumulative: spend never leaves
        ({"window": "cumulative"}, [60, 60, 0, 200, 0], [0, 1, 1, 2, 2]),
        # diamond asks for two purchases too
        ({"window": "cumulative"}, [400, 0, 1], [1, 1, 2]),
        # calendar quarters: the count starts again, the review comes before
        ({"window": "calendar", "months": 3, "downgrade": "full"}, [100, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0]),
        ({"window": "calendar", "months": 3, "downgrade": "never"}, [100, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]),
        # rolling: two months, the present one included
        ({"window": "rolling", "months": 2, "downgrade": "full"}, [100, 0, 0, 50, 50, 0], [1, 1, 0, 0, 1, 0]),
        # one step at a time, and full at once
        ({"window": "rolling", "months": 2, "downgrade": "one_step"}, [200, 200, 0, 0, 0, 0], [1, 2, 1, 0, 0, 0]),
        ({"window": "rolling", "months": 2, "downgrade": "full"}, [200, 200, 0, 0, 0, 0], [1, 2, 1, 0, 0, 0]),
        ({"window": "rolling", "months": 1, "downgrade": "full"}, [100, 0, 0], [1, 0, 0]),
        # grace: the tier is kept two more reviews, and for good if the member qualifies again meanwhile
        ({"window": "rolling", "months": 1, "downgrade": "full", "grace_months": 2}, [100, 0, 0, 0, 0], [1, 1, 1, 0, 0]),
        ({"window": "rolling", "months": 1, "downgrade": "full", "grace_months": 2}, [100, 0, 100, 0, 0, 0], [1, 1, 1, 1, 1, 0]),
        # reviewed every third month only
        ({"window": "rolling", "months": 12, "review_every_months": 3}, [100, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1]),
    ],
)
def test_movement(qualification: dict, spend: list[float], expected: list[int]) -> None:
    assert tiers_by_month(spend, **qualification) == expected


def test_every_requirement_must_be_met() -> None:
    t = Tables(*(_named(a) for a in compile_tables(scenario({"name": "x", "population": {
        "purchase_rate": {"mean": 0.05, "shape": 2.0}, "basket": {"median": 40.0, "sigma": 0.6}},
        "programme": {"tiers": THREE}}), members=1)))  # fmt: skip
    m = np.zeros(1, MEMBER).view(np.recarray)[0]
    m.spend_q, m.count_q = 30_000, 1
    assert reached(m, t) == 1
    m.count_q = 2
    assert reached(m, t) == 2
