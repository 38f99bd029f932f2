"""What calibrate hands over: a population that a scenario takes, a document, a page and data that agree,
always the same.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from panel_simulator import simulated_panel
from ruamel.yaml import YAML

from reports.fit import fit_files
from scenarios.calibration import Calibration, calibrate
from scenarios.sources import FrameSource
from sim.population import Population

OPTIONS = {"member": "member", "date": "date", "value": "value"}


def dirty_panel() -> FrameSource:
    frame = simulated_panel(
        np.random.default_rng(6),
        members=300,
        days=300,
        rate=0.06,
        shape=1.0,
        leaving=(1.0, 8.0),
        joining_days=299,
    )
    refund = frame.iloc[[3]].assign(value=-5.0)
    return FrameSource(pd.concat([frame, frame.iloc[[10, 11]], refund], ignore_index=True), "shop <1>.csv")


@pytest.fixture(scope="module")
def held_out() -> Calibration:
    return calibrate(dirty_panel(), holdout_from="2015-09-01", **OPTIONS)


@pytest.fixture(scope="module")
def files(held_out: Calibration) -> dict[str, str | bytes]:
    return fit_files(held_out)


@pytest.fixture(scope="module")
def a_year() -> Calibration:
    frame = simulated_panel(
        np.random.default_rng(7), members=200, days=380, rate=0.05, shape=1.2, present=True, season=0.3
    )
    return calibrate(frame, **OPTIONS)


def test_models_are_tried_on_a_sample_of_many_members_and_the_chosen_one_is_fitted_to_all(
    held_out: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scenarios.calibration.fit.CHOICE_MEMBERS", 120)
    fit = calibrate(dirty_panel(), holdout_from="2015-09-01", **OPTIONS)
    choice, everyone = fit.report["choice"], held_out.report["period"]["members"]
    assert (choice["members"], held_out.report["choice"]["members"]) == (120, everyone)
    assert f"tried on 120 of the {everyone} members, drawn at random" in choice["reason"]
    assert "drawn at random" not in held_out.report["choice"]["reason"]
    for asked in ("joining", "returning"):
        assert ("of the 120 members drawn" in choice[asked]) and "members drawn" not in held_out.report["choice"][asked]
    assert fit.report["period"] == held_out.report["period"]
    ours, theirs = (f.report["holdout"]["purchases"] for f in (fit, held_out))
    assert ours["actual"] == theirs["actual"] and ours["forecast"] == pytest.approx(theirs["forecast"], rel=0.15)
    assert calibrate(dirty_panel(), holdout_from="2015-09-01", **OPTIONS).document == fit.document


def test_the_document_is_the_population_that_a_scenario_takes(held_out: Calibration) -> None:
    loaded = YAML(typ="safe").load(held_out.document)
    assert Population.model_validate(loaded) == held_out.population
    assert held_out.population.posterior is not None
    drawn = held_out.population.drawn(np.random.default_rng(1))
    assert drawn.purchase_rate.mean != held_out.population.purchase_rate.mean


def test_the_document_says_where_its_numbers_come_from(held_out: Calibration) -> None:
    report, text = held_out.report, held_out.document
    for words in (
        report["source"]["sha256"],
        f"{report['period']['members']} members",
        report["period"]["start"],
        "duplicate rows 2 rows",
        "negative value 1 rows",
        "held-out check 2015-09-01",
    ):
        assert words in " ".join(text.replace("#", " ").split()), words
    for block in ("members:", "purchase_rate:", "leaving:", "basket:", "season:", "growth:", "posterior:"):
        before = text[: text.index("\n" + block)].splitlines()[-1]
        assert before.startswith("#"), block


def test_the_file_names_and_the_keys_are_the_promised_ones(files: dict[str, str | bytes]) -> None:
    assert set(files) == {"population.yaml", "fit.html", "fit.json"}
    data: dict[str, Any] = json.loads(files["fit.json"])
    for measure in ("purchases", "active_members", "value"):
        figures = data["holdout"][measure]
        assert set(figures) == {"forecast", "low", "high", "actual"}
        assert figures["low"] < figures["forecast"] < figures["high"]
    mean = data["parameters"]["purchase_rate.mean"]
    assert mean["low"] < mean["value"] < mean["high"] and mean["unit"] == "purchases a day"
    assert [c["label"] for c in data["choice"]["candidates"] if c["chosen"]] == [data["choice"]["model"]]
    assert len(data["choice"]["candidates"]) >= 5


def test_the_held_out_actuals_are_those_of_the_members_seen_before(held_out: Calibration) -> None:
    frame = dirty_panel().frame
    frame = frame[~frame.duplicated() & (frame["value"] > 0)]
    days = frame.groupby(["member", "date"])["value"].sum().reset_index()
    known = days.loc[days["date"] < "2015-09-01", "member"].unique()
    after = days[(days["date"] >= "2015-09-01") & days["member"].isin(known)]
    result = held_out.report["holdout"]
    assert result["purchases"]["actual"] == len(after)
    assert result["active_members"]["actual"] == after["member"].nunique()
    assert result["value"]["actual"] == pytest.approx(after["value"].sum(), abs=0.01)
    assert result["new_members_left_out"] == days["member"].nunique() - len(known)


def test_the_page_is_self_contained_and_says_it_all(files: dict[str, str | bytes]) -> None:
    page = str(files["fit.html"])
    assert page.count('class="figure wide"') == page.count('class="figure phone"') == 3
    assert "<script" not in page and not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert "shop &lt;1&gt;.csv" in page and "shop <1>" not in page
    for words in (
        "The period held out",
        "80 % interval",
        "duplicate rows",
        "Which model, and why",
        "does not know",
    ):
        assert words in page, words
    assert "nan" not in re.sub(r"<[^>]*>", " ", page)


def test_same_data_and_seed_give_the_same_bytes(files: dict[str, str | bytes]) -> None:
    again = fit_files(calibrate(dirty_panel(), holdout_from="2015-09-01", **OPTIONS))
    assert again == files


def test_a_year_of_data_carries_its_season_and_a_shorter_time_does_not(
    held_out: Calibration, a_year: Calibration
) -> None:
    assert held_out.population.season is None
    season = a_year.population.season
    assert season is not None and np.mean(season) == pytest.approx(1, abs=1e-3)
    spring, autumn = np.mean(season[8:18]), np.mean(season[34:44])
    assert spring > 1.1 and autumn < 0.9
    assert "less than two years" in a_year.report["choice"]["season"]
    assert "holdout" not in a_year.report
    assert str(fit_files(a_year)["fit.html"]).count('class="figure wide"') == 4


def test_members_there_before_the_data_begin_are_not_taken_for_joiners(a_year: Calibration) -> None:
    assert a_year.population.new_members_per_month == 0
    assert a_year.population.members >= 195
    assert a_year.population.history_days[1] == pytest.approx(380, abs=1)


def test_steady_joining_is_measured(held_out: Calibration) -> None:
    """300 members join evenly over 300 days; 243 days are fitted, so a month brings 30.4 on about 243."""
    assert held_out.population.first_purchase_on_joining
    assert held_out.population.new_members_per_month == pytest.approx(30.4 / 243, rel=0.25)
    low, high = held_out.population.history_days
    assert low < 15 and high == pytest.approx(242, abs=3)


def test_progress_is_told_in_words() -> None:
    said: list[str] = []
    calibrate(dirty_panel(), progress=said.append, **OPTIONS)
    assert said[0] == "cleaning" and "forecasting" in said and any(s.startswith("trying: ") for s in said)
