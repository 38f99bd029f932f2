"""The page of a backtest says first whether to trust it; the command writes it whole, or says in a sentence why not."""

import json
import re
import sys
from io import StringIO

import pandas as pd
import pytest
from backtest_helpers import activity, programme

from loyalsim import cli
from reports.backtest import NAMES
from scenarios.resolved import resolved_yaml

DESIGN = programme(members=250, months=10, new=0.02)
OPTIONS = ["--member", "member", "--date", "day", "--value", "value"]
POINTS = [
    "--points-earned",
    "earned",
    "--points-redeemed",
    "redeemed",
    "--cost",
    "cost",
    "--tier",
    "tier",
    "--purchases",
    "purchases",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backtest")
    activity(DESIGN, 8).to_csv(folder / "activity.csv", index=False)
    (folder / "design.yaml").write_text(resolved_yaml(DESIGN), encoding="utf-8")
    return folder


@pytest.fixture
def command(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["loyalsim", "backtest", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        printed = capsys.readouterr()
        return left.value.code or 0, printed.out, printed.err

    return call


@pytest.fixture(scope="module")
def result(files):
    """Written once, by the command."""
    out = files / "out"
    arguments = ["loyalsim", "backtest", files / "design.yaml", files / "activity.csv", *OPTIONS, *POINTS,
                 "--from", "2027-08-01", "--replications", "12", "--out", out]  # fmt: skip
    before = sys.argv
    sys.argv = list(map(str, arguments))
    try:
        with pytest.raises(SystemExit) as left:
            cli.main()
    finally:
        sys.argv = before
    assert not left.value.code
    return out


def test_the_command_writes_page_data_and_tables(result):
    assert {p.name for p in result.iterdir()} == set(NAMES)
    data = json.loads((result / "backtest.json").read_text(encoding="utf-8"))
    months = pd.read_csv(result / "months.csv")
    assert set(months.line) == set(data["lines"]) and len(months) == 3 * len(data["lines"])
    cost = data["lines"]["cost"]["whole_period"]
    assert months[months.line == "cost"].actual.sum() == pytest.approx(cost["actual"])
    assert cost["inside"] == (cost["p10"] <= cost["actual"] <= cost["p90"])
    plan = pd.read_csv(StringIO((result / "plan_against_actual.csv").read_text()), dtype=str)
    cents = plan.drop(columns="month").map(lambda x: int(x.replace(".", "")))
    assert (cents[["volume", "mix", "behaviour", "rate"]].sum(axis=1) == cents.difference).all()
    assert (cents.actual - cents.plan == cents.difference).all()
    assert data["provenance"]["fitted_to"] == "2027-07-31" and data["provenance"]["forecast_from"] == "2027-08-01"


def test_the_page_answers_first_and_needs_nothing_else(result):
    page = (result / "backtest.html").read_text(encoding="utf-8")
    data = json.loads((result / "backtest.json").read_text(encoding="utf-8"))
    text = re.sub(r"<(style|svg).*?</\1>", "", page, flags=re.DOTALL)
    first = re.search(r'<p class="answer">(.*?)</p>', text, re.DOTALL)
    assert first is not None and data["answer"].split(":")[0] in first.group(1)
    assert re.match(r"(Yes, you could|You could|No, you could not) have trusted it", data["answer"])
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", page)
    for heading in ("The whole period", "Month by month", "Against simple forecasts", "Plan against actual", "Do members react",
                    "What was fitted", "What was not possible", "How the table was read"):  # fmt: skip
        assert heading in text
    assert "7 months before the forecast; 12 are needed" in text  # the same month of last year
    assert data["provenance"]["digest_before"] in text


def test_the_same_seed_writes_the_same_bytes(result, files, command):
    code, out, _ = command(
        files / "design.yaml", files / "activity.csv", *OPTIONS, *POINTS, "--from", "2027-08-01", "--replications", 12,
        "--out", files / "again",
    )  # fmt: skip
    assert code == 0 and "trusted it" in out.splitlines()[0] and "backtest.html" in out
    for name in NAMES:
        assert (files / "again" / name).read_bytes() == (result / name).read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--from", "2027-08-02"], "allowed is the first of a month"),
        (["--from", "2030-01-01"], "allowed is one within"),
        (["--from", "2027-08-01", "--value", "worth"], "column 'worth' (the value) is missing"),
        (["--from", "2027-08-01", "--members", "nobody.csv"], "nobody.csv: there is no such file"),
    ],
)
def test_a_mistake_is_one_sentence_exit_code_2_and_nothing_written(files, command, change, message):
    out = files / "nothing"
    code, printed, err = command(files / "design.yaml", files / "activity.csv", *OPTIONS, "--tier", "tier", *change, "--out", out)
    assert code == 2 and message in err and not printed and not out.exists()
    assert "Traceback" not in err and len(err.splitlines()) == 1


def test_what_no_column_tells_is_not_trusted_in_silence(files, command):
    code, out, _ = command(
        files / "design.yaml", files / "activity.csv", *OPTIONS, "--tier", "tier", "--from", "2027-08-01", "--replications", 2,
        "--out", files / "bare",
    )  # fmt: skip
    assert code == 0 and "Not scored: cost of benefits, points redeemed and points outstanding." in out.splitlines()[0]


def test_too_few_rows_to_fit_are_told(files, command):
    few = pd.read_csv(files / "activity.csv").query("member < 'm00030'")
    few.to_csv(files / "few.csv", index=False)
    code, _, err = command(
        files / "design.yaml", files / "few.csv", *OPTIONS, "--tier", "tier", "--from", "2027-08-01", "--out", files / "nothing"
    )
    assert code == 2 and "members in the period to fit; at least 50 are needed" in err


def test_a_folder_with_other_things_is_left_alone(files, command):
    (files / "mine").mkdir()
    (files / "mine" / "notes.txt").write_text("keep")
    code, _, err = command(
        files / "design.yaml", files / "activity.csv", *OPTIONS, "--tier", "tier", "--from", "2027-08-01", "--out", files / "mine"
    )
    assert code == 2 and "notes.txt" in err and (files / "mine" / "notes.txt").read_text() == "keep"
