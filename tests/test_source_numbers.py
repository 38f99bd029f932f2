"""Thousands and decimals: one rule for calibration, experiments and finance, and the same words."""

import datetime as dt
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from two_arms import two_arms

from experiments.assignment import assign
from experiments.readout import read
from reports.readout import readout_page
from scenarios import sources
from scenarios.calibration.panel import clean
from scenarios.files import load
from scenarios.finance.backtest.activity import Columns, read_activity
from scenarios.finance.budget_file import budget_of
from scenarios.finance.live_tables import live_tables
from scenarios.source_numbers import NumberSource, as_written
from scenarios.sources import FrameSource, open_source
from sim.errors import InputError

PLAN = two_arms(
    eligibility=[{"column": "before", "at_least": 1000.0}],
    metrics=[
        {
            "name": "spend", "role": "primary", "column": "spend", "simulation_margin": 1.0, "winsor": [0, 0.99],
            "covariates": ["before"], "adjustment": "cuped",
        }
    ],
)  # fmt: skip


def german(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


@pytest.mark.parametrize(
    ("written", "numbers", "count"),
    [
        (["12.50", "1,634.00", "12,345,678"], [12.5, 1634.0, 12345678.0], 2),
        (["12,50", "1.634,00", "1.634"], [12.5, 1634.0, 1634.0], 3),
        (["12,50", "16,3", "7"], [12.5, 16.3, 7.0], 2),
        (["12.500", "1.634", "1e3"], [12.5, 1.634, 1000.0], 0),
        (["1,634", "12.50", "four"], [1634.0, 12.5, np.nan], 1),
        (["1.634", None, "", "NA"], [1.634, np.nan, np.nan, np.nan], 0),
        (["1'234.50", "12.5", "-1\u2019234\u2019567"], [1234.5, 12.5, -1234567.0], 2),
        (["1 234,50", "12,5", "1\u202f234\u00a0567"], [1234.5, 12.5, 1234567.0], 3),
        (["1 234", "1.634", "7.5"], [1234.0, 1.634, 7.5], 1),  # 7.5 shows what the point is for
        (["1 234", "1,634", "7,5"], [1234.0, 1.634, 7.5], 3),
        (["1,23,456", "12,345.50", "7"], [123456.0, 12345.5, 7.0], 2),
        (["\u2212 7", "\u22127.5", "8"], [np.nan, -7.5, 8.0], 0),  # the minus of typographers
        (["\u22121 234,5", "8"], [-1234.5, 8.0], 1),
        (["12 34", "1'23", "7"], [np.nan, np.nan, 7.0], 0),
        (["044 123 456", "0'123", "12.50"], [np.nan, np.nan, 12.5], 0),  # telephones: what is parted begins with no 0
        (["0,125", "0,250"], [0.125, 0.25], 2),
    ],
)
def test_a_column_is_read_as_it_is_written(written, numbers, count):
    found, way = as_written(pd.Series(written), "t.csv")
    np.testing.assert_array_equal(found, numbers)
    assert way.cells == count and bool(way.style) == (count > 0)


def test_commas_that_can_be_thousands_or_decimals_are_refused_by_every_reader(tmp_path):
    said = r"can be read with a comma for thousands or for decimals \(found '1,634' in row [23]\); write numbers as 1234.50$"
    told = rf"column '\w+' {said}"
    cells = ["12", "1,634", "2,500"]
    with pytest.raises(InputError, match=told):
        clean(pd.DataFrame({"who": ["a", "b", "c"], "day": "2020-01-01", "paid": cells}), member="who", date="day", value="paid")
    live = pd.DataFrame({"member_id": [1, 2, 3], "arm": ["control", "trial", "trial"], "spend": cells, "before": [1.0, 2.0, 3.0]})
    with pytest.raises(InputError, match=told):
        read(live, PLAN)
    with pytest.raises(InputError, match=told):
        live_tables(pd.DataFrame({"member": cells, "joined": "2020-01-01", "spend": cells}), as_of=dt.date(2026, 12, 31))
    (tmp_path / "b.csv").write_text("month;amount\n2027-01;12\n2027-02;1,634\n2027-03;2,500\n")
    with pytest.raises(InputError, match=told):
        budget_of(str(tmp_path / "b.csv"), [dt.date(2027, month, 28) for month in (1, 2, 3)])


@pytest.fixture(scope="module")
def live() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    n = 1500
    before = rng.gamma(2, 900, n).round(2)
    spend = (before + rng.normal(0, 300, n)).round(2)
    arm = np.array(["control", "trial"])[rng.integers(0, 2, n)]
    return pd.DataFrame({"member_id": np.arange(n), "arm": arm, "spend": spend, "before": before})


def test_two_ways_of_thousands_in_one_column_are_refused():
    with pytest.raises(InputError, match=r"^t.csv can be read as 1'234.50 or as 1 234.50 \(found \"1'234\" in row 1\); write"):
        as_written(pd.Series(["1'234", "5 678"]), "t.csv")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (["1 234", "1,634", "7"], "a comma for thousands or for decimals (found '1,634' in row 2, where other thousands"),
        (["1'234", "1.634", "7"], "a point for thousands or for decimals (found '1.634' in row 2, where other thousands"),
        (["1,234,567", "1.634"], "a point for thousands or for decimals (found '1.634' in row 2, where"),
        (["0,125", "12.50"], "two ways: most as 1234.50, 1 otherwise (found '0,125' in row 1, '12.50' in row 2)"),
        (["2,50", "7,50", "1,234.5"], "two ways: most as 1.234,50, 1 otherwise (found '1,234.5' in row 3, '2,50' in row 1)"),
        (["1.634"] * 200 + ["2,50"], "a point for thousands or for decimals (found '1.634' in row 1)"),
        (["1,634"] * 200 + ["2.50"], "a comma for thousands or for decimals (found '1,634' in row 1)"),
        (["1 234", "1,634"] * 101 + ["2,5"], "a comma for thousands or for decimals (found '1,634' in row 2, where"),
        (["1,23,456", "12.345,50", "7"], "a comma for thousands or for decimals (found '1,23,456' in row 1)"),
    ],
)
def test_a_column_that_contradicts_itself_is_refused(written, told):
    with pytest.raises(InputError, match=re.escape(told) + ".*; write numbers as 1234.50$"):
        as_written(pd.Series(written), "t.csv")


def test_one_number_in_a_hundred_may_be_a_slip(monkeypatch):
    monkeypatch.setattr(sources, "ROWS", 40)
    cells = ["four", "12,50"] + ["12.50"] * 99
    found, way = as_written(pd.Series(cells), "t.csv")
    assert way.style == "" and np.isnan(found[:2]).all()
    cells[-1] = "12,50"
    told = r"column 'paid' has .* two ways: most as 1234.50, 2 otherwise \(found '12,50' in row 2, '12.50' in row 3\)"
    with pytest.raises(InputError, match=told):
        list(NumberSource(FrameSource(pd.DataFrame({"paid": cells})), frozenset({"paid"})).blocks(["paid"]))


def test_an_experiment_reads_decimal_commas_as_the_numbers_that_they_are(live, tmp_path):
    live.assign(spend=live.spend.map(german), before=live.before.map(german)).to_csv(tmp_path / "live.csv", sep=";", index=False)
    expected = read(live, PLAN)
    for where in (tmp_path / "live.csv", pd.read_csv(tmp_path / "live.csv", sep=";")):
        found = read(where, PLAN)
        assert found.rows == expected.rows and found.gates == expected.gates
        told = "spend, before: numbers written as 1.234,50: read so (3,000)"
        assert found.provenance["thousands_and_decimals"] == told and told in readout_page(found)
    assert "thousands_and_decimals" not in expected.provenance
    eligible = assign(open_source(tmp_path / "live.csv"), PLAN)
    assert eligible.eligible.sum() == (live.before >= 1000).sum() and len(eligible.written) == 1


def test_events_too(live):
    plan = PLAN.model_copy(update={"metrics": [PLAN.primary.model_copy(update={"covariates": [], "adjustment": "none"})]})
    events = pd.DataFrame({"member_id": live.member_id, "date": "2026-01-28", "spend": live.spend})
    found = read(live[["member_id", "arm"]], plan, events=events.assign(spend=live.spend.map(german)))
    assert found.rows == read(live[["member_id", "arm"]], plan, events=events).rows
    assert found.provenance["thousands_and_decimals"] == "spend: numbers written as 1.234,50: read so (1,500)"


def test_a_cell_that_is_not_written_like_the_others_is_told_by_its_row(live, monkeypatch):
    monkeypatch.setattr(sources, "ROWS", 500)
    written = live.assign(spend=live.spend.map(german))
    written.loc[700, "spend"] = "1234.50"
    with pytest.raises(InputError, match=r"'spend': row 701: found '1234.50'; must be a number written as 1.234,50, like the"):
        read(written, PLAN)


def test_the_way_is_that_of_the_whole_column_whatever_its_first_block_looks_like(monkeypatch):
    """1.634 is plain to whoever has seen no more of the column."""
    monkeypatch.setattr(sources, "ROWS", 2)
    frame = pd.DataFrame({"paid": ["1.634", "2.500", "7,50", "1.000,25", None]})
    source = NumberSource(FrameSource(frame), frozenset({"paid"}))
    found = pa.concat_tables(source.blocks(["paid"]))["paid"].to_pylist()
    assert found == [1634.0, 2500.0, 7.5, 1000.25, None]
    assert source.told() == ["paid: numbers written as 1.234,50: read so (4)"]


def test_a_backtest_reads_them_and_says_so():
    rows = pd.DataFrame({"who": ["a", "b"], "day": ["2020-01-05", "2020-02-29"], "paid": ["1.234,50", "7,25"]})
    found = read_activity(rows, Columns("who", "day", "paid"), load("p4"))
    assert found.value.tolist() == [1234.5, 7.25]
    assert (found.rules[0].text, found.rules[0].count) == ("paid: numbers written as 1.234,50: read so", 2)


def test_tables_of_finance_read_them_and_say_so(tmp_path):
    people = pd.DataFrame({"member": ["a", "b"], "joined": "2020-01-01", "spend": ["1.234,50", "7,25"], "balance": [3, 4]})
    found = live_tables(people, as_of=dt.date(2026, 12, 31)).members
    assert found.columns["spend"].tolist() == [123450, 725] and found.columns["balance"].tolist() == [3, 4]
    assert {column: way.words for column, way in found.told.items()} == {"spend": "numbers written as 1.234,50: read so"}
    (tmp_path / "b.csv").write_text("month;amount\n2027-01;1.234,50\n2027-02;7\n")
    assert budget_of(str(tmp_path / "b.csv"), [dt.date(2027, 1, 31), dt.date(2027, 2, 28)]) == [1234.5, 7.0]
