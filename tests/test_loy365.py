"""The published workload: a correct run gives 14.2 purchases, 681 revenue, .319 redemptions a member, 28.4 % left, 46/51/3 %."""

import pytest

from scenarios.files import load
from sim.measures import measure_run
from sim.outcome import simulate


def test_figures() -> None:
    found = measure_run(simulate(load("loy-365"), members=200_000, seed=1))
    assert found["purchases_per_member"] == pytest.approx(14.2, rel=0.008)
    assert found["revenue_per_member"] == pytest.approx(681, rel=0.008)
    assert found["redemptions_per_member"] == pytest.approx(0.319, rel=0.02)
    assert found["churned_share"] == pytest.approx(0.284, abs=0.003)
    shares = [value for name, value in found.items() if name.startswith("tier_share.")]
    assert shares == pytest.approx([0.46, 0.51, 0.03], abs=0.006)
