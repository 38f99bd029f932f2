"""A budget by month from a small table; what is wrong with one is told by file, row and column."""

import datetime as dt
import json

import pytest
from test_forecast_report import loyalsim

from scenarios.finance.budget_file import budget_of
from sim.errors import InputError

MONTHS = [dt.date(2027, 1, 31), dt.date(2027, 2, 28), dt.date(2027, 3, 31)]


def table(tmp_path, *rows, header="month,amount"):
    path = tmp_path / "budget.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


def test_a_figure_is_an_amount_and_a_file_is_months(tmp_path):
    assert budget_of("12000.50", MONTHS) == 12000.5
    assert budget_of(table(tmp_path, "2027-03,30", "2027-01,10.5", "2027-02,0"), MONTHS) == [10.5, 0, 30]
    days = table(tmp_path, "2027-01-31;1", "2027-02-28;2", "2027-03-31;3", header="month;amount")
    assert budget_of(days, MONTHS) == [1, 2, 3]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["2027-01,10", "2027-02,ten", "2027-03,1"], "budget.csv: row 3, column amount: found 'ten', allowed is a number"),
        (["2027-01,10", "2027-02,-1", "2027-03,1"], "budget.csv: row 3, column amount: found '-1', allowed is 0 or more"),
        (["2027-01,10", "2027-02,", "2027-03,1"], "budget.csv: row 3, column amount: found an empty cell"),
        (["2027-01,10", "Feb,1", "2027-03,1"], r"^\S+budget.csv: row 3, column month: found 'Feb', allowed is a day .*2017-03$"),
        (["2027-01,1e308", "2027-02,1e308", "2027-03,1"], "row 2, column amount: found '1e308', allowed is 1,000,000,000,000 at"),
        (["0027-01-31,1", "2027-02-28,1", "2027-03-31,1"], "row 2, column month: found '0027-01-31', allowed is a date from"),
        (["2027-01,1", "2027-02,1", "2027-02,1", "2027-03,1"], "row 4, column month: found 2027-02 again, after row 3"),
        (["2027-01,1", "2027-02,1", "2027-03,1", "2027-04,1"], "row 5, column month: found 2027-04, allowed .* 2027-03"),
        (["2027-01,1"], "column month: 2027-02, 2027-03 missing; the budget needs every month from 2027-01 to 2027-03"),
        ([], "budget.csv: has no rows"),
    ],
)
def test_broken_budgets_are_told_in_a_sentence(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        budget_of(table(tmp_path, *rows), MONTHS)


@pytest.mark.parametrize(
    ("words", "said"),
    [("-1", "from 0 to"), ("1e308", "from 0 to 1,000"), ("nan", "an amount"), ("much", "'much', allowed is an amount")],
)
def test_broken_amounts_too(words, said):
    with pytest.raises(InputError, match=said):
        budget_of(words, MONTHS)


def test_columns_are_named(tmp_path):
    with pytest.raises(InputError, match=r"column 'amount' \(the budget of that month, currency units\) is missing"):
        budget_of(table(tmp_path, "2027-01,1", header="month,budget"), MONTHS)


def test_the_command_takes_a_budget_by_month(tmp_path):
    path = table(tmp_path, "2027-01,60000", "2027-02,400", "2027-03,500")
    words = ("forecast", "cash-back", "--months", "3", "--members", "100", "--replications", "2", "--run-off", "0")
    done = loyalsim(*words, "--budget", path, "--out", str(tmp_path / "x"))
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "x" / "summary.json").read_text())
    assert told["budget"]["by_month"] == [60000, 400, 500] and told["budget"]["budget"] == 60900
    assert "the budget as given by month" in (tmp_path / "x" / "forecast.html").read_text()
