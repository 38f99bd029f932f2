"""Amounts as files write them: with a comma or a point for decimals, and the other for thousands."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.errors import InputError

_STYLES = {"1,234.50": (",", "."), "1.234,50": (".", ",")}
_STRAY_TIMES = 100
_STRAY_SHARE = 0.001


def amounts(column: pd.Series[Any], name: str, where: str) -> tuple[pd.Series[float], str, int]:
    """The numbers of `column` (NaN where there is none), how those were written that are no plain 1234.50, and how many they are.

    One way of writing for the whole column, the one that reads most rows, and plain numbers where no other reads more. Raises
    InputError where two ways read as many, with different numbers.
    """
    if pd.api.types.is_numeric_dtype(column):
        return _finite(pd.to_numeric(column, errors="coerce")), "", 0
    text = column.astype(str).str.strip()
    plain = _finite(pd.to_numeric(text, errors="coerce"))
    if plain.notna().all():
        return plain, "", 0
    ways = {style: _read(text, plain, *marks) for style, marks in _STYLES.items()}
    (style, best), (_, other) = sorted(ways.items(), key=lambda way: -int(way[1].notna().sum()))
    if best.notna().sum() <= plain.notna().sum():
        return plain, "", 0
    if best.notna().sum() == other.notna().sum() and not best.equals(other):
        example = text[(best != other) & best.notna()].iloc[0]
        raise InputError(
            f"{where}: column {name!r} can be read with a comma for thousands or for decimals (found {example!r}); "
            "write numbers as 1234.50"
        )
    return best, style, int((best.notna() & (plain != best)).sum())


def stray(amount: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Amounts a hundred times above what 999 of 1,000 rows stay below."""
    usual = np.sort(amount)[max(0, int(len(amount) * (1 - _STRAY_SHARE)) - 1)] if len(amount) else 0.0
    return np.asarray((amount > _STRAY_TIMES * usual) & (usual > 0))


def _read(text: pd.Series[str], plain: pd.Series[float], thousands: str, decimals: str) -> pd.Series[float]:
    t, d = re.escape(thousands), re.escape(decimals)
    fits = text.str.fullmatch(rf"[+-]?(\d{{1,3}}({t}\d{{3}})+|\d+)({d}\d+)?")
    bare = text.str.replace(thousands, "", regex=False).str.replace(decimals, ".", regex=False)
    read = pd.to_numeric(bare.where(fits), errors="coerce")
    return read.fillna(plain) if decimals == "." else read


def _finite(values: pd.Series[Any]) -> pd.Series[float]:
    return values.astype(float).where(lambda v: np.isfinite(v))
