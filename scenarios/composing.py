"""One scenario out of the files it is written in: `extends`, parts in files of their own, rows by name."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

from scenarios.tree import Node, Place, Problem, found, read

LIBRARY = Path(__file__).parent / "library"
PARTS = ("population", "programme", "behaviour", "market", "economics", "horizon")
ROWS = (
    ("programme", "tiers"),
    ("programme", "rewards"),
    ("programme", "incentives"),
    ("population", "segments"),
    ("market", "categories"),
    ("behaviour", "own_effects"),
)
"""Lists of things with a name."""
LONGEST_NAME = 40
"""letters for which every drawing has room"""


def library_names() -> list[str]:
    """Names of the library scenarios."""
    return sorted(path.stem for path in LIBRARY.glob("*.yaml"))


def compose(path: Path, problems: list[Problem], population: Path | None = None) -> Node | None:
    """The whole tree of the scenario file `path`; population: file whose members take the place of its own."""
    made = _composed(path, problems, ())
    if made is None or population is None:
        return made
    if population.is_file():
        made.value["population"] = _part(population, made.place, problems)
    else:
        problems.append(Problem(Place("--population", 0), f"found {str(population)!r}, {_no_file(population, Path())}"))
    return made


def _composed(path: Path, problems: list[Problem], chain: tuple[Path, ...]) -> Node | None:
    """chain: the files that led here by extends."""
    tree = read(path, shown(path), problems)
    if tree is None:
        return None
    if not chain:
        _check_name(tree.value.setdefault("name", Node(path.stem, tree.place)), problems)
    extends = tree.value.pop("extends", None)
    for part in PARTS:
        if part in tree.value and isinstance(tree.value[part].value, str):
            tree.value[part] = _part_file(part, tree.value[part], path, problems)
    base = None if extends is None else _base(extends, path, problems, (*chain, path.resolve()))
    if base is not None:
        base.value.pop("name", None)  # a scenario has a name of its own
        base.value.pop("description", None)
    lost = extends is not None and (base is None or base.bad)
    made = over(base, tree, [] if lost else problems)  # which rows there are is not known then
    made.bad = lost
    return made


def _check_name(name: Node, problems: list[Problem]) -> None:
    """Every drawing and table bears the name."""
    if isinstance(name.value, str) and not (name.value.isprintable() and 1 <= len(name.value.strip()) <= LONGEST_NAME):
        said = f"allowed is text of 1 to {LONGEST_NAME} letters on one line"
        problems.append(Problem(name.place, f"name: found {found(name.value)}, {said}"))


def over(base: Node | None, own: Node, problems: list[Problem]) -> Node:
    """`own` over `base`: mappings key by key, rows by name, null takes a key away, all else replaces."""
    return _merge(base, own, (), problems)


def find(text: str, folder: Path) -> Path | str:
    """The file that `text` means (a path from `folder` on, or a library name), or why there is none."""
    as_file = folder / text
    if text.endswith((".yaml", ".yml")) or "/" in text or os.sep in text:
        return as_file if as_file.is_file() else f"found {text!r}, {_no_file(as_file, folder)}"
    names = library_names()
    if text in names:
        return LIBRARY / f"{text}.yaml"
    if as_file.is_file():
        return as_file
    there = f"allowed is a scenario file (.yaml) or one of the library: {', '.join(names)}"
    return f"found {text!r}, {there}{guess(text, names)}"


def shown(path: Path) -> str:
    """How messages call a file: relative to the working folder where it lies below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd().resolve()))
    except (ValueError, OSError):
        return os.path.normpath(path)


def guess(word: str, known: list[str]) -> str:
    """The nearest spelling as the end of a sentence, or nothing."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""


def nearest(word: str, known: list[str]) -> str | None:
    """The nearest of the known words; None where none is near."""
    by_lower = {name.lower().replace("-", "_"): name for name in known}
    near = difflib.get_close_matches(word.lower().replace("-", "_"), list(by_lower), n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def _no_file(path: Path, folder: Path) -> str:
    if path.is_dir():
        return "which is a folder; allowed is a scenario file (.yaml)"
    there = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    return f"but there is no such file in {shown(path.parent)}{guess(path.name, there)}"


def _base(node: Node, path: Path, problems: list[Problem], chain: tuple[Path, ...]) -> Node | None:
    if not isinstance(node.value, str):
        said = f"extends: found {found(node.value)}, allowed is the name of one file or library scenario"
        problems.append(Problem(node.place, said))
        return None
    target = find(node.value, path.parent)
    if isinstance(target, str):
        problems.append(Problem(node.place, f"extends: {target}"))
        return None
    if target.resolve() in chain:
        circle = " -> ".join(p.name for p in (*chain[chain.index(target.resolve()) :], target))
        problems.append(Problem(node.place, f"extends: goes round in a circle: {circle}"))
        return None
    return _composed(target, problems, chain)


def _part_file(part: str, node: Node, path: Path, problems: list[Problem]) -> Node:
    target = path.parent / node.value
    if not target.is_file():
        said = f"{part}: found {node.value!r}, allowed is a mapping or the file that holds it, "
        problems.append(Problem(node.place, said + _no_file(target, path.parent)))
        return Node(None, node.place, bad=True)
    return _part(target, node.place, problems)


def _part(file: Path, place: Place, problems: list[Problem]) -> Node:
    found_part = read(file, shown(file), problems) or Node(None, place, bad=True)
    found_part.whole = True
    return found_part


def _merge(base: Node | None, own: Node, path: tuple[str, ...], problems: list[Problem]) -> Node:
    """`own` over `base`: mappings key by key, null takes a key away, all else (a part's own file too) replaces."""
    if path in ROWS and isinstance(own.value, dict):
        return _rows(base, own, path, problems)
    if not isinstance(own.value, dict):
        return own
    under = base.value if base is not None and isinstance(base.value, dict) and not own.whole else {}
    made = dict(under)
    for key, child in own.value.items():
        if child.value is None and key in under and not child.bad:
            del made[key]
        else:
            made[key] = _merge(under.get(key), child, (*path, key), problems)
    return Node(made, own.place, own.label, own.near)


def _rows(base: Node | None, own: Node, path: tuple[str, ...], problems: list[Problem]) -> Node:
    """Rows by name: a name that is there is changed, null takes it away, a new name is added at the end."""
    rows = list(base.value) if base is not None and isinstance(base.value, list) else []
    for name, change in own.value.items():
        names = [_name(row) for row in rows]
        known = [n for n in names if n is not None]
        if name in names:
            k = names.index(name)
            if change.value is None:
                del rows[k]
            else:
                rows[k] = _merge(rows[k], change, (*path, name), problems)
                rows[k].label = name
        elif (twin := next((n for n in known if _plain(n) == _plain(name)), None)) is not None:
            said = f"{'.'.join(path)}.{name}: found a row whose name differs from {twin} in capitals, blanks or hyphens alone"
            problems.append(Problem(change.place, f"{said}, allowed is {twin}, or another name"))
        elif change.value is None:
            there = ", ".join(known) or "none"
            said = f"{'.'.join(path)}.{name}: found no row of this name to take away, there are {there}"
            problems.append(Problem(change.place, said + guess(name, known)))
        else:
            row = _merge(None, change, (*path, name), problems)
            if isinstance(row.value, dict):
                row = Node({"name": Node(name, change.place), **row.value}, change.place)
            row.label, row.near = name, nearest(name, known)
            rows.append(row)
    return Node(rows, own.place)


def _plain(name: str) -> str:
    """A name as the ear has it."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def _name(row: Node) -> str | None:
    name = row.value.get("name") if isinstance(row.value, dict) else None
    return name.value if name is not None and isinstance(name.value, str) else None


__all__ = ["LIBRARY", "PARTS", "ROWS", "compose", "find", "guess", "library_names", "nearest", "shown"]
