"""The workbook: what its formulas say is what they hold, recomputed here by another program and to the cent."""

import datetime as dt
import io
import re
import shutil
import subprocess
import zipfile

import numpy as np
import openpyxl
import pytest
from forecast_helpers import made_up

from reports.workbook import workbook
from scenarios.finance.cost_view import LINES as COST
from scenarios.finance.forecast_document import LINES
from scenarios.finance.roll_forward import LINES as ROLL

SOFFICE = shutil.which("soffice")
PDFTOTEXT = shutil.which("pdftotext")


@pytest.fixture(scope="module")
def statement():
    return made_up()


@pytest.fixture(scope="module")
def made(statement):
    return workbook([statement, made_up(name="other", seed=8)])


def opened(content, values=True):
    return openpyxl.load_workbook(io.BytesIO(content), data_only=values)


def forgotten(content):
    """The workbook without the values of its formulas: whoever shows numbers has computed them."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name.startswith("xl/worksheets/sheet"):
                data = re.sub(rb"(</f>)<v>[^<]*</v>", rb"\1", data)
            new.writestr(name, data)
    return out.getvalue()


def recomputed(content, folder):
    """Values after a headless conversion by a spreadsheet program that is given none."""
    (folder / "in").mkdir()
    (folder / "in" / "book.xlsx").write_bytes(forgotten(content))
    done = subprocess.run(
        [SOFFICE, f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", "xlsx", "--outdir",
         str(folder / "out"), str(folder / "in" / "book.xlsx")], capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and (folder / "out" / "book.xlsx").exists(), done.stderr
    return openpyxl.load_workbook(folder / "out" / "book.xlsx", data_only=True)


def formulas(content):
    for sheet in opened(content, values=False):
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    yield sheet.title, cell.coordinate, cell.value


@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not installed: formulas are not recomputed by another program")
def test_another_program_recomputes_every_formula_to_the_value_it_carries(made, tmp_path):
    ours, theirs = opened(made), recomputed(made, tmp_path)
    compared, wrong = 0, []
    for sheet, at, formula in formulas(made):
        mine, found = ours[sheet][at].value, theirs[sheet][at].value
        same = found == mine if isinstance(mine, (bool, str)) else found == pytest.approx(mine, rel=1e-12, abs=1e-6)
        same = same and isinstance(found, bool) is isinstance(mine, bool)
        compared += 1
        if not same:
            wrong.append((sheet, at, formula, mine, found))
    assert wrong == []
    assert compared > 500
    assert theirs["Checks"]["B4"].value is True


def test_no_formula_is_without_a_value_and_none_is_an_error(made):
    book = opened(made)
    for sheet, at, formula in formulas(made):
        value = book[sheet][at].value
        assert value is not None and not str(value).startswith("#"), (sheet, at, formula)


def test_every_check_reads_true(made):
    rows = [row for row in opened(made)["Checks"].iter_rows(min_row=7, values_only=True) if row[0]]
    assert len(rows) > 25
    assert [row[0] for row in rows if row[6] is not True] == []
    names = " ".join(row[0] for row in rows)
    for kind in ("Roll-forward balances", "Tiers add up", "Points ledger ties", "Forecast ties", "Totals: cost lines"):
        assert kind in names


@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not installed: formulas are not recomputed by another program")
@pytest.mark.parametrize(
    ("sheet", "cell", "check"),
    [
        ("Roll-forward by tier", "D8", "Roll-forward balances"),
        ("Points ledger", "D8", "Points ledger ties"),
        ("Forecast", "B8", "Forecast: Tier price"),
        ("Incremental cost", "C8", "Incremental cost balances"),
        ("Incremental cost", "I8", "Incremental cost of points"),
    ],
)
def test_a_number_that_somebody_changed_turns_its_check_false(made, tmp_path, sheet, cell, check):
    book = opened(made, values=False)
    assert book[sheet][cell].data_type == "n"
    book[sheet][cell].value += 1000
    changed = io.BytesIO()
    book.save(changed)
    found = recomputed(changed.getvalue(), tmp_path)["Checks"]
    assert {row[0]: row[6] for row in found.iter_rows(min_row=7, values_only=True)}[check] is False
    assert found["B4"].value is False


def test_the_roll_forward_of_the_sheet_is_that_of_the_books(statement, made):
    rows = list(opened(made)["Roll-forward"].iter_rows(min_row=5, max_row=18, values_only=True))
    total = statement.roll.total()
    for k, name in enumerate(ROLL):
        sign = ROLL[name] or 1
        assert [round(100 * row[1 + k]) for row in rows] == (sign * total[name]).tolist()
    np.testing.assert_allclose([row[10:13] for row in rows], statement.closing_spread()[:, :3])


def test_the_incremental_cost_view_is_on_its_sheet_by_month(statement, made):
    rows = list(opened(made)["Incremental cost"].iter_rows(min_row=5, max_row=18, values_only=True))
    total = statement.cost.total()
    for k, name in enumerate(COST):
        assert [round(100 * row[1 + k]) for row in rows] == ((COST[name] or 1) * total[name]).tolist()
    assert [row[8] for row in rows] == statement.cost.to_come.tolist() and {row[9] for row in rows} == {0.008}


def test_chain_ladder_of_the_sheet_is_that_of_the_library(statement, made):
    sheet, found = opened(made)["Cohort triangle"], statement.ladder()
    heads = [c.value for c in sheet[4]]
    ultimate = heads.index("Redeemed in the end")
    months = len(statement.forecast.months)
    column = [sheet.cell(5 + r, ultimate + 1).value for r in range(months)]
    np.testing.assert_allclose(column, found.development.ultimates, rtol=1e-12)
    rate = sheet.cell(5 + months, heads.index("Rate of the cohort") + 1).value
    assert rate == pytest.approx(found.development.aggregate_rate)
    assert sheet.cell(5 + months, heads.index("To come") + 1).value == pytest.approx(found.reserve)
    assert sheet.cell(5 + months, heads.index("Standard error (Mack)") + 1).value == pytest.approx(found.total_se)


def test_the_forecast_sheet_holds_the_means_and_the_spread_sheet_everything(statement, made):
    f, book = statement.forecast, opened(made)
    rows = list(book["Forecast"].iter_rows(min_row=5, max_row=18, values_only=True))
    assert [row[0].date() for row in rows] == f.months
    np.testing.assert_allclose([row[1] for row in rows], f.of("tier_discount").mean(axis=0), atol=0.0051)
    spread = list(book["Spread"].iter_rows(min_row=5, values_only=True))
    assert len(spread) == len(f.months) * len(LINES)
    np.testing.assert_allclose([row[5] for row in spread], f.lines["p90"])


def test_the_same_forecast_gives_the_same_bytes(made):
    assert workbook([made_up(), made_up(name="other", seed=8)]) == made
    assert opened(made).properties.created == dt.datetime(2000, 1, 1)


def test_text_that_looks_like_a_formula_stays_text(made):
    cells = [cell for row in opened(made, values=False)["Assumptions"].iter_rows() for cell in row]
    source = next(cell for cell in cells if cell.value == "=cmd()|'x'!A1")
    assert source.data_type == "s" or source.quotePrefix or "<f>" not in _sheet_xml(made, 2)


def _sheet_xml(content, number):
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return book.read(f"xl/worksheets/sheet{number}.xml").decode()


def test_every_sheet_has_frozen_panes_print_set_up_and_charts_where_promised(made):
    book = opened(made, values=False)
    for sheet in book:
        assert sheet.page_setup.paperSize == 9 and sheet.page_setup.fitToHeight == 0
        assert sheet.freeze_panes is not None or sheet.title == "Summary"
    with zipfile.ZipFile(io.BytesIO(made)) as content:
        charts = [name for name in content.namelist() if re.fullmatch(r"xl/charts/chart\d+\.xml", name)]
    assert len(charts) == 5


def test_a_programme_without_points_or_budget_or_luck_has_a_workbook_too(statement):
    alone = made_up(replications=1, budget=None)
    bare = type(statement)(alone.forecast)
    book = opened(workbook([bare]))
    assert "Roll-forward" not in book.sheetnames and "Scenarios" not in book.sheetnames
    assert book["Checks"]["B4"].value is True


@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not installed: nothing here can print the workbook")
def test_the_workbook_prints(made, tmp_path):
    """Conditional formats on pages in landscape brought LibreOffice 7.4 down when it printed."""
    (tmp_path / "book.xlsx").write_bytes(made)
    command = [SOFFICE, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "pdf"]
    done = subprocess.run([*command, "--outdir", str(tmp_path), str(tmp_path / "book.xlsx")], capture_output=True, text=True,
                          timeout=180, check=False)  # fmt: skip
    assert (tmp_path / "book.pdf").exists(), done.stderr
    if PDFTOTEXT is not None:
        command = [PDFTOTEXT, "-layout", str(tmp_path / "book.pdf"), "-"]
        text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        assert re.findall(r"^All checks hold +(\S+)", text, re.MULTILINE) == ["TRUE", "TRUE"]  # on the summary and on the checks
