"""The door: one command line (loyalsim.cli) and this short facade. It defines nothing of the model.

>>> import loyalsim
>>> outcome = loyalsim.simulate(loyalsim.load("loy-365"), members=1000)

load(spec)            a scenario by path or library name, checked in full      scenarios.files
load_many(specs)      several, checked together                                scenarios.files
library()             name and description of the library scenarios            scenarios.files
resolved_yaml(s)      a scenario written out in full                           scenarios.files
json_schema()         JSON Schema of scenario files                            scenarios.files
simulate(s, ...)      one run with the production driver                       sim.outcome
compare(list, ...)    designs on the same members with the same luck           scenarios.comparison
calibrate(path, ...)  members from real transactions                           scenarios.calibration
Scenario, InputError  the model's root, and the exception for mistakes         sim.scenario, sim.errors

Nothing is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios.calibration import calibrate
    from scenarios.comparison import compare
    from scenarios.files import json_schema, library, load, load_many, resolved_yaml
    from sim.errors import InputError
    from sim.outcome import simulate
    from sim.scenario import Scenario

LAYERS = ("sim", "scenarios", "experiments", "reports")
_FOUND_IN = {
    "load": "scenarios.files",
    "load_many": "scenarios.files",
    "library": "scenarios.files",
    "resolved_yaml": "scenarios.files",
    "json_schema": "scenarios.files",
    "simulate": "sim.outcome",
    "compare": "scenarios.comparison",
    "calibrate": "scenarios.calibration",
    "Scenario": "sim.scenario",
    "InputError": "sim.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _FOUND_IN:
        raise AttributeError(f"loyalsim has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_FOUND_IN[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FOUND_IN])


def _check_layers() -> None:
    """The layers are top-level packages: a user's own of such a name would be imported instead. It is looked for, not run."""
    for name in LAYERS:
        found = find_spec(name)
        where = None if found is None else found.origin or list(found.submodule_search_locations or [])
        if not isinstance(where, str) or Path(where) != Path(__file__).parents[1] / name / "__init__.py":
            raise ImportError(
                f"loyalsim needs its own package {name!r}, but Python finds another of this name first: {where}. "
                "Rename that one, or start Python in another folder."
            )


_check_layers()

__all__ = [
    "InputError", "Scenario", "calibrate", "compare", "json_schema", "library", "load", "load_many", "resolved_yaml",
    "simulate",
]  # fmt: skip
