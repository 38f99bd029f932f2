"""Points that members owe after returns are in no balance and told beside it: on page, workbook, summary and in a run-off."""

import numpy as np
import pytest
from test_what_if import SHOP
from test_workbook import opened

from reports.books import opening_of, statement_of
from reports.forecast import forecast_page, summary
from reports.points_owed import owed_rows, owed_sentence
from reports.what_if import RunOff, run_off_answer
from reports.workbook import workbook
from scenarios.finance.closing import closed
from scenarios.finance.forecast import At, forecast, placed
from scenarios.finance.forecast_document import POINT_LINES
from scenarios.numerals import integer
from sim.outcome import simulate

MARKET = SHOP.market.model_validate({**SHOP.market.model_dump(), "refunds": {"share": 0.3, "after_days": 25}})
RETURNS = SHOP.model_copy(update={"market": MARKET})


@pytest.fixture(scope="module")
def state():
    year = RETURNS.model_copy(update={"horizon": RETURNS.horizon.model_copy(update={"months": 12})})
    return simulate(year, seed=11, keep_state=True, cohorts=True).state


@pytest.fixture(scope="module")
def statement(state):
    return statement_of(forecast(RETURNS, snapshot=state, months=6, replications=4, seed=8, beyond=8), RETURNS)


def test_what_is_owed_is_told_beside_the_books_and_is_in_none_of_them(statement):
    owed = statement.forecast.point_values[:, :, POINT_LINES.index("points_owed")]
    assert (owed > 0).all()
    held = statement.roll.points.outstanding().sum(axis=(0, 2))
    np.testing.assert_array_equal(held, statement.point_moves()["outstanding"])  # not less what others owe
    said, page, told = owed_sentence(statement), forecast_page([statement]), summary(statement)
    assert f"members owe {integer(owed[:, -1].mean())} points" in said and said in page.replace("&#39;", "'")
    assert "Points that members owe" in page and told["points_owed_by_members"]["mean"] == owed[:, -1].mean()
    # 150 points are a mug of 4.00 that costs 2.50; the scenario says that a point costs 0.01
    rows = owed_rows(statement)
    assert [row["month"] for row in rows] == ["March 2028", "June 2028"]
    mean = owed[:, 5].mean()
    assert float(rows[1]["cells"][1][0].replace(",", "")) == pytest.approx(mean * 4 / 150, abs=0.006)
    assert float(rows[1]["cells"][2][0].replace(",", "")) == pytest.approx(mean * 0.01, abs=0.006)
    book = opened(workbook([statement]))
    sheet, k = book["Points ledger"], statement.replication
    heads = [cell.value for cell in sheet[4]]
    at = heads.index("Owed, at the value of a redeemed point")
    for m in range(6):
        row = [cell.value for cell in sheet[5 + m]]
        assert row[at - 1] == owed[k, m] and row[at] == pytest.approx(owed[k, m] * 4 / 150)


def test_a_run_off_says_that_what_is_owed_stays_owed(state, statement):
    shut = closed(placed(RETURNS, At(state), 7))
    run = statement_of(forecast(shut, snapshot=state, months=7, replications=4, seed=8), shut, opening=opening_of(statement))
    left = run.forecast.point_values[:, -1, POINT_LINES.index("points_owed")].mean()
    assert left > 0
    assert f"{integer(left)} points that members owe after returns are never repaid" in run_off_answer(RunOff(run, ends=True))


def test_without_returns_nothing_is_said_of_it():
    s = statement_of(forecast(SHOP, months=3, replications=2, seed=8), SHOP)
    assert owed_sentence(s) is None and owed_rows(s) == [] and "Points that members owe" not in forecast_page([s])
    assert summary(s)["points_owed_by_members"] is None
