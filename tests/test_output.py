"""A folder that cannot be written is told before the work; what is written is whole."""

import os
import stat
import subprocess
import sys
import time

import pytest

from scenarios.output import Target, write_whole
from sim.errors import InputError


def test_an_earlier_result_may_be_replaced_and_nothing_else(tmp_path):
    out = tmp_path / "a" / "b"
    target = Target(out, "page.html", "data")
    assert not (tmp_path / "a").exists()  # the check leaves nothing behind
    target.write({"page.html": "1", "data/x.csv": "x"})
    Target(out, "page.html", "data").write({"page.html": "2"})
    assert (out / "page.html").read_text() == "2" and not (out / "data").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a"] and [p.name for p in out.parent.iterdir()] == ["b"]
    (out / "thesis.doc").write_text("mine")
    with pytest.raises(InputError, match=r"already holds 'thesis.doc'"):
        Target(out, "page.html")


def test_files_that_were_not_named_are_a_mistake_of_the_program(tmp_path):
    with pytest.raises(RuntimeError, match=r"other\.html"):
        Target(tmp_path / "x", "page.html").write({"other.html": ""})
    assert not (tmp_path / "x").exists()


def test_where_no_folder_can_be_is_told_at_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file; give the name of a folder"):
        Target(tmp_path / "file", "a")
    with pytest.raises(InputError, match="cannot be written"):
        Target(tmp_path / "file" / "x", "a")
    with pytest.raises(InputError, match="cannot be written"):
        Target("/proc/nowhere/x", "a")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="is the folder that you are in"):
        Target(".", "a")
    if os.geteuid():
        (tmp_path / "locked").mkdir()
        (tmp_path / "locked").chmod(stat.S_IRUSR | stat.S_IXUSR)
        with pytest.raises(InputError, match="cannot be written"):
            write_whole(tmp_path / "locked" / "x", {"a": ""})


@pytest.mark.parametrize(
    "words",
    [
        ("run", "p4"), ("compare", "p4", "cash-back"), ("demo",), ("forecast", "p4"),
        ("calibrate", "sales.csv", "--member", "a", "--date", "b", "--value", "c"),
        ("experiment", "plan", "x.yaml"), ("experiment", "predict", "x.yaml"), ("experiment", "assign", "m.csv", "x.yaml"),
        ("experiment", "read", "live.csv", "x.yaml"), ("experiment", "check", "P", "R"),
        ("experiment", "recalibrate", "P", "R"), ("experiment", "record", "P", "R"),
    ],
)  # fmt: skip
def test_every_command_asks_before_it_works(tmp_path, words):
    (tmp_path / "file").write_text("")
    begun = time.monotonic()
    command = [sys.executable, "-m", "loyalsim.cli", *words, "--out", str(tmp_path / "file" / "x")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines() == [f"{tmp_path / 'file' / 'x'}: cannot be written (Not a directory)"]
    assert time.monotonic() - begun < 60
