"""A check reads two documents and says what follows, or refuses and says why."""

import datetime as dt
import gzip

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from experiments.check import check
from experiments.check_document import Check
from experiments.document_file import load_document
from experiments.documents import Prediction
from experiments.hand_made import UNSTATED
from experiments.plan_file import Plan
from experiments.readout import read
from experiments.records import Gate
from sim.errors import InputError
from tests.check_helpers import estimand, prediction, readout, row


def normal(mean, sd, size=400, seed=0):
    """Draws with exactly this mean and standard deviation."""
    x = stats.norm.ppf((np.arange(size) + 0.5) / size)
    np.random.default_rng(seed).shuffle(x)
    return mean + sd * (x - x.mean()) / x.std(ddof=1)


def test_the_outcome_in_words_names_each_metric():
    made = prediction(
        {"redemption": normal(0.10, 0.01), "retention": normal(0.02, 0.002, seed=1)},
        margins={"redemption": 0.02, "retention": 0.01},
    )
    live = readout([row("redemption", 0.04, 0.008), row("retention", 0.021, 0.002)])
    found = check(made, live)
    assert [r.verdict for r in found.overall] == ["refuted", "confirmed"]
    assert found.answer.startswith(
        "Redemption overstated, retention right. Taken together, the result refutes"
    )
    assert found.joint[0].method == "hotelling"
    assert found.joint[0].p < 1e-3
    assert "outside the bands for all at once: redemption" in found.joint[0].sentence


def test_refuted_within_the_margin_does_not_say_that_the_margin_is_passed():
    made = prediction({"spend": normal(1.0, 0.5)}, noise=False, margins={"spend": 3.0})
    within, beyond = (check(made, readout([row("spend", live, 0.5)])).overall[0] for live in (3.0, 4.5))
    assert [within.verdict, beyond.verdict] == ["refuted", "refuted"]
    said = "off by 2.00, more than chance allows; that it is right within the margin of 3 is not shown."
    assert within.sentence.endswith(said)
    assert beyond.sentence.endswith("Refuted: the simulation is off by 3.50, more than chance allows.")


def test_inconclusive_says_what_would_settle_it():
    made = prediction({"spend": normal(1.0, 0.2)}, noise=False, margins={"spend": 1.0})
    found = check(made, readout([row("spend", 1.3, 0.9)])).overall[0]
    assert found.verdict == "inconclusive"
    assert found.p_difference > 0.5
    assert found.members_to_confirm > found.members == 10_000
    assert "smallest margin that would pass is" in found.sentence
    assert "more) would confirm it" in found.sentence
    vague = prediction({"spend": normal(1.0, 3.0)}, noise=False, margins={"spend": 1.0})
    never = "no number of members would settle it with probability 80\u00a0%"
    assert never in check(vague, readout([row("spend", 1.3, 0.9)])).overall[0].sentence


def test_what_so_few_draws_cannot_tell_from_luck_is_not_said_to_be_the_simulations_own_uncertainty():
    live = readout([row("spend", 1.3, 3.0)])
    lucky = prediction({"spend": normal(1.0, 3.1)}, luck=[3.0], margins={"spend": 1.0})  # 3.1 of 400 draws may be all luck
    said = check(lucky, live).overall[0].sentence
    assert "the simulated experiments are too few to tell" in said and "no number of members" not in said
    own = prediction({"spend": normal(1.0, 3.6)}, luck=[3.0], margins={"spend": 1.0})
    assert "no number of members would settle it" in check(own, live).overall[0].sentence


def test_with_noise_in_the_draws_the_live_error_is_not_added_again():
    live = readout([row("spend", 1.0, 0.4)])
    inside = check(prediction({"spend": normal(1.0, 0.5)}, noise=True, margins={"spend": 1.0}), live)
    outside = check(prediction({"spend": normal(1.0, 0.3)}, noise=False, margins={"spend": 1.0}), live)
    assert inside.overall[0].difference_se == pytest.approx(0.5 * np.sqrt(1 + 1 / 400))
    assert outside.overall[0].difference_se == pytest.approx(0.5, rel=1e-3)


def test_scores_against_no_effect_and_against_history():
    made = prediction({"spend": normal(1.0, 0.3)}, margins={"spend": 1.0})
    live = readout([row("spend", 1.1, 0.25)])
    good = check(made, live, history={"spend": [0.1, 0.4, 2.5, -0.5, 3.0, 0.2]}).overall[0]
    assert good.skill_no_effect > 0.5
    assert good.skill_history > 0.5
    few = check(made, live, history={"spend": [0.1, 0.4]}).overall[0]
    assert few.skill_history is None
    wrong = prediction({"spend": normal(9.0, 0.3)}, margins={"spend": 1.0})
    assert check(wrong, live).overall[0].skill_no_effect < 0


def test_segments_and_weeks_are_tested_together():
    rng = np.random.default_rng(2)
    keys = {
        "a": {"metric": "spend", "segment": "tier=basic"},
        "b": {"metric": "spend", "segment": "tier=gold"},
        **{f"w{k}": {"metric": "spend", "week": k} for k in (1, 2, 3, 4)},
    }
    columns = {"spend": normal(1, 0.2), **{k: rng.normal(1, 0.3, 400) for k in keys}}
    made = prediction(columns, keys=keys, margins={"spend": 0.6})
    live = readout(
        [
            row("spend", 1.0, 0.2),
            row("spend", 1.0, 0.3, segment="tier=basic"),
            row("spend", 4.0, 0.3, segment="tier=gold"),
            *(row("spend", 1.1, 0.3, week=k) for k in (1, 2, 3, 4)),
        ]
    )
    found = check(made, live)
    groups = {joint.group: joint for joint in found.joint}
    assert list(groups) == ["all metrics", "spend of offer by tier", "spend of offer by week"]
    assert groups["spend of offer by tier"].p < 1e-6
    assert groups["spend of offer by week"].p > 0.5
    gold = next(r for r in found.rows if r.segment == "tier=gold")
    assert (gold.verdict, gold.direction, gold.outside_band) == ("refuted", "understated", True)
    week = next(r for r in found.rows if r.week == 1)
    assert week.verdict is None  # the margin is planned for the whole window
    assert week.band[0] < week.interval[0] < week.interval[1] < week.band[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"population": "new members"}, "population is 'all active members' in the prediction and 'new"),
        ({"capping": "winsorised at 1 %"}, "capping is"),
        ({"estimator": "CUPED"}, "estimator is"),
        ({"scale": "relative"}, "scale is"),
        ({"window_end": estimand("x").window_start}, "last day of the window is"),
    ],
)
def test_other_estimands_are_refused_with_the_reason(changes, words):
    made = prediction({"spend": normal(1, 0.2), "visits": normal(1, 0.2)}, margins={"visits": 1.0})
    rows = [row("spend", 1.0, 0.2), row("visits", 1.0, 0.2)]
    live = readout(rows, estimands=[estimand("spend", **changes), estimand("visits")])
    found = check(made, live)
    assert [r.metric for r in found.rows] == ["visits"]
    assert len(found.refused) == 1
    assert words in found.refused[0]
    with pytest.raises(InputError, match="spend is not compared"):
        check(made, readout(rows[:1], estimands=[estimand("spend", **changes)]))


def test_what_a_hand_made_read_out_leaves_unstated_is_reported():
    made = prediction({"spend": normal(1, 0.2)}, margins={"spend": 1.0})
    live = readout(
        [row("spend", 1.0, 0.2)], estimands=[estimand("spend", capping=UNSTATED, estimator=UNSTATED)]
    )
    assert "spend: capping and estimator not stated, so not verified." in check(made, live).caveats


def test_a_unit_that_one_side_does_not_state_is_reported_and_another_refused():
    made = prediction({"spend": normal(1, 0.2), "visits": normal(2, 0.3, seed=1)}, keys={"spend": {"unit": "EUR"}})
    silent = check(made, readout([row("spend", 1.0, 0.2), row("visits", 2.0, 0.2)]))
    assert "spend: unit not stated, so not verified." in silent.caveats
    assert not any("visits" in caveat and "unit" in caveat for caveat in silent.caveats)  # neither states one
    assert silent.overall[0].sentence.startswith("spend, offer: predicted +1.00 EUR")
    cents = check(made, readout([row("spend", 100.0, 20.0, unit="cent"), row("visits", 2.0, 0.2)]))
    assert cents.refused == ["spend, offer is not compared: unit 'EUR' in the prediction, 'cent' in the read-out"]
    assert [one.metric for one in cents.overall] == ["visits"]


def test_a_plan_changed_between_the_two_is_told():
    made = prediction({"spend": normal(1, 0.2)})
    frozen = made.model_copy(update={"provenance": {"plan_digest": "a"}})
    same, other = (check(frozen, readout([row("spend", 1.0, 0.2)], provenance={"plan_digest": d})) for d in "ab")
    said = "The plan was changed between prediction and read-out; what a metric's words do not tell may differ."
    assert said not in same.caveats and said in other.caveats


def test_failed_gate_blocks_and_late_prediction_is_marked():
    made = prediction({"spend": normal(1, 0.2)}, margins={"spend": 1.0}, made_after_start=True)
    gate = Gate(name="sample ratio", passed=False, sentence="52 % instead of 50 % are in the offer arm")
    with pytest.raises(InputError, match="gate sample ratio failed: 52 %"):
        check(made, readout([row("spend", 1.0, 0.2)], gates=[gate]))
    found = check(made, readout([row("spend", 1.0, 0.2)]))
    assert found.made_after_start
    assert "after the experiment had started" in found.caveats[0]


def test_a_metric_without_a_verdict_is_not_compared_and_the_others_are():
    rng = np.random.default_rng(4)
    made = prediction({"spend": rng.normal(1, 0.2, 100), "visits": rng.normal(1, 0.2, 100)}, margins={"visits": 1.0})
    gate = Gate(name="outliers", metric="spend", passed=False, sentence="One member decides.")
    rows = [row("spend", 1.0, 0.2), row("visits", 1.0, 0.2)]
    found = check(made, readout(rows, gates=[gate]))
    assert [one.metric for one in found.rows] == ["visits"]
    assert found.refused == ["spend is not compared: gate outliers failed: One member decides"]
    assert not any("decides" in sentence for sentence in found.caveats)
    with pytest.raises(InputError, match="allows no verdict"):
        check(made, readout(rows[:1], gates=[gate]))


def test_refusals_are_one_clear_sentence():
    made = prediction({"spend": normal(1, 0.2)}, margins={"spend": 1.0})
    live = readout([row("spend", 1.0, 0.2)])
    with pytest.raises(InputError, match=r"the prediction has 10 draws; a check needs at least 20"):
        check(prediction({"spend": normal(1, 0.2, 10)}, margins={"spend": 1.0}), live)
    with pytest.raises(InputError, match="the margin of spend is -1; it must be a number above 0"):
        check(made, live, margins={"spend": -1.0})
    with pytest.raises(InputError, match=r"no effect on everybody .* the read-out has visits of offer"):
        check(made, readout([row("visits", 1.0, 0.2)]))
    with pytest.raises(InputError, match="compares with 'control', the read-out with 'offer'"):
        check(made, readout([row("spend", 1.0, 0.2)], control="offer"))
    with pytest.raises(InputError, match="spend, offer is not compared: its standard error is 0 in the read-out"):
        check(made, readout([row("spend", 1.0, 0.0)]))


def test_more_metrics_than_draws_are_not_tested_together_and_it_says_so():
    rng = np.random.default_rng(4)
    names = [f"m{k}" for k in range(25)]
    made = prediction({name: rng.normal(1, 0.2, 22) for name in names})
    found = check(made, readout([row(name, 1.0, 0.2) for name in names]))
    assert found.joint == []
    assert any("22 draws are too few to test 25 metrics together" in text for text in found.caveats)


def test_no_margin_no_verdict():
    found = check(prediction({"spend": normal(1, 0.2)}), readout([row("spend", 1.0, 0.2)]))
    assert found.overall[0].verdict is None
    assert "No margin was planned for spend: no verdict there." in found.caveats


def test_a_check_is_a_document_that_survives_the_disk(tmp_path):
    made = prediction({"spend": normal(1, 0.2)}, margins={"spend": 1.0})
    found = check(made, readout([row("spend", 1.0, 0.2)]))
    path = tmp_path / "check.json"
    path.write_text(found.to_json())
    assert load_document(path, Check) == found.sealed()
    path.write_text(found.to_json().replace('"observed": 1.0', '"observed": 2.0'))
    with pytest.raises(InputError, match="digest"):
        load_document(path, Check)


def test_order_of_rows_and_scale_of_units_change_nothing():
    rng = np.random.default_rng(3)
    a, b = rng.normal(1, 0.3, 300), rng.normal(2, 0.5, 300)
    margins = {"a": 0.5, "b": 1.0}
    live = [row("a", 1.2, 0.2), row("b", 1.0, 0.4)]
    cov = np.array([[0.04, 0.01], [0.01, 0.16]])
    first = check(prediction({"a": a, "b": b}, False, margins=margins), readout(live, cov.tolist()))
    turned = check(
        prediction({"b": b, "a": a}, False, margins=margins), readout(live[::-1], cov[::-1, ::-1].tolist())
    )
    assert turned.joint[0].p == pytest.approx(first.joint[0].p, rel=1e-9)
    big = check(
        prediction({"a": a * 1e6, "b": b * 1e6}, False, margins={k: m * 1e6 for k, m in margins.items()}),
        readout([row("a", 1.2e6, 0.2e6), row("b", 1e6, 0.4e6)], (cov * 1e12).tolist()),
    )
    assert [r.verdict for r in big.rows] == [r.verdict for r in first.rows]
    assert big.joint[0].p == pytest.approx(first.joint[0].p, rel=1e-6)
    assert big.rows[0].pit == pytest.approx(first.rows[0].pit, abs=2 / 300)


HILLSTROM = Plan.model_validate(
    {
        "experiment": "e-mail",
        "population": "buyers of the last year",
        "control": "No E-Mail",
        "arms": {name: {"share": 1 / 3} for name in ("No E-Mail", "Mens E-Mail", "Womens E-Mail")},
        "start": dt.date(2008, 3, 3),
        "end": dt.date(2008, 3, 16),
        "columns": {"member": "member", "arm": "segment"},
        "metrics": [
            {"name": "visit", "kind": "proportion", "role": "primary", "column": "visit",
             "simulation_margin": 0.02},
            {"name": "conversion", "kind": "proportion", "role": "secondary", "column": "conversion"},
            {"name": "spend", "role": "secondary", "column": "spend"},
        ],
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def hillstrom(request):
    path = request.config.rootpath.parent / "shared" / "data" / "hillstrom_email_rct.csv.gz"
    if not path.exists():
        pytest.skip("the Hillstrom trial is not here")
    with gzip.open(path) as stream:
        frame = pd.read_csv(stream)
    half = np.random.default_rng(11).permutation(len(frame)) < len(frame) // 2
    return frame[half], frame[~half]


def test_hillstrom_one_half_predicts_the_other(hillstrom):
    """A prediction fitted on one half holds on the other; with the two mailings swapped it does not."""
    fitted, tested = (read(half.assign(member=np.arange(len(half))), HILLSTROM) for half in hillstrom)
    margins = {"visit": 0.02, "conversion": 0.006, "spend": 1.0}
    draws = np.random.default_rng(12).multivariate_normal(
        [row.effect for row in fitted.rows], fitted.covariance, 800
    )
    swap = {"Mens E-Mail": "Womens E-Mail", "Womens E-Mail": "Mens E-Mail"}

    def predicted(arms):
        rows = [
            row.model_copy(
                update={"arm": arms[row.arm], "n": {"No E-Mail": row.n["No E-Mail"], arms[row.arm]: 1}}
            )
            for row in fitted.rows
        ]
        return Prediction(
            experiment="e-mail",
            frozen_at=dt.datetime(2008, 3, 1, tzinfo=dt.UTC),
            made_after_start=False,
            scenarios={arm: arm for arm in fitted.arms},
            control=fitted.control,
            seed=12,
            software="by hand",
            n=dict.fromkeys(fitted.arms, 10_000),
            estimands=fitted.estimands,
            rows=rows,
            draws=draws.tolist(),
            includes_live_noise=False,
        )

    right = check(predicted(dict(zip(swap, swap, strict=True))), tested, margins)
    assert len(right.overall) == 6
    assert not any(r.verdict == "refuted" for r in right.overall)
    visits = {r.arm: r for r in right.overall if r.metric == "visit"}
    assert {r.verdict for r in visits.values()} == {"confirmed"}
    assert all(r.skill_no_effect > 0.5 for r in visits.values())
    assert right.joint[0].method == "hotelling"
    assert right.joint[0].p > 0.05
    swapped = check(predicted(swap), tested, margins)
    off = {r.arm: (r.verdict, r.direction) for r in swapped.overall if r.metric == "visit"}
    assert off == {"Mens E-Mail": ("refuted", "understated"), "Womens E-Mail": ("refuted", "overstated")}
    assert swapped.joint[0].p < 1e-4
    assert "Womens E-Mail: visit overstated" in swapped.answer
