"""The walk of one experiment goes as README and the example tell it: their very commands, on fewer members and draws."""

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from experiments.document_file import load_document
from experiments.documents import Prediction
from experiments.effect_words import effect_text
from loyalsim import cli
from loyalsim.experiment import app

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "experiment"
FEWER = {"plan": ["--repeats", "20"], "predict": ["--draws", "150"]}


def commands(document):
    """The commands that a document tells to type in the example's folder, in their order."""
    text = (ROOT / document).read_text(encoding="utf-8")
    if document == "README.md":
        text = text[text.index("    cd docs/examples/experiment ") : text.index("**Finance:")]
    lines = re.findall(r"^    ((?:loyalsim|python) .*)$", text, re.MULTILINE)
    return [shlex.split(part, comments=True) for line in lines for part in line.split("&&")]


def python(command):
    runpy.run_path(command[1], run_name="__main__")


def loyalsim(command):
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code, command


@pytest.mark.parametrize("document", ["README.md", "docs/examples/experiment/README.md"])
def test_every_command_of_the_walk_runs_and_leaves_its_page(document, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(shutil.copytree(EXAMPLE, tmp_path / "walk"))
    plan = Path("experiment.yaml").read_text(encoding="utf-8")
    assert plan.count("members: 36000") == 1
    Path("experiment.yaml").write_text(plan.replace("members: 36000", "members: 1500"), encoding="utf-8")
    said = {}
    for command in commands(document):
        step = command[2] if command[0] == "loyalsim" else " ".join(command[:3])
        monkeypatch.setattr(sys, "argv", command[command[0] == "python" :] + FEWER.get(step, []))
        {"python": python, "loyalsim": loyalsim}[command[0]](command)
        printed = capsys.readouterr()
        assert printed.err == "", command
        said[step] = printed.out
        if "--out" in command:
            (page,) = Path(command[command.index("--out") + 1]).glob("*.html")
            assert f"Report: {page}" in printed.out and page.read_text(encoding="utf-8").endswith("</html>\n")
    steps = [one.name or one.callback.__name__ for one in app.registered_commands]
    walked = [step for step in said if not step.startswith("python")]
    assert walked == [step for step in steps if step in said]  # in the order of an experiment's life
    assert set(walked) == set(steps) - ({"recalibrate", "record"} if document == "README.md" else set())
    assert "1,500 of 1,500 members are eligible" in said["assign"]
    for row in load_document("P/prediction.json", Prediction).rows[:3]:
        stated = f"{row.metric}, coupon: predicted {effect_text(row.effect)} {row.unit}, so that a live result between"
        assert stated in said["check"] and f"{row.metric}, coupon against control: " in said["read"]
