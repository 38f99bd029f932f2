"""Recalibration finds known parameters with honest intervals, and refuses where it cannot."""

import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy import stats

from experiments.document_file import load_document
from experiments.documents import ParameterDraws
from experiments.posterior_scenario import scenario_changes, scenario_text
from experiments.prediction import parameter_draws
from experiments.recalibration import launch_decision, recalibrate
from experiments.recalibration_document import Recalibration
from experiments.reweighting import (
    culprit,
    emulate,
    reweight,
    weighted_moments,
    weighted_quantile,
)
from reports.recalibration import recalibration_report
from scenarios.files import load
from sim.errors import InputError
from tests.check_helpers import prediction, readout, row

STRENGTH = "behaviour.effects.goal_gradient.strength"
DECAY = "behaviour.effects.rewarded_behaviour.decay"


def test_linear_gaussian_case_is_the_conjugate_posterior():
    rng = np.random.default_rng(1)
    theta = rng.multivariate_normal([1.0, -0.5], [[0.5, 0.1], [0.1, 0.3]], 200_000)
    slopes = np.array([[1.0, 0.5], [0.0, 2.0], [1.0, 1.0]])
    v = np.array([[0.4, 0.1, 0.0], [0.1, 0.5, 0.1], [0.0, 0.1, 0.6]])
    y = np.array([1.2, 0.3, 0.9])
    found = reweight(theta @ slopes.T, y, v)
    precision = np.linalg.inv(np.cov(theta.T)) + slopes.T @ np.linalg.solve(v, slopes)
    target = np.linalg.solve(
        precision, np.linalg.solve(np.cov(theta.T), theta.mean(axis=0)) + slopes.T @ np.linalg.solve(v, y)
    )
    mean, covariance = weighted_moments(theta, found.weights)
    assert mean == pytest.approx(target, abs=0.01)
    assert covariance == pytest.approx(np.linalg.inv(precision), abs=0.01)


def test_weights_survive_far_tails_and_equal_likelihoods():
    flat = reweight(np.zeros((50, 1)), np.array([1e3]), np.array([[1.0]]))
    assert flat.effective_draws == pytest.approx(50)
    assert flat.conflict
    far = reweight(np.array([[0.0], [1.0]]), np.array([1e4]), np.array([[1.0]]))
    assert far.weights == pytest.approx([0.0, 1.0])


def _effects(theta):
    """A toy simulator, not linear: two effects of two parameters, one of them positive."""
    a, b = theta[..., 0], theta[..., 1]
    return np.stack([a * np.exp(-b) + 0.1 * a**2, a + 2 * np.sqrt(b)], axis=-1)


@pytest.mark.parametrize("noisy", [False, True])
def test_simulation_based_calibration(noisy):
    """Ranks of the true parameters in their posterior are uniform; intervals cover (Talts et al. 2018)."""
    rng = np.random.default_rng(2)
    repeats, size = 400, 1500
    v = np.array([[0.09, 0.03], [0.03, 0.16]])
    root = np.linalg.cholesky(v)
    ranks, covered = np.empty((repeats, 2)), np.empty((repeats, 2))
    for i in range(repeats):
        draws = np.column_stack([rng.normal(1, 0.5, size + 1), rng.lognormal(-0.7, 0.4, size + 1)])
        truth, theta = draws[0], draws[1:]
        y = _effects(truth) + root @ rng.standard_normal(2)
        effects, covariance = _effects(theta), v
        if noisy:
            emulator = emulate(theta, effects + rng.standard_normal((size, 2)) @ root.T)
            effects, covariance = emulator.effects, v * (1 + emulator.leverage)
        w = reweight(effects, y, covariance).weights
        for k in range(2):
            ranks[i, k] = w @ (theta[:, k] < truth[k])
            low, high = (weighted_quantile(theta[:, k], w, q) for q in (0.1, 0.9))
            covered[i, k] = low <= truth[k] <= high
    for k in range(2):
        assert stats.kstest(ranks[:, k], "uniform").pvalue > 0.005
        assert covered[:, k].mean() == pytest.approx(0.8, abs=3.3 * np.sqrt(0.16 / repeats))


def test_double_counting_the_noise_would_be_found():
    """Weighing noisy draws directly makes the posterior too wide: the emulator is needed."""
    rng = np.random.default_rng(3)
    theta = rng.normal(0, 1, (4000, 1))
    noisy = theta + rng.normal(0, 0.5, (4000, 1))
    v = np.array([[0.25]])
    exact = np.sqrt(1 / (1 + 1 / 0.25))
    naive = reweight(noisy, np.array([0.7]), v).weights
    smooth = reweight(emulate(theta, noisy).effects, np.array([0.7]), v).weights
    spread = [np.sqrt(weighted_moments(theta, w)[1][0, 0]) for w in (naive, smooth)]
    assert spread[1] == pytest.approx(exact, rel=0.03)
    assert spread[0] > 1.2 * exact


def test_emulator_recovers_a_curve_and_the_noise():
    rng = np.random.default_rng(4)
    theta = rng.normal(0, 1, (3000, 3))
    truth = theta[:, 0] + 0.3 * theta[:, 0] ** 2 + 0.5 * theta[:, 0] * theta[:, 1]
    found = emulate(theta, (truth + rng.normal(0, 0.4, 3000))[:, None])
    assert found.noise[0, 0] == pytest.approx(0.16, rel=0.08)
    assert np.std(found.effects[:, 0] - truth) < 0.05
    with pytest.raises(ValueError, match="15 draws are too few to tell 3 parameters apart; at least 20"):
        emulate(theta[:15], truth[:15, None])


def test_culprit_is_the_parameter_that_can_move_the_effect():
    rng = np.random.default_rng(5)
    theta = rng.normal([2.0, 5.0, 0.0], [0.1, 1.0, 1.0], (1000, 3))
    effects = (0.5 * theta[:, :1] + 1.0 * theta[:, 1:2]) + 0.0 * theta[:, 2:]
    found = culprit(theta, effects, np.array([16.0]), np.array([[0.04]]))
    assert found.parameter == 1
    assert found.value == pytest.approx(15.0, abs=0.2)
    assert found.suffices
    assert culprit(theta[:, 2:], np.full((1000, 1), 6.0), np.array([16.0]), np.array([[0.04]])) is None


@pytest.fixture
def made():
    rng = np.random.default_rng(6)
    strength, rate = rng.normal(0.3, 0.1, 2000), rng.lognormal(np.log(0.05), 0.2, 2000)
    decay = rng.normal(1.0, 0.3, 2000)
    spend, visits = 10 * strength, 100 * rate * strength
    return prediction(
        {"spend": spend + rng.normal(0, 0.3, 2000), "visits": visits + rng.normal(0, 0.2, 2000)},
        luck=[0.3, 0.2],
        parameters={STRENGTH: strength, DECAY: decay, "population.purchase_rate.mean": rate},
    )


def test_recalibration_moves_what_the_result_speaks_about(made):
    live = readout([row("spend", 2.0, 0.3), row("visits", 1.0, 0.2)], [[0.09, 0.0], [0.0, 0.04]])
    found = recalibrate(made, live)
    moves = {move.name: move for move in found.parameters}
    exact = (0.3 / 0.01 + 2.0 * 10 / 0.09) / (1 / 0.01 + 100 / 0.09)  # from spend alone
    assert moves[STRENGTH].after.mean == pytest.approx(exact, abs=0.015)
    assert moves[STRENGTH].after.sd < 0.4 * moves[STRENGTH].before.sd
    assert moves[STRENGTH].moved
    assert not moves[DECAY].moved
    assert found.effective_draws > 100
    assert sum(found.weights) == pytest.approx(1)
    effect = found.effects[0]
    assert effect.before.mean == pytest.approx(3.0, abs=0.1)
    assert abs(effect.after.mean - 2.0) < abs(effect.before.mean - 2.0)


def test_the_result_is_a_scenario(made):
    live = readout([row("spend", 2.0, 0.3), row("visits", 0.5, 0.2)], [[0.09, 0.0], [0.0, 0.04]])
    found = recalibrate(made, live)
    changes = scenario_changes(found)
    assert set(changes["behaviour"]["effects"]) == {"goal_gradient"}
    stated = changes["behaviour"]["effects"]["goal_gradient"]["strength"]
    exact = next(m for m in found.parameters if m.name == STRENGTH).after.mean
    assert stated["mean"] == pytest.approx(exact, rel=1e-5)  # six figures are written
    population = changes["population"]
    assert population["posterior"]["parameters"] == ["purchase_rate.mean"]
    assert population["purchase_rate"]["mean"] < 0.05  # fewer visits than predicted
    assert population["posterior"]["covariance"][0][0] < 0.2**2
    named = {"name": "recalibrated by spring offer"}
    assert YAML(typ="safe").load(scenario_text(found)) == {**named, **changes}


def test_the_scenario_runs(made, tmp_path):
    members = "{purchase_rate: {mean: 0.05, shape: 2.0}, basket: {median: 40.0, sigma: 0.6}}"
    (tmp_path / "base.yaml").write_text(f"name: base\npopulation: {members}\n")
    provenance = {**made.provenance, "base": "base.yaml"}
    live = readout([row("spend", 2.0, 0.3), row("visits", 0.5, 0.2)], [[0.09, 0.0], [0.0, 0.04]])
    found = recalibrate(made.model_copy(update={"provenance": provenance}).sealed(), live)
    (tmp_path / "recalibrated.yaml").write_text(scenario_text(found))
    scenario = load(tmp_path / "recalibrated.yaml")
    stated = scenario.behaviour.stated("goal_gradient", "strength")
    after = found.parameters[0].after
    assert (stated.mean, stated.sd) == pytest.approx((after.mean, after.sd), rel=1e-5)
    assert scenario.population.purchase_rate.mean < 0.05
    assert scenario.population.posterior.parameters == ["purchase_rate.mean"]


def test_an_effect_of_ones_own_is_moved_where_it_stands(tmp_path):
    """From the draws that a prediction freezes to a scenario that loads: by place, row and parameter."""
    (tmp_path / "base.yaml").write_text(
        "population: {purchase_rate: {mean: 0.05, shape: 2.0}, basket: {median: 40.0, sigma: 0.6}}\n"
        "behaviour:\n  own_effects:\n    - {name: payday, says: more, source: tills, log_rate: strength,\n"
        "       parameters: {strength: {mean: 0.3, sd: 0.1, unit: log lift}}}\n"
    )
    base = load(tmp_path / "base.yaml")
    drawn = parameter_draws(base, 2000)
    name = "behaviour.own_effects.payday.parameters.strength"
    assert name in drawn.names
    strength = np.array(drawn.values)[:, drawn.names.index(name)]
    noise = np.random.default_rng(6).normal(0, 0.3, 2000)
    frozen = prediction({"spend": 10 * strength + noise}, luck=[0.3], parameters={name: strength})
    frozen = frozen.model_copy(update={"provenance": {**frozen.provenance, "base": "base.yaml"}}).sealed()
    found = recalibrate(frozen, readout([row("spend", 2.0, 0.3)]))
    (tmp_path / "recalibrated.yaml").write_text(scenario_text(found))
    stated = load(tmp_path / "recalibrated.yaml").behaviour.stated("payday", "strength")
    assert stated.mean == pytest.approx(0.21, abs=0.02) and stated.sd < 0.05
    assert "payday.strength" in recalibration_report(found)


def test_the_page_says_which_parameters_go_together(made):
    live = readout([row("spend", 2.0, 0.3), row("visits", 0.5, 0.2)], [[0.09, 0.0], [0.0, 0.04]])
    found = recalibrate(made, live)
    names = [move.name for move in found.parameters]
    i, j = names.index(STRENGTH), names.index("population.purchase_rate.mean")
    covariance = np.array(found.covariance)
    r = covariance[i, j] / np.sqrt(covariance[i, i] * covariance[j, j])
    assert r < -0.2  # their product was seen better than each
    page = recalibration_report(found)
    assert f"and population.purchase_rate.mean: \N{MINUS SIGN}{-r:.2f}" in page and "segments and weeks" in page


def test_launch_decision_before_and_after():
    rng = np.random.default_rng(7)
    plain, rich = rng.normal(1.0, 1.0, 5000), rng.normal(2.0, 1.0, 5000)
    flat = np.full(5000, 1 / 5000)
    stands = launch_decision({"plain": plain, "rich": rich}, flat, "profit")
    assert (stands.choice_before, stands.choice_after, stands.changed) == ("rich", "rich", False)
    weights = reweight(rich[:, None], np.array([-0.5]), np.array([[0.25]])).weights
    changes = launch_decision({"plain": plain, "rich": rich}, weights, "profit")
    assert (changes.choice_before, changes.choice_after, changes.changed) == ("rich", "plain", True)
    assert changes.sentence.startswith("The decision changes, going by the ")
    assert "before the test rich" in changes.sentence
    assert sum(option.best_after for option in changes.options) == pytest.approx(1)


def test_lower_is_better_where_the_plan_said_so(made):
    provenance = {**made.provenance, "primary": "visits", "better.visits": "lower"}
    lower = made.model_copy(update={"provenance": provenance}).sealed()
    found = recalibrate(lower, readout([row("spend", 2.5, 0.3), row("visits", 1.2, 0.2)])).decision
    assert found.value == "effect on visits (lower is better)"
    assert (found.choice_after, found.options[1].after.mean < 0) == ("control", True)


def test_a_metric_by_which_another_arm_would_be_worth_most_is_named(made):
    provenance = {**made.provenance, "primary": "spend", "better.visits": "lower"}
    live = readout([row("spend", 2.5, 0.3), row("visits", 1.2, 0.2)])
    found = recalibrate(made.model_copy(update={"provenance": provenance}), live)
    assert found.decision.choice_after == "offer"
    said = "Going by the effect on visits (lower is better), control would be worth most now (probability over 99\u00a0%)."
    assert said in found.caveats and said in recalibration_report(found)
    assert not any("Going by" in one for one in recalibrate(made, live).caveats)


def test_conflict_is_refused_with_the_parameter_that_would_have_to_move(made):
    live = readout([row("spend", 20.0, 0.3), row("visits", 1.5, 0.2)])
    with pytest.raises(
        InputError, match=rf"beyond what any of the 2,000 .*{STRENGTH} would have to move by \+"
    ):
        recalibrate(made, live)


def test_too_few_effective_draws_are_refused_with_how_many_would_do(made):
    live = readout([row("spend", 5.9, 0.3), row("visits", 3.0, 0.2)], [[0.09, 0.0], [0.0, 0.04]])
    with pytest.raises(
        InputError, match="draws effectively explain the result, 100 are needed; predict again"
    ):
        recalibrate(made, live)


def test_refusals_name_what_is_missing(made):
    live = readout([row("spend", 3.0, 0.3)])
    bare = prediction({"spend": np.random.default_rng(8).normal(3, 1, 500)})
    with pytest.raises(InputError, match="carries no parameter_draws"):
        recalibrate(bare, live)
    with pytest.raises(
        InputError, match="the decision rests on 'profit'; both documents have effects on spend"
    ):
        recalibrate(made, live, decision="profit")
    twice = readout([row("spend", 3.0, 0.3), row("the same", 3.0, 0.3)], covariance=[[0.09, 0.09], [0.09, 0.09]])
    x = np.linspace(1, 5, 500)
    noiseless = prediction({"spend": x, "the same": x}, noise=False, parameters={STRENGTH: x})
    with pytest.raises(InputError, match="covariance of the live effects is not positive definite"):
        recalibrate(noiseless, twice)


SAME, DIFFERENT = np.full(300, 1.0), np.random.default_rng(9).normal(1, 0.3, 300)


@pytest.mark.parametrize(
    ("spend", "parameter", "noise", "said"),
    [
        (SAME, DIFFERENT, True, "all 300 draws of spend of offer are the same; sampling noise, which they are said to include"),
        (0 * SAME, DIFFERENT, True, "all 300 draws of spend of offer are the same; sampling noise"),
        (SAME, DIFFERENT, False, "all 300 draws of spend of offer are the same; no parameter moves them"),
        (DIFFERENT, SAME, True, "all 300 parameter_draws are the same; a result can only tell draws apart that differ"),
        (DIFFERENT, SAME, False, "all 300 parameter_draws are the same"),
        (2 * DIFFERENT, DIFFERENT, True, "explain the simulated effects to the last digit, .* say includes_live_noise: false"),
    ],
)
@pytest.mark.parametrize("effect", [1.0, 9.0])
def test_draws_that_are_the_same_again_and_again_are_told(spend, parameter, noise, said, effect):
    """They made the parameter move by 10^16 of its standard deviations, or not at all."""
    made = prediction({"spend": spend}, noise=noise, parameters={STRENGTH: parameter})
    with pytest.raises(InputError, match=said) as caught:
        recalibrate(made, readout([row("spend", effect, 0.2)]))
    assert len(caught.value.problems) == 1


def test_a_parameter_named_twice_is_refused():
    with pytest.raises(ValueError, match=r"parameter_draws\.names has 'a' twice; each parameter must occur once"):
        ParameterDraws(names=["a", "b", "a"], values=[[1.0, 2.0, 3.0]])


def test_a_parameter_that_moves_no_effect_is_not_asked_to_move_by_hundreds_of_standard_deviations():
    noise = np.random.default_rng(10).normal(0, 0.2, 300)
    with pytest.raises(InputError, match="no parameter moves these effects so far, so that the model itself would"):
        recalibrate(prediction({"spend": noise}, parameters={STRENGTH: DIFFERENT}), readout([row("spend", 9.0, 0.2)]))


def test_a_recalibration_is_a_document_that_survives_the_disk(made, tmp_path):
    found = recalibrate(made, readout([row("spend", 2.5, 0.3)]))
    path = tmp_path / "recalibration.json"
    path.write_text(found.to_json())
    assert load_document(path, Recalibration) == found.sealed()
