"""A table of transactions in memory, with its digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from scenarios.digest import file_digest
from scenarios.sources import Source, Where, open_source, require, whole
from sim.errors import InputError


def read_table(where: Where, *, member: str, date: str, value: str) -> tuple[pd.DataFrame, Source, str]:
    """The table at `where`, where it was read, and the sha256 of the file's bytes, or of what its rows hold.

    Raises InputError when it cannot be read, has no rows, or lacks one of the columns `member`, `date` and `value`.
    """
    source = open_source(where)
    if len({member, date, value}) < 3:
        raise InputError(
            f"{source.name}: member, date and value must be three different columns, found {member}, {date}, {value}"
        )
    require(source, {member: "the member", date: "the date", value: "the value"})
    frame = whole(source)
    if frame.empty:
        raise InputError(f"{source.name}: has no rows; give one row a purchase")
    return frame, source, _digest(where, frame[[member, date, value]])


def _digest(where: Where, frame: pd.DataFrame) -> str:
    if isinstance(where, str | Path) and Path(where).is_file():
        return file_digest(where)
    return hashlib.sha256(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()).hexdigest()
