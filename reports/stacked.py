"""Tables that are too wide for a phone: there every row is a block, and each of its figures says of which column it is."""

from __future__ import annotations

import re
from html import unescape

from markupsafe import escape

WIDE = 5
"""columns from which on a table does not fit beside a phone's edge; one with fewer says so itself: class="stack" """
LETTERS = 34
"""of the longest words of all heads that wrap, two more for each: with more they do not fit there whole"""
_TABLE = re.compile(r"<table([^>]*)>(.*?)</table>", re.S)
_ROW = re.compile(r"(<tr[^>]*>)(.*?)(?=</tr>|<tr|$)", re.S)
_CELL = re.compile(r"<(t[hd])([^>]*)>")
_MARK = re.compile(r'<span style="color:(#\w+)">■</span>')
"""a design's colour beside its name"""


def stacked(page: str) -> str:
    """The page with the name of its column in every cell (`data-head`) of each table that style.css stacks on a phone, and the
    colour of a design there (`--mark`)."""
    return _TABLE.sub(lambda found: _table(found[1], found[2]), page)


def _table(attributes: str, content: str) -> str:
    head, ends, body = content.partition("</thead>")
    heads = re.findall(r"<th([^>]*)>(.*?)</th>", head, re.S)
    names = [_text(_MARK.sub("", cell)) for _, cell in heads]
    marks = [found[1] if (found := _MARK.search(cell)) else None for _, cell in heads]
    words = (max(map(len, re.split(r"[\s-]", name))) + 2 for name, (how, _) in zip(names, heads, strict=True) if "wrap" in how)
    if not ends or (len(names) < WIDE and sum(words) <= LETTERS and "stack" not in attributes):
        return f"<table{attributes}>{content}</table>"
    taken = [0] * len(names)  # rows that a cell above still reaches down, by column
    body = _ROW.sub(lambda row: row[1] + _row(row[2], names, marks, taken), body)
    if "stack" not in attributes:
        attributes = attributes.replace('class="', 'class="stack ') if "class=" in attributes else f'{attributes} class="stack"'
    return f"<table{attributes}>{head}{ends}{body}</table>"


def _row(cells: str, names: list[str], marks: list[str | None], taken: list[int]) -> str:
    at = 0

    def labelled(cell: re.Match[str]) -> str:
        nonlocal at
        while at < len(names) and taken[at]:
            taken[at] -= 1
            at += 1
        first, width = at, _span(cell[2], "col")
        taken[first : first + width] = [_span(cell[2], "row") - 1] * len(taken[first : first + width])
        at += width
        one = cell[1] == "td" and width == 1 and first < len(names) and names[first]
        mark = f' style="--mark:{marks[first]}"' if one and marks[first] else ""
        return f'<{cell[1]}{cell[2]}{mark} data-head="{escape(names[first])}">' if one else cell[0]

    found = _CELL.sub(labelled, cells)
    for column in range(at, len(names)):
        taken[column] = max(0, taken[column] - 1)
    return found


def _span(attributes: str, of: str) -> int:
    found = re.search(rf'{of}span="(\d+)"', attributes)
    return int(found[1]) if found else 1


def _text(cell: str) -> str:
    """What a cell says, without its marks."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split())
