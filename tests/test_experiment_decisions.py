"""From effects to decisions: guardrails, rules, looks."""

from __future__ import annotations

import numpy as np
import pytest
from live_trial import BASE, live, plan
from scipy import stats

from experiments.decisions import noninferiority, tost
from experiments.looks import Look
from experiments.readout import read
from sim.errors import InputError


def test_guardrails_and_equivalence():
    assert noninferiority(-0.5, 2.0, 1.0, "higher") == "held"
    assert noninferiority(-3.0, -1.5, 1.0, "higher") == "broken"
    assert noninferiority(-3.0, 0.5, 1.0, "higher") == "open"
    assert noninferiority(1.5, 3.0, 1.0, "lower") == "broken"
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=50), rng.normal(0.1, 1, 50)
    from statsmodels.stats.weightstats import ttost_ind

    theirs = ttost_ind(a, b, -0.6, 0.6, usevar="unequal")[0]
    welch = stats.ttest_ind(a, b, equal_var=False)
    se = np.sqrt(a.var(ddof=1) / 50 + b.var(ddof=1) / 50)
    assert tost(a.mean() - b.mean(), se, welch.df, 0.6) == pytest.approx(theirs)
    guarded = [
        BASE["metrics"][0],
        {"name": "orders", "role": "guardrail", "column": "orders", "noninferiority_margin": 0.5},
    ]
    frame = live(6000, effect=2.0)
    assert read(frame, plan(metrics=guarded)).decisions[-1].verdict == "launch"
    worse = frame.assign(orders=frame.orders - (frame.arm == "trial"))
    assert read(worse, plan(metrics=guarded)).decisions[-1].verdict == "do not launch"
    assert (
        read(live(20_000), plan({"equivalence_margin": 0.6})).decisions[-1].verdict
        == "no difference that matters"
    )
    assert read(live(200), plan()).decisions[-1].verdict == "undecided"


def test_an_effect_that_other_metrics_hold_back_is_not_said_to_fit_no_effect():
    many = [BASE["metrics"][0], *({"name": f"m{k}", "role": "secondary", "column": "orders"} for k in range(9))]
    for seed in range(200):
        frame = live(2000, effect=1.0, seed=seed)
        found = read(frame, plan(metrics=many, multiplicity="holm"))
        if found.rows[0].low > 0 and found.decisions[0].p >= 0.05:
            break
    one = found.decisions[0]
    assert one.verdict == "inconclusive" and "the whole interval fits the data" not in one.sentence
    said = "): better if it were the only question; among all metrics and arms chance may do as much (p = "
    assert f"{said}{one.p:.2g})." in one.sentence


@pytest.mark.parametrize(("better", "sign"), [("higher", -1), ("lower", 1)])
def test_a_loss_within_the_margin_of_a_guardrail_is_said_to_be_there(better, sign):
    guarded = {"name": "orders", "role": "guardrail", "column": "orders", "noninferiority_margin": 0.8, "better": better}
    frame, of = live(6000, effect=2.0), plan(metrics=[BASE["metrics"][0], guarded])
    moved = frame.assign(orders=frame.orders + 0.4 * sign * (frame.arm == "trial"))
    for table, says in ((frame, "is excluded."), (moved, "a loss beyond the margin of 0.8 is excluded, a smaller one is shown.")):
        (line,) = [one for one in read(table, of).decisions if one.metric == "orders"]
        assert line.verdict == "held" and line.sentence.endswith(says)


def test_rules_are_those_of_the_plan():
    rules = [{"then": "extend", "primary": ["inconclusive"]}, {"then": "stop"}]
    assert read(live(200), plan(rules=rules)).decisions[-1].verdict == "extend"
    assert read(live(2000, effect=5.0), plan(rules=rules)).decisions[-1].verdict == "stop"


@pytest.mark.parametrize("method", ["obrien-fleming", "pocock", "lan-demets-obrien-fleming", "anytime"])
def test_early_looks_ask_for_more(method):
    frame = live(2000, effect=0.0, seed=11)
    of = plan(sequential=method, looks=[0.25, 0.5, 1.0], sizing={"members": 4000})
    early, fixed = read(frame, of, look=1), read(frame, plan())
    assert early.rows[0].low < fixed.rows[0].low and early.rows[0].high > fixed.rows[0].high
    assert "Look 1 of 3; the next is at 0.5" in early.decisions[-1].sentence
    look = Look(of, 1, 2000.0)
    assert look.p(look.level()) == pytest.approx(0.05, rel=1e-4)
    with pytest.raises(InputError, match="look 4 is not planned"):
        read(frame, of, look=4)


def test_sequential_p_values_hold_their_level_over_all_looks():
    of = plan(sequential="pocock", looks=[0.25, 0.5, 0.75, 1.0])
    rng = np.random.default_rng(12)
    walk = rng.normal(size=(4000, 4)).cumsum(axis=1) / np.sqrt(np.arange(1, 5))
    least = np.abs(walk).max(axis=1)
    bound = stats.norm.isf(Look(of, 1, 1.0).level(0.2) / 2)
    assert (least > bound).mean() == pytest.approx(0.2, abs=0.02)
