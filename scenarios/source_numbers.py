"""Numbers as tables write them: with a comma or a point for decimals, and the other, an apostrophe or a blank for thousands.

One rule for every reader of tables: a column is read in one way: as plain numbers (1234.50), unless another reads more of its
cells; where two read as many, with different numbers, the column is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scenarios.sources import Source, first_row
from sim.errors import InputError
from sim.typing import Floats

ABSENT = ("", "nan", "NaN", "NaT", "None", "NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "null")
"""what text says where there is nothing"""
_APOSTROPHES, _BLANKS = "'\u2019", " \u00a0\u202f"
_STYLES = {
    "1,234.50": (",", "."), "1.234,50": (".", ","),
    "1'234.50": (_APOSTROPHES, "."), "1'234,50": (_APOSTROPHES, ","), "1 234.50": (_BLANKS, "."), "1 234,50": (_BLANKS, ","),
}  # fmt: skip
"""What stands between thousands, any of these, and before decimals. Of styles that read a column alike the first is told."""


@dataclass(frozen=True)
class Way:
    """How a column writes its numbers."""

    style: str = ""
    """such as 1.234,50; empty = plain, 1234.50"""
    cells: int = 0
    """how many cells are no plain numbers, or others than plain reading would make of them"""

    @property
    def words(self) -> str:
        """The rule as it was applied."""
        return f"numbers written as {self.style}: read so" if self.style else "none: numbers are written as 1234.50"

    def read(self, text: pd.Series[str]) -> Floats:
        """(rows,) finite numbers of trimmed text, NaN for what is none."""
        return _styled(text, _finite(text), self.style) if self.style else _finite(text)


def way_of(column: pd.Series[Any], place: str) -> Way:
    """How a column of numbers or text is written; InputError, beginning with `place`, where that cannot be told."""
    there = column[~absent(column)]
    if np.isfinite(_finite(there)).all():
        return Way()
    tally = _Tally()
    tally.add(there)
    return tally.way(place)


def absent(column: pd.Series[Any]) -> NDArray[np.bool_]:
    """(rows,) whether nothing stands in the cell, or a word for it."""
    missing = column.isna() if _typed(column) else column.isna() | _trimmed(column).isin(ABSENT)
    return np.asarray(missing, dtype=bool)


def as_written(column: pd.Series[Any], place: str) -> tuple[Floats, Way]:
    """(rows,) numbers of a column, NaN for a cell that is none, and how they were written; errors as `way_of`."""
    way = way_of(column, place)
    return way.read(_trimmed(column)) if way.style else _finite(column), way


@dataclass(frozen=True)
class NumberSource:
    """A table of which columns of text hold numbers: those that are not plain come as numbers, read as the column writes them."""

    source: Source
    numeric: frozenset[str]
    """columns that hold numbers, wherever they are text"""
    ways: dict[str, Way] = field(default_factory=dict)
    """of the columns read so far"""

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def first_row(self) -> int:
        return first_row(self.source)

    def columns(self) -> list[str]:
        return self.source.columns()

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        self._learn([column for column in columns if column in self.numeric and column not in self.ways])
        styled = [column for column in columns if column in self.ways and self.ways[column].style]
        row = self.first_row
        for block in self.source.blocks(columns):
            for column in styled:
                numbers = self._read(block[column], column, row)
                block = block.set_column(block.column_names.index(column), column, pa.array(numbers, from_pandas=True))
            yield block
            row += len(block)

    def told(self) -> list[str]:
        """A sentence for each column read so far that is not plain."""
        return [f"{column}: {way.words} ({way.cells:,})" for column, way in self.ways.items() if way.style]

    def _learn(self, columns: list[str]) -> None:
        """Find the ways of `columns`: one pass over those that are text, one more over those that are not plain."""
        first = next(iter(self.source.blocks(columns)), None) if columns else None
        text = [] if first is None else [column for column in columns if _is_text(first[column].type)]
        odd: set[str] = set()
        for block in self.source.blocks(text) if text else ():
            odd |= {column for column in text if not _castable(block[column])}
        tallies = {column: _Tally() for column in text if column in odd}
        for block in self.source.blocks(list(tallies)) if tallies else ():
            for column, tally in tallies.items():
                tally.add(present(block[column]).drop_null().to_pandas())
        self.ways.update(dict.fromkeys(columns, Way()))
        self.ways.update({column: tally.way(f"{self.name}: column {column!r}") for column, tally in tallies.items()})

    def _read(self, column: pa.ChunkedArray, name: str, row: int) -> Floats:
        text = present(column).to_pandas()
        there = text.notna()
        numbers = np.full(len(text), np.nan)
        numbers[there] = self.ways[name].read(text[there])
        bad = np.flatnonzero(there & np.isnan(numbers))
        if len(bad):
            found, style = text.iloc[int(bad[0])], self.ways[name].style
            raise InputError(
                f"{self.name}: column {name!r}: row {row + int(bad[0])}: found {found!r}; must be a number written as {style}, "
                "like the column's others"
            )
        return numbers


class _Tally:
    """How many cells of a column each way reads, block by block."""

    def __init__(self) -> None:
        self._plain = 0
        self._read = dict.fromkeys(_STYLES, 0)
        self._changed = dict.fromkeys(_STYLES, 0)
        self._differs: dict[tuple[str, str], str] = {}
        """the first cell that two styles do not read as the same"""

    def add(self, column: pd.Series[Any]) -> None:
        """Count the cells of a part of the column."""
        plain = _finite(column)
        self._plain += int(np.isfinite(plain).sum())
        text = _trimmed(column)
        ways = {style: plain if _typed(column) else _styled(text, plain, style) for style in _STYLES}
        for style, found in ways.items():
            self._read[style] += int(np.isfinite(found).sum())
            self._changed[style] += int((np.isfinite(found) & (found != plain)).sum())
        for one, other in combinations(_STYLES, 2):
            a, b = ways[one], ways[other]
            apart = np.flatnonzero((a != b) & (np.isfinite(a) | np.isfinite(b)))
            if len(apart):
                self._differs.setdefault((one, other), str(text.iloc[int(apart[0])]))

    def way(self, place: str) -> Way:
        """The way that reads most; InputError where two do."""
        most = max(self._read.values())
        if most <= self._plain:
            return Way()
        likely = [style for style, read in self._read.items() if read == most]
        apart = [pair for pair in combinations(likely, 2) if pair in self._differs]
        if apart:
            found = self._differs[apart[0]]
            commas = {_STYLES[style].index(",") for style in apart[0] if "," in _STYLES[style]}
            said = "with a comma for thousands or for decimals" if len(commas) == 2 else f"as {apart[0][0]} or as {apart[0][1]}"
            raise InputError(f"{place} can be read {said} (found {found!r}); write numbers as 1234.50")
        return Way(likely[0], self._changed[likely[0]])


def _styled(text: pd.Series[str], plain: Floats, style: str) -> Floats:
    thousands, decimals = _STYLES[style]
    t, d = f"[{thousands}]", re.escape(decimals)
    fits = text.str.fullmatch(rf"[+-]?([1-9]\d{{0,2}}({t}\d{{3}})+|\d+)({d}\d+)?")
    bare = text.str.replace(t, "", regex=True).str.replace(decimals, ".", regex=False)
    read = _finite(bare.where(fits))
    return np.where(np.isnan(read), plain, read) if decimals == "." else read


def _finite(column: pd.Series[Any]) -> Floats:
    numbers = pd.to_numeric(column if _typed(column) else _trimmed(column), errors="coerce")
    found = np.asarray(numbers.astype(float).to_numpy(na_value=np.nan), dtype=float)
    return np.where(np.isfinite(found), found, np.nan)


def _trimmed(column: pd.Series[Any]) -> pd.Series[str]:
    return column.astype(str).str.strip()


def _typed(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def present(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text, trimmed, without the words for nothing."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.is_in(text, pa.array(ABSENT)), pa.scalar(None, pa.string()), text)


def _castable(column: pa.ChunkedArray) -> bool:
    if not _is_text(column.type):
        return True
    try:
        present(column).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
