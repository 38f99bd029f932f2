"""Numbers as tables write them: with a comma or a point for decimals, and the other, an apostrophe or a blank for thousands.

One rule for every reader of tables: a column is read in one way: as plain numbers (1234.50), unless another reads more of its
cells. What one cell in a hundred says is not enough: a column is refused where two ways read as many but for that, with different
numbers, where more of its numbers fit other ways alone, and where thousands are set off by one mark and no more cells show that
the other mark is for decimals.
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
from sim.typing import Floats, Ints

ABSENT = ("", "nan", "NaN", "NaT", "None", "NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "null")
"""what text says where there is nothing"""
_APOSTROPHES, _BLANKS, _MINUS = "'\u2019", " \u00a0\u2009\u202f", "\u2212"
_LAKHS = "1,23,456.50"
_STYLES = {
    "1,234.50": (",", "."), "1.234,50": (".", ","), _LAKHS: (",", "."),
    "1'234.50": (_APOSTROPHES, "."), "1'234,50": (_APOSTROPHES, ","), "1 234.50": (_BLANKS, "."), "1 234,50": (_BLANKS, ","),
}  # fmt: skip
"""What stands between thousands, any of these, and before decimals. Of styles that read a column alike the first is told."""
_PLAIN = "1234.50"
_ROLES = {_PLAIN: ("", "."), **_STYLES}
_MARKS = {",": "comma", ".": "point"}
FEW = 0.01
"""share of a column, at most, that may be written in another way than the rest: these cells are left out, as words are"""


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
        return f"numbers written as {self.style}: read so" if self.style else f"none: numbers are written as {_PLAIN}"

    def read(self, text: pd.Series[str]) -> Floats:
        """(rows,) finite numbers of trimmed text, NaN for what is none."""
        return _styled(text, _finite(text), self.style) if self.style else _finite(text)


def way_of(column: pd.Series[Any], place: str, rows: Ints | None = None) -> Way:
    """How a column of numbers or text is written; InputError, beginning with `place`, where that cannot be told.

    rows: (rows,) their numbers as a person counts; from 1 on where they are not given.
    """
    there = ~absent(column)
    if np.isfinite(_finite(column[there])).all():
        return Way()
    tally = _Tally()
    tally.add(column[there], (np.arange(1, len(column) + 1) if rows is None else rows)[there])
    return tally.way(place)


def absent(column: pd.Series[Any]) -> NDArray[np.bool_]:
    """(rows,) whether nothing stands in the cell, or a word for it."""
    missing = column.isna() if _typed(column) else column.isna() | _trimmed(column).isin(ABSENT)
    return np.asarray(missing, dtype=bool)


def as_written(column: pd.Series[Any], place: str, rows: Ints | None = None) -> tuple[Floats, Way]:
    """(rows,) numbers of a column, NaN for a cell that is none, and how they were written; `rows` and errors as `way_of`."""
    way = way_of(column, place, rows)
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
        """A sentence for each way in which columns read so far are written, if it is not plain."""
        alike: dict[str, dict[str, int]] = {}
        for column, way in self.ways.items():
            if way.style:
                alike.setdefault(way.words, {})[column] = way.cells
        return [f"{', '.join(cells)}: {words} ({sum(cells.values()):,})" for words, cells in alike.items()]

    def _learn(self, columns: list[str]) -> None:
        """Find the ways of `columns`: one pass over those that are text, one more over those that are not plain."""
        first = next(iter(self.source.blocks(columns)), None) if columns else None
        text = [] if first is None else [column for column in columns if _is_text(first[column].type)]
        odd: set[str] = set()
        for block in self.source.blocks(text) if text else ():
            odd |= {column for column in text if not _castable(block[column])}
        tallies = {column: _Tally() for column in text if column in odd}
        row = self.first_row
        for block in self.source.blocks(list(tallies)) if tallies else ():
            for column, tally in tallies.items():
                cells = present(block[column]).to_pandas()
                there = cells.notna().to_numpy()
                tally.add(cells[there], row + np.flatnonzero(there))
            row += len(block)
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


@dataclass(frozen=True)
class _Cell:
    """A cell as errors name it."""

    text: str
    row: int

    def __str__(self) -> str:
        return f"{self.text!r} in row {self.row}"


class _Tally:
    """How many cells of a column each way reads, block by block."""

    def __init__(self) -> None:
        self._read = dict.fromkeys((_PLAIN, *_STYLES), 0)
        self._changed = dict.fromkeys(_STYLES, 0)
        self._shown, self._either = dict.fromkeys(_STYLES, 0), dict.fromkeys(_STYLES, 0)
        """cells in which what the style has for decimals cannot stand between thousands, and in which it can"""
        self._unlike = dict.fromkeys((_PLAIN, *_STYLES), 0)
        """numbers that another way reads, and this one does not"""
        self._first: dict[tuple[str, str], _Cell] = {}
        """of (what, way): the first cell that is so"""
        self._differs: dict[tuple[str, str], _Cell] = {}
        """the first cell that two ways read as different numbers"""
        self._parts: dict[tuple[str, str], _Cell] = {}
        """the first cell that one of two ways does not read, and the other does"""

    def add(self, column: pd.Series[Any], rows: Ints) -> None:
        """Count the cells of a part of the column, `rows` as a person counts: each text once."""
        codes, texts = pd.factorize(_trimmed(column))
        times, rows = np.bincount(codes), rows[np.unique(codes, return_index=True)[1]]
        text: pd.Series[str] = pd.Series(texts)
        plain = _finite(text)

        def note(kept: dict[Any, _Cell], key: tuple[str, str], which: NDArray[np.bool_]) -> None:
            if key not in kept and which.any():
                at = int(which.argmax())
                kept[key] = _Cell(str(text.iloc[at]), int(rows[at]))

        ways = {_PLAIN: plain, **{style: _styled(text, plain, style) for style in _STYLES}}
        number = np.any([np.isfinite(found) for found in ways.values()], axis=0)
        for way, found in ways.items():
            read = np.isfinite(found)
            self._read[way] += int(times[read].sum())
            self._unlike[way] += int(times[number & ~read].sum())
            note(self._first, ("read", way), read)
            note(self._first, ("unlike", way), number & ~read)
        for style, (_, decimals) in _STYLES.items():
            read = np.isfinite(ways[style])
            self._changed[style] += int(times[read & (ways[style] != plain)].sum())
            marked = read & np.asarray(text.str.contains(decimals, regex=False), dtype=bool)
            either = marked & np.asarray(text.str.fullmatch(rf"[+-]?{_parted(re.escape(decimals))}"), dtype=bool)
            self._shown[style] += int(times[marked & ~either].sum())
            self._either[style] += int(times[either].sum())
            note(self._first, ("either", style), either)
        for one, other in combinations(ways, 2):
            a, b = np.isfinite(ways[one]), np.isfinite(ways[other])
            note(self._differs, (one, other), a & b & (ways[one] != ways[other]))
            note(self._parts, (one, other), a != b)

    def way(self, place: str) -> Way:
        """The way that reads most; InputError where two do, or nearly, much is written otherwise, or decimals are in doubt."""
        most = max(self._read.values())
        if most <= self._read[_PLAIN]:
            self._check_alike(_PLAIN, place)
            return Way()
        near = [way for way, read in self._read.items() if read >= (1 - FEW) * most]
        style = next(way for way in near if self._read[way] == most)
        for pair in combinations(near, 2):
            tied = self._read[pair[0]] == self._read[pair[1]] == most
            found = self._differs.get(pair) or (self._parts.get(pair) if tied else None)
            if found and style in pair:
                raise InputError(f"{place} can be read {_both(*pair)} (found {found}); write numbers as {_PLAIN}")
        self._check_alike(style, place)
        if self._shown[style] < FEW * self._either[style]:
            mark = _MARKS[_ROLES[style][1]]
            raise InputError(
                f"{place} can be read with a {mark} for thousands or for decimals (found {self._first['either', style]}, where "
                f"other thousands are written as in {style}); write numbers as {_PLAIN}"
            )
        return Way(style, self._changed[style])

    def _check_alike(self, way: str, place: str) -> None:
        unlike = self._unlike[way]
        if unlike > FEW * (self._read[way] + unlike):
            raise InputError(
                f"{place} has numbers written in two ways: most as {way}, {unlike:,} otherwise (found "
                f"{self._first['unlike', way]}, {self._first['read', way]}); write numbers as {_PLAIN}"
            )


def _both(one: str, other: str) -> str:
    for mark, name in _MARKS.items():
        if mark in _ROLES[one] and mark in _ROLES[other] and _ROLES[one].index(mark) != _ROLES[other].index(mark):
            return f"with a {name} for thousands or for decimals"
    return f"as {one} or as {other}"


def _styled(text: pd.Series[str], plain: Floats, style: str) -> Floats:
    thousands, decimals = _STYLES[style]
    t, d = f"[{thousands}]", re.escape(decimals)
    parted = rf"[1-9]\d?({t}\d\d)*{t}\d{{3}}" if style == _LAKHS else _parted(t)
    fits = text.str.fullmatch(rf"[+-]?({parted}|\d+)({d}\d+)?")
    bare = text.str.replace(t, "", regex=True).str.replace(decimals, ".", regex=False)
    read = _finite(bare.where(fits))
    return np.where(np.isnan(read), plain, read) if decimals == "." else read


def _parted(mark: str) -> str:
    return rf"[1-9]\d{{0,2}}({mark}\d{{3}})+"


def _finite(column: pd.Series[Any]) -> Floats:
    numbers = pd.to_numeric(column if _typed(column) else _trimmed(column), errors="coerce")
    found = np.asarray(numbers.astype(float).to_numpy(na_value=np.nan), dtype=float)
    return np.where(np.isfinite(found), found, np.nan)


def _trimmed(column: pd.Series[Any]) -> pd.Series[str]:
    return column.astype(str).str.strip().str.replace(_MINUS, "-", regex=False)


def _typed(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def present(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text, trimmed, with the minus sign of keyboards, without the words for nothing."""
    text = pc.replace_substring(pc.utf8_trim_whitespace(column.cast(pa.string())), _MINUS, "-")
    return pc.if_else(pc.is_in(text, pa.array(ABSENT)), pa.scalar(None, pa.string()), text)


def _castable(column: pa.ChunkedArray) -> bool:
    if not _is_text(column.type):
        return True
    try:
        present(column).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
