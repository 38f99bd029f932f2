"""Whether members were there before the rows begin: each answer is taken, told, and refused where rows say otherwise."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from panel_simulator import simulated_panel
from test_standing import steady

from reports.fit import fit_files
from scenarios.calibration import Calibration, calibrate
from sim.errors import InputError

OPTIONS = {"member": "member", "date": "date", "value": "value"}


def joined() -> pd.DataFrame:
    """All join with their first purchase, most in the first 10 of 180 days and some up to day 150, as no smooth pace has it."""
    rng = np.random.default_rng(3)
    life: dict[str, Any] = {"days": 180, "rate": 0.06, "shape": 1.0, "leaving": (1.0, 8.0)}
    waves = [simulated_panel(rng, members=members, joining_days=days, **life) for members, days in ((250, 10), (200, 150))]
    return pd.concat([waves[0], waves[1].assign(member=waves[1]["member"] + 1000)], ignore_index=True)


def there() -> pd.DataFrame:
    """All were there before, and joiners come at the same pace while the rows run."""
    return steady(5, 1500, before=600.0, upto=180.0, days=180)


@pytest.fixture(scope="module")
def told() -> dict[str, Calibration]:
    frames = {"none": joined, "launch": there, "steady": there, "unknown": there}
    return {answer: calibrate(frame(), members_before=answer, **OPTIONS) for answer, frame in frames.items()}


def test_the_answer_stands_on_page_data_and_population(told: dict[str, Calibration]) -> None:
    for answer, found in told.items():
        assert found.report["source"]["members_before"] == answer
        files = {name: str(text) for name, text in fit_files(found).items()}
        assert json.loads(files["fit.json"])["choice"]["before"] == found.report["choice"]["before"]
        assert found.report["choice"]["before"].split(":")[0] in " ".join(files["population.yaml"].replace("#", "").split())
        assert f"<dt>Members before the rows</dt><dd>{answer}</dd>" in files["fit.html"]
        source = found.population.source
        assert source is not None and source.endswith(f"as told: {answer}") == (answer != "unknown")


def test_only_models_of_the_answer_are_tried(told: dict[str, Calibration]) -> None:
    tried = {answer: {c["origin"] for c in found.report["choice"]["candidates"]} for answer, found in told.items()}
    assert tried["none"] == {"first purchase"}
    assert "first purchase" in tried["unknown"] and "first purchase" not in tried["launch"] | tried["steady"]
    assert [answer for answer, found in told.items() if found.population.standing] == ["steady"]


def test_where_it_was_not_told_models_are_compared_by_moments_and_the_one_chosen_is_fitted_to_days(
    told: dict[str, Calibration],
) -> None:
    said = [answer for answer, found in told.items() if "fitted to days" in found.report["choice"]["reason"]]
    assert said == ["unknown"]


def test_who_came_at_a_steady_pace_buys_less_than_who_had_just_joined(told: dict[str, Calibration]) -> None:
    ahead = {answer: sum(told[answer].report["weekly"]["forecast"]) for answer in ("launch", "steady")}
    assert 0.85 * ahead["launch"] < ahead["steady"] < 0.995 * ahead["launch"]


def test_where_it_was_not_told_the_page_says_what_it_would_change(told: dict[str, Calibration]) -> None:
    said = str(fit_files(told["unknown"])["fit.html"])
    assert "not told (--members-before), so whoever was there" in said and "2 to 5 % too high" in said
    assert "2 to 5 % too high" not in str(fit_files(told["launch"])["fit.html"])


def test_whoever_is_seen_late_is_new_where_nobody_was_there_before(told: dict[str, Calibration]) -> None:
    """Most were first seen in the first tenth, so later ones would be taken for rare buyers who had waited."""
    assert told["none"].population.new_members_per_month == pytest.approx(40 / 450 / (60 / 30.4), rel=0.3)


@pytest.mark.parametrize(
    ("answer", "frame", "words"),
    [
        ("none", there, "of the members were there before they begin: who buys often was seen first"),
        ("launch", joined, "by its rows members joined with their first purchase"),
        ("steady", joined, "by its rows members joined with their first purchase"),
    ],
)
def test_rows_that_say_otherwise_are_refused(answer: str, frame: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        calibrate(frame(), members_before=answer, **OPTIONS)
    assert len(refused.value.problems) == 1 and f"data frame: --members-before {answer}, but" in str(refused.value)


def test_a_refusal_tells_the_share_where_likelihood_hardly_differs() -> None:
    """Of all who join at one pace next to nobody is found to have been there, which is hardly less likely than nobody."""
    life: dict[str, Any] = {"days": 180, "rate": 0.06, "shape": 1.0, "leaving": (1.0, 8.0)}
    frame = simulated_panel(np.random.default_rng(4), members=500, joining_days=120, **life)
    with pytest.raises(InputError, match=r"\([\d.]+\s% were there before them at the likeliest, and 5\s% are asked for\)"):
        calibrate(frame, members_before="steady", **OPTIONS)


def test_an_answer_that_is_none_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError, match="--members-before: found 'some'; allowed are none, launch, steady, unknown"):
        calibrate("no-such-file.csv", members_before="some", **OPTIONS)
