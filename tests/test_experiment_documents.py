"""Documents survive a round trip, a changed one is found out, a hand-made one is taken."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import jsonschema
import pytest

from experiments.document_file import load_document
from experiments.documents import ParameterDraws, Prediction, Readout
from experiments.hand_made import UNSTATED
from experiments.records import Estimand, Estimate
from sim.errors import InputError

ROW = Estimate(
    metric="spend", arm="trial", control="control", effect=1.5, se=0.5, n={"trial": 90, "control": 88}
)
ESTIMAND = Estimand(
    metric="spend", population="all", window_start=dt.date(2026, 1, 1), window_end=dt.date(2026, 1, 31)
)


def readout(**changes) -> Readout:
    content = {
        "experiment": "x",
        "arms": ["control", "trial"],
        "control": "control",
        "estimands": [ESTIMAND],
        "rows": [ROW],
    }
    return Readout(**(content | changes))


def prediction(**changes) -> Prediction:
    content = {
        "experiment": "x",
        "frozen_at": dt.datetime(2025, 12, 1, tzinfo=dt.UTC),
        "made_after_start": False,
        "scenarios": {"control": "base", "trial": "trial card"},
        "control": "control",
        "seed": 1,
        "software": "0.1.0",
        "n": {"control": 88, "trial": 90},
        "estimands": [ESTIMAND],
        "rows": [ROW],
        "draws": [[1.0], [2.0]],
        "includes_live_noise": True,
        "luck_sd": [0.4],
        "parameter_draws": ParameterDraws(names=["rate"], values=[[0.1], [0.2]]),
    }
    return Prediction(**(content | changes))


@pytest.mark.parametrize("document", [readout(covariance=[[0.25]]), prediction()])
def test_round_trip(document, tmp_path):
    path = tmp_path / "d.json"
    path.write_text(document.to_json())
    back = load_document(path, type(document))
    assert back == document.sealed() and len(back.digest) == 64
    assert back.to_json() == document.to_json()
    jsonschema.validate(json.loads(path.read_text()), type(document).model_json_schema())


def test_a_changed_file_is_found_out(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(prediction().to_json().replace("2.0", "2.1"))
    with pytest.raises(InputError, match="digest: the content does not match"):
        load_document(path, Prediction)


def test_a_short_hand_made_readout(tmp_path):
    path = tmp_path / "platform.json"
    path.write_text(
        json.dumps(
            {
                "window": ["2026-01-01", "2026-01-31"],
                "population": "members",
                "rows": [{"metric": "spend", "effect": 2, "se": 0.5, "n": {"control": 100, "trial": 101}}],
                "covariance": [[0.25]],
            }
        )
    )
    found = load_document(path, Readout)
    assert found.experiment == "platform" and found.digest is None
    assert found.rows[0].key == ("spend", "trial", "control", None, None)
    assert found.estimand("spend").window_end == dt.date(2026, 1, 31)
    assert found.estimand("spend").estimator == UNSTATED


def test_the_short_result_of_the_manual_is_one(tmp_path):
    text = (Path(__file__).parents[1] / "docs" / "experiment-files.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (tmp_path / "r.json").write_text(told)
    found = load_document(tmp_path / "r.json", Readout)
    assert [row.key[:3] for row in found.rows] == [("spend", "trial", "control"), ("active", "trial", "control")]


HAND = {"metric": "spend", "effect": 2, "se": 0.5, "n": {"control": 100, "trial": 101}}
OTHER = {**HAND, "metric": "visits"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rows": []}, "rows: found []; must be a list of effects, each with metric, effect, se and n"),
        ({"rows": {"spend": HAND}}, "must be a list of effects, each with metric, effect, se and n"),
        ({"rows": [{**HAND, "n": [100, 101]}]}, "rows[0].n: found [100, 101]; must give the members of each arm by name"),
        ({"rows": [{**HAND, "n": {"control": 0, "trial": 9}}]}, "rows[0].n.control: found 0; must be greater than or equal to 1"),
        ({"rows": [HAND, HAND]}, "rows[1] is about the same as an earlier row: spend, trial, control"),
        ({"rows": [{**HAND, "arm": "control"}]}, "rows[0].arm is 'control', which it is compared with; name the other arm"),
        ({"rows": [{**HAND, "df": 0}]}, "rows[0].df: found 0; must be greater than 0"),
        ({"rows": [{**HAND, "effect": 1e308, "se": 1e308}]}, "rows[0].effect: found 1e+308; must be less than or equal to"),
        ({"control": 3}, "control: found 3; must be the name of an arm"),
        ({"covariance": [[2.5, 0.1], [0.1, 0.25]]}, "covariance[0][0] is 2.5; it must be the square of the standard error of"),
        ({"covariance": [[0.25, 0.1], [-0.1, 0.25]]}, "covariance is not symmetric"),
        ({"covariance": [[0.25, 0.5], [0.5, 0.25]]}, "covariance is none: a combination of the effects would have a variance"),
    ],
)
def test_what_other_platforms_leave_is_checked(changes, sentence, tmp_path):
    path = tmp_path / "r.json"
    stated = {"window": ["2026-01-01", "2026-01-31"], "population": "members", "rows": [HAND, OTHER]}
    path.write_text(json.dumps({**stated, **changes}))
    with pytest.raises(InputError) as caught:
        load_document(path, Readout)
    assert all(str(path) in problem for problem in caught.value.problems) and sentence in caught.value.problems[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not JSON"),
        ("[1]", "a document is a JSON object"),
        ('{"kind": "prediction"}', "this step needs a 'readout' document"),
        ('{"a": 1, "a": 2}', "a: the key is given twice"),
        ('{"rows": [{"se": NaN}]}', "found NaN; numbers must be finite"),
        ('{"rows": [], "estimands": [], "extra": 1}', "extra: unknown key; allowed: version, digest"),
    ],
)
def test_broken_documents_are_named(text, sentence, tmp_path):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_document(path, Readout)
    assert sentence in str(caught.value) and "r.json" in str(caught.value)


def test_all_problems_at_once(tmp_path):
    row = {"metric": "spend", "effect": "much", "se": -1, "n": {"control": 1, "trial": 1}}
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"window": ["2026-01-01", "2026-01-31"], "population": "m", "rows": [row]}))
    with pytest.raises(InputError) as caught:
        load_document(path, Readout)
    assert [problem.split(": ", 2)[1] for problem in caught.value.problems] == [
        "rows[0].effect",
        "rows[0].se",
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"draws": [[1.0, 2.0]]}, "draws[0] has 2 numbers; it must have 1"),
        ({"draws": [[1.0]]}, "parameter_draws has 2 rows, draws has 1"),
        ({"control": "nobody"}, "control is 'nobody'"),
        ({"rows": [ROW, ROW]}, "rows[1] is about the same as an earlier row"),
        ({"luck_sd": [1.0, 2.0]}, "luck_sd has 2 numbers"),
    ],
)
def test_inconsistent_predictions_are_refused(changes, sentence):
    with pytest.raises(ValueError) as caught:
        prediction(**changes)
    assert sentence in str(caught.value)
