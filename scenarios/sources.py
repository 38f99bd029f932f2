"""Tables from anywhere, streamed in blocks: CSV, Parquet, DuckDB, any SQLAlchemy URL, data frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from scenarios.composing import guess
from scenarios.source_text import CsvSource, check_names
from sim.errors import InputError

ROWS = 65_536
"""rows of a block"""
INDEX = "__index_level_"
"""how columns begin in which pandas keeps an index; they are no part of a table"""

_ALLOWED = "a .csv, .csv.gz, .parquet or .duckdb file, or a database URL such as postgresql://host/db#table"
_TEXT = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")


class Source(Protocol):
    """A table that can be read in blocks, any number of times."""

    @property
    def name(self) -> str:
        """What errors call it."""

    def columns(self) -> list[str]:
        """The names of its columns."""

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Blocks of the named columns, in that order, none of them empty."""


def open_source(where: Where) -> Source:
    """The table at `where`: a file, a database URL (`#table` names the table), or a data frame.

    In a database or .duckdb file with one table, `#table` may be left out.

    Raises InputError where there is no such file or table, or the kind of file is unknown.
    """
    if isinstance(where, FrameSource):
        return where
    if isinstance(where, pd.DataFrame):
        return FrameSource(where)
    text = str(where)
    if "://" in text:
        url, _, table = text.partition("#")
        return SqlSource(url, table or None)
    file, _, table = (text, "", "") if Path(text).is_file() else text.partition("#")
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{file}: {'is a folder' if path.is_dir() else 'there is no such file'}; give {_ALLOWED}")
    name = path.name.lower()
    if table and name.endswith((*_TEXT, ".parquet", ".pq")):
        raise InputError(f"{text}: {file} holds one table; leave out #{table}")
    if name.endswith(_TEXT):
        return CsvSource(path)
    if name.endswith((".parquet", ".pq")):
        return ParquetSource(path)
    if name.endswith((".duckdb", ".ddb")):
        return DuckSource(path, table or None)
    raise InputError(f"{file}: is of an unknown kind; give {_ALLOWED}")


def require(source: Source, wanted: Mapping[str, str]) -> None:
    """Check that `wanted` columns (name -> what for) are there; InputError names each that is not."""
    problems = missing(source.name, source.columns(), wanted)
    if problems:
        raise InputError(*problems)


def missing(place: str, there: list[str], wanted: Mapping[str, str]) -> list[str]:
    """A sentence for each `wanted` column (name -> what for) that is not `there`."""
    shown = ", ".join(there[:20]) + (", ..." if len(there) > 20 else "")
    return [
        f"{place}: column {column!r} ({use}) is missing; the columns are {shown}{guess(column, there)}"
        for column, use in wanted.items()
        if column not in there
    ]


def whole(source: Source) -> pd.DataFrame:
    """All of a table in memory: text columns as text, others as the source has them; for tables of members or purchases.

    Whole numbers beside empty cells stay whole, for an id of 17 digits is another as a float; lists and bytes come as their text.
    """
    names = [name for name in source.columns() if not name.startswith(INDEX)]
    frames = [_flat(block).to_pandas(ignore_metadata=True, integer_object_nulls=True) for block in source.blocks(names)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({name: [] for name in names})


def _flat(block: pa.Table) -> pa.Table:
    """The block with text for cells that hold many values, or bytes."""
    for at, field in enumerate(block.schema):
        if pa.types.is_nested(field.type) or "binary" in str(field.type):
            as_text = bytes.hex if pa.types.is_fixed_size_binary(field.type) else _as_text
            cells = [None if cell is None else as_text(cell) for cell in block[at].to_pylist()]
            block = block.set_column(at, field.name, pa.array(cells, pa.string()))
    return block


def _as_text(cell: object) -> str:
    if not isinstance(cell, bytes):
        return repr(cell)
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell.hex()


def label(source: Source) -> str:
    """What results call it: a file without its folder, so that they do not depend on where it lies."""
    path = file_of(source)
    return source.name if path is None else source.name.removeprefix(str(path.parent)).lstrip("/\\")


def file_of(source: Source) -> Path | None:
    """The file that the table lies in; None for a database URL or a data frame."""
    return getattr(source, "path", None)


def first_row(source: Source) -> int:
    """Number of the first row as a person counts: 2 in a file whose header is line 1, else 1."""
    return int(getattr(source, "first_row", 1))


@dataclass(frozen=True)
class FrameSource:
    """A data frame in memory."""

    frame: pd.DataFrame
    name: str = "data frame"

    def columns(self) -> list[str]:
        names = [str(column) for column in self.frame.columns]
        check_names(names, self.name)
        return names

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        place = {name: i for i, name in enumerate(self.columns())}
        for start in range(0, len(self.frame), ROWS):
            part = self.frame.iloc[start : start + ROWS]
            yield pa.table({column: _array(part.iloc[:, place[column]]) for column in columns})


Where = str | Path | pd.DataFrame | FrameSource
"""A file, a database URL (`#table` names the table), or a data frame, which may carry a name"""


@dataclass(frozen=True)
class ParquetSource:
    """A Parquet file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def columns(self) -> list[str]:
        return [str(name) for name in self._open().schema_arrow.names]

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        for batch in self._open().iter_batches(ROWS, columns=list(columns), use_threads=False):
            if len(batch):
                yield pa.Table.from_batches([batch]).select(list(columns))

    def _open(self) -> Any:
        import pyarrow.parquet

        try:
            return pyarrow.parquet.ParquetFile(self.path, buffer_size=1 << 16, pre_buffer=False)
        except (pa.ArrowInvalid, OSError) as problem:
            first = str(problem).splitlines()[0]
            raise InputError(f"{self.name}: is not a Parquet file, which begins and ends with PAR1 ({first})") from None


@dataclass(frozen=True)
class DuckSource:
    """A table of a DuckDB file, opened for reading only."""

    path: Path
    table: str | None = None

    @property
    def name(self) -> str:
        return str(self.path) + (f"#{self.table}" if self.table else "")

    def columns(self) -> list[str]:
        with self._open() as connection:
            rows = connection.execute(f"describe {quoted(self._table(connection))}").fetchall()
        return [str(row[0]) for row in rows]

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        with self._open() as connection:
            names = ", ".join(quoted(column) for column in columns)
            relation = connection.sql(f"select {names} from {quoted(self._table(connection))}")
            for batch in arrow_reader(relation):
                if len(batch):
                    yield pa.Table.from_batches([batch])

    def _open(self) -> Any:
        import duckdb

        try:
            return duckdb.connect(str(self.path), read_only=True)
        except duckdb.Error as problem:
            raise InputError(f"{self.path}: cannot be opened by DuckDB ({problem})") from None

    def _table(self, connection: Any) -> str:
        tables = [str(row[0]) for row in connection.execute("show tables").fetchall()]
        return _chosen(str(self.path), self.table, tables)


@dataclass(frozen=True)
class SqlSource:
    """A table or view behind an SQLAlchemy URL, read with a server-side cursor where the database has one."""

    url: str
    table: str | None = None

    @property
    def name(self) -> str:
        import sqlalchemy

        try:
            shown = sqlalchemy.make_url(self.url).render_as_string(hide_password=True)
        except sqlalchemy.exc.ArgumentError:
            raise InputError(f"{self.url}: is not a database URL such as postgresql://host/db#table") from None
        return shown + (f"#{self.table}" if self.table else "")

    def columns(self) -> list[str]:
        import sqlalchemy

        with self._connect() as connection:
            inspector = sqlalchemy.inspect(connection)
            schema, table = self._table(inspector)
            return [str(column["name"]) for column in inspector.get_columns(table, schema=schema)]

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        import sqlalchemy

        with self._connect() as connection:
            schema, table = self._table(sqlalchemy.inspect(connection))
            chosen: list[Any] = [sqlalchemy.column(column) for column in columns]
            query = sqlalchemy.select(*chosen).select_from(sqlalchemy.table(table, schema=schema))
            result = connection.execution_options(stream_results=True, yield_per=ROWS).execute(query)
            for rows in result.partitions():
                if rows:
                    arrays = zip(*rows, strict=True)
                    yield pa.table({c: _array(pd.Series(list(a), dtype=object)) for c, a in zip(columns, arrays, strict=True)})

    def _connect(self) -> Any:
        import sqlalchemy

        name = self.name
        url = sqlalchemy.make_url(self.url)
        if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_file():
            raise InputError(f"{name}: there is no such file")  # SQLite would make it
        try:
            return sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.pool.NullPool).connect()
        except (sqlalchemy.exc.SQLAlchemyError, ModuleNotFoundError) as problem:
            first = str(problem).splitlines()[0]
            raise InputError(f"{name}: cannot be opened ({first})") from None

    def _table(self, inspector: Any) -> tuple[str | None, str]:
        first, _, rest = (self.table or "").partition(".")
        schema, table = (first, rest) if rest else (None, self.table)
        tables = [*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)]
        return schema, _chosen(self.name, table, tables)


def arrow_reader(relation: Any) -> Any:
    """The record batches of a DuckDB relation, whatever this version of DuckDB calls them."""
    reader = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    return reader(ROWS)


def _chosen(place: str, table: str | None, tables: list[str]) -> str:
    if table is None and len(tables) == 1:
        return tables[0]
    if table is None or table not in tables:
        found = f"found {table!r}" if table else "no table is named"
        raise InputError(f"{place}: {found}; add # and one of {', '.join(tables) or '(there is no table)'}")
    return table


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _array(series: pd.Series[Any]) -> pa.Array:
    """The column as Arrow; a mixture of text and numbers becomes text, to be told apart value by value."""
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        array = pa.array([None if pd.isna(value) else str(value) for value in series], type=pa.string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
