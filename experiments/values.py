"""Columns of a block as numbers, dates or labels; the first value that is none is named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from experiments.aggregates import Codes
from scenarios.source_numbers import present
from sim.errors import InputError
from sim.typing import Floats

EMPTY = "(empty)"
"""the label of a missing value"""
LARGEST = 1e30
"""beyond it squares of squares, which errors of errors need, are no numbers any more"""

_WHOLE = re.compile(r"-?\d+\.0")


def numbers(column: pa.ChunkedArray, place: str, first_row: int) -> Floats:
    """The column as float64, missing values as NaN; true is 1 and false 0, in text as well.

    place: `file: column` for errors; first_row: number of the block's first row in the table, from 1.
    Raises InputError for text, dates, infinities and numbers beyond LARGEST.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = present(column)
        try:
            column = text.cast(pa.float64())
        except pa.ArrowInvalid:
            column = _flags(text)
            if column is None:
                raise _first_bad(text, place, first_row, pa.float64(), "a number") from None
    elif pa.types.is_boolean(kind) or pa.types.is_decimal(kind) or pa.types.is_integer(kind):
        column = column.cast(pa.int8() if pa.types.is_boolean(kind) else pa.float64(), safe=False)
        column = column.cast(pa.float64())
    elif pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    elif not pa.types.is_floating(kind):
        raise InputError(f"{place}: found {kind}; must be numbers")
    out = np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)
    beyond = np.abs(out) > LARGEST
    if beyond.any():
        at = int(np.flatnonzero(beyond)[0])
        allowed = "a finite number" if np.isinf(out[at]) else f"between -{LARGEST:g} and {LARGEST:g}"
        raise InputError(f"{place}: row {first_row + at}: found {out[at]:g}; must be {allowed}")
    return out


def dates(column: pa.ChunkedArray, place: str, first_row: int) -> NDArray[np.datetime64]:
    """The column as days (datetime64[D]), missing as NaT; text must be ISO 8601 (2026-01-31, with or without time).

    A time zone changes no day: it is the one that the table writes.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_null(kind):
        return np.full(len(column), np.datetime64("NaT", "D"))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = present(column)
        with_time = pc.match_substring_regex(text, r"^.{10}[T ]\d")
        text = pc.if_else(with_time, pc.utf8_slice_codeunits(text, 0, 10), text)
        try:
            column = text.cast(pa.date32())
        except pa.ArrowInvalid:
            raise _first_bad(text, place, first_row, pa.date32(), "a date such as 2026-01-31") from None
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        column = column.cast(pa.date32(), safe=False)
    else:
        raise InputError(f"{place}: found {kind}; must be dates such as 2026-01-31")
    return np.asarray(column.to_numpy(zero_copy_only=False)).astype("datetime64[D]")


def ids(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Ids as text, the same as `Labels` would call them: trimmed, whole numbers without .0; an empty one is missing."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    if pc.any(pc.ends_with(text, ".0")).as_py():
        text = pc.replace_substring_regex(text, r"^(-?\d+)\.0$", r"\1")
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


class Labels:
    """Text values as whole numbers, in the order of first appearance, over all blocks of a table."""

    def __init__(self, known: tuple[str, ...] = ()) -> None:
        self.names: list[str] = list(known)
        self._code = {name: code for code, name in enumerate(known)}

    def encode(self, column: pa.ChunkedArray) -> Codes:
        """Codes of the column; whole numbers in floating point lose their .0, a missing value is EMPTY."""
        encoded = column.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        names = [EMPTY if value is None else _label(value) for value in encoded.dictionary.to_pylist()]
        if encoded.null_count:
            names.append(EMPTY)
        table = np.array([self._of(name) for name in names], dtype=np.int32)
        indices = encoded.indices
        if encoded.null_count:
            indices = indices.fill_null(len(names) - 1)
        return (
            table[np.asarray(indices.to_numpy(zero_copy_only=False))] if len(table) else np.zeros(0, np.int32)
        )

    def _of(self, name: str) -> int:
        if name not in self._code:
            self._code[name] = len(self.names)
            self.names.append(name)
        return self._code[name]


def clusters(column: pa.ChunkedArray, known: Labels, place: str, first_row: int) -> Codes:
    """Codes of a column of clusters; InputError for a member without one, for those would all be one cluster."""
    codes = known.encode(column)
    if EMPTY in known.names and (codes == known.names.index(EMPTY)).any():
        at = int(np.flatnonzero(codes == known.names.index(EMPTY))[0])
        raise InputError(f"{place}: row {first_row + at}: is empty; every member needs a cluster")
    return codes


def joined(labels: Sequence[str]) -> str:
    """Labels of several columns as one, another for every combination: a slash of a label's own is marked by a backslash."""
    if len(labels) == 1:
        return labels[0]
    return " / ".join(label.replace("\\", "\\\\").replace("/", "\\/") for label in labels)


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value.strip()
        return (text.removesuffix(".0") if _WHOLE.fullmatch(text) else text) or EMPTY
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _flags(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """A column of true and false as 1 and 0; None for any other."""
    lower = pc.utf8_lower(text)
    known = pc.is_in(lower, pa.array(["true", "false"]))
    if not pc.all(pc.or_(known, text.is_null())).as_py():
        return None
    return pc.equal(lower, "true").cast(pa.float64())


def _first_bad(text: pa.ChunkedArray, place: str, first_row: int, kind: pa.DataType, allowed: str) -> InputError:
    for i, value in enumerate(text.to_pylist()):
        try:
            if value is not None:
                pa.array([value]).cast(kind)
        except pa.ArrowInvalid:
            return InputError(f"{place}: row {first_row + i}: found {value!r}; must be {allowed}")
    raise AssertionError("a column that cannot be read has a value that cannot")
