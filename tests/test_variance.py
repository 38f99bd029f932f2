"""Paired runs: how much less a difference varies when both designs meet the same members with the same luck."""

import numpy as np
import pytest

from scenarios.files import load
from sim.measures import measure_run
from sim.outcome import simulate
from sim.scenario import Scenario


def changed(base: Scenario, part: str, data: dict) -> Scenario:
    return Scenario.model_validate({**base.model_dump(), part: data})


def gold_multiplier() -> tuple[Scenario, Scenario, str]:
    base = load("loy-365")
    programme = base.programme.model_dump()
    programme["tiers"][1]["earning"] *= 1.08
    return base, changed(base, "programme", programme), "points_issued"


def leaving() -> tuple[Scenario, Scenario, str]:
    base = load("loy-365")
    population = base.population.model_dump()
    population["leaving"]["probability"] = 0.019
    return base, changed(base, "population", population), "purchases_per_member"


@pytest.mark.parametrize("lever", [gold_multiplier, leaving])
def test_variance_reduction_is_at_least_twenty(lever) -> None:
    """Levers 'gold multiplier +8 %' and 'leaving probability 2.0 -> 1.9 %', 60 replications of 2,000 members."""
    base, other, measure = lever()
    runs = np.array(
        [[measure_run(simulate(s, members=2000, seed=seed))[measure] for s in (base, other)] for seed in range(60)]
    )
    paired = np.var(runs[:, 1] - runs[:, 0], ddof=1)
    unpaired = np.var(runs[:, 0], ddof=1) + np.var(runs[:, 1], ddof=1)
    assert unpaired / paired >= 20
