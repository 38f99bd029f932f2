"""Segments, weeks, quantiles, clusters and strata of a read-out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from live_trial import gate, live, plan

from experiments.quantiles import bootstrap_se, cluster_bootstrap_se, quantile
from experiments.readout import read
from experiments.segments import shrink, trend


def test_clusters_and_strata_run_through():
    frame = live(4000)
    frame["arm"] = np.where(frame.store % 2 == 0, "control", "trial")
    found = read(frame, plan(unit="cluster", columns={"cluster": "store"}, segments=["tier"]))
    naive = read(frame, plan())
    assert found.rows[0].effect == pytest.approx(naive.rows[0].effect)
    assert found.rows[0].df < 40 and "clusters of store (CR2)" in found.estimands[0].estimator
    assert "Clusters by arm (control 20, trial 20)" in gate(found, "sample ratio").sentence
    stratified = read(live(), plan(strata=["tier"]))
    assert "post-stratified by tier" in stratified.estimands[0].estimator


def test_quantiles_are_those_of_the_bootstrap():
    rng = np.random.default_rng(5)
    values = rng.lognormal(0, 1, 901)
    drawn = [quantile(rng.choice(values, 901), 0.75) for _ in range(3000)]
    assert bootstrap_se(values, 0.75) == pytest.approx(np.std(drawn), rel=0.05)
    clusters = np.repeat(np.arange(60), 15).astype(np.int32)
    shifted = values[:900] + 3 * rng.normal(size=60)[clusters]
    by_cluster = shifted.reshape(60, 15)
    drawn = [quantile(by_cluster[rng.integers(0, 60, 60)].ravel(), 0.5) for _ in range(2000)]
    assert cluster_bootstrap_se(shifted, clusters, 0.5) == pytest.approx(np.std(drawn), rel=0.08)
    frame = live()
    found = read(frame, plan({"kind": "quantile", "quantile": 0.5})).rows[0]
    a, b = (frame.spend[frame.arm == arm].to_numpy() for arm in ("trial", "control"))
    assert found.effect == pytest.approx(quantile(a, 0.5) - quantile(b, 0.5))
    assert found.se == pytest.approx(np.hypot(bootstrap_se(a, 0.5), bootstrap_se(b, 0.5)))


def test_median_intervals_cover():
    hits = 0
    for r in range(300):
        rng = np.random.default_rng([r, 9])
        frame = pd.DataFrame(
            {
                "member_id": np.arange(400),
                "arm": ["control", "trial"] * 200,
                "spend": rng.lognormal(0, 1, 400),
            }
        )
        row = read(frame, plan({"kind": "quantile", "quantile": 0.5})).rows[0]
        hits += row.low <= 0 <= row.high
    assert 0.92 <= hits / 300 <= 0.985


def test_of_many_small_segments_a_dozen_are_named():
    found = read(live(300).assign(tier=np.arange(300)), plan(segments=["tier"]))
    assert gate(found, "small segments").sentence.endswith(" and 288 more.")


def test_shrinkage_is_the_normal_posterior():
    rng = np.random.default_rng(13)
    true = rng.normal(1, 0.5, 400)
    se = rng.uniform(0.2, 1.0, 400)
    seen = true + se * rng.normal(size=400)
    found = shrink(seen, se)
    assert found.tau == pytest.approx(0.5, abs=0.1)
    assert np.mean((found.effect - true) ** 2) < 0.7 * np.mean((seen - true) ** 2)
    assert np.mean(np.abs(found.effect - true) < 1.96 * found.se) == pytest.approx(0.95, abs=0.03)
    alike = shrink(np.array([1.0, 1.1]), np.array([1.0, 1.0]))
    assert alike.effect == pytest.approx([1.05, 1.05])


def test_a_fading_effect_is_called_so():
    slope, se = trend(np.array([3.0, 2.0, 1.0, 0.0]), 0.04 * np.eye(4))
    assert slope == pytest.approx(-1.0) and se == pytest.approx(0.2 / np.sqrt(5))
    rng = np.random.default_rng(14)
    frame = live()
    for week in range(1, 5):
        frame[f"w{week}"] = rng.gamma(2, 1, len(frame)) + (frame.arm == "trial") * (2 - 0.5 * week)
    found = read(frame, plan({"weekly": "w{week}"}))
    assert [row.week for row in found.rows if row.week] == [1, 2, 3, 4]
    novelty = gate(found, "novelty")
    assert not novelty.passed and not novelty.blocks and novelty.statistic == pytest.approx(-0.5, abs=0.1)


def test_segments_are_shown_with_what_is_left_after_shrinkage():
    found = read(live(4000, effect=1.0), plan(segments=["tier"]))
    rows = [row for row in found.rows if row.segment]
    assert [row.segment for row in rows] == ["tier=gold", "tier=silver"]
    assert sum(row.n["trial"] for row in rows) == found.rows[0].n["trial"]
    assert abs(rows[0].shrunk - rows[1].shrunk) <= abs(rows[0].effect - rows[1].effect)
