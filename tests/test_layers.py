"""The layers import only downward: sim <- scenarios <- experiments <- reports <- loyalsim."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("sim", "scenarios", "experiments", "reports", "loyalsim")


def imported(tree):
    """Top-level names of every import, those inside functions and of the dotted-text kind too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield str(node.module).partition(".")[0], node.lineno
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module", "__import__",
        ):  # fmt: skip
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value.partition(".")[0], node.lineno


def upward(source, layer):
    above = LAYERS[LAYERS.index(layer) + 1 :]
    return [(name, line) for name, line in imported(ast.parse(source)) if name in above]


@pytest.mark.parametrize("layer", LAYERS)
def test_no_layer_imports_one_above_it(layer):
    files = sorted((ROOT / layer).rglob("*.py"))
    assert files
    found = {str(path.relative_to(ROOT)): upward(path.read_text(encoding="utf-8"), layer) for path in files}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_the_check_sees_imports_of_every_kind():
    source = "import reports.page\ndef f():\n    from experiments import check\n    import_module('loyalsim.cli')\n"
    assert upward(source, "scenarios") == [("reports", 1), ("experiments", 3), ("loyalsim", 4)]
    assert upward("import sim.errors", "scenarios") == []


@pytest.mark.parametrize("layer", ["sim", "scenarios", "experiments", "reports"])
@pytest.mark.parametrize("file", ["{}/__init__.py", "{}.py"])
def test_a_package_that_hides_a_layer_is_told_and_not_run(layer, file, tmp_path):
    """A script of that name that uses loyalsim finds itself where the layer should be."""
    mine = tmp_path / file.format(layer)
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("import loyalsim\nloyalsim.load('p4')\nraise SystemExit('was run')\n")
    done = subprocess.run([sys.executable, "-c", "import loyalsim"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: loyalsim needs its own package {layer!r}")
    assert str(tmp_path / layer) in last and "Rename" in last


@pytest.mark.parametrize("written", ["{}", "{}/./", "{}/sim/.."])
def test_the_layers_are_found_however_their_folder_is_written(written, tmp_path):
    code = f"import sys; sys.path.insert(0, {written.format(ROOT)!r}); import loyalsim"
    subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=True)


def test_the_facade_offers_what_it_says():
    import loyalsim

    assert loyalsim.load("cash-back").name == "cash-back"
    assert loyalsim.InputError.__module__ == "sim.errors"
    assert set(loyalsim.__all__) <= set(dir(loyalsim))
    with pytest.raises(AttributeError, match="loyalsim has no 'lod'"):
        loyalsim.lod  # noqa: B018
