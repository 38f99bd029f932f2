"""Units and lists of a comparison as a reader wants them."""

from __future__ import annotations


def in_units(unit: str, currency: str) -> str:
    """The unit of a measure as printed: money/member -> CNY a member; shares carry their own mark."""
    if unit in ("share", "ratio"):
        return ""
    return unit.replace("money", currency).replace("/", " a ")


def listed(names: list[str]) -> str:
    """a; a and b; a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
