"""The walk through docs/finance.md goes as it is told."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "finance"
TEXT = (ROOT / "docs" / "finance.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("walk") / "finance"
    shutil.copytree(EXAMPLE, place)
    return place


def walk():
    told = TEXT[TEXT.index("## A walk through") : TEXT.index("## The tables")]
    return [shlex.split(line) for line in re.findall(r"^    (loyalsim .*)$", told.replace("\\\n", ""), re.MULTILINE)]


def test_every_command_of_the_walk_runs_and_says_what_the_page_says(folder):
    commands = walk()
    assert [c[1] for c in commands] == ["snapshot", "forecast"]
    said = ""
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "loyalsim.cli", *command[1:]], cwd=folder, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said += done.stdout
    quoted = re.findall(r"^> (.*)$", TEXT, re.MULTILINE)
    assert quoted and all(sentence in said for sentence in quoted)
    assert said.count("With ") == 2 and "If the programme closed on 2027-01-01" in said
    assert openpyxl.load_workbook(folder / "F" / "forecast.xlsx", data_only=True)["Checks"]["B4"].value is True


def test_the_tables_of_the_page_are_those_that_are_read():
    from scenarios.finance.snapshot_tables import COUPONS, LOTS, MEMBERS

    for title, columns in (("MEMBERS", MEMBERS), ("LOTS", LOTS), ("COUPONS", COUPONS)):
        table = TEXT[TEXT.index(f"| {title} |") :].split("\n\n")[0]
        assert set(re.findall(r"`(\w+)`", table)) == set(columns), title


def test_the_pretended_tables_can_be_made_again(folder):
    before = {name: pd.read_csv(folder / name, nrows=5).columns.tolist() for name in ("members.csv", "lots.csv")}
    done = subprocess.run([sys.executable, "pretend.py"], cwd=folder, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    for name, columns in before.items():
        made = pd.read_csv(folder / name)
        assert made.columns.tolist() == columns and len(made) > 400
