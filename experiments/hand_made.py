"""Read-outs of other platforms, written by hand in short form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.complaints import shown
from sim.errors import InputError

UNSTATED = "unstated"
"""what a hand-made document that does not say how it capped or estimated carries in those fields"""


def spelled_out(raw: dict[str, Any], file: Path) -> dict[str, Any]:
    """A short hand-made read-out with arms, control and estimands filled in; anything else as it is."""
    rows = raw.get("rows")
    if "estimands" in raw:
        return raw
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        found = f"found {shown(rows)}" if "rows" in raw else "is missing"
        raise InputError(f"{file}: rows: {found}; must be a list of effects, each with metric, effect, se and n")
    for number, row in enumerate(rows):
        if not isinstance(row.get("n"), dict):
            found = f"found {shown(row['n'])}" if "n" in row else "is missing"
            raise InputError(f"{file}: rows[{number}].n: {found}; must give the members of each arm by name")
    out = {
        key: value
        for key, value in raw.items()
        if key not in ("population", "window", "capping", "estimator")
    }
    out.setdefault("experiment", file.stem)
    names = list(dict.fromkeys(name for row in rows for name in row["n"]))
    out.setdefault("arms", names)
    if "control" not in out:
        if "control" not in out["arms"]:
            raise InputError(
                f"{file}: control: is missing; name the control arm, one of {', '.join(out['arms'])}"
            )
        out["control"] = "control"
    if not isinstance(out["control"], str):
        raise InputError(f"{file}: control: found {shown(out['control'])}; must be the name of an arm")
    window = raw.get("window")
    if not isinstance(window, list) or len(window) != 2:
        raise InputError(f"{file}: window: found {shown(window)}; must be [first day, last day]")
    if not isinstance(raw.get("population"), str):
        raise InputError(
            f"{file}: population: found {shown(raw.get('population'))}; must say who was counted"
        )
    out["rows"] = []
    for number, row in enumerate(rows):
        row = {"control": out["control"], **row}
        if "arm" not in row:
            others = [name for name in row["n"] if name != row["control"]]
            if len(others) != 1:
                raise InputError(
                    f"{file}: rows[{number}].arm: is missing; name the arm that the effect is of"
                )
            row["arm"] = others[0]
        out["rows"].append(row)
    metrics = dict.fromkeys(str(row.get("metric")) for row in rows)
    scales = {str(row.get("metric")): row.get("scale", "absolute") for row in rows}
    out["estimands"] = [
        {
            "metric": metric,
            "population": raw["population"],
            "window_start": window[0],
            "window_end": window[1],
            "capping": raw.get("capping", UNSTATED),
            "estimator": raw.get("estimator", UNSTATED),
            "scale": scales[metric],
        }
        for metric in metrics
    ]
    return out
