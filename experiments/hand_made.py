"""Read-outs of other platforms, written by hand in short form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.complaints import shown
from sim.errors import InputError

UNSTATED = "unstated"
"""what a hand-made document that does not say how it capped or estimated carries in those fields"""


def spelled_out(raw: dict[str, Any], file: Path) -> dict[str, Any]:
    """A short hand-made read-out with arms, control and estimands filled in; anything else as it is. Raises InputError where what
    it needs for that is missing."""
    if "estimands" in raw:
        return raw
    rows = _rows(raw, file)
    out = {key: value for key, value in raw.items() if key not in ("population", "window", "capping", "estimator")}
    out.setdefault("experiment", file.stem)
    out.setdefault("arms", list(dict.fromkeys(name for row in rows for name in row["n"])))
    out["control"] = _control(out, file)
    out["estimands"] = _estimands(raw, rows, file)
    out["rows"] = [_with_arms(row, number, out["control"], file) for number, row in enumerate(rows)]
    return out


def _rows(raw: dict[str, Any], file: Path) -> list[dict[str, Any]]:
    """The effects, each with the members of its arms."""
    rows = raw.get("rows")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        found = f"found {shown(rows)}" if "rows" in raw else "is missing"
        raise InputError(f"{file}: rows: {found}; must be a list of effects, each with metric, effect, se and n")
    for number, row in enumerate(rows):
        if not isinstance(row.get("n"), dict):
            found = f"found {shown(row['n'])}" if "n" in row else "is missing"
            raise InputError(f"{file}: rows[{number}].n: {found}; must give the members of each arm by name")
    return rows


def _control(out: dict[str, Any], file: Path) -> str:
    if "control" not in out and "control" not in out["arms"]:
        raise InputError(f"{file}: control: is missing; name the control arm, one of {', '.join(out['arms'])}")
    control = out.get("control", "control")
    if not isinstance(control, str):
        raise InputError(f"{file}: control: found {shown(control)}; must be the name of an arm")
    return control


def _estimands(raw: dict[str, Any], rows: list[dict[str, Any]], file: Path) -> list[dict[str, Any]]:
    """One a metric, of the population and window that are stated for all."""
    window = raw.get("window")
    if not isinstance(window, list) or len(window) != 2:
        raise InputError(f"{file}: window: found {shown(window)}; must be [first day, last day]")
    if not isinstance(raw.get("population"), str):
        raise InputError(f"{file}: population: found {shown(raw.get('population'))}; must say who was counted")
    scales = {str(row.get("metric")): row.get("scale", "absolute") for row in rows}
    return [
        {
            "metric": metric,
            "population": raw["population"],
            "window_start": window[0],
            "window_end": window[1],
            "capping": raw.get("capping", UNSTATED),
            "estimator": raw.get("estimator", UNSTATED),
            "scale": scale,
        }
        for metric, scale in scales.items()
    ]


def _with_arms(row: dict[str, Any], number: int, control: str, file: Path) -> dict[str, Any]:
    """The row with its control, and with its arm where there is only one other."""
    row = {"control": control, **row}
    if "arm" not in row:
        others = [name for name in row["n"] if name != row["control"]]
        if len(others) != 1:
            raise InputError(f"{file}: rows[{number}].arm: is missing; name the arm that the effect is of")
        row["arm"] = others[0]
    return row
