"""What was not known when an experiment was simulated: the numbers that each simulated experiment drew anew."""

from __future__ import annotations

import numpy as np

from experiments.documents import Prediction
from reports.comparison_words import readable
from scenarios.numerals import significant
from sim.effects import BY_NAME
from sim.population import MEANING


def drawn_numbers(found: Prediction) -> list[dict[str, str]]:
    """name, value (mean, 10 % and 90 % point of the draws), unit and source of each, in the order of the document."""
    if found.parameter_draws is None:
        return []
    values = np.array(found.parameter_draws.values, dtype=float)
    ends = np.quantile(values, [0.1, 0.9], axis=0)
    rows = []
    for name, mean, low, high in zip(found.parameter_draws.names, values.mean(axis=0), *ends, strict=True):
        said = f"{significant(mean, 2)} ({significant(low, 2)} to {significant(high, 2)})"
        rows.append({"value": said, **_meaning(name)})
    return rows


def _meaning(name: str) -> dict[str, str]:
    """What a dotted name of a scenario's number stands for."""
    part, _, rest = name.partition(".")
    if part == "population":
        unit, says = MEANING.get(rest, ("", rest))
        return {"name": says, "unit": unit, "source": "posterior of the population"}
    kind, effect, *_, parameter = rest.split(".")
    title = readable(f"{effect}.{parameter}")
    if kind != "effects" or effect not in BY_NAME:
        return {"name": title, "unit": "", "source": "stated in the scenario"}
    entry = BY_NAME[effect]
    unit = next((p.unit for p in entry.parameters if p.name == parameter), "")
    return {"name": title, "unit": unit, "source": entry.source}
