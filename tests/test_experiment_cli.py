"""An experiment from plan to track record by the command line; mistakes exit with 2, a sentence and nothing written."""

import datetime as dt
import json
import sys

import numpy as np
import pandas as pd
import pytest

from experiments.arms import arm_scenarios
from experiments.commands import plan_command
from experiments.document_file import load_document
from experiments.documents import Prediction, Readout
from experiments.plan_document import PlanDocument
from experiments.plan_file import load_plan
from experiments.simulated_trial import arm_table, design
from loyalsim import cli
from scenarios.files import load

BASE = """
name: shop
population:
  purchase_rate: {mean: 0.05, shape: 2.0}
  leaving: {probability: 0.02}
  basket: {median: 40.0, sigma: 0.6}
economics: {gross_margin: 0.4}
horizon: {start: 2027-01-01, months: 24}
"""

PLAN = """
experiment: spring offer
question: Should prices be lower in spring?
population: all members
base: base.yaml
warm_up: 2
control: control
arms:
  control: {share: 0.5}
  offer:
    share: 0.5
    changes:
      programme.incentives: [{name: offer, when: {event: purchase}, during: {price: 0.7}}]
start: 2027-03-01
end: 2027-03-28
sizing: {members: 3000, outcome_days: 28}
pre_days: 28
metrics:
  - {name: spend, role: primary, column: spend, unit: EUR, simulation_margin: 15.0, weekly: "spend_w{week}",
     covariates: [pre_spend], adjustment: cuped, planning: {baseline: 65, sd: 75, minimum_effect: 7}}
  - {name: active, role: guardrail, kind: proportion, column: active, noninferiority_margin: 0.05, simulation_margin: 0.1,
     planning: {baseline: 0.7, minimum_effect: 0.05}}
"""

PAGES = {
    "plan": "plan", "P": "prediction", "A": "assignment", "R": "readout", "C": "check", "B": "recalibration", "T": "track_record",
}  # fmt: skip


@pytest.fixture
def command(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["loyalsim", "experiment", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        printed = capsys.readouterr()
        return left.value.code or 0, printed.out, printed.err

    return call


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "experiment.yaml").write_text(PLAN)
    pd.DataFrame({"member_id": np.arange(3000)}).to_csv(tmp_path / "members.csv", index=False)
    return tmp_path


def live_data(folder):
    """What the allocated members did, by the simulator with parameters and luck that the prediction does not know."""
    plan = load_plan(folder / "experiment.yaml")
    allocated = pd.read_csv(folder / "A" / "assignment.csv")
    of = design(plan, arm_scenarios(plan, folder), len(allocated))
    tables = []
    for number, arm in enumerate(plan.arms):
        ids = allocated.loc[allocated["arm"] == arm, "member_id"].to_numpy()
        tables.append(arm_table(of, arm, len(ids), 900 + number, draw=12345, threads=1).assign(member_id=ids))
    pd.concat(tables).to_csv(folder / "live.csv", index=False)


def test_a_plan_says_what_will_not_be_predicted(folder):
    (folder / "experiment.yaml").write_text(PLAN + "segments: [tier, region]\n")
    (said,) = plan_command(folder / "experiment.yaml").warnings
    assert said == "The prediction will say nothing of effects by region: simulated members have only a segment and a tier."


def test_an_experiment_from_plan_to_track_record(command, folder):
    def step(*arguments):
        code, out, err = command(*arguments)
        assert (code, err) == (0, ""), err
        return out

    said = step("plan", "experiment.yaml", "--repeats", "40", "--out", "plan")
    assert "of 40 simulated experiments find an effect of 7" in said and "Where nothing is lost" in said
    planned = load_document(folder / "plan" / "plan.json", PlanDocument)
    assert planned.simulated[0].estimator == "difference in means, CUPED on pre_spend"
    said = step("predict", "experiment.yaml", "--draws", "250", "--seed", "1", "--out", "P")
    assert "by the rules of the plan, " in said and "95\u00a0% of read-outs between" in said
    assert "The simulated estimator lacks" not in said  # covariates are measured in the warm-up
    assert "the arms differ from" not in said  # and the arms are alike until the window
    assert "3,000 of 3,000 members are eligible" in step("assign", "members.csv", "experiment.yaml", "--out", "A")
    live_data(folder)
    early = step("read", "live.csv", "experiment.yaml", "--as-of", "2027-03-20", "--out", "early")
    assert "no verdict, because of end of the window" in early
    said = step("read", "live.csv", "--plan", "experiment.yaml", "--as-of", "2027-03-28", "--out", "R")
    assert "offer: " in said and "spend, offer against control" in said and "no verdict" not in said
    said = step("check", "P", "R", "--out", "C")
    assert "observed" in said and "Report: C/check.html" in said
    assert step("check", "P/prediction.json", "R/readout.json").splitlines()[0] == said.splitlines()[0]
    said = step("recalibrate", "P", "R", "--out", "B")
    assert said.startswith("The decision ") and "B/recalibrated.yaml" in said
    (folder / "recalibrated.yaml").write_text((folder / "B" / "recalibrated.yaml").read_text())
    assert load(folder / "recalibrated.yaml").horizon == load(folder / "base.yaml").horizon
    assert "One experiment so far" in step("record", "P", "R", "--out", "T")
    assert "One experiment so far" in step("record", "P", "R", "--out", "T")  # the same experiment counts once
    for where, name in PAGES.items():
        page = (folder / where / f"{name}.html").read_text()
        assert "spring offer" in page or name == "track_record"
        assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
    frozen = (folder / "P" / "prediction.json").read_bytes()
    code, _, err = command("predict", "experiment.yaml", "--draws", "20", "--out", "P")
    assert code == 2 and "already holds a prediction, which is frozen" in err
    assert (folder / "P" / "prediction.json").read_bytes() == frozen


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "nobody.yaml", "--out", "o"], "nobody.yaml"),
        (["plan", "wrong.yaml", "--out", "o"], "wrong.yaml, line 4: population"),
        (["predict", "wrong.yaml", "--out", "o"], "wrong.yaml, line 4: population"),
        (["predict", "no-size.yaml", "--draws", "20", "--out", "o"], "does not say how many members there are"),
        (["predict", "experiment.yaml", "--out", "."], "already holds"),
        (["assign", "nobody.csv", "experiment.yaml", "--out", "o"], "nobody.csv"),
        (["assign", "empty.csv", "experiment.yaml", "--out", "o"], "has 0 rows"),
        (["read", "live.csv", "--out", "o"], "the plan is missing"),
        (["read", "live.csv", "experiment.yaml", "--plan", "wrong.yaml", "--out", "o"], "two plans are given"),
        (["read", "text.csv", "experiment.yaml", "--out", "o"], "column 'spend': row 3: found 'much'"),
        (["read", "live.csv", "experiment.yaml", "--look", "2", "--out", "o"], "look 2 is not planned"),
        (["read", "live.csv", "experiment.yaml", "--information", "0.5", "--out", "o"], "its looks hold as planned"),
        (["check", ".", "R.json", "--out", "o"], "holds no prediction.json"),
        (["check", "P.json", "nobody.json", "--out", "o"], "nobody.json: there is no such file"),
        (["recalibrate", "P.json", "R.json", "--out", "o"], "carries no parameter_draws"),
        (["record", "P.json", "P.json", "--out", "o"], "this step needs a 'readout' document"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_nothing(arguments, words, command, folder):
    (folder / "wrong.yaml").write_text(PLAN.replace("population: all members", "population: 3"))
    (folder / "no-size.yaml").write_text(PLAN.replace("sizing: {members: 3000, outcome_days: 28}\n", ""))
    (folder / "empty.csv").write_text("member_id\n")
    columns = "member_id,arm,spend,pre_spend,active," + ",".join(f"spend_w{w}" for w in (1, 2, 3, 4)) + "\n"
    rows = [f"{k},{'offer' if k % 2 else 'control'},{k}.5,3,{k % 3 % 2},1,2,3,{k}\n" for k in range(40)]
    (folder / "live.csv").write_text(columns + "".join(rows))
    (folder / "text.csv").write_text(columns + rows[0] + "1,offer,much,3,1,1,2,3,4\n")
    window = ["2027-03-01", "2027-03-28"]
    n = {"control": 1500, "offer": 1500}
    hand = {"population": "all members", "window": window, "rows": [{"metric": "spend", "effect": 3.0, "se": 2.0, "n": n}]}
    (folder / "R.json").write_text(json.dumps(hand))
    made = load_document(folder / "R.json", Readout)
    prediction = Prediction(
        experiment="spring offer", frozen_at=dt.datetime(2027, 2, 1, tzinfo=dt.UTC), made_after_start=False,
        scenarios={"control": "a", "offer": "b"}, control="control", seed=1, software="0.1.0", n=n,
        estimands=made.estimands, rows=made.rows, draws=[[float(k)] for k in range(30)], includes_live_noise=True,
    )  # fmt: skip
    (folder / "P.json").write_text(prediction.to_json())
    before = sorted(path.name for path in folder.iterdir())
    code, _, err = command(*arguments)
    assert code == 2
    assert words in err
    assert "Traceback" not in err
    assert sorted(path.name for path in folder.iterdir()) == before
