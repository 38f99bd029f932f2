"""A transaction file as a table of text or typed columns, or one sentence on why it is none."""

from __future__ import annotations

import csv
import difflib
import hashlib
import warnings
from pathlib import Path

import pandas as pd

from sim.errors import InputError

_PARQUET = (".parquet", ".pq")
_SEPARATORS = (",", ";", "\t", "|")


def read_table(path: Path, columns: tuple[str, ...]) -> tuple[pd.DataFrame, str]:
    """The table in `path` (CSV or Parquet) and the sha256 of its bytes; every CSV cell is text or missing.

    Raises InputError when the file is not there, is empty, is no table, or lacks one of `columns`.
    """
    path = Path(path)
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path}: {found}; give a CSV or Parquet file with one row a purchase")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: is empty; give a CSV or Parquet file with one row a purchase")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        parquet = stream.read(4) == b"PAR1"
    if path.suffix.lower() in _PARQUET and not parquet:
        raise InputError(
            f"{path}: is named as Parquet but does not begin with PAR1; give a whole Parquet file or a CSV"
        )
    frame = _read_parquet(path) if parquet else _read_csv(path)
    check_columns(frame, columns, str(path))
    if frame.empty:
        raise InputError(f"{path}: has a header and no rows; give one row a purchase")
    return frame, digest


def check_columns(frame: pd.DataFrame, columns: tuple[str, ...], where: str) -> None:
    """Raise InputError naming each of `columns` that `frame` lacks, with the nearest name it has."""
    known = [str(c) for c in frame.columns]
    problems = []
    for column in columns:
        if known.count(column) > 1:
            problems.append(f"{where}: has {known.count(column)} columns named {column!r}; names must differ")
        if column in known:
            continue
        near = difflib.get_close_matches(column, known, n=1, cutoff=0.5)
        guess = f" (did you mean {near[0]!r}?)" if near else ""
        listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        problems.append(f"{where}: has no column {column!r}{guess}; its columns are {listed}")
    if len(set(columns)) < len(columns):
        problems.append(
            f"{where}: member, date and value must be three different columns, found {', '.join(columns)}"
        )
    if problems:
        raise InputError(*problems)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as problem:
        raise InputError(f"{path}: is no readable Parquet file ({_first_line(problem)})") from problem


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
        sep = max(_SEPARATORS, key=first.count)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path, sep=sep, dtype=str, encoding="utf-8-sig", skipinitialspace=True, index_col=False
            )
    except UnicodeDecodeError as problem:
        raise InputError(
            f"{path}: is not UTF-8 text ({problem.reason} at byte {problem.start}); save it as UTF-8"
        ) from problem
    except (pd.errors.ParserError, pd.errors.ParserWarning) as problem:
        raise InputError(
            _too_wide(path, sep) or f"{path}: is no readable CSV file ({_first_line(problem)})"
        ) from problem
    except (pd.errors.EmptyDataError, OSError, ValueError) as problem:
        raise InputError(f"{path}: is no readable CSV file ({_first_line(problem)})") from problem
    frame.columns = frame.columns.str.strip()
    return frame


def _too_wide(path: Path, sep: str) -> str | None:
    """What is wrong with the first row that has more fields than the header, or None."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=sep)
        width = len(next(reader))
        for row in reader:
            if len(row) > width:
                return f"{path}, line {reader.line_num}: has {len(row)} fields; the header names {width}"
    return None


def _first_line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
