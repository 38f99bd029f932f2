"""Boundaries and confidence sequences against published tables and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from experiments.multiplicity import adjusted
from experiments.sequential import (
    anytime_factor,
    anytime_p,
    boundary,
    crossing_probabilities,
    inflation,
    spent,
)

FIVE = [0.2, 0.4, 0.6, 0.8, 1.0]


@pytest.mark.parametrize(
    ("method", "published"),
    [
        ("obrien-fleming", [4.562, 3.226, 2.634, 2.281, 2.040]),
        ("lan-demets-obrien-fleming", [4.877, 3.357, 2.680, 2.290, 2.031]),
        ("pocock", [2.413] * 5),
    ],
)
def test_published_boundaries(method, published):
    assert boundary(method, FIVE) == pytest.approx(published, abs=5.01e-4)


def test_five_naive_looks():
    naive = crossing_probabilities([stats.norm.ppf(0.975)] * 5, FIVE)
    assert naive.sum() == pytest.approx(0.142, abs=5e-4)
    assert naive[0] == pytest.approx(0.05)


@pytest.mark.parametrize(
    "method", ["obrien-fleming", "pocock", "lan-demets-obrien-fleming", "lan-demets-pocock"]
)
@pytest.mark.parametrize("looks", [FIVE, [0.5, 1.0], [0.1, 0.15, 0.7, 1.0], [0.02, 0.04, 1.0], [1.0]])
def test_boundaries_spend_alpha(method, looks):
    crossed = crossing_probabilities(boundary(method, looks, 0.05), looks)
    assert crossed.sum() == pytest.approx(0.05, abs=1e-7)
    if method.startswith("lan-demets"):
        assert crossed.cumsum() == pytest.approx([spent(method, t) for t in looks], abs=1e-7)


def test_inflation_factors_of_jennison_and_turnbull():
    assert inflation("obrien-fleming", FIVE, 0.05, 0.8) == pytest.approx(1.028, abs=5e-4)
    assert inflation("pocock", FIVE, 0.05, 0.9) == pytest.approx(1.207, abs=6e-4)


def test_a_confidence_sequence_covers_at_all_times():
    rng = np.random.default_rng(5)
    repeats, n, start = 2000, 2000, 50
    walk = rng.normal(size=(repeats, n)).cumsum(axis=1)
    sizes = np.arange(1, n + 1)
    z = np.abs(walk / np.sqrt(sizes))[:, start:]
    bound = np.array([anytime_factor(m, n) for m in sizes[start:]])
    assert (z > bound).any(axis=1).mean() <= 0.05
    naive = (z > 1.96).any(axis=1).mean()
    assert naive > 0.3


def test_the_anytime_p_value_is_dual_to_the_sequence():
    bound = anytime_factor(500, 1000, 0.05)
    assert anytime_p(bound, 500, 1000) == pytest.approx(0.05)
    assert anytime_p(bound + 0.1, 500, 1000) < 0.05 < anytime_p(bound - 0.1, 500, 1000)
    around = [anytime_factor(1.0, planned) for planned in (0.7, 1.0, 1.4)]
    assert min(around) == around[1]


def test_early_looks_that_spend_nothing_never_stop():
    assert math.isinf(boundary("lan-demets-obrien-fleming", [0.001, 1.0])[0])


def test_adjusted_p_values():
    p = [0.01, 0.04, 0.03, 0.005]
    assert adjusted(p, "holm") == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjusted(p, "benjamini-hochberg") == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert adjusted(p, "none") == p
    many = np.random.default_rng(1).random(50) ** 3
    for method, theirs in (("holm", "holm"), ("benjamini-hochberg", "fdr_bh")):
        assert adjusted(list(many), method) == pytest.approx(multipletests(many, method=theirs)[1])
