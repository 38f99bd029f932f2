"""A few members who decide, and what winsorising makes of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from live_trial import BASE, gate, live, plan

from experiments.documents import Readout
from experiments.effect_words import effect_text, p_text
from experiments.quantiles import quantile
from experiments.readout import read
from reports.readout import readout_page


def test_one_member_who_decides_is_found_and_winsorising_mends_it():
    frame = live(1500, effect=1.5, seed=3)
    assert gate(read(frame, plan()), "outliers").passed
    frame.loc[frame.index[frame.arm == "control"][0], "spend"] = 30_000
    assert not gate(read(frame, plan()), "outliers").passed
    mended = read(frame, plan({"winsor": [0.0, 0.99]}))
    assert gate(mended, "outliers").passed and "spend, winsorised at" in gate(mended, "outliers").sentence
    assert mended.estimands[0].capping.startswith("winsorised")


def slipped(**changes) -> tuple[Readout, pd.DataFrame]:
    """A true effect that one slip of a till in the control hides from the raw mean, and not from the winsorised one."""
    frame = live(1500, effect=2.0, seed=3)
    frame.loc[frame.index[frame.arm == "control"][0], "spend"] = 30_000
    cut = {**BASE["metrics"][0], "name": "cut", "winsor": [0.0, 0.99]}
    roles = [BASE["metrics"][0] | {"name": "raw", "role": "secondary"}, cut]
    return read(frame, plan(metrics=[one | changes.get(one["name"], {}) for one in roles])), frame


def test_a_metric_that_the_plan_winsorises_is_judged_as_winsorised():
    found, _ = slipped()
    verdicts = {line.metric: line.verdict for line in found.decisions}
    assert verdicts == {"raw": "no verdict", "cut": "better", None: "launch"}
    assert not found.blocked and [gate.words for gate in found.withheld] == ["outliers of raw"]
    page = readout_page(found)
    assert "Why there is no verdict on raw" in page and "cut, trial against control" in page
    assert page.count("not preregistered") == 2  # why there is no verdict, and the table of checks


def test_what_an_outlier_makes_of_a_primary_metric_is_no_verdict_with_advice_for_after_the_freeze():
    found, frame = slipped(raw={"role": "primary"}, cut={"role": "secondary"})
    verdicts = {line.metric: line.verdict for line in found.decisions}
    assert verdicts == {"raw": "no verdict", "cut": "better", None: "no verdict"}
    (gate,) = found.withheld
    assert "without the most extreme member (30,000), which decides the result. See whether there is an error" in gate.sentence
    assert "not preregistered: it is a sensitivity analysis and decides nothing. Let the next plan winsorise." in gate.sentence
    without = read(frame[frame.spend < 30_000], plan()).rows[0]
    assert f"{effect_text(without.effect)} ({p_text(without.p)}) without" in gate.sentence
    assert '<p class="answer">trial: no verdict, because of outliers of raw.</p>' in readout_page(found)


def test_a_guardrail_is_judged_by_whether_it_is_held():
    held = {"role": "guardrail", "noninferiority_margin": 1.0}
    found, _ = slipped(raw=held)
    (gate,) = found.withheld
    assert "(open) with and" in gate.sentence and "(held) without" in gate.sentence
    assert found.decisions[-1].verdict == "no verdict"


def test_a_long_tail_is_no_outlier():
    """Spend whose largest amounts are fifty times the usual, drawn alike in both arms: significant or not, nobody decides it."""
    found = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        frame = live(3000, seed=seed)
        lift = np.where(frame.arm == "trial", 1.12, 1.0)
        frame["spend"] = rng.lognormal(3, 1.3, 3000) * lift
        one = read(frame, plan())
        found.append((gate(one, "outliers").passed, one.rows[0].p < 0.05))
    passed, significant = np.array(found).T
    assert 0.3 < significant.mean() < 0.9, "a decision that nothing can turn says nothing of the gate"
    assert passed.mean() > 0.97


def test_winsorising_cuts_both_sides():
    frame = live()
    low, high = (quantile(frame.spend.to_numpy(), q) for q in (0.05, 0.9))
    by_hand = frame.assign(spend=frame.spend.clip(low, high))
    one, other = read(frame, plan({"winsor": [0.05, 0.9]})), read(by_hand, plan())
    assert one.rows[0].effect == pytest.approx(other.rows[0].effect)
    capped = read(frame, plan({"caps": [low, high]}))
    assert capped.rows[0].se == pytest.approx(other.rows[0].se)
