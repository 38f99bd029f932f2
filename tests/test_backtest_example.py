"""The walk through docs/backtest.md goes as it is told."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "backtest.md").read_text(encoding="utf-8")


def test_the_walk_runs_and_says_what_the_page_says(tmp_path):
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "examples")
    folder = tmp_path / "examples" / "backtest"
    told = TEXT[TEXT.index("## A walk through") : TEXT.index("## The tables")]
    lines = re.findall(r"^    (?!cd)(.*)$", told.replace("\\\n", ""), re.MULTILINE)
    commands = [shlex.split(line, comments=True) for line in lines]
    assert [c[:2] for c in commands] == [["python", "pretend.py"], ["loyalsim", "backtest"]]
    runs = [[sys.executable, *commands[0][1:]], [sys.executable, "-m", "loyalsim.cli", *commands[1][1:]]]
    said = ""
    for run in runs:
        done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        said += done.stdout
    quoted = re.findall(r"^> (.*)$", TEXT, re.MULTILINE)
    assert quoted and all(sentence in said for sentence in quoted)
    assert (folder / "B" / "backtest.html").exists()


def test_the_page_names_every_option():
    done = subprocess.run(
        [sys.executable, "-m", "loyalsim.cli", "backtest", "--help"], capture_output=True, text=True, check=True,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin", "NO_COLOR": "1", "TERM": "dumb"},
    )  # fmt: skip
    options = set(re.findall(r"--[a-z][a-z-]+", done.stdout)) - {"--help", "--replications", "--seed"}
    assert len(options) >= 11
    assert {option for option in options if option not in TEXT} == set()
