"""Tables of live data from anywhere, streamed in blocks: CSV, Parquet, DuckDB, any SQLAlchemy URL, data
frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from sim.errors import InputError

ROWS = 65_536
"""rows of a block"""

_ALLOWED = "a .csv, .csv.gz, .parquet or .duckdb file, or a database URL such as postgresql://host/db#table"


class Source(Protocol):
    """A table that can be read in blocks, any number of times."""

    @property
    def name(self) -> str:
        """What errors call it."""

    def columns(self) -> list[str]:
        """The names of its columns."""

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Blocks of the named columns, in that order, none of them empty."""


def open_source(where: str | Path | pd.DataFrame) -> Source:
    """The table at `where`: a file, a database URL (`#table` names the table), or a data frame.

    In a database or .duckdb file with one table, `#table` may be left out.

    Raises InputError where there is no such file or table, or the kind of file is unknown.
    """
    if isinstance(where, pd.DataFrame):
        return FrameSource(where)
    text = str(where)
    if "://" in text:
        url, _, table = text.partition("#")
        return SqlSource(url, table or None)
    file, _, table = text.partition("#")
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{file}: there is no such file; give {_ALLOWED}")
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return CsvSource(path)
    if name.endswith((".parquet", ".pq")):
        return ParquetSource(path)
    if name.endswith((".duckdb", ".ddb")):
        return DuckSource(path, table or None)
    raise InputError(f"{file}: is of an unknown kind; give {_ALLOWED}")


def require(source: Source, wanted: dict[str, str]) -> None:
    """Check that `wanted` columns (name -> what for) are there; InputError names each that is not."""
    there = source.columns()
    missing = {column: use for column, use in wanted.items() if column not in there}
    if missing:
        shown = ", ".join(there[:20]) + (", ..." if len(there) > 20 else "")
        raise InputError(
            *(
                f"{source.name}: column {column!r} ({use}) is missing; the columns are {shown}"
                for column, use in missing.items()
            )
        )


@dataclass(frozen=True)
class FrameSource:
    """A data frame in memory."""

    frame: pd.DataFrame
    name: str = "data frame"

    def columns(self) -> list[str]:
        names = [str(column) for column in self.frame.columns]
        _check_names(names, self.name)
        return names

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        place = {name: i for i, name in enumerate(self.columns())}
        for start in range(0, len(self.frame), ROWS):
            part = self.frame.iloc[start : start + ROWS]
            yield pa.table({column: _array(part.iloc[:, place[column]]) for column in columns})


@dataclass(frozen=True)
class CsvSource:
    """A CSV file with a header line, plain or gzipped, UTF-8; every column is read as text."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def columns(self) -> list[str]:
        names = [str(name) for name in self._open(None).schema.names]
        _check_names(names, self.name)
        return names

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        reader = self._open(list(columns))
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (pa.ArrowInvalid, OSError) as problem:
                raise InputError(f"{self.name}: is not a proper CSV table ({problem})") from None
            if len(batch):
                yield pa.Table.from_batches([batch])

    def _open(self, columns: list[str] | None) -> Any:
        import pyarrow.csv

        convert: dict[str, Any] = {"strings_can_be_null": True, "null_values": [""]}
        if columns is not None:
            convert |= {"include_columns": columns, "column_types": dict.fromkeys(columns, pa.string())}
        try:
            return pyarrow.csv.open_csv(
                self.path,
                read_options=pyarrow.csv.ReadOptions(block_size=1 << 21, use_threads=False),
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=False),
                convert_options=pyarrow.csv.ConvertOptions(**convert),
            )
        except (pa.ArrowInvalid, OSError) as problem:
            raise InputError(f"{self.name}: is not a CSV table with a header ({problem})") from None


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
            raise InputError(f"{self.name}: is not a Parquet file ({problem})") from None


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
            raise InputError(
                f"{self.url}: is not a database URL such as postgresql://host/db#table"
            ) from None
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
                    yield pa.table(
                        {
                            c: _array(pd.Series(list(a), dtype=object))
                            for c, a in zip(columns, arrays, strict=True)
                        }
                    )

    def _connect(self) -> Any:
        import sqlalchemy

        try:
            return sqlalchemy.create_engine(self.url, poolclass=sqlalchemy.pool.NullPool).connect()
        except (sqlalchemy.exc.SQLAlchemyError, ModuleNotFoundError) as problem:
            first = str(problem).splitlines()[0]
            raise InputError(f"{self.name}: cannot be opened ({first})") from None

    def _table(self, inspector: Any) -> tuple[str | None, str]:
        first, _, rest = (self.table or "").partition(".")
        schema, table = (first, rest) if rest else (None, self.table)
        tables = [*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)]
        return schema, _chosen(self.name, table, tables)


def arrow_reader(relation: Any) -> Any:
    """The record batches of a DuckDB relation, whatever this version of DuckDB calls them."""
    reader = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    return reader(ROWS)


def _check_names(names: list[str], place: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{place}: two columns are called {name!r}; each name must occur once")


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
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        array = pa.array([None if pd.isna(value) else str(value) for value in series], type=pa.string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
