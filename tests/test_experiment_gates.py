"""The checks of the data that come before every verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from live_trial import BASE, gate, live, plan

from experiments.gates import sample_ratio
from experiments.readout import read


def test_kohavis_sample_ratio():
    _, p = sample_ratio({"a": 821_588, "b": 815_482}, {"a": 0.5, "b": 0.5})
    assert p == pytest.approx(1.8e-6, abs=5e-8)


def test_a_lost_tenth_of_an_arm_blocks_the_verdict():
    frame = live(20_000, effect=2.0)
    assert read(frame, plan()).decisions[-1].verdict == "launch"
    lost = frame[(frame.arm == "control") | (frame.index % 10 != 0)]
    found = read(lost, plan())
    assert [one.name for one in found.blocked] == ["sample ratio"]
    assert {line.verdict for line in found.decisions} == {"no verdict"}
    assert "do not fit the planned 0.5 : 0.5" in found.decisions[-1].sentence
    only_gold = frame[(frame.arm == "control") | (frame.tier == "silver") | (frame.index % 5 != 0)]
    bad = [one.segment for one in read(only_gold, plan(segments=["tier"])).blocked]
    assert "tier=gold" in bad and "tier=silver" not in bad


def test_sample_ratio_gates_rarely_cry_wolf():
    rng = np.random.default_rng(8)
    counts = rng.binomial(5000, 0.5, 20_000)
    p = np.array([sample_ratio({"a": n, "b": 5000 - n}, {"a": 0.5, "b": 0.5})[1] for n in counts[:4000]])
    assert (p < 0.01).mean() == pytest.approx(0.01, abs=0.005)


def test_duplicates_early_exposure_and_imbalance_are_found():
    frame = live()
    twice = pd.concat([frame, frame.head(4).assign(arm="trial")])
    assert "4 members are listed more than once" in gate(read(twice, plan()), "duplicate units").sentence
    dated = frame.assign(assigned="2026-01-05", exposed="2026-01-06")
    dated.loc[3, "exposed"] = "2026-01-04"
    columns = {"assigned": "assigned", "exposed": "exposed"}
    assert (
        "1 member was exposed before"
        in gate(read(dated, plan(columns=columns)), "exposure before assignment").sentence
    )
    adjusted = {"covariates": ["before"], "adjustment": "cuped"}
    rng = np.random.default_rng(2)
    even = frame.assign(before=rng.normal(size=len(frame)))
    assert gate(read(even, plan(adjusted)), "pre-period balance").passed
    tilted = even.assign(before=even.before + 0.3 * (even.arm == "trial"))
    assert "most in before" in gate(read(tilted, plan(adjusted)), "pre-period balance").sentence


@pytest.mark.parametrize(
    ("covariate", "passed", "blocks", "says"),
    [
        (lambda f, rng: f.spend, False, True, "as good as the outcome itself. Adjusting by the outcome takes"),
        (lambda f, rng: 3 - 0.1 * f.spend.round(), False, True, "put into the table what was known before the start."),
        (lambda f, rng: f.spend + rng.normal(0, 2, len(f)), False, False, "explain 96\u00a0% of its variance within the arms,"),
        (lambda f, rng: f.spend + rng.normal(0, 10, len(f)), True, False, "its covariates (before) explain 50\u00a0% of its"),
    ],
)
def test_a_covariate_that_is_the_metric_is_found(covariate, passed, blocks, says):
    frame = live(effect=0.3)
    frame["before"] = covariate(frame, np.random.default_rng(3))
    adjusted = BASE["metrics"][0] | {"covariates": ["before"], "adjustment": "cuped"}
    found = read(frame, plan(metrics=[adjusted, {"name": "orders", "role": "secondary", "column": "orders"}]))
    one = gate(found, "covariates")
    assert (one.passed, one.blocks, one.metric) == (passed, blocks, "spend") and says in one.sentence
    verdicts = {line.metric: line.verdict for line in found.decisions}
    assert (verdicts["spend"] == "no verdict") == (verdicts[None] == "no verdict") == blocks
    assert verdicts["orders"] == "inconclusive"


def test_covariates_that_add_up_to_the_metric_or_are_the_denominator_of_a_ratio_are_found():
    frame = live().assign(web=lambda f: np.random.default_rng(3).uniform(0, f.spend), shop=lambda f: f.spend - f.web)
    parts = plan({"covariates": ["web", "shop"], "adjustment": "lin"})
    assert "its covariates (web and shop) explain over" in gate(read(frame, parts), "covariates").sentence
    ratio = {"kind": "ratio", "denominator": "orders", "covariates": ["visits"], "adjustment": "cuped"}
    assert not gate(read(frame.assign(visits=frame.orders), plan(ratio)), "covariates").passed
    even = np.random.default_rng(4).normal(size=len(frame))
    assert gate(read(frame.assign(visits=even), plan(ratio)), "covariates").passed


def test_a_cluster_in_two_arms_is_found():
    of = plan(unit="cluster", columns={"cluster": "store"})
    torn = gate(read(live(), of), "clusters in one arm")
    assert (
        not torn.passed and torn.blocks and "40 clusters have members in more than one arm" in torn.sentence
    )
    whole = live().assign(arm=lambda f: np.where(f.store % 2, "control", "trial"))
    assert gate(read(whole, of), "clusters in one arm").passed


def test_relative_effects_near_zero_are_refused_and_block():
    frame = live().assign(spend=lambda f: np.random.default_rng(1).normal(0, 1, len(f)))
    found = read(frame, plan({"scale": "relative"}))
    assert found.rows[0].scale == "absolute" and found.rows[0].relative is None
    assert [one.words for one in found.withheld] == ["relative effect of spend"]
    assert found.estimands[0].scale == "absolute"
    fine = read(live(effect=2.0), plan({"scale": "relative"})).rows[0]
    assert fine.effect == pytest.approx(0.1, abs=0.04) and fine.low < fine.effect < fine.high
