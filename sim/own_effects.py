"""A user's own effects made into rules: formulas checked, translated, compiled, and known by address."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import cfunc, int64
from numba.core import types

from sim import state, tables
from sim.behaviour import MOST_LIFT, Behaviour
from sim.formula import translated
from sim.memory import Bundle
from sim.rules.ledger import lapse_at
from sim.rules.own import FORMULAS, bounded, divided, exponential, greater, lesser, logarithm, root, size, truth
from sim.rules.response import faded, to_next_reward

LIMITS = {
    "rate": (-50.0, MOST_LIFT), "basket": (-MOST_LIFT, MOST_LIFT), "leaving": (-10.0, 10.0), "redeeming": (-10.0, 10.0),
}  # fmt: skip
"""How far a formula may move a log, down and up; a log rate up to the effect's own at_most."""

_WORDS: dict[str, Any] = {
    word.__name__: word
    for word in (divided, exponential, logarithm, root, lesser, greater, size, truth, bounded, faded, lapse_at, to_next_reward)
}


def own_tables(behaviour: Behaviour, values: dict[str, float], tiers: Sequence[str], segments: Sequence[str]) -> dict[str, Any]:
    """What the tables say of the effects that are on: addresses of the formulas by what they move (0 = none), `own_most` (log
    lift of the rate that they cannot exceed together), and `own`, the values of their parameters."""
    acting = list(behaviour.acting().values())
    names = {"tier": tiers, "segment": segments}
    numbers: list[float] = []
    parts: dict[str, list[tuple[str, str]]] = {moved: [] for moved in LIMITS}
    for effect in acting:
        places = {name: f"t.own[{len(numbers) + k}]" for k, name in enumerate(effect.parameters)}
        numbers += [values[f"{effect.name}.{name}"] for name in effect.parameters]
        for moved, (low, limit) in LIMITS.items():
            text = effect.formulas().get(f"log_{moved}")
            if text is not None:
                high = effect.at_most if moved == "rate" else limit
                code = translated(text, places, names)
                parts[moved].append((f"{effect.name}.log_{moved}", f"bounded({code}, {low!r}, {high!r})"))
    found: dict[str, Any] = {f"own_{moved}": _address(tuple(coded)) if coded else 0 for moved, coded in parts.items()}
    found["own_most"] = sum(effect.at_most for effect in acting if effect.log_rate is not None)
    found["own"] = np.array(numbers or [0.0])
    return found


@functools.lru_cache(maxsize=256)
def _address(coded: tuple[tuple[str, str], ...]) -> int:
    """Where the compiled sum of formulas lies, (effect.key, expression) each; it stays compiled, for other draws and runs."""
    plain = _plain(" + ".join(code for _, code in coded))
    chunk, rules = Bundle("Chunk", state.LAYOUT, False, {}), Bundle("Tables", tables.LAYOUT, True, {})
    member = chunk.views["members"][0].dtype
    compiled = cfunc(types.float64(member, int64, chunk, rules, types.float64))(plain)
    _KEPT.append(compiled)
    address: int = compiled.address  # type: ignore[assignment]
    FORMULAS[address], PARTS[address] = plain, [(key, _plain(code)) for key, code in coded]
    return address


def _plain(code: str) -> Callable[..., float]:
    """The expression as a function of member, place, chunk, tables and moment."""
    text = f"def formulas(m, i, s, t, now):\n    month = t.months[t.days[int(now)].month]\n    return {code}\n"
    space = dict(_WORDS)
    exec(text, space)  # what sim.formula wrote, and nothing else
    return space["formulas"]  # type: ignore[no-any-return]


PARTS: dict[int, list[tuple[str, Callable[..., float]]]] = {}
"""By address: (effect.key, function) of each formula of the sum, for sim.undefined."""
_KEPT: list[Any] = []
"""compiled formulas, which must outlive the runs that call them"""
