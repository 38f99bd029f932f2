"""Sufficient statistics of a table: count, means and scatter a cell, in one pass, mergeable with +.

A cell is a combination of labels such as (arm, stratum, cluster). Within a block values are taken relative
to the block's mean, and blocks are merged by the pairwise update of Chan, Golub, LeVeque (1983), so that a
shift of all values by 1e9 costs no digits that matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from sim.typing import Floats

Codes = NDArray[np.int32]
Key = tuple[str, ...]

BLOCK = 16_384
"""rows that are worked on at a time; with 5 columns 0.7 MB"""


@dataclass(frozen=True)
class Aggregate:
    """Moments of p columns in C cells; `a + b` is the aggregate of both tables together."""

    columns: tuple[str, ...]
    keys: tuple[Key, ...]
    """labels of each cell"""
    n: Floats
    """rows, shape (C,)"""
    mean: Floats
    """means, shape (C, p)"""
    scatter: Floats
    """sums of products of deviations from the cell's means, shape (C, p, p)"""

    def __add__(self, other: Aggregate) -> Aggregate:
        if self.columns != other.columns:
            raise ValueError(f"columns differ: {self.columns} and {other.columns}")
        return _merged(
            self.columns,
            self.keys + other.keys,
            np.concatenate([self.n, other.n]),
            np.concatenate([self.mean, other.mean]),
            np.concatenate([self.scatter, other.scatter]),
        )

    def by(self, label: Callable[[Key], Key]) -> Aggregate:
        """Cells whose `label` is the same become one, in the order of their first appearance."""
        return _merged(self.columns, tuple(label(key) for key in self.keys), self.n, self.mean, self.scatter)

    def where(self, wanted: Callable[[Key], bool]) -> Aggregate:
        """The cells that are `wanted`, as they are."""
        chosen = np.array([wanted(key) for key in self.keys], dtype=bool)
        keys = tuple(key for key, keep in zip(self.keys, chosen, strict=True) if keep)
        return Aggregate(self.columns, keys, self.n[chosen], self.mean[chosen], self.scatter[chosen])

    def sorted(self) -> Aggregate:
        """The same cells in the order of their keys, so that the order of the rows does not show."""
        order = sorted(range(len(self.keys)), key=lambda i: self.keys[i])
        keys = tuple(self.keys[i] for i in order)
        return Aggregate(self.columns, keys, self.n[order], self.mean[order], self.scatter[order])

    def less(self, key: Key, rows: Floats) -> Aggregate:
        """The aggregate without `rows` (shape (k, p)) of the cell `key`: Chan's update run backwards."""
        at = self.keys.index(key)
        n, mean, scatter = self.n.copy(), self.mean.copy(), self.scatter.copy()
        left = n[at] - len(rows)
        if left < 1:
            raise ValueError(f"{len(rows)} rows taken from {n[at]:.0f} leave none")
        gone = rows.mean(axis=0)
        shift = (mean[at] - gone) * (len(rows) / left)
        mean[at] = mean[at] + shift
        centred = rows - gone
        apart = gone - mean[at]
        scatter[at] -= centred.T @ centred + np.outer(apart, apart) * (left * len(rows) / n[at])
        n[at] = left
        return Aggregate(self.columns, self.keys, n, mean, scatter)


class Accumulator:
    """Builds an Aggregate from blocks of rows; memory: the cells and one block of BLOCK rows."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        p = len(self.columns)
        self._n: Floats = np.zeros(0)
        self._mean: Floats = np.zeros((0, p))
        self._scatter: Floats = np.zeros((0, p, p))
        self._buffer: Floats = np.empty((BLOCK, p))

    def add(self, cells: Codes, values: Sequence[NDArray[np.generic]], count: int) -> None:
        """Take in rows: `cells` (int32, each below `count`) and one array of finite numbers a column."""
        self._grow(count)
        for start in range(0, len(cells), BLOCK):
            codes = cells[start : start + BLOCK]
            block = self._buffer[: len(codes)]
            for j, column in enumerate(values):
                block[:, j] = column[start : start + BLOCK]
            _accumulate(codes, block, self._n, self._mean, self._scatter)

    def result(self, keys: Sequence[Key]) -> Aggregate:
        """The aggregate, cell i labelled keys[i]; cells without rows are left out."""
        self._grow(len(keys))
        filled = np.flatnonzero(self._n[: len(keys)])
        upper = self._scatter[filled]
        scatter = upper + np.triu(upper, 1).swapaxes(1, 2)
        names = tuple(keys[i] for i in filled.tolist())
        return Aggregate(self.columns, names, self._n[filled], self._mean[filled], scatter)

    def _grow(self, count: int) -> None:
        more = count - len(self._n)
        if more > 0:
            p = len(self.columns)
            more = max(more, len(self._n))
            self._n = np.concatenate([self._n, np.zeros(more)])
            self._mean = np.concatenate([self._mean, np.zeros((more, p))])
            self._scatter = np.concatenate([self._scatter, np.zeros((more, p, p))])


def aggregate(cells: Codes, keys: Sequence[Key], columns: dict[str, NDArray[np.generic]]) -> Aggregate:
    """The aggregate of arrays in memory: `cells` (int32) index into `keys`, `columns` are finite numbers."""
    accumulator = Accumulator(list(columns))
    accumulator.add(cells, list(columns.values()), len(keys))
    return accumulator.result(keys)


def _merged(
    columns: tuple[str, ...], keys: tuple[Key, ...], n: Floats, mean: Floats, scatter: Floats
) -> Aggregate:
    names = tuple(dict.fromkeys(keys))
    place = {key: i for i, key in enumerate(names)}
    group = np.array([place[key] for key in keys], dtype=np.intp)
    first = np.zeros(len(names), dtype=np.intp)
    first[group[::-1]] = np.arange(len(keys))[::-1]
    total = np.zeros(len(names))
    np.add.at(total, group, n)
    shift = mean[first]
    apart = mean - shift[group]
    drift = np.zeros_like(shift)
    np.add.at(drift, group, apart * n[:, None])
    drift /= total[:, None]
    apart -= drift[group]
    out = np.zeros((len(names), *scatter.shape[1:]))
    np.add.at(out, group, scatter + n[:, None, None] * apart[:, :, None] * apart[:, None, :])
    return Aggregate(columns, names, total, shift + drift, out)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _accumulate(codes, rows, n, mean, scatter):  # type: ignore[no-untyped-def]
    cells, p = mean.shape
    size = len(codes)
    shift = np.zeros(p)
    for i in range(size):
        for j in range(p):
            shift[j] += (rows[i, j] - rows[0, j]) / size
    for j in range(p):
        shift[j] += rows[0, j]
    count = np.zeros(cells)
    total = np.zeros((cells, p))
    square = np.zeros((cells, p, p))
    d = np.empty(p)
    for i in range(size):
        c = codes[i]
        count[c] += 1.0
        for j in range(p):
            d[j] = rows[i, j] - shift[j]
            total[c, j] += d[j]
        for j in range(p):
            for k in range(j, p):
                square[c, j, k] += d[j] * d[k]
    for c in range(cells):
        m = count[c]
        if m == 0.0:
            continue
        old = n[c]
        for j in range(p):
            here = total[c, j] / m
            d[j] = shift[j] + here - mean[c, j]
            if old == 0.0:
                mean[c, j] = shift[j] + here
            else:
                mean[c, j] += d[j] * (m / (old + m))
        for j in range(p):
            for k in range(j, p):
                within = square[c, j, k] - total[c, j] * total[c, k] / m
                between = d[j] * d[k] * (old * m / (old + m)) if old > 0.0 else 0.0
                scatter[c, j, k] += within + between
        n[c] = old + m
