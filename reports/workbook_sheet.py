"""One sheet of a workbook: cells that remember their value, so that formulas carry the number a recalculation gives."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_rowcol_to_cell

Cell = tuple[int, int]
"""Row and column from 0"""

_BASE = {"font_name": "Calibri", "font_size": 10, "valign": "top"}
_FORMATS: dict[str, dict[str, Any]] = {
    "text": {},
    "wrap": {"text_wrap": True},
    "title": {"bold": True, "font_size": 14},
    "answer": {"font_size": 12, "text_wrap": True, "bg_color": "#EEF5FA", "border": 1, "border_color": "#0072B2"},
    "note": {"font_color": "#555555", "text_wrap": True},
    "head": {"bold": True, "text_wrap": True, "bottom": 2, "bg_color": "#F2F2F2", "align": "center", "valign": "vcenter"},
    "label": {"bold": True},
    "month": {"num_format": "mmm yyyy", "align": "left"},
    "day": {"num_format": "yyyy-mm-dd", "align": "left"},
    "money": {"num_format": '#,##0.00;[Red]-#,##0.00;"–"'},
    "count": {"num_format": '#,##0;[Red]-#,##0;"–"'},
    "share": {"num_format": "0.0%"},
    "factor": {"num_format": "0.00000"},
    "check": {"bold": True, "align": "center"},
}
_TOTALS = ("text", "label", "money", "count", "share")


class Book:
    """The workbook under construction and its formats."""

    def __init__(self, target: Any, title: str, created: dt.datetime) -> None:
        self.book = xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        self.book.set_properties({"title": title, "created": created})
        self.book.set_calc_mode("auto")
        self.formats = {name: self.book.add_format({**_BASE, **look}) for name, look in _FORMATS.items()}
        for name in _TOTALS:
            self.formats[f"{name} total"] = self.book.add_format({**_BASE, **_FORMATS[name], "bold": True, "top": 1})

    def sheet(self, name: str, note: str, *, landscape: bool = True) -> Sheet:
        """A new sheet, headed by its name and what it holds."""
        return Sheet(self, name, note, landscape)


@dataclass(frozen=True)
class Area:
    """Cells of one sheet from one corner to the other, both counted."""

    sheet: Sheet
    first: Cell
    last: Cell

    def __str__(self) -> str:
        corners = (xl_rowcol_to_cell(*at, row_abs=True, col_abs=True) for at in (self.first, self.last))
        return f"'{self.sheet.name}'!" + ":".join(corners)

    def numbers(self) -> list[float]:
        """Their remembered numbers, row by row; 0 for text and empty cells."""
        rows, columns = range(self.first[0], self.last[0] + 1), range(self.first[1], self.last[1] + 1)
        return [self.sheet.number((r, c)) for r in rows for c in columns]

    def sum(self) -> float:
        """Their sum, as SUM has it."""
        return math.fsum(self.numbers())


class Sheet:
    """A sheet that is written from top to bottom."""

    def __init__(self, book: Book, name: str, note: str, landscape: bool) -> None:
        self.name, self._book = name, book
        self.ws = book.book.add_worksheet(name)
        self.values: dict[Cell, Any] = {}
        self.ws.hide_gridlines(2)
        self.ws.set_paper(9)
        if landscape:
            self.ws.set_landscape()
        self.ws.fit_to_pages(1, 0)
        self.ws.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
        self.ws.set_footer("&L&8&F&C&8&A&R&8Page &P of &N")
        self.write((0, 0), name, "title")
        self.ws.write_string(1, 0, note, book.formats["text"])

    def write(self, at: Cell, value: Any, look: str = "text") -> None:
        """A constant: text, number, date, or nothing for None and NaN."""
        form = self._book.formats[look]
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            self.ws.write_blank(*at, None, form)
            return
        self.values[at] = value
        if isinstance(value, dt.date):
            self.ws.write_datetime(*at, dt.datetime.combine(value, dt.time()), form)
        elif isinstance(value, str):
            self.ws.write_string(*at, value, form)
        elif isinstance(value, bool):
            self.ws.write_boolean(*at, value, form)
        else:
            self.ws.write_number(*at, value, form)

    def formula(self, at: Cell, formula: str, value: float | bool | str, look: str = "money") -> None:
        """A formula with the value that it has."""
        self.values[at] = value
        self.ws.write_formula(*at, formula, self._book.formats[look], value)

    def merge(self, first: Cell, last: Cell, text: str, look: str) -> None:
        """Text over several cells."""
        self.values[first] = text
        self.ws.merge_range(*first, *last, text, self._book.formats[look])

    def total(self, at: Cell, first: Cell, last: Cell, look: str = "money total") -> None:
        """SUM of cells of this sheet."""
        area = self.area(first, last)
        self.formula(at, f"=SUM({str(area).partition('!')[2]})", round(area.sum(), 6), look)

    def row(self, row: int, values: Iterable[Any], looks: Sequence[str] | str, column: int = 0) -> None:
        """Constants side by side."""
        given = list(values)
        every = [looks] * len(given) if isinstance(looks, str) else looks
        for k, (value, look) in enumerate(zip(given, every, strict=True)):
            self.write((row, column + k), value, look)

    def head(self, row: int, names: Sequence[str], widths: Sequence[float], *, freeze: int = 1) -> None:
        """The heads of a table, repeated on every printed page; rows above and `freeze` columns stay in view."""
        self.row(row, names, "head")
        for k, width in enumerate(widths):
            self.ws.set_column(k, k, width)
        self.ws.freeze_panes(row + 1, freeze)
        self.ws.repeat_rows(row)

    def area(self, first: Cell, last: Cell | None = None) -> Area:
        """Cells of this sheet, as a formula on any sheet names them."""
        return Area(self, first, first if last is None else last)

    def ref(self, at: Cell) -> str:
        """One cell, as a formula on any sheet names it."""
        return f"'{self.name}'!{xl_rowcol_to_cell(*at, row_abs=True, col_abs=True)}"

    def number(self, at: Cell) -> float:
        """The number in a cell; 0 where there is none."""
        value = self.values.get(at, 0.0)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0


def near(at: Cell) -> str:
    """A cell of the same sheet."""
    return str(xl_rowcol_to_cell(*at))
