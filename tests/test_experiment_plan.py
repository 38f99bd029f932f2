"""Plan file, power and the plan's document."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower, tt_ind_solve_power

from experiments.commands import plan_command
from experiments.document_file import load_document
from experiments.documents import Readout
from experiments.plan_document import PlanDocument, plan_document
from experiments.plan_file import load_plan
from experiments.power import (
    design_effect,
    detectable,
    mean_noise,
    plan_power,
    power_of,
    proportion_noise,
    sample_size,
)
from reports.plan import plan_files
from sim.errors import InputError

PLAN = """\
experiment: trial-card
population: members of last year
arms:
  control: {share: 0.5}
  trial: {share: 0.5, changes: {card: trial}}
control: control
start: 2026-03-01
end: 2026-05-30
sequential: lan-demets-obrien-fleming
looks: [2026-03-31, 2026-05-30]
sizing: {members: 12000, members_per_week: 500, outcome_days: 28}
metrics:
  - name: spend
    role: primary
    column: spend
    simulation_margin: 3
    planning: {baseline: 60, sd: 80, minimum_effect: 3, covariate_correlation: 0.6}
  - name: active
    role: guardrail
    kind: proportion
    column: active
    noninferiority_margin: 0.014
    planning: {baseline: 0.28, minimum_effect: 0.014}
"""


def plan_of(tmp_path, text=PLAN):
    path = tmp_path / "EXPERIMENT.yaml"
    path.write_text(text)
    return load_plan(path)


def test_a_plan_is_read_with_defaults(tmp_path):
    plan = plan_of(tmp_path)
    assert plan.primary.name == "spend" and plan.treatments == ["trial"] and plan.weeks == 13
    assert plan.fractions == pytest.approx([31 / 91, 1.0])
    assert plan.digest == plan_of(tmp_path, PLAN.replace("share: 0.5}", "share: 0.50}")).digest
    assert plan.digest != plan_of(tmp_path, PLAN.replace("minimum_effect: 3,", "minimum_effect: 4,")).digest


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("share: 0.5}", "shar: 0.5}", ", line 4: arms.control.shar: unknown key; allowed: share, changes"),
        ("start: 2026-03-01", "start: soon", ", line 7: start: found 'soon'; must be a valid date"),
        (
            "role: primary",
            "role: main",
            ", line 14: metrics[0].role: found 'main'; must be 'primary', 'guardrail'",
        ),
        ("control: control\n", "control: nobody\n", "control is 'nobody'; it must be one of control, trial"),
        ("share: 0.5, ch", "share: 0.3, ch", "the shares of the arms add to 0.8"),
        ("    noninferiority_margin: 0.014\n", "", "a guardrail needs a noninferiority_margin"),
        ("    simulation_margin: 3\n", "", "needs a simulation_margin"),
        ("looks: [2026-03-31, ", "looks: [2026-06-30, ", "looks must increase"),
        ("sequential: lan-demets-obrien-fleming", "sequential: fixed", "2 looks need a sequential method"),
        (
            "obrien-fleming\nlooks: [2026-03-31, 2026-05-30]\nsizing: {members: 12000, ",
            "x\nsizing: {",
            "must be 'fixed'",
        ),
        (
            "lan-demets-obrien-fleming\nlooks: [2026-03-31, 2026-05-30]\nsizing: {members: 12000, ",
            "anytime\nsizing: {",
            "sizing.members (sizing.clusters for unit cluster) must say how many ",
        ),
        (
            "column: spend\n",
            "column: spend\n    covariates: [spend]\n    adjustment: lin\n",
            "spend is what it measures",
        ),
        (
            "column: spend\n",
            "column: spend\n    covariates: [before, active]\n    adjustment: lin\n",
            "active (covariate of metric spend) is what metric active measures in the window; it must be known before the start",
        ),
        ("control: control\n", "control: control\nsegments: [active]\n", "active (segment) is what metric active measures"),
        ("looks: [2026-03-31, ", "looks: [2026-02-01, ", "looks begin with 2026-02-01; the first must be above 0, or not"),
        ("  trial: {", '  "tri\\nal": {', "found the name 'tri\\nal'; names of experiments and arms are one line"),
        ("control: control\n", "control: control\nstrata: [arm]\n", "arm is the column of the arm; it is no stratum"),
        ("control: control\n", "control: control\nstrata: [spend]\n", "spend (stratum) is what metric spend measures"),
        (
            "column: spend\n",
            "column: spend\n    weekly: spend_w{week}\n    covariates: [spend_w2]\n    adjustment: lin\n",
            "spend_w2 (covariate of metric spend) is what metric spend measures",
        ),
        ("kind: proportion", "kind: ratio", "a ratio, and only a ratio, needs a denominator"),
        ("end: 2026-05-30", "end: 2026-02-01", "end 2026-02-01 is before start"),
        ("end: 2026-05-30", "end: 9999-05-30", "end is 9999-05-30; its year must lie between 1900 and 2199"),
        ("start: 2026-03-01", "start: 2026-03-01 10:00:00", "start: found 2026-03-01 10:00:00; must be a valid date"),
        ("  control: {share: 0.5}\n", "", "arms: found 1; at least 2 must be there"),
        ("baseline: 0.28", "baseline: 28", "metric active: planning.baseline is 28; a proportion lies between 0 and 1"),
        (
            "role: guardrail\n    kind: proportion\n    column: active\n    noninferiority_margin: 0.014\n"
            "    planning: {baseline: 0.28",
            "role: secondary\n    better: lower\n    kind: proportion\n    column: active\n    planning: {baseline: 0.01",
            "metric active: baseline and minimum_effect make -0.004; a proportion lies between 0 and 1",
        ),
        ("members: 12000", "members: 120000000000", "sizing.members: found 120000000000; must be less than or equal to 50000000"),
        ("control: control\n", "control: control\ncontrol: trial\n", "the key a second time"),
    ],
)
def test_mistakes_are_named(old, new, sentence, tmp_path):
    with pytest.raises(InputError) as caught:
        plan_of(tmp_path, PLAN.replace(old, new, 1))
    assert "EXPERIMENT.yaml" in str(caught.value) and sentence in str(caught.value)


def test_members_that_are_not_stated_are_not_said_to_be_too_few(tmp_path):
    (found, *_) = plan_power(plan_of(tmp_path, PLAN.replace("sizing: {members: 12000, members_per_week: 500, ", "sizing: {")))
    words = " ".join(found.sentences)
    assert "How many there will be is not stated in sizing." in words and "too few" not in words


def test_no_power_is_printed_as_certain(tmp_path):
    page = plan_files(plan_document(plan_of(tmp_path, PLAN.replace("minimum_effect: 3,", "minimum_effect: 30,"))))["plan.html"]
    assert "find it with probability over 99\u00a0%" in page and ">over 99\u00a0%</td>" in page
    assert "100\u00a0%, and" not in page


PILOT = """\
experiment: pilot
population: members of two stores
unit: cluster
columns: {cluster: store}
arms: {control: {share: 0.5}, trial: {share: 0.5}}
control: control
start: 2026-03-01
end: 2026-05-30
sizing: {clusters: 2, cluster_size: 500}
metrics:
  - name: active
    role: primary
    kind: proportion
    column: active
    simulation_margin: 0.014
    planning: {baseline: 0.28, minimum_effect: 0.014, icc: 0.02}
"""


def test_a_pilot_of_two_stores(tmp_path):
    assert design_effect(500, 0.02) == pytest.approx(10.98)
    assert sample_size(proportion_noise(0.28, 0.294), 0.014) == 16_386
    (found,) = plan_power(plan_of(tmp_path, PILOT))
    words = " ".join(found.sentences)
    assert "design effect 10.98" in words and "Randomised one by one, 32,772 members in the two arms would do" in words
    assert found.members_needed == math.ceil(2 * 16_386 * 10.98)
    assert "cannot be told from the difference between these places" in words
    alone = detectable(proportion_noise(0.28, 0.294), 500 / 10.98, 500 / 10.98)
    assert f"Even if that difference were known, only effects from {alone:.3g} on would be found" in words


def test_power_is_that_of_statsmodels():
    assert detectable(mean_noise(1.0), 100, 100) == pytest.approx(NormalIndPower().solve_power(None, 100, 0.05, 0.8), rel=1e-5)
    assert power_of(mean_noise(1.0), 0.5, 20, 20, df=38) == pytest.approx(tt_ind_solve_power(0.5, 20, 0.05))
    assert power_of(mean_noise(1.0), 0.0, 20, 30) == pytest.approx(0.05)


def test_the_size_asked_for_gives_the_power_asked_for():
    rng = np.random.default_rng(3)
    n = sample_size(proportion_noise(0.3, 0.36), 0.06)
    a, b = rng.binomial(n, 0.3, 20_000) / n, rng.binomial(n, 0.36, 20_000) / n
    z = (b - a) / np.sqrt((a * (1 - a) + b * (1 - b)) / n)
    assert (np.abs(z) > 1.96).mean() == pytest.approx(0.8, abs=0.015)


def test_a_size_is_told_in_the_unit_of_its_metric(tmp_path):
    (tmp_path / "EXPERIMENT.yaml").write_text(PLAN.replace("    column: spend\n", "    column: spend\n    unit: EUR a member\n"))
    found = plan_command(tmp_path / "EXPERIMENT.yaml")
    assert "from 60 by 3 EUR a member with power" in found.power[0].sentences[0]
    page = plan_files(found)["plan.html"]
    assert page.count('<br><span class="note">EUR a member</span></th>') == 2 and "finding 3 EUR a member on spend" in page
    assert found.units == {"spend": "EUR a member", "active": ""}


def test_clusters_looks_and_covariates_enter_the_size(tmp_path):
    spend, active = plan_power(plan_of(tmp_path))
    plain = 2 * sample_size(mean_noise(80), 3)
    assert spend.members_needed == pytest.approx(plain * 0.64 * spend.inflation, rel=1e-3)
    assert 1 < spend.inflation < 1.05 and spend.weeks == 4 + math.ceil((spend.members_needed - 12_000) / 500)
    one_arm = sample_size(proportion_noise(0.28, 0.28), 0.014)  # to exclude the margin where nothing is lost
    assert active.members_needed == pytest.approx(2 * one_arm * active.inflation, rel=1e-3)
    assert "Excluding a loss of 0.014 in active" in active.sentences[0]
    stores = (
        PLAN.replace("sizing: {members: 12000, members_per_week: 500", "sizing: {clusters: 2, cluster_size: 500")
        .replace("control: control\n", "control: control\nunit: cluster\ncolumns: {cluster: store}\n", 1)
        .replace("minimum_effect: 0.014", "minimum_effect: 0.014, icc: 0.02")
    )
    pilot = plan_power(plan_of(tmp_path, stores))[1]
    assert pilot.design_effect == pytest.approx(10.98) and pilot.power == 0 and math.isinf(pilot.detectable)
    assert any("cannot be told from the difference between these places" in s for s in pilot.sentences)


def test_the_plan_document_and_its_page(tmp_path):
    (tmp_path / "EXPERIMENT.yaml").write_text(PLAN)
    document = plan_command(tmp_path / "EXPERIMENT.yaml")
    files = plan_files(document)
    (tmp_path / "plan.json").write_text(files["plan.json"])
    assert load_document(tmp_path / "plan.json", PlanDocument) == document
    assert document.looks[-1].bound > 1.96
    assert sum(look.false_positives for look in document.looks) == pytest.approx(0.05, abs=1e-6)
    page = files["plan.html"]
    assert "trial-card" in page and "<svg" in page and "http" not in page.replace("http://www.w3.org", "")


def test_the_examples_of_the_documentation_are_read(tmp_path):
    text = (Path(__file__).parents[1] / "docs" / "experiment-files.md").read_text()
    plan = plan_of(tmp_path, text.split("```yaml\n")[1].split("```")[0])
    assert plan.primary.name == "spend" and len(plan.rules) == 3
    (tmp_path / "r.json").write_text(text.split("```json\n")[1].split("```")[0])
    found = load_document(tmp_path / "r.json", Readout)
    assert len(found.rows) == 2 and found.covariance[0][0] == 0.64
