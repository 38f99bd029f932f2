"""A snapshot on disk: the checked tables as Parquet and what they are as JSON, both with digests."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scenarios.digest import digest_of
from scenarios.finance.live_tables import LiveTables, Terms, live_tables
from scenarios.finance.snapshot_tables import COUPONS, LOTS, MEMBERS, Table
from sim.errors import InputError

FORMAT = 1
"""of snapshot.json"""
DOCUMENT = "snapshot.json"
_KINDS = {"members": MEMBERS, "lots": LOTS, "coupons": COUPONS}


def stored(tables: LiveTables) -> dict[str, str | bytes]:
    """The files of a snapshot by name: snapshot.json and a Parquet file a table, with the columns of the tables it came from."""
    files = {f"{name}.parquet": _parquet(table, name) for name, table in tables.all.items()}
    content: dict[str, Any] = {
        "kind": "snapshot",
        "version": FORMAT,
        "software": version("loyalsim"),
        "as_of": tables.as_of.isoformat(),
        "label": tables.label,
        "terms": None if tables.terms is None else asdict(tables.terms),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    content["digest"] = digest_of(content)
    return {DOCUMENT: json.dumps(content, indent=1, ensure_ascii=False) + "\n", **files}


def load_snapshot(folder: Path | str) -> LiveTables:
    """The tables of a stored snapshot, as they were when it was made.

    Raises InputError where `folder` is no snapshot, was made by another version of the format, or where anything in it is
    missing or not what it was.
    """
    place = Path(folder)
    content = _document(place)
    found: dict[str, Path] = {}
    for name, digest in content["files"].items():
        path = place / name
        if not path.is_file():
            raise InputError(f"{path}: is missing from the snapshot; make the snapshot again")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise InputError(f"{path}: is not what the snapshot was made with (its sha256 differs); make the snapshot again")
        found[path.stem] = path
    terms = content["terms"]
    tables = live_tables(
        found["members"], found.get("lots"), found.get("coupons"), as_of=dt.date.fromisoformat(content["as_of"])
    )
    return replace(tables, label=content["label"], terms=None if terms is None else Terms(**terms))


def _document(place: Path) -> dict[str, Any]:
    path = place / DOCUMENT
    how = "loyalsim snapshot MEMBERS [LOTS] [COUPONS] --out SNAPSHOT makes one"
    if not place.exists():
        raise InputError(f"{place}: there is no such folder; {how}")
    if not path.is_file():
        raise InputError(f"{place}: is no snapshot, which is a folder with {DOCUMENT}; {how}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as problem:
        raise InputError(f"{path}: cannot be read as JSON ({problem}); make the snapshot again") from None
    if not isinstance(content, dict) or content.get("kind") != "snapshot":
        raise InputError(f"{path}: is no snapshot; {how}")
    if content.get("version") != FORMAT:
        found = content.get("version")
        raise InputError(f"{path}: version: found {found!r}, this program reads {FORMAT}; make the snapshot again")
    if content.get("digest") != digest_of(content):
        raise InputError(f"{path}: was changed after it was written (its digest does not match); make the snapshot again")
    return content


def _parquet(table: Table, name: str) -> bytes:
    """The table as it could be read again: dates as dates, money in currency units."""
    columns: dict[str, Any] = {}
    for column, values in table.columns.items():
        kind = _KINDS[name][column].kind
        if kind == "date":
            known = np.isfinite(values)
            columns[column] = pa.array(np.where(known, values, 0).astype("datetime64[D]"), mask=~known)
        else:
            columns[column] = pa.array(values / 100.0 if kind == "money" else values)
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()
