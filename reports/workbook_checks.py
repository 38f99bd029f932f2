"""The checks sheet: what an auditor would recompute, as formulas that read TRUE."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.workbook_sheet import Area, Book, Sheet, near

_FIRST = 6


@dataclass(frozen=True)
class Check:
    """Two numbers that must agree: a formula each (empty: a number of the simulation), and the value it has."""

    name: str
    says: str
    left: str
    left_value: float
    right: str
    right_value: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether they agree."""
        return abs(self.left_value - self.right_value) <= self.tolerance


class Checks:
    """Collects checks while the other sheets are written."""

    def __init__(self) -> None:
        self.all: list[Check] = []

    def equal(
        self, name: str, says: str, left: str, left_value: float, right: str, right_value: float, tolerance: float = 0.0
    ) -> None:
        """`left` = `right` within `tolerance`."""
        self.all.append(Check(name, says, left, float(left_value), right, float(right_value), tolerance))

    def same(self, name: str, says: str, one: Area, other: Area, tolerance: float = 0.0) -> None:
        """Two columns hold the same numbers, row by row, within `tolerance` of all together."""
        gap = math.fsum(abs(a - b) for a, b in zip(one.numbers(), other.numbers(), strict=True))
        self.equal(name, f"{says} (sum of absolute differences)", f"=SUMPRODUCT(ABS({one}-{other}))", gap, "", 0.0, tolerance)

    def write(self, book: Book) -> Sheet:
        """The sheet, every check a row, and above them whether all hold."""
        sheet = book.sheet("Checks", "Every check is a formula over the other sheets; each must read TRUE.")
        heads = ["Check", "What must hold", "Computed", "Must equal", "Difference", "Allowed", "Holds"]
        sheet.head(_FIRST - 1, heads, [34, 78, 20, 20, 14, 14, 10])
        for k, check in enumerate(self.all):
            row = _FIRST + k
            sheet.row(row, [check.name, check.says], ["label", "wrap"])
            for col, formula, value in ((2, check.left, check.left_value), (3, check.right, check.right_value)):
                if formula:
                    sheet.formula((row, col), formula, value, "money")
                else:
                    sheet.write((row, col), value, "money")
            sheet.formula((row, 4), f"={near((row, 2))}-{near((row, 3))}", check.left_value - check.right_value, "factor")
            sheet.write((row, 5), check.tolerance, "factor")
            sheet.formula((row, 6), f"=ABS({near((row, 4))})<={near((row, 5))}", check.holds, "check")
        last = _FIRST + len(self.all) - 1
        held = all(check.holds for check in self.all)
        sheet.write((3, 0), "All checks hold", "label")
        sheet.formula((3, 1), f"=AND({near((_FIRST, 6))}:{near((last, 6))})", held, "check")
        return sheet
