"""The finance reader's page: the same figures as forecast, books and workbook; and the command that writes it."""

import datetime as dt
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser

import numpy as np
import openpyxl
import pandas as pd
import pytest
from forecast_helpers import made_up
from scenes import RICH
from scenes import scenario as made_of

from reports.books import statement_of
from reports.forecast import NAMES, forecast_files, forecast_page, summary
from reports.forecast_figures import labelled
from reports.forecast_tables import roll_rows, scenario_rows, total_rows
from reports.forecast_words import answer, budget_sentence
from reports.statement import Statement
from scenarios.files import load
from scenarios.finance.assumptions import assumptions_of
from scenarios.finance.budget import budget_at_risk
from scenarios.finance.forecast import forecast
from scenarios.finance.point_value import point_value
from scenarios.finance.roll_forward import LINES as ROLL
from scenarios.numerals import integer, money, percent
from sim.errors import InputError
from sim.population import Shocks, Spread
from sim.setting import Refunds


@pytest.fixture(scope="module")
def statement():
    return made_up()


@pytest.fixture(scope="module")
def page(statement):
    return forecast_page([statement, made_up(name="other", seed=8)])


@pytest.fixture(scope="module")
def simulated():
    """Vouchers of 10 for 500 points, from the library, few members; purchases are returned, some before their points count."""
    scenario = load("cash-back")
    earning = scenario.programme.earning.model_copy(update={"pending_days": 10})
    scenario = scenario.model_copy(
        update={
            "programme": scenario.programme.model_copy(update={"earning": earning}),
            "market": scenario.market.model_copy(update={"refunds": Refunds(share=0.1, after_days=9)}),
        }
    )
    return scenario, forecast(scenario, months=12, members=300, replications=4, budget=2000.0)


def loyalsim(*words):
    command = [sys.executable, "-m", "loyalsim.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


def test_the_answer_tells_cost_band_risk_warning_and_what_is_owed(statement):
    said = answer(statement)
    total = statement.cost_values.sum(axis=1)
    risk = statement.forecast.budget
    assert money(total.mean(), "EUR") in said
    assert money(float(np.quantile(total, 0.9, method="weibull")), "EUR") in said
    assert money(risk.at_risk, "EUR") in said and "95\u00a0% quantile" in said
    assert statement.forecast.months[risk.early_warning].strftime("%B %Y") in said
    assert money(statement.closing()[-1], "EUR") in said


def test_a_budget_with_room_says_so():
    said = budget_sentence(made_up(budget=5e6))
    assert "leaves" in said and "of room" in said and "no month end comes to a warning" in said


def test_a_warning_that_passes_says_until_when():
    s = made_up()
    cost = s.cost_values
    plan = cost.max(axis=0) * 1.1
    plan[:3] = 0.0, plan[1], plan[2] + plan[0]
    risk = budget_at_risk(cost, plan)
    said = budget_sentence(replace(s, forecast=replace(s.forecast, budget=risk)))
    first, last = (s.forecast.months[m].strftime("%B %Y") for m in (0, risk.ahead_until))
    assert risk.ahead_until == 1 and risk.probability == 0
    assert f"comes in {first} and is over after {last}, where the budget catches up" in said


def test_the_page_needs_nothing_from_outside_and_closes_its_tags(page):
    class Tags(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.refs = [], []

        def handle_starttag(self, tag, attrs):
            self.refs += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v and not v.startswith(("#", "data:"))]
            if tag not in ("meta", "link", "br", "img", "use", "path"):
                self.open.append(tag)

        def handle_endtag(self, tag):
            if tag in self.open:
                assert self.open.pop() == tag

    tags = Tags()
    tags.feed(page)
    assert tags.refs == [] and tags.open == []
    assert "<script" not in page and len(re.findall('<svg[^>]*class="figure wide"', page)) == 7
    assert "nan" not in re.sub(r"<[^>]*>", " ", page).lower().split()


def test_text_of_others_is_shown_not_obeyed(page):
    assert "&lt;b&gt;without&lt;/b&gt;" in page and "panel &lt;2025&gt;" in page


def test_the_page_lists_assumptions_notes_provenance_and_scenarios(statement, page):
    for text in ("basket, median", "ab" * 32, "Scenarios side by side", "company&#39;s own", "replication 1 of 12"):
        assert text in page


def test_shocks_are_told_where_the_population_states_some_and_not_by_the_names_of_assumptions(statement):
    named = replace(statement.forecast.assumptions[0], name="shocks: of the till")
    for week in (0.0, 0.1):
        population = load("cash-back").population.model_copy(update={"shocks": Shocks(purchases=Spread(week=week))})
        found = forecast(load("cash-back").model_copy(update={"population": population}), months=1, members=20, replications=2)
        shown = replace(statement.forecast, shocked=found.shocked, assumptions=[named])
        page = forecast_page([replace(statement, forecast=shown)])
        assert ("but for shocks to all members at once" in page) == (week > 0)


def test_the_members_that_were_simulated_stand_among_the_assumptions():
    """The scenario's own number too, where another was asked for: its fixed cost is for those."""
    cash = load("cash-back")
    own, fixed = cash.population.members, "members for whom fixed cost is stated"
    few = cash.model_copy(update={"population": cash.population.model_copy(update={"members": 25})})
    for scenario, asked, rows in (
        (few, None, [("members at the start", "25")]),
        (few, 25, [("members at the start", "25")]),
        (cash, 30, [("members at the start", "30"), (fixed, integer(own))]),
    ):
        found = forecast(scenario, months=1, members=asked, replications=1)
        assert [(a.name, a.value) for a in found.assumptions if a.unit == "members"] == rows


@pytest.mark.parametrize("key", [
    "purchase_rate__mean", "purchase_rate__shape", "regularity", "leaving__a", "leaving__return_rate", "basket__median",
    "basket__sigma", "basket__sigma_between", "basket__rate_correlation", "season", "growth", "history_days",
    "new_members_per_month", "first_purchase_on_joining", "segments", "posterior", "shocks",
])  # fmt: skip
def test_every_number_of_the_members_stands_among_the_assumptions(key):
    """Each moves the forecast, so a reader must find it."""
    base = RICH["population"]
    for step in key.split("__"):
        base = base.get(step, {}) if isinstance(base, dict) else base
    kinds = [{"name": "town", "share": 0.5, "rate": 1.4}, {"name": "country", "share": 0.5}]
    other = {"season": None, "history_days": [5.0, 200.0], "first_purchase_on_joining": False, "segments": kinds, "regularity": 3,
             "posterior": {"parameters": ["growth"], "covariance": [[0.01]]}, "shocks": {"baskets": {"level": 0.1}}}  # fmt: skip
    changed = made_of(RICH, **{f"population__{key}": other[key] if key in other else base / 2})
    assert assumptions_of(made_of(RICH), 100) != assumptions_of(changed, 100)


def test_what_the_model_itself_takes_for_granted_is_said():
    notes = " ".join(forecast(load("cash-back"), months=1, members=20, replications=1).notes)
    assert "at most 4 times" in notes and "does not reproduce" in notes and "What competitors do" in notes


def test_an_axis_names_ten_months_at_most():
    """As many as have room beside each other, the first always, and the same number of months apart."""
    months = [dt.date(2027 + k // 12, 1 + k % 12, 28) for k in range(120)]
    for n in range(1, 121):
        places = list(labelled(months[:n]))
        assert places[0] == 0 and len(places) <= 10 and len(set(np.diff(places))) <= 1
        assert n < 10 or len(places) >= 4


def test_quarters_of_the_roll_forward_add_up_to_the_whole_period(statement):
    def cents(text):
        return int(text.replace(",", "").replace("\u2212", "-").replace(".", ""))

    *quarters, silver, gold, whole = roll_rows(statement)
    for k, name in enumerate(ROLL):
        column = [cents(row["cells"][k]) for row in quarters]
        if ROLL[name]:
            assert sum(column) == cents(whole["cells"][k])
        assert cents(silver["cells"][k]) + cents(gold["cells"][k]) == cents(whole["cells"][k])
    first, last = list(ROLL).index("opening"), list(ROLL).index("closing")
    assert whole["cells"][first] == quarters[0]["cells"][first] and whole["cells"][last] == quarters[-1]["cells"][last]


def test_page_workbook_and_summary_say_the_same(statement):
    files = forecast_files([statement])
    told = json.loads(files["summary.json"])
    sheet = openpyxl.load_workbook(io.BytesIO(files["forecast.xlsx"]), data_only=True)["Summary"]
    shown = {row[0]: row[1] for row in sheet.iter_rows(min_row=7, max_col=2, values_only=True) if row[0]}
    assert shown["Cost over 14 months, mean"] == pytest.approx(told["cost"]["mean"])
    assert shown["Cost, P90"] == pytest.approx(told["cost"]["p90"])
    assert shown["Deferred revenue at the end"] == pytest.approx(told["deferred_revenue"])
    assert shown["Chance to overrun the budget"] == told["budget"]["overrun"]
    assert shown["Net margin, mean"] == pytest.approx(statement.forecast.of("net_margin").sum(axis=1).mean(), abs=1.3)
    assert told["answer"] in files["forecast.html"]
    assert sheet["A4"].value == told["answer"]


def test_one_replication_shows_no_band():
    alone = made_up(replications=1, budget=None)
    page = forecast_page([alone])
    assert "One replication shows no spread" in page and "P10 to P90" not in answer(alone)
    assert "How wrong it can be" not in page
    assert summary(alone)["cost"]["p90"] is None


def test_the_value_of_a_point_is_what_the_rewards_give():
    assert point_value(load("cash-back")) == 2
    assert point_value(load("no-programme")) == 0


def test_a_simulated_forecast_ties_through_to_every_check(simulated):
    scenario, found = simulated
    statement = statement_of(found, scenario)
    assert set(statement.liability.differences(found).values()) == {0}
    book = openpyxl.load_workbook(io.BytesIO(forecast_files([statement])["forecast.xlsx"]), data_only=True)
    rows = [row for row in book["Checks"].iter_rows(min_row=7, values_only=True) if row[0]]
    assert [row[0] for row in rows if row[6] is not True] == []
    assert len([row for row in rows if row[0].startswith("Forecast ties")]) == 5
    assert found.of("refunds").sum() > 0 and statement.roll.total()["clawed_back"].sum() > 0


def test_what_is_deferred_is_for_the_points_that_the_books_hold(simulated):
    scenario, found = simulated
    s = statement_of(found, scenario)
    moves = s.point_moves()
    held, waiting = s.roll.points.outstanding()[:, -1].sum(), int(moves["pending"][-1])
    assert waiting > 0 and held == moves["outstanding"][-1]
    assert f"for {integer(held)} points outstanding, {integer(waiting)} of which cannot be spent yet." in answer(s)


def test_scenarios_side_by_side_are_means(statement):
    """Of what is deferred too, though the books shown are of one course of events."""
    row = scenario_rows([statement, made_up(name="other", seed=8)])[-1]
    low, _, high, mean = statement.closing_spread()[-1]
    assert row["cells"][0] == (money(mean), f"{money(low)} to {money(high)}")


def test_twice_the_value_of_a_point_defers_nearly_twice_as_much(simulated):
    scenario, found = simulated
    one, two = (statement_of(found, scenario, Fraction(v, 100)).closing()[-1] for v in (2, 4))
    assert 1.9 < two / one < 2


def test_the_table_has_the_cost_of_the_answer(statement):
    cost, parts = (next(r for r in total_rows(statement) if r["title"] == t) for t in ("Cost", "Benefit cost"))
    assert all(f"{cost[name]}\u00a0" in answer(statement) for name in ("mean", "p10", "p90"))
    assert float(cost["worth"].replace(",", "")) > float(parts["worth"].replace(",", ""))


def test_the_share_of_sales_is_one_number_in_answer_and_table(simulated):
    scenario, made = simulated
    statement = statement_of(made, scenario)
    share = total_rows(statement)[-1]["mean"]
    assert f"({share} of gross sales)" in answer(statement)
    cost, sales = (made.of(line).sum() for line in ("benefit_cost", "gross_sales"))
    assert share == percent((cost + made.of("fixed_cost").sum()) / sales)


def test_without_points_there_is_a_forecast_and_no_books():
    scenario = load("no-programme")
    statement = statement_of(forecast(scenario, months=6, members=100, replications=2), scenario)
    assert statement == Statement(statement.forecast)
    with pytest.raises(InputError, match="no-programme have no value to defer"):
        statement_of(statement.forecast, scenario, opening=10_000)
    page = forecast_files([statement])["forecast.html"]  # nor a cost, so no chart of it in the workbook
    assert "What is owed for points" not in page and "No points are issued" in page
    assert [row["title"] for row in total_rows(statement)][:2] == ["Gross sales", "Net sales"]


def test_the_command_writes_the_same_bytes_twice(tmp_path):
    words = ("forecast", "cash-back", "--months", "6", "--members", "200", "--replications", "3", "--budget", "500")
    for name in ("a", "b"):
        done = loyalsim(*words, "--out", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
    assert "cash-back is expected to cost" in done.stdout
    found = {path.name for path in (tmp_path / "a").iterdir()}
    assert found == set(NAMES)
    for name in found:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    costs = []
    for name in ("runs", "reruns"):  # luck and parameters are told apart from the folder alone
        table = pd.read_parquet(tmp_path / "a" / f"{name}.parquet")
        of_cost = table[table["measure"].isin(["benefit_cost", "fixed_cost"]) & (table["scenario"] == "cash-back")]
        assert sorted(set(of_cost["month"])) == list(range(6))
        costs.append(of_cost.groupby("replication")["value"].sum())
    whole, luck = costs
    share = (whole - luck).var() / ((whole - luck).var() + luck.var())
    told = json.loads((tmp_path / "a" / "summary.json").read_text())["cost"]
    assert 0 < told["parameter_sd"] == pytest.approx((share * whole.var()) ** 0.5)
    assert told["luck_sd"] == pytest.approx(((1 - share) * whole.var()) ** 0.5) and told["mean"] == pytest.approx(whole.mean())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "nowhere"),
        (("cash-back", "--point-value", "much"), "much"),
        (("cash-back", "--point-value", "0"), "worth more than 0"),
        (("cash-back", "--point-value", "1e400"), "1,000,000 at most"),
        (("cash-back", "--months", "0"), "months"),
        (("cash-back", "--budget", "inf"), "--budget: found inf, allowed is an amount from 0 to 1,000,000,000,000"),
        (("cash-back", "--budget", "none.csv"), "--budget: found 'none.csv', allowed is an amount, or a table of month"),
        (("cash-back", "OTHER"), "other: horizon.start: found 2031-05-01, allowed is"),
        (("cash-back", "OTHER"), "other: market.currency: found JPY, allowed is CNY, that of cash-back"),
    ],
)
def test_mistakes_are_told_in_a_sentence_with_exit_code_2(tmp_path, words, said):
    other = tmp_path / "other.yaml"
    other.write_text("extends: cash-back\nmarket: {currency: JPY}\nhorizon: {start: 2031-05-01}\n")
    words = [str(other) if word == "OTHER" else word for word in words]
    done = loyalsim("forecast", *words, "--out", str(tmp_path / "x"))
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists()


def test_books_that_see_further_defer_more_and_tie_to_the_same_forecast(simulated):
    scenario, found = simulated
    further = forecast(scenario, months=12, members=300, replications=4, budget=2000.0, beyond=24)
    assert np.array_equal(further.point_values, found.point_values) and len(further.longer.months) == 36
    blind, seeing = statement_of(found, scenario), statement_of(further, scenario)
    assert set(seeing.liability.differences(found).values()) == {0}
    assert seeing.closing()[-1] > 1.05 * blind.closing()[-1]
    book = openpyxl.load_workbook(io.BytesIO(forecast_files([seeing])["forecast.xlsx"]), data_only=True)
    assert book["Checks"]["B4"].value is True


@pytest.fixture
def members(tmp_path):
    path = tmp_path / "members.csv"
    rows = [f"m{k},2025-03-01,2026-11-20,{-40 if k == 3 else 100 * (k % 7)}" for k in range(60)]
    path.write_text("member,joined,last_purchase,balance\n" + "\n".join(rows) + "\n")
    return path


def test_a_forecast_starts_from_the_snapshot_of_a_live_programme(members, tmp_path):
    kept, out = tmp_path / "kept", tmp_path / "out"
    done = loyalsim("snapshot", str(members), "--scenario", "cash-back", "--as-of", "2026-12-31", "--out", str(kept))
    assert done.returncode == 0, done.stderr
    words = ("--from", str(kept), "--months", "4", "--run-off", "6", "--replications", "2")
    done = loyalsim("forecast", "cash-back", *words, "--out", str(out))
    assert done.returncode == 0, done.stderr
    told = json.loads((out / "summary.json").read_text())
    assert told["provenance"]["members"] == 60
    assert (told["provenance"]["start"], told["provenance"]["end"]) == ("2027-01-01", "2027-04-30")
    assert any("negative balances: 1" in note for note in told["left_out"])
    book = openpyxl.load_workbook(out / "forecast.xlsx", data_only=True)
    assert book["Points ledger"]["B5"].value == sum(100 * (k % 7) for k in range(60) if k != 3)
    assert book["Checks"]["B4"].value is True


def test_the_snapshot_command_lists_what_does_not_add_up(members, tmp_path):
    out = tmp_path / "s"
    done = loyalsim("snapshot", str(members), "--as-of", "2026-12-31", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "negative balances: 1 found, 40 points" in done.stdout and "no programme" not in done.stdout
    assert {path.name for path in out.iterdir()} == {
        "snapshot.json", "members.parquet", "reconciliation.html", "differences.csv", "rows.csv"
    }  # fmt: skip
    assert "negative balances,1,40" in (out / "differences.csv").read_text()
    assert (out / "rows.csv").read_text().splitlines()[1] == "negative balances,m3,-40,0"
    page = (out / "reconciliation.html").read_text()
    assert "negative balances" in page and "No programme was asked" in page and "m3" in page
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    members.write_text(members.read_text().replace("member,", "email,", 1))
    done = loyalsim("snapshot", str(members), "--as-of", "2026-12-31", "--out", str(out))
    assert done.returncode == 2 and "looks like personal data" in done.stderr and "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_table_given_as_a_snapshot_is_refused(members, tmp_path):
    done = loyalsim("forecast", "cash-back", "--from", str(members), "--out", str(tmp_path / "x"))
    assert done.returncode == 2 and "is no snapshot" in done.stderr
