"""The steps after a test, from files to files; broken files are refused with one clear sentence each."""

import json

import numpy as np
import pytest

from experiments.check_commands import check_command, predict_command, recalibrate_command, record_command
from experiments.check_document import Check
from experiments.document_file import load_document
from experiments.track_record import TrackRecord
from reports.check import check_files
from reports.recalibration import recalibration_files
from reports.track_record import track_record_files
from scenarios.output import write_whole
from sim.errors import InputError
from tests.check_helpers import prediction, readout, row

STRENGTH = "behaviour.effects.goal_gradient.strength"

PLAN = """
experiment: spring offer
population: all active members
control: control
arms: {{control: {{share: 0.5}}, offer: {{share: 0.5}}}}
start: 2026-03-02
end: 2026-03-29
metrics:
  - {{name: spend, role: primary, column: spend, simulation_margin: {margin}}}
"""


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(1)
    strength = rng.normal(0.3, 0.1, 1000)
    made = prediction(
        {"spend": 10 * strength + rng.normal(0, 0.3, 1000)},
        margins={"spend": 2.0},
        parameters={STRENGTH: strength},
    )
    live = readout([row("spend", 2.6, 0.3)])
    (tmp_path / "P.json").write_text(made.to_json())
    (tmp_path / "R.json").write_text(live.to_json())
    return tmp_path


def test_check_recalibrate_record_from_files(files):
    p, r = files / "P.json", files / "R.json"
    found = check_command(p, r)
    assert found.overall[0].margin == 2.0
    write_whole(files / "check", check_files(found))
    assert load_document(files / "check" / "check.json", Check).answer == found.answer
    page = (files / "check" / "check.html").read_text()
    assert found.answer in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    write_whole(files / "belief", recalibration_files(recalibrate_command(p, r)))
    assert "goal_gradient" in (files / "belief" / "recalibrated.yaml").read_text()
    write_whole(files / "record", track_record_files(record_command(p, r, files / "record")))
    again = record_command(p, r, files / "record")
    assert len(again.entries) == 1
    assert load_document(files / "record" / "track_record.json", TrackRecord).entries == again.entries
    assert check_command(p, r, record=files / "record").overall[0].skill_history is None


def test_pages_are_the_same_bytes_each_time(files):
    p, r = files / "P.json", files / "R.json"
    assert check_files(check_command(p, r)) == check_files(check_command(p, r))


def test_the_margin_must_not_change_after_freezing(files):
    p, r = files / "P.json", files / "R.json"
    plan = files / "experiment.yaml"
    plan.write_text(PLAN.format(margin=2.0))
    assert check_command(p, r, plan).overall[0].margin == 2.0
    plan.write_text(PLAN.format(margin=9.0))
    with pytest.raises(InputError, match="simulation_margin is 9; 2 was frozen with the prediction"):
        check_command(p, r, plan)


def test_the_plan_serves_a_hand_made_prediction(files):
    made = json.loads((files / "P.json").read_text())
    del made["digest"]
    made["provenance"] = {}
    (files / "hand.json").write_text(json.dumps(made))
    plan = files / "experiment.yaml"
    plan.write_text(PLAN.format(margin=9.0))
    found = check_command(files / "hand.json", files / "R.json", plan)
    assert found.overall[0].margin == 9.0
    assert any("hand-made" in sentence for sentence in found.caveats)


def _without(key):
    return lambda document: {k: v for k, v in document.items() if k not in (key, "digest")}


def _with(**changes):
    return lambda document: {**document, "digest": None, **changes}


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("P.json", lambda d: {**d, "seed": 99}, "digest: the content does not match it"),
        ("P.json", _without("draws"), "draws: is missing"),
        ("P.json", _with(draws=[]), "draws is empty"),
        ("P.json", _with(draws=[[1.0, 2.0]] * 30), r"draws\[0\] has 2 numbers; it must have 1"),
        ("P.json", _with(draws=[["x"]] * 30), r"draws\[0\]\[0\]: found 'x'"),
        ("P.json", _with(draws=[[1e300]] * 30), r"draws\[0\]\[0\]: found 1e\+300; must be less than or equal to"),
        ("P.json", _with(provenance={"alpha": "often"}), "provenance.alpha is 'often'; it must be a number between 0 and 1"),
        ("P.json", _with(provenance={"margin.spend": 0}), "provenance.margin.spend is 0; it must be a number above 0"),
        ("P.json", lambda d: {**_with()(d), "estimands": d["estimands"] * 2}, "estimands has two of spend; it must have one a"),
        ("P.json", _with(frozen_at="2026-02-20T12:00:00"), "frozen_at needs its offset"),
        ("P.json", _with(kind="readout"), "kind: found 'readout'; this step needs a 'prediction'"),
        ("R.json", _with(rows=[]), "rows"),
        ("R.json", _with(covariance=[[1.0, 2.0]]), r"covariance\[0\] has 2 numbers"),
        ("R.json", _with(covariance=[[0.3]]), r"covariance\[0\]\[0\] is 0.3; it must be the square of .* spend, offer: 0.09"),
        ("R.json", _with(control="nobody"), "control is 'nobody'; it must be one of control, offer"),
        ("R.json", _with(colour="blue"), "colour: unknown key"),
    ],
)
def test_broken_documents_are_refused_with_one_sentence(files, name, change, words):
    path = files / name
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(InputError, match=words) as raised:
        check_command(files / "P.json", files / "R.json")
    assert str(path) in raised.value.problems[0]
    assert sorted(p.name for p in files.iterdir()) == ["P.json", "R.json"]


def test_a_document_nested_without_end_is_refused(files):
    (files / "P.json").write_text('{"a":' * 100_000)
    with pytest.raises(InputError, match=r"P\.json: is nested too deep to be a document"):
        check_command(files / "P.json", files / "R.json")


def test_a_track_record_that_is_named_must_be_there(files):
    with pytest.raises(InputError, match=r"nowhere: holds no track_record\.json; give the folder that record wrote"):
        check_command(files / "P.json", files / "R.json", record=files / "nowhere")
    plan = files / "experiment.yaml"
    plan.write_text(PLAN.format(margin=2.0) + "base: no-programme\n")
    with pytest.raises(InputError, match=r"nowhere: holds no track_record\.json"):
        predict_command(plan, record=files / "nowhere")


def test_problems_of_both_files_are_told_at_once(files):
    (files / "P.json").write_text("{")
    (files / "R.json").unlink()
    with pytest.raises(InputError) as raised:
        check_command(files / "P.json", files / "R.json")
    assert "is not JSON" in raised.value.problems[0]
    assert "there is no such file" in raised.value.problems[1]
