"""A text file as a table, streamed in blocks; what is wrong with one is told by its line."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import pyarrow as pa

from sim.errors import InputError

_SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class CsvSource:
    """A text file with a header line, plain or gzipped, UTF-8; every column is read as text.

    Fields are separated by what parts the header into most: comma, semicolon, tab or bar.
    """

    path: Path
    first_row: ClassVar[int] = 2
    """the line of the first row, after the header's"""

    @property
    def name(self) -> str:
        return str(self.path)

    def columns(self) -> list[str]:
        check_names(self._header()[0], self.name)
        return self._header()[0]

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        reader = self._open(list(columns))
        while reader is not None:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (pa.ArrowInvalid, OSError) as problem:
                raise InputError(self._why(problem)) from None
            if len(batch):
                yield pa.Table.from_batches([batch])

    def _open(self, columns: list[str]) -> Any:
        """A reader of the rows; None where there are none."""
        import pyarrow.csv

        names, separator, rows = self._header()
        if not rows:
            return None
        convert = {"strings_can_be_null": True, "null_values": [""], "include_columns": columns}
        try:
            return pyarrow.csv.open_csv(
                self.path,
                read_options=pyarrow.csv.ReadOptions(block_size=1 << 21, use_threads=False, column_names=names, skip_rows=1),
                parse_options=pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
                convert_options=pyarrow.csv.ConvertOptions(**convert, column_types=dict.fromkeys(columns, pa.string())),
            )
        except (pa.ArrowInvalid, OSError) as problem:
            raise InputError(self._why(problem)) from None

    def _header(self) -> tuple[list[str], str, bool]:
        """Names of the columns, the separator, and whether a row follows."""
        try:
            with self._text() as lines:
                first = lines.readline()
                rows = any(line.strip() for line in lines)
        except UnicodeDecodeError:
            raise InputError(self._why(None)) from None
        except (OSError, EOFError) as problem:
            raise InputError(f"{self.name}: is not a CSV table with a header ({problem})") from None
        if "\0" in first:
            raise InputError(self._why(None))
        if not first.strip():
            raise InputError(f"{self.name}: is empty; give a table with a header and rows")
        headers = {separator: next(csv.reader([first], delimiter=separator)) for separator in _SEPARATORS}
        separator = max(_SEPARATORS, key=lambda one: len(headers[one]))
        return [name.strip() for name in headers[separator]], separator, rows

    def _text(self) -> IO[str]:
        """The file as text, gzipped or not."""
        if self._zipped:
            return gzip.open(self.path, "rt", encoding="utf-8-sig", newline="")
        return self.path.open(encoding="utf-8-sig", newline="")

    def _why(self, problem: Exception | None) -> str:
        """What is wrong with the first line that cannot be read."""
        try:
            with gzip.open(self.path) if self._zipped else self.path.open("rb") as raw:
                for line, content in enumerate(raw, 1):
                    if (byte := _not_utf8(content)) is not None:
                        found = f"{self.name}, line {line}: found the byte 0x{byte:02X}"
                        return f"{found}, allowed is UTF-8 text; save it as UTF-8"
            names, separator, _ = self._header()
            with self._text() as lines:
                for line, row in enumerate(csv.reader(lines, delimiter=separator), 1):
                    if row and len(row) != len(names):
                        return f"{self.name}, line {line}: has {len(row)} fields; the header names {len(names)}"
        except (OSError, EOFError, csv.Error) as wrong:
            problem = wrong
        return f"{self.name}: is not a proper CSV table ({problem})"

    @property
    def _zipped(self) -> bool:
        return self.path.name.lower().endswith(".gz")


def check_names(names: list[str], place: str) -> None:
    """Raise InputError where two columns of the table `place` have one name."""
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{place}: two columns are called {name!r}; each name must occur once")


def _not_utf8(line: bytes) -> int | None:
    """The first byte that is no UTF-8 text."""
    if b"\0" in line:
        return 0
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return line[wrong.start]
    return None
