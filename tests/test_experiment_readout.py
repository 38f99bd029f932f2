"""The read-out as a whole: a published trial, gates, verdicts, broken input."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from two_arms import TWO_ARMS, two_arms

from experiments.commands import read_command
from experiments.decisions import noninferiority, tost
from experiments.document_file import load_document
from experiments.documents import Readout
from experiments.effect_words import effect_text, p_text, p_value, size_text, stated_text
from experiments.gates import sample_ratio
from experiments.looks import Look
from experiments.plan_file import Plan
from experiments.quantiles import bootstrap_se, cluster_bootstrap_se, quantile
from experiments.readout import read
from experiments.segments import shrink, trend
from reports.readout import readout_files, readout_page
from sim.errors import InputError

HILLSTROM = Path(__file__).parents[2] / "shared" / "data" / "hillstrom_email_rct.csv.gz"

BASE = {
    **TWO_ARMS,
    "multiplicity": "none",
    "metrics": [{"name": "spend", "role": "primary", "column": "spend", "simulation_margin": 1.0}],
}


def plan(metric=None, **changes) -> Plan:
    content = BASE | changes
    if metric:
        content = content | {"metrics": [content["metrics"][0] | metric, *content["metrics"][1:]]}
    return two_arms(**content)


def live(n=2000, effect=0.0, seed=1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, 2, n)
    return pd.DataFrame(
        {
            "member_id": np.arange(n),
            "arm": np.array(["control", "trial"])[arm],
            "spend": rng.gamma(4, 5, n) + effect * arm,
            "orders": rng.poisson(3, n),
            "tier": rng.choice(["silver", "gold"], n),
            "store": rng.integers(0, 40, n),
        }
    )


def gate(found: Readout, name: str):
    return next(one for one in found.gates if one.name == name)


def test_kohavis_sample_ratio():
    _, p = sample_ratio({"a": 821_588, "b": 815_482}, {"a": 0.5, "b": 0.5})
    assert p == pytest.approx(1.8e-6, abs=5e-8)


@pytest.mark.skipif(not HILLSTROM.exists(), reason="the shared Hillstrom data are not here")
def test_hillstrom(tmp_path):
    frame = pd.read_csv(HILLSTROM)
    frame["id"] = np.arange(len(frame))
    arms = {"No E-Mail": {"share": 0.333}, "Mens E-Mail": {"share": 0.333}, "Womens E-Mail": {"share": 0.333}}
    metrics = [
        {
            "name": "visit",
            "role": "primary",
            "kind": "proportion",
            "column": "visit",
            "simulation_margin": 0.01,
        },
        {"name": "conversion", "role": "secondary", "kind": "proportion", "column": "conversion"},
        {"name": "spend", "role": "guardrail", "column": "spend", "noninferiority_margin": 0.1},
        {
            "name": "adjusted",
            "role": "secondary",
            "column": "spend",
            "covariates": ["history", "recency"],
            "adjustment": "lin",
        },
    ]
    found = read(
        frame,
        plan(
            arms=arms,
            control="No E-Mail",
            metrics=metrics,
            segments=["channel"],
            columns={"member": "id", "arm": "segment"},
        ),
    )
    shown = {(row.metric, row.arm): (100 * row.effect, 100 * row.se) for row in found.rows if row.overall}
    assert shown["visit", "Mens E-Mail"] == pytest.approx((7.66, 0.34), abs=5e-3)
    assert shown["visit", "Womens E-Mail"] == pytest.approx((4.52, 0.32), abs=5e-3)
    assert shown["conversion", "Mens E-Mail"] == pytest.approx((0.681, 0.092), abs=5.1e-4)
    assert shown["conversion", "Womens E-Mail"] == pytest.approx((0.311, 0.082), abs=5.1e-4)
    assert shown["spend", "Mens E-Mail"] == pytest.approx((77.0, 14.5), abs=5.1e-2)
    assert shown["spend", "Womens E-Mail"] == pytest.approx((42.4, 13.0), abs=5.1e-2)
    assert shown["adjusted", "Mens E-Mail"][1] <= shown["spend", "Mens E-Mail"][1]
    assert not found.blocked
    assert [line.verdict for line in found.decisions if line.metric is None] == ["launch", "launch"]
    joint = np.array(found.covariance)
    assert joint.shape == (8, 8) and np.linalg.eigvalsh(joint).min() > 0
    assert np.sqrt(np.diag(joint)) == pytest.approx([row.se for row in found.rows if row.overall])
    shared = stats.norm.fit(frame.visit[frame.segment == "No E-Mail"])[1] ** 2 / 21_306
    assert joint[0, 1] == pytest.approx(shared, rel=1e-3)
    files = readout_files(found)
    (tmp_path / "r.json").write_text(files["readout.json"])
    assert load_document(tmp_path / "r.json", Readout) == found
    assert files["readout.html"].count("<svg") >= 4


@pytest.mark.parametrize("metric", [{}, {"scale": "relative"}])
def test_an_effect_reads_the_same_in_its_sentence_and_in_the_table_and_with_a_minus_sign(metric):
    found = read(live(5000, effect=-1.5), plan(metric, segments=["tier"]))
    (row,) = [row for row in found.rows if row.overall]
    texts = [effect_text(value, row.scale) for value in (row.effect, row.low, row.high)]
    assert all(text.startswith("\u2212") for text in texts)
    assert f"trial against control: {texts[0]} ({texts[1]} to {texts[2]}): worse." in found.decisions[0].sentence
    page = readout_page(found)
    assert f'{texts[0]}<br><span class="note">{texts[1]}\u00a0to {texts[2]}</span>' in page
    said = [one.sentence for one in (*found.decisions, *found.gates)]
    assert not [sentence for sentence in said if re.search(r"(?<![\w-])-\d", sentence)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (effect_text(1.2345), "+1.23"),
        (effect_text(-0.034567, "relative"), "\u22123.46\u00a0%"),
        (effect_text(0.0), "0"),
        (size_text(1234.5), "1,234"),
        (stated_text(10.0), "10"),
        (stated_text(0.07, "relative"), "7\u00a0%"),
        (p_text(0.0123), "p = 0.012"),
        (p_text(1.8e-6), "p < 0.001"),
        (p_value(0.5), "0.50"),
    ],
)
def test_effects_and_p_values_are_printed_in_one_way(text, shown):
    assert text == shown


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


def test_events_are_matched_to_members_by_id_however_it_is_written_and_what_has_no_member_is_counted():
    frame = live(600)
    events = pd.DataFrame({"member_id": frame.member_id, "date": "2026-01-28", "spend": frame.spend})
    members = frame[["member_id", "arm"]]
    expected = read(members, plan(), events=events)
    for written in (" {} ", "{}.0"):
        found = read(members, plan(), events=events.assign(member_id=events.member_id.map(written.format)))
        assert found.rows == expected.rows and not any(one.name == "events" for one in found.gates)
    strange = pd.concat([events, events.head(7).assign(member_id=10_000), events.head(2).assign(spend=None)])
    found = gate(read(members, plan(), events=strange), "events")
    said = "7 of 609 events are of nobody in the members' table and were left out and 2 values of events are empty and count"
    assert not found.passed and not found.blocks and found.sentence == f"{said} as 0."
    with pytest.raises(InputError, match=r"no event is of a member of data frame: .* ids are such as '0', the events' .* 'm0'"):
        read(members, plan(), events=events.assign(member_id="m0"))
    with pytest.raises(InputError, match="the first: row 1 has no date"):
        read(members, plan(), events=events.assign(date=[None, *events.date[1:]]))


def test_a_member_is_the_same_member_with_and_without_a_blank_or_a_fraction_of_0():
    frame = live().assign(member_id=lambda f: f.member_id.astype(str))
    frame.loc[1, "member_id"], frame.loc[2, "member_id"] = "0.0", " 5 "
    assert "2 members are listed more than once" in gate(read(frame, plan()), "duplicate units").sentence


def test_no_name_of_a_metric_is_that_of_a_denominator_a_covariate_or_a_week():
    """A metric called `spend/` took the place of the denominator of `spend`."""
    names = ["spend/", "pre:before", "pre:before?", "spend@1", "spend@1/"]
    ratio = BASE["metrics"][0] | {
        "kind": "ratio", "denominator": "orders", "covariates": ["before"], "adjustment": "cuped", "weekly": "w{week}",
        "weekly_denominator": "o{week}",
    }  # fmt: skip
    frame = live().assign(before=np.random.default_rng(2).normal(size=2000))
    frame = frame.assign(**{f"w{k}": frame.spend / 4 for k in range(1, 5)}, **{f"o{k}": frame.orders for k in range(1, 5)})
    others = [{"name": name, "role": "secondary", "column": "other"} for name in names]
    alone, crowded = (read(frame.assign(other=frame.before + 1), plan(metrics=[ratio, *more])) for more in ([], others))
    assert [row for row in crowded.rows if row.metric == "spend"] == alone.rows
    with pytest.raises(ValueError, match="a name is one line of printable characters"):
        plan({"name": "two\nlines"})


def test_a_covariate_made_of_events_after_exposure_is_refused():
    events = pd.DataFrame({"member_id": np.arange(400), "date": "2026-01-28", "spend": 1.0 + np.arange(400) % 7, "visits": 1})
    of = plan({"covariates": ["visits"], "adjustment": "cuped"}, pre_days=28)
    said = r"column 'visits' \(covariate of metric spend\) is made of the events from exposure on; .* before: pre_visits, with"
    with pytest.raises(InputError, match=said):
        read(live(400)[["member_id", "arm"]], of, events=events)


def test_a_cluster_in_two_arms_is_found():
    of = plan(unit="cluster", columns={"cluster": "store"})
    torn = gate(read(live(), of), "clusters in one arm")
    assert (
        not torn.passed and torn.blocks and "40 clusters have members in more than one arm" in torn.sentence
    )
    whole = live().assign(arm=lambda f: np.where(f.store % 2, "control", "trial"))
    assert gate(read(whole, of), "clusters in one arm").passed


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


def test_relative_effects_near_zero_are_refused_and_block():
    frame = live().assign(spend=lambda f: np.random.default_rng(1).normal(0, 1, len(f)))
    found = read(frame, plan({"scale": "relative"}))
    assert found.rows[0].scale == "absolute" and found.rows[0].relative is None
    assert [one.words for one in found.withheld] == ["relative effect of spend"]
    assert found.estimands[0].scale == "absolute"
    fine = read(live(effect=2.0), plan({"scale": "relative"})).rows[0]
    assert fine.effect == pytest.approx(0.1, abs=0.04) and fine.low < fine.effect < fine.high


def test_an_arm_in_which_all_are_0_is_0_and_not_what_adding_up_left_of_it():
    """A mean of 1e-17 made relative effects and ratios of 1e15."""
    for seed in range(5):
        frame = live(800, seed=seed).assign(spend=lambda f: np.where(f.arm == "control", 0.0, f.spend))
        found = read(frame, plan())
        assert found.rows[0].base == 0 and found.rows[0].relative is None
        assert found.rows[0].effect == pytest.approx(frame.spend[frame.arm == "trial"].mean())


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


def test_the_page_shows_the_p_value_that_the_verdict_rests_on_and_what_was_read(tmp_path):
    live(2000, effect=0.9).to_csv(tmp_path / "live.csv", index=False)
    many = [BASE["metrics"][0], {"name": "orders", "role": "secondary", "column": "orders"}]
    found = read(tmp_path / "live.csv", plan(metrics=many, multiplicity="holm"))
    page = readout_page(found)
    one = found.decisions[0]
    assert one.p == pytest.approx(2 * found.rows[0].p) and f"adjusted {p_value(one.p)}" in page
    assert "adjusted" not in readout_page(read(tmp_path / "live.csv", plan()))
    digest = hashlib.sha256((tmp_path / "live.csv").read_bytes()).hexdigest()
    assert found.provenance["source"] == "live.csv" and found.provenance["sha256 of live.csv"] == digest and digest in page


def test_of_many_small_segments_a_dozen_are_named():
    found = read(live(300).assign(tier=np.arange(300)), plan(segments=["tier"]))
    assert gate(found, "small segments").sentence.endswith(" and 288 more.")


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


def test_shift_and_scale():
    frame = live()
    one = read(frame, plan()).rows[0]
    far = read(frame.assign(spend=frame.spend + 1e9), plan()).rows[0]
    big = read(frame.assign(spend=frame.spend * 1e6), plan()).rows[0]
    assert (far.effect, far.se, far.p) == pytest.approx((one.effect, one.se, one.p), rel=1e-4)
    assert (big.effect, big.se, big.p) == pytest.approx((1e6 * one.effect, 1e6 * one.se, one.p), rel=1e-9)


BROKEN = {
    "unknown arm": (
        lambda f: f.replace({"arm": {"trial": "tial"}}),
        {},
        "found arm 'tial'; the plan's arms are",
    ),
    "missing column": (lambda f: f.drop(columns="spend"), {}, "column 'spend' (metric spend) is missing"),
    "empty arm": (lambda f: f[f.arm == "control"], {}, "arm 'trial' has 0 members"),
    "constant": (lambda f: f.assign(spend=7), {}, "is 7 for everybody in an arm"),
    "text": (lambda f: f.assign(spend=["much", *f.spend[1:]]), {}, "row 1: found 'much'; must be a number"),
    "infinite": (lambda f: f.assign(spend=[np.inf, *f.spend[1:]]), {}, "found inf; must be a finite number"),
    "too large to square": (
        lambda f: f.assign(spend=[1e200, *f.spend[1:]]),
        {},
        "column 'spend': row 1: found 1e+200; must be between -1e+30 and 1e+30",
    ),
    "quantile of a value that most have": (
        lambda f: f.assign(spend=np.where(f.index % 5 > 0, 0.0, f.spend)),
        {"metric": {"kind": "quantile", "quantile": 0.5}},
        "its quantile 0.5 is 0 in next to every resample, as so many members have this value",
    ),
    "no member": (
        lambda f: f.assign(member_id=["a", "b", None, *map(str, range(len(f) - 3))]),
        {},
        "column 'member_id': row 3: is empty; every row needs its member",
    ),
    "empty covariate": (
        lambda f: f.assign(before=np.nan),
        {"metric": {"covariates": ["before"], "adjustment": "cuped"}},
        "covariate of metric spend (column 'before') is empty for everybody; nothing to adjust by",
    ),
    "empty value": (
        lambda f: f.assign(spend=[np.nan, *f.spend[1:]]),
        {},
        "row 1: is empty; metric spend needs",
    ),
    "no rows": (lambda f: f.head(0), {}, "has 0 rows"),
    "dates": (
        lambda f: f.assign(exposed="2026-02-03"),
        {"columns": {"exposed": "exposed"}},
        "found 2026-02-03; must lie in the window 2026-01-01 to 2026-01-28",
    ),
    "assigned after the end": (
        lambda f: f.assign(assigned=["2026-01-29", *["2025-12-01"] * (len(f) - 1)]),
        {"columns": {"assigned": "assigned"}},
        "row 1: found 2026-01-29; must not lie after the window 2026-01-01 to 2026-01-28",
    ),
    "column twice": (
        lambda f: f.assign(other=1).rename(columns={"other": "spend"}),
        {},
        "two columns are called 'spend'",
    ),
    "no proportion": (lambda f: f, {"metric": {"kind": "proportion"}}, "is a proportion of 0 and 1"),
    "denominator of 0 in one arm": (
        lambda f: f.assign(orders=np.where(f.arm == "trial", 0, f.orders)),
        {"metric": {"kind": "ratio", "denominator": "orders"}},
        "spend, spend by orders: the mean of its denominator is 0 in arm 'trial', within 3 standard errors of 0",
    ),
    "more covariates than members": (
        lambda f: f.head(8).assign(**{f"x{k}": np.random.default_rng(k).normal(size=8) for k in range(9)}),
        {"metric": {"covariates": [f"x{k}" for k in range(9)], "adjustment": "lin"}},
        "spend: 6 coefficients of covariates leave 0 degrees of freedom",
    ),
    "no cluster": (
        lambda f: f.assign(store=["", *f.store[1:]], arm=np.where(f.store % 2, "control", "trial")),
        {"unit": "cluster", "columns": {"cluster": "store"}},
        "column 'store': row 1: is empty; every member needs a cluster",
    ),
    "no date": (
        lambda f: f.assign(exposed="2026-01-05, I think"),
        {"columns": {"exposed": "exposed"}},
        "row 1: found '2026-01-05, I think'; must be a date such as 2026-01-31",
    ),
    "dates as numbers": (
        lambda f: f.assign(exposed="20260105"),
        {"columns": {"exposed": "exposed"}},
        "row 1: found '20260105'; must be a date such as 2026-01-31",
    ),
    "denominator": (
        lambda f: f.assign(orders=np.random.default_rng(1).normal(size=len(f))),
        {"metric": {"kind": "ratio", "denominator": "orders"}},
        "within 3 standard errors of 0",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("place", ["frame", "csv"])
def test_broken_input_gives_one_sentence(name, place, tmp_path):
    breaking, changes, sentence = BROKEN[name]
    of = plan(**changes)
    frame = breaking(live(400))
    if place == "csv":
        frame.to_csv(tmp_path / "live.csv", index=False)
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError) as caught:
        read(tmp_path / "live.csv" if place == "csv" else frame, of)
    if place == "csv":  # whose first row is line 2
        sentence = re.sub(r"row (\d+)", lambda row: f"row {int(row[1]) + 1}", sentence)
    assert sentence in str(caught.value) and len(caught.value.problems) == 1
    assert set(tmp_path.iterdir()) == before
    assert ("live.csv" if place == "csv" else "data frame") in str(caught.value)


def test_effects_that_move_together_are_told_on_the_page():
    frame = live()
    both = {"name": "twice", "role": "secondary", "column": "twice"}
    found = read(frame.assign(twice=2 * frame["spend"] + 1), plan(metrics=[*BASE["metrics"], both]))
    assert "spend and twice: +1.00" in readout_page(found)
    assert "move together" not in readout_page(read(frame, plan()))


def test_it_is_said_up_to_which_day_the_data_go():
    found = read(live(), plan())
    assert "taken to hold the whole window, to 2026-01-28" in gate(found, "end of the window").sentence
    assert not found.blocked and "as_of" not in found.provenance
    members, days = live()[["member_id", "arm"]], pd.date_range("2026-01-01", "2026-01-20")
    events = pd.DataFrame({"member_id": np.arange(2000), "date": np.resize(days, 2000), "spend": 1.0 + np.arange(2000) % 7})
    early = read(members, plan(), events=events)
    assert early.blocked and early.provenance["as_of"] == "2026-01-20"
    assert early.provenance["as_of_is"] == "the day of the last event"
    assert "end on 2026-01-20 (the day of the last event), the window on 2026-01-28" in gate(early, "end of the window").sentence
    stated = read(members, plan(), events=events, as_of=dt.date(2026, 1, 28))
    assert not stated.blocked and stated.provenance["as_of_is"] == "as stated"


def test_missing_can_count_as_zero():
    frame = live(400)
    gone = frame.assign(spend=frame.spend.where(frame.index % 3 > 0))
    found = read(gone, plan({"missing": "zero"})).rows[0]
    assert found.effect == pytest.approx(read(gone.fillna(0), plan()).rows[0].effect)


def test_the_same_data_give_the_same_bytes(tmp_path):
    (tmp_path / "p.yaml").write_text(json.dumps(BASE))
    live().to_csv(tmp_path / "live.csv", index=False)
    one, other = (readout_files(read_command(tmp_path / "live.csv", tmp_path / "p.yaml")) for _ in range(2))
    assert one == other and set(one) == {"readout.json", "readout.html"}
