"""A prediction simulates the experiment itself; where the simulator is the truth, the check lets it pass."""

import datetime as dt

import numpy as np
import pytest
from markupsafe import escape

from experiments.arms import arm_scenarios
from experiments.check import check
from experiments.check_commands import predict_command
from experiments.document_file import load_document
from experiments.documents import Prediction
from experiments.effect_words import effect_text, probability_text
from experiments.plan_file import Plan, load_plan
from experiments.prediction import parameter_draws, predict
from experiments.readout import read
from experiments.recalibration import recalibrate
from experiments.simulated_trial import design, trial
from experiments.track_record import TrackRecord
from reports.prediction import prediction_files, prediction_report, summary
from reports.prediction_numbers import drawn_numbers
from sim.effects import LIFT
from sim.errors import InputError
from sim.population import MEANING
from sim.scenario import Scenario
from tests.check_helpers import prediction, readout
from tests.test_track_record import _honest

BEFORE = dt.datetime(2026, 2, 20, 12, tzinfo=dt.UTC)


def scenario(name="control", price=1.0, **changes):
    incentives = []
    if price < 1:
        offer = {"name": "offer", "when": {"event": "purchase"}, "during": {"price": price}}
        incentives.append({**offer, "valid_from": dt.date(2026, 3, 2)})
    return Scenario.model_validate(
        {
            "name": name,
            "population": {
                "purchase_rate": {"mean": 0.05, "shape": 2.0},
                "leaving": {"probability": 0.02},
                "basket": {"median": 40.0, "sigma": 0.6},
                "segments": [
                    {"name": "light", "share": 0.6, "rate": 0.6},
                    {"name": "heavy", "share": 0.4, "rate": 1.6},
                ],
            },
            "programme": {"incentives": incentives},
            "horizon": {"start": dt.date(2026, 3, 1), "months": 2},
            **changes,
        }
    )


def plan(**changes):
    stated = {
        "experiment": "spring offer",
        "population": "all members",
        "control": "control",
        "arms": {"control": {"share": 0.5}, "offer": {"share": 0.5}},
        "start": dt.date(2026, 3, 2),
        "end": dt.date(2026, 3, 29),
        "segments": ["segment"],
        "sizing": {"members": 4000},
        "metrics": [
            {"name": "purchases", "role": "primary", "column": "orders", "simulation_margin": 0.2,
             "weekly": "orders_w{week}"},
            {"name": "basket", "kind": "ratio", "role": "secondary", "column": "spend",
             "denominator": "purchases", "simulation_margin": 5.0},
            {"name": "active", "kind": "proportion", "role": "secondary", "column": "active"},
        ],
    }  # fmt: skip
    return Plan.model_validate({**stated, **changes})


ARMS = {"control": scenario(), "offer": scenario("offer", price=0.7)}


@pytest.fixture(scope="module")
def frozen():
    return predict(plan(), ARMS, draws=200, seed=1, now=BEFORE, threads=1)


def test_a_prediction_is_frozen_and_repeats_to_the_digest(frozen, tmp_path):
    again = predict(plan(), ARMS, draws=20, seed=1, now=BEFORE, threads=1)
    assert again.draws == frozen.draws[:20]
    assert predict(plan(), ARMS, draws=20, seed=1, now=BEFORE, threads=2) == again
    assert predict(plan(), ARMS, draws=20, seed=2, now=BEFORE, threads=1).draws != again.draws
    path = tmp_path / "P.json"
    path.write_text(frozen.to_json())
    assert load_document(path, Prediction) == frozen
    path.write_text(frozen.to_json().replace('"seed": 1', '"seed": 2'))
    with pytest.raises(InputError, match="digest"):
        load_document(path, Prediction)


def test_it_holds_metrics_segments_and_weeks_jointly(frozen):
    keys = {(row.metric, row.segment, row.week) for row in frozen.rows}
    assert {("purchases", None, None), ("basket", None, None), ("active", None, None)} <= keys
    assert {("purchases", "segment=light", None), ("purchases", "segment=heavy", None)} <= keys
    assert {("purchases", None, week) for week in (1, 2, 3, 4)} <= keys
    at = {row.key: k for k, row in enumerate(frozen.rows)}
    draws = np.array(frozen.draws)
    weeks = [draws[:, at["purchases", "offer", "control", None, week]] for week in (1, 2, 3, 4)]
    assert sum(weeks) == pytest.approx(draws[:, at["purchases", "offer", "control", None, None]])
    assert frozen.rows[0].effect > 0.1  # a lower price brings members more often
    assert frozen.provenance["margin.purchases"] == 0.2
    assert 0 < frozen.provenance["power.purchases.offer"] <= 1


def test_prediction_and_check_state_one_interval(frozen):
    rows = [row.model_copy(update={"se": luck, "df": None}) for row, luck in zip(frozen.rows, frozen.luck_sd, strict=True)]
    checked = check(frozen, readout(rows, estimands=frozen.estimands))  # a live result as noisy as the simulated ones
    stated = {row.key: (row.low, row.high) for row in frozen.rows}
    assert len(checked.rows) == len(rows)
    for row in checked.rows:
        assert row.interval == pytest.approx(stated[row.metric, row.arm, row.control, row.segment, row.week])
    text = summary(frozen)
    for row in checked.overall:
        low, high = (effect_text(end) for end in row.interval)
        assert f"95 % of read-outs between {low} and {high};" in " ".join(text).replace("\u00a0", " ")
        assert f"a live result between {low} and {high} was to be expected" in row.sentence
        assert f"{low}&nbsp;to {high}" in prediction_files(frozen)["prediction.html"]
    assert "90\u00a0% of read-outs" in summary(predict(plan(alpha=0.1), ARMS, draws=20, seed=1, now=BEFORE, threads=1))[1]


def test_a_share_of_the_simulated_experiments_is_never_none_or_all(frozen):
    facts = {key: 0.002 for key in frozen.provenance if key.startswith("power.")}
    rare = frozen.model_copy(update={"provenance": {**frozen.provenance, **facts, "decision.offer.launch": 0.002}})
    text = " ".join(summary(rare)).replace("\u00a0", " ")
    assert "launch in under 1 %" in text and "found better or worse in under 1 % of the simulated experiments" in text
    assert " in 0 %" not in text


def test_found_is_what_the_read_out_calls_better_or_worse():
    small = plan(sizing={"members": 700}, multiplicity="holm", segments=[])
    made = predict(small, ARMS, draws=40, seed=1, now=BEFORE, threads=1)
    of = design(small, ARMS)
    lucks = [int(np.random.SeedSequence([1, number]).generate_state(1)[0]) for number in range(40)]
    found = [read(trial(of, luck, number, 1), of.plan) for number, luck in enumerate(lucks)]
    by_itself = 0.0
    for metric in ("purchases", "basket", "active"):
        verdicts = [one.verdict for readout in found for one in readout.decisions if one.metric == metric]
        assert made.provenance[f"power.{metric}.offer"] == sum(one in ("better", "worse") for one in verdicts) / 40
        rows = [row for readout in found for row in readout.rows if row.overall and row.metric == metric]
        by_itself += np.mean([row.p < 0.05 for row in rows]) - made.provenance[f"power.{metric}.offer"]
    assert by_itself > 0  # some are found only where no other metric is asked


def test_luck_and_parameters_are_told_apart(frozen):
    known = {"effects": {"price_response": {"rate": 0.8, "basket": 0.2}}}
    sure = {
        "control": scenario(behaviour=known),
        "offer": scenario("offer", price=0.7, behaviour=known),
    }
    only_luck = np.array(predict(plan(), sure, draws=80, seed=3, now=BEFORE, threads=1).draws)[:, 0]
    assert frozen.luck_sd[0] == pytest.approx(only_luck.std(ddof=1), rel=0.25)
    assert np.array(frozen.draws)[:, 0].std(ddof=1) > 1.2 * frozen.luck_sd[0]


def test_where_the_simulator_is_the_truth_the_check_lets_it_pass(frozen):
    of = design(plan(), ARMS)
    found = [check(frozen, read(trial(of, 10_000 + k, 500 + k, 1), of.plan)) for k in range(30)]
    p = np.array([[row.p_difference for row in one.overall] for one in found])
    assert (p < 0.05).mean() < 0.13
    assert np.mean([one.joint[0].p < 0.05 for one in found]) < 0.16
    pit = np.array([one.overall[0].pit for one in found])
    assert 0.3 < pit.mean() < 0.7
    assert pit.std() == pytest.approx(np.sqrt(1 / 12), abs=0.1)


def test_a_wrong_simulator_is_refuted_and_a_vague_one_recalibrated(frozen):
    def arms(rate):
        belief = {"effects": {"price_response": {"rate": rate, "basket": 0.2}}}
        return {
            "control": scenario(behaviour=belief),
            "offer": scenario("offer", price=0.7, behaviour=belief),
        }

    big = plan(sizing={"members": 20_000})
    live = read(trial(design(big, arms(1.3)), 77, None, 1), big)
    sure = predict(big, arms({"mean": 0.2, "sd": 0.05}), draws=30, seed=5, now=BEFORE, threads=1)
    found = check(sure, live, margins={"purchases": 0.05})
    assert (found.overall[0].verdict, found.overall[0].direction) == ("refuted", "understated")
    assert check(frozen, live).overall[0].verdict == "confirmed"  # its wide prior holds the truth
    response = "behaviour.effects.price_response.rate"
    with pytest.raises(InputError, match=f"{response} would have to move by .+ to 1"):
        recalibrate(
            frozen, live
        )  # 200 draws are too few for so sharp a result, and it says where the truth is
    small = plan(sizing={"members": 5000})
    live = read(trial(design(small, arms(1.3)), 77, None, 1), small)
    moves = {move.name: move for move in recalibrate(frozen, live).parameters}
    assert moves[response].moved
    assert abs(moves[response].after.mean - 1.3) < abs(moves[response].before.mean - 1.3)
    assert moves[response].after.sd < moves[response].before.sd


def test_the_track_record_corrects_what_is_frozen(frozen):
    past = _honest(12, a=0.0, b=0.5)
    record = TrackRecord(entries=[entry.model_copy(update={"metric": "purchases"}) for entry in past])
    made = predict(plan(), ARMS, draws=20, seed=1, now=BEFORE, threads=1, record=record)
    assert made.provenance["corrected.experiments.purchases.offer"] == 12
    assert made.provenance["corrected.scale.purchases.offer"] > made.rows[0].se
    assert "corrected.mean.basket.offer" not in made.provenance
    assert made.draws == frozen.draws[:20]  # the draws themselves stay what the simulation said
    assert "going by 12 earlier experiments" in prediction_files(made)["prediction.html"]


def test_late_predictions_and_early_differences_are_marked(frozen):
    assert not frozen.made_after_start
    late = predict(plan(), ARMS, draws=20, now=dt.datetime(2026, 3, 3, tzinfo=dt.UTC), threads=1)
    assert late.made_after_start
    assert frozen.provenance["days_arms_differ_before_window"] == 0
    points = {"earning": {"points_per_unit": 1.0}}
    undated = {**ARMS, "offer": scenario("offer", programme=points)}
    early = predict(plan(), undated, draws=20, now=BEFORE, threads=1)
    assert early.provenance["days_arms_differ_before_window"] == 1


def test_parameters_are_named_by_their_place():
    posterior = {"parameters": ["purchase_rate.mean"], "covariance": [[0.04]]}
    population = {**scenario().population.model_dump(), "posterior": posterior}
    found = parameter_draws(scenario(population=population), 300)
    assert "behaviour.effects.price_response.rate" in found.names
    rates = np.array(found.values)[:, found.names.index("population.purchase_rate.mean")]
    assert np.log(rates).std() == pytest.approx(0.2, rel=0.15)
    off = scenario(behaviour={"all_effects": False})
    assert parameter_draws(off, 30) is None


def test_the_page_shows_what_was_drawn_with_unit_and_source():
    """Every number that a simulated experiment drew, by registry, posterior or scenario."""
    x = np.linspace(0.0, 1.0, 101)
    names = ["behaviour.effects.goal_gradient.strength", "population.leaving.a", "behaviour.own_effects.rain.parameters.size"]
    found = prediction({"spend": x}, parameters={name: x * (k + 1) for k, name in enumerate(names)})
    rows = drawn_numbers(found)
    assert [row["value"] for row in rows] == ["0.50 (0.10 to 0.90)", "1.0 (0.20 to 1.8)", "1.5 (0.30 to 2.7)"]
    assert [row["name"] for row in rows] == ["goal gradient: strength", MEANING["leaving.a"][1], "rain: size"]
    assert rows[0]["unit"] == LIFT and rows[0]["source"].startswith("Kivetz")
    assert [row["source"] for row in rows[1:]] == ["posterior of the population", "stated in the scenario"]
    page = prediction_report(found)
    assert all(str(escape(row[key])) in page for row in rows for key in row)
    assert "What it takes for granted" not in prediction_report(prediction({"spend": x}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sizing": {}}, "does not say how many members"),
        ({"end": dt.date(2026, 5, 1)}, "is not inside the period that the scenarios simulate, 2026-03-01 to 2026-04-30;"),
        ({"arms": {"control": {"share": 0.5}, "bonus": {"share": 0.5}}}, "arm bonus has no scenario"),
        (
            {"metrics": [{"name": "nps", "role": "primary", "column": "score", "simulation_margin": 1.0}]},
            "metric nps: nps and score is no measure of single members; give measure, one of purchases",
        ),
    ],
)
def test_plans_that_cannot_be_simulated_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        predict(plan(**changes), ARMS, draws=20, now=BEFORE)


BASE = """
name: base
population:
  purchase_rate: {mean: 0.05, shape: 2.0}
  leaving: {probability: 0.02}
  basket: {median: 40.0, sigma: 0.6}
horizon: {start: 2026-03-01, months: 2}
"""

EXPERIMENT = """
experiment: spring points
population: all members
base: base.yaml
control: control
arms:
  control: {share: 0.5}
  points:
    share: 0.5
    changes: {programme.earning: {points_per_unit: 2.0}, programme.rewards: [{name: voucher, points: 100,
      kind: voucher, value: 5.0}]}
start: 2026-03-02
end: 2026-03-29
sizing: {members: 1000}
metrics:
  - {name: spend, role: primary, column: spend, simulation_margin: 3.0, weekly: "spend_w{week}"}
"""


def test_arms_are_changes_to_a_base_seen_from_the_plans_folder(tmp_path):
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    made = arm_scenarios(load_plan(tmp_path / "experiment.yaml"), tmp_path)
    assert list(made) == ["control", "points"]
    assert made["control"].programme.earning is None
    assert made["points"].programme.earning.points_per_unit == 2.0
    assert made["points"].population == made["control"].population
    frozen = predict_command(tmp_path / "experiment.yaml", draws=20, seed=4, threads=1)
    assert frozen.scenarios == {"control": "base", "points": "base, points"}
    assert frozen.provenance["base"] == "base.yaml"
    assert prediction_files(frozen) == prediction_files(frozen)
    broken = EXPERIMENT.replace("points_per_unit", "points")
    (tmp_path / "experiment.yaml").write_text(broken)
    with pytest.raises(InputError, match=r"arm points: programme.earning.points: .* allowed are points_per"):
        predict_command(tmp_path / "experiment.yaml", draws=20)
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    sound = (tmp_path / "base.yaml").read_text()
    (tmp_path / "base.yaml").write_text(sound + "nonsense: 1\n")
    with pytest.raises(InputError, match=r"^\S*base\.yaml, line \d+: .*nonsense") as caught:
        predict_command(tmp_path / "experiment.yaml", draws=20)
    assert len(caught.value.problems) == 1, "a mistake in the base is told once, and not for every arm"
    (tmp_path / "base.yaml").write_text(sound)
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT.replace("base: base.yaml", "base: other.yaml"))
    with pytest.raises(InputError, match=r"arm control: found 'other\.yaml', but there is no"):
        predict_command(tmp_path / "experiment.yaml", draws=20)
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT.replace("base: base.yaml\n", ""))
    with pytest.raises(InputError, match="names no base scenario"):
        predict_command(tmp_path / "experiment.yaml", draws=20)


def test_of_twenty_simulated_experiments_none_is_fewer_than_one():
    assert [probability_text(share, 20) for share in (0, 0.05, 0.5, 0.95, 1)] == [
        "under 5\u00a0%", "5\u00a0%", "50\u00a0%", "95\u00a0%", "over 95\u00a0%",
    ]  # fmt: skip
    assert [probability_text(share, 400) for share in (0, 1)] == ["under 1\u00a0%", "over 99\u00a0%"]


def test_too_few_members_to_simulate_are_told_as_such():
    with pytest.raises(InputError, match=r"simulated experiment \d+, of 4 members: metric active .* in an arm"):
        predict(plan(), ARMS, draws=20, members=4, now=BEFORE, threads=1)


def test_two_draws_are_no_prediction():
    with pytest.raises(InputError, match="2 simulated experiments are too few; at least 20"):
        predict(plan(), ARMS, draws=2, now=BEFORE)
