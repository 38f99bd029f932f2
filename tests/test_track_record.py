"""The track record: meta-regression against published fits, coverage and correction over many experiments."""

import datetime as dt

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from experiments.check import check
from experiments.document_file import load_document
from experiments.meta_analysis import reml
from experiments.record_assessment import assess, correct, coverage, histogram
from experiments.records import Gate
from experiments.scores import crps_gaussian
from experiments.track_record import Entry, TrackRecord, add
from reports.track_record import summary, track_record_report
from sim.errors import InputError
from tests.check_helpers import estimand, prediction, readout, row

# 13 trials of BCG vaccine against tuberculosis (Colditz et al. 1994): events and non-events of the
# vaccinated, of the controls, absolute latitude.
BCG = np.array(
    [
        (4, 119, 11, 128, 44), (6, 300, 29, 274, 55), (3, 228, 11, 209, 42), (62, 13536, 248, 12619, 52),
        (33, 5036, 47, 5761, 13), (180, 1361, 372, 1079, 44), (8, 2537, 10, 619, 19),
        (505, 87886, 499, 87892, 13), (29, 7470, 45, 7232, 27), (17, 1699, 65, 1600, 42),
        (186, 50448, 141, 27197, 18), (5, 2493, 3, 2338, 33), (27, 16886, 29, 17825, 33),
    ],
    dtype=float,
)  # fmt: skip


@pytest.fixture
def bcg():
    a, b, c, d, latitude = BCG.T
    return np.log(a / (a + b)) - np.log(c / (c + d)), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d), latitude


def test_reml_of_the_bcg_trials(bcg):
    """Published by Viechtbauer (2010): mean -.7145, tau2 .3132, Q 152.23 on 12, I2 92.22 %."""
    y, v, _ = bcg
    fit = reml(y, v, np.ones((13, 1)))
    assert fit.coefficients[0] == pytest.approx(-0.7145, abs=5e-5)
    assert fit.tau2 == pytest.approx(0.3132, abs=1e-4)
    assert fit.q == pytest.approx(152.2330, abs=1e-4)
    assert fit.i2 == pytest.approx(0.9222, abs=2e-4)
    assert np.sqrt(fit.covariance[0, 0] / fit.knapp_hartung) == pytest.approx(0.1798, abs=5e-5)


def test_reml_regression_of_the_bcg_trials_on_latitude(bcg):
    """Published: intercept .2515 (se .2491), slope -.0291 (.0072), tau2 .0764, Q 30.7331 on 11."""
    y, v, latitude = bcg
    fit = reml(y, v, np.column_stack([np.ones(13), latitude]))
    assert fit.coefficients == pytest.approx([0.2515, -0.0291], abs=6e-5)
    assert fit.tau2 == pytest.approx(0.0764, abs=1e-4)
    assert fit.q == pytest.approx(30.7331, abs=1e-4)
    plain = np.sqrt(np.diag(fit.covariance) / fit.knapp_hartung)
    assert plain == pytest.approx([0.2491, 0.0072], abs=6e-5)


def test_knapp_hartung_errors_are_those_of_weighted_least_squares(bcg):
    """At the fitted tau2 the factor is the residual scale that WLS estimates (statsmodels)."""
    y, v, latitude = bcg
    design = np.column_stack([np.ones(13), latitude])
    fit = reml(y, v, design)
    assert fit.knapp_hartung > 1
    wls = sm.WLS(y, design, weights=1 / (v + fit.tau2)).fit()
    assert fit.coefficients == pytest.approx(wls.params, rel=1e-8)
    assert fit.standard_errors == pytest.approx(wls.bse, rel=1e-8)
    assert fit.interval() == pytest.approx(wls.conf_int(), rel=1e-8)


def test_reml_maximises_the_restricted_likelihood(bcg):
    """The likelihood of error contrasts, written out with a basis of the residual space."""
    y, v, latitude = bcg
    design = np.column_stack([np.ones(13), latitude])
    contrasts = np.linalg.svd(design)[0][:, 2:]

    def loss(tau2):
        return -stats.multivariate_normal(np.zeros(11), contrasts.T @ np.diag(v + tau2) @ contrasts).logpdf(
            contrasts.T @ y
        )

    best = optimize.minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}).x
    assert reml(y, v, design).tau2 == pytest.approx(best, abs=1e-6)


def test_equal_variances_give_the_closed_form():
    y = np.array([1.0, 4.0, 2.0, 7.0, 3.0])
    fit = reml(y, np.full(5, 0.5), np.ones((5, 1)))
    assert fit.tau2 == pytest.approx(y.var(ddof=1) - 0.5, rel=1e-6)
    assert fit.standard_errors[0] == pytest.approx(y.std(ddof=1) / np.sqrt(5), rel=1e-6)


def test_agreeing_experiments_have_no_heterogeneity_and_no_false_certainty():
    fit = reml(np.array([1.0, 1.01, 0.99, 1.0]), np.full(4, 0.25), np.ones((4, 1)))
    assert fit.tau2 == 0.0
    assert fit.knapp_hartung == 1.0
    assert fit.standard_errors[0] == pytest.approx(0.25)


def test_intervals_of_the_line_cover():
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(600):
        m, se = rng.normal(3, 2, 12), rng.uniform(0.3, 1.2, 12)
        y = 0.5 + 0.8 * m + rng.normal(0, 0.6, 12) + rng.normal(0, se)
        low, high = reml(y, se**2, np.column_stack([np.ones(12), m])).interval()[1]
        hits.append(low <= 0.8 <= high)
    assert np.mean(hits) == pytest.approx(0.95, abs=0.03)


def test_reml_refuses_what_it_cannot_fit():
    with pytest.raises(ValueError, match="2 experiments are too few for 2 coefficients"):
        reml(np.ones(2), np.ones(2), np.ones((2, 2)))
    with pytest.raises(ValueError, match="do not differ"):
        reml(np.arange(4.0), np.ones(4), np.column_stack([np.ones(4), np.full(4, 3.0)]))
    with pytest.raises(ValueError, match="standard error above 0"):
        reml(np.arange(4.0), np.zeros(4), np.ones((4, 1)))


SPEND = ("spend", "absolute")

# --- many experiments ---------------------------------------------------------------------------------


def entries(m, y, s, se, **changes):
    """One experiment a month, read a fortnight before the next prediction is frozen."""
    out = []
    for i in range(len(m)):
        total = float(np.hypot(s[i], se[i]))
        start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=30 * i)
        stated = {
            "experiment": f"test {i}", "metric": "spend", "arm": "offer", "unit": "EUR", "scale": "absolute",
            "frozen_at": start, "known_from": (start + dt.timedelta(days=16)).date(),
            "made_after_start": False, "primary": True, "predicted": float(m[i]), "predictive_sd": total,
            "df": None, "observed": float(y[i]), "observed_se": float(se[i]),
            "pit": float(stats.norm.cdf(y[i], m[i], total)), "crps": float(crps_gaussian(y[i], m[i], total)),
            "crps_no_effect": float(crps_gaussian(y[i], 0, se[i])), "verdict": None,
            "prediction_digest": f"p{i}", "readout_digest": f"r{i}",
        }  # fmt: skip
        out.append(Entry(**{**stated, **changes}))
    return out


def _honest(count, seed=2, a=0.0, b=1.0):
    rng = np.random.default_rng(seed)
    m, s, se = rng.normal(3, 2, count), rng.uniform(0.2, 0.8, count), rng.uniform(0.3, 1.0, count)
    return entries(m, a + b * m + rng.normal(0, s) + rng.normal(0, se), s, se)


def test_an_honest_forecaster_covers_and_is_left_alone():
    found = assess(TrackRecord(entries=_honest(300, seed=0)))
    for part in found.coverage:
        assert part.low <= part.level <= part.high
    assert found.histogram.p > 0.01
    assert all(found.histogram.low <= count <= found.histogram.high for count in found.histogram.counts)
    assert sum(found.histogram.counts) == 300
    metric = found.metrics[0]
    low, high = metric.line.interval()[1]
    assert low < 1 < high
    assert metric.skill_no_effect > 0.7
    assert metric.skill_history > 0.5
    assert abs(metric.corrected.gain) < 0.03  # nothing to gain, next to nothing lost


def test_an_overconfident_forecaster_is_found():
    rng = np.random.default_rng(3)
    m = rng.normal(3, 2, 200)
    narrow = entries(m, m + rng.normal(0, 1.0, 200), np.full(200, 0.3), np.full(200, 0.3))
    eighty = coverage(narrow)[1]
    assert eighty.high < 0.8
    assert histogram(narrow).counts[0] > histogram(narrow).high


def test_the_record_counts_the_intervals_that_the_checks_stated():
    skewed = np.random.default_rng(4).exponential(1.0, 400)
    for live in (-1.1, -0.5, 2.8, 3.2, 4.0):
        made = prediction({"spend": skewed})
        read_out = readout([row("spend", live, 0.1)])
        checked = check(made, read_out)
        ((*_, ninety_five),) = [coverage(add(TrackRecord(), checked, made, read_out).entries)]
        low, high = checked.overall[0].interval
        assert ninety_five.hits == (low <= live <= high)


def test_a_biased_forecaster_is_corrected_only_by_what_was_known_before():
    biased = _honest(40, a=0.5, b=0.5)
    found = assess(TrackRecord(entries=biased)).metrics[0]
    assert found.line.coefficients == pytest.approx([0.5, 0.5], abs=0.3)
    assert found.corrected.experiments == 35  # the first five had nothing to learn from
    assert found.corrected.gain > 0.3
    record = TrackRecord(entries=biased)
    tenth = biased[10]
    now = correct(record, SPEND, tenth.frozen_at, 4.0, 0.5)
    assert now.experiments == 10
    future = [e.model_copy(update={"observed": 99.0}) for e in biased[10:]]
    same = correct(TrackRecord(entries=biased[:10] + future), SPEND, tenth.frozen_at, 4.0, 0.5)
    assert same == now  # what came later changes nothing
    assert correct(record, SPEND, biased[4].frozen_at, 4.0, 0.5) is None
    assert correct(record, ("spend", "relative"), tenth.frozen_at, 4.0, 0.5) is None
    assert correct(record, ("visits", "absolute"), tenth.frozen_at, 4.0, 0.5) is None


def test_corrected_forecasts_cover():
    rng = np.random.default_rng(4)
    inside = []
    for seed in range(200):
        past = [
            e.model_copy(update={"observed": e.observed + rng.standard_normal()})
            for e in _honest(9, seed=seed, a=0.5, b=0.5)
        ]
        m = rng.normal(3, 2)
        y = 0.5 + 0.5 * m + rng.normal(0, np.hypot(0.6, 1.0))
        now = correct(TrackRecord(entries=past), SPEND, past[-1].frozen_at + dt.timedelta(60), m, 0.6)
        inside.append(abs(y - now.mean) <= stats.t.isf(0.1, now.df) * now.scale)
    assert np.mean(inside) == pytest.approx(0.8, abs=3.3 * np.sqrt(0.16 / 200))


def test_late_predictions_are_listed_and_not_scored():
    late = [e.model_copy(update={"made_after_start": True}) for e in _honest(10)]
    good = [e.model_copy(update={"experiment": "in " + e.experiment}) for e in _honest(6, seed=9)]
    found = assess(TrackRecord(entries=late + good))
    assert found.experiments == 6
    assert len(found.late) == 10
    empty = assess(TrackRecord(entries=late))
    assert (empty.experiments, empty.coverage, empty.histogram, empty.metrics) == (0, (), None, ())


@pytest.mark.parametrize(
    "changes", [{"made_after_start": True}, {"frozen_at": dt.datetime(2026, 3, 9, tzinfo=dt.UTC)}]
)
def test_a_prediction_frozen_after_the_start_is_late_whatever_it_says(changes):
    made = prediction({"spend": np.random.default_rng(5).normal(1.0, 0.3, 400)}, **changes)
    live = readout([row("spend", 1.1, 0.2)])
    assert add(TrackRecord(), check(made, live), made, live).entries[0].made_after_start


def test_arms_that_share_a_control_count_once():
    both = _honest(8)
    both += [e.model_copy(update={"arm": "other"}) for e in both]
    record = TrackRecord(entries=both)
    found = assess(record)
    assert found.metrics[0].experiments == 8
    assert found.first_arms == {f"test {k}": "offer" for k in range(8)}
    assert "the first of the plan counts (test 0: offer; " in summary(record)
    page = track_record_report(record)
    assert page.count(">no</td>") == page.count(">yes</td>") == 8
    assert "the first of the plan" not in summary(TrackRecord(entries=_honest(8)))


def test_an_experiment_whose_primary_metric_could_not_be_compared_is_told():
    """A gate may leave the primary metric without a verdict; the others count still."""
    rng = np.random.default_rng(3)
    made = prediction({"spend": rng.normal(1, 0.2, 100), "visits": rng.normal(1, 0.2, 100)})
    made = made.model_copy(update={"provenance": {"primary": "spend"}})
    gate = Gate(name="outliers", metric="spend", passed=False, sentence="One member decides.")
    live = readout([row("spend", 1.0, 0.2), row("visits", 1.0, 0.2)], gates=[gate])
    record = add(TrackRecord(), check(made, live), made, live)
    assert summary(record).startswith("No experiment could be compared on its primary metric so far; the others below say")
    assert "visits" in track_record_report(record)


def test_a_check_becomes_an_entry_once(tmp_path):
    draws = np.random.default_rng(5).normal(1.0, 0.3, 400)
    made = prediction({"spend": draws, "visits": draws}, margins={"spend": 1.0})
    made = made.model_copy(update={"provenance": {**made.provenance, "primary": "visits"}}).sealed()
    live = readout([row("spend", 1.1, 0.2), row("visits", 0.9, 0.2)])
    record = add(TrackRecord(), check(made, live), made, live)
    assert [(e.metric, e.primary) for e in record.entries] == [("spend", False), ("visits", True)]
    assert record.entries[0].known_from == estimand("spend").window_end + dt.timedelta(days=1)
    assert add(record, check(made, live), made, live) == record
    other = readout([row("spend", 0.9, 0.2)])
    with pytest.raises(InputError, match="already has the experiment 'spring offer' with another"):
        add(record, check(made, other), made, other)
    path = tmp_path / "record.json"
    path.write_text(record.to_json())
    assert load_document(path, TrackRecord) == record.sealed()
    later = prediction({"spend": draws}, frozen_at=dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
    assert record.history(later) == {"spend": [1.1]}
    assert record.history(made) == {}  # not known yet when that was frozen
    other_scale = later.model_copy(update={"estimands": [estimand("spend", scale="relative")]})
    assert record.history(other_scale) == {}
