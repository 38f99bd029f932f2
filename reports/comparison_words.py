"""Units and lists of a comparison as a reader wants them."""

from __future__ import annotations


def in_units(unit: str, currency: str) -> str:
    """The unit of a measure as printed: money/member -> CNY a member; shares carry their own mark."""
    if unit in ("share", "ratio"):
        return ""
    return unit.replace("money", currency).replace("/", " a ")
