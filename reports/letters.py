"""Letters that the house font of drawings lacks: taken from a font of this machine, or left to the browser."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from matplotlib.font_manager import FontEntry, FontProperties, findfont, fontManager, get_font
from matplotlib.ft2font import FT2Font

HOUSE = "DejaVu Sans"
"""comes with matplotlib"""


def families(texts: Iterable[str]) -> tuple[list[str], bool]:
    """(the house font, then others of this machine that have what it lacks of `texts`; whether they have all of it)."""
    lacking = {ord(letter) for text in texts for letter in text if letter.isprintable()} - _letters_of(findfont(HOUSE))
    found, left = _others(frozenset(lacking))
    return [HOUSE, *found], not left


@cache
def _others(lacking: frozenset[int]) -> tuple[list[str], frozenset[int]]:
    """Names of fonts, each with the most of what those before it lack, and what none has."""
    found: list[str] = []
    plain = [entry for entry in fontManager.ttflist if entry.style == "normal" and entry.weight in (400, "normal", "regular")]
    while lacking and plain:
        best = max(plain, key=lambda entry: (len(lacking & _drawn_by(entry)), entry.name, entry.fname))
        if not lacking & _drawn_by(best):
            break
        found.append(best.name)
        lacking -= _drawn_by(best)
    return found, lacking


def _drawn_by(entry: FontEntry) -> frozenset[int]:
    """What is drawn in the font that goes by the entry's name; of the last resort, which has a box for everything, nothing."""
    named = FontProperties(family=[entry.name])
    own = not entry.name.startswith("Last Resort") and findfont(named) == entry.fname
    return _letters_of(entry.fname) if own else frozenset()


@cache
def _letters_of(file: str) -> frozenset[int]:
    """Code points that a font can draw as outlines; none of a font of pictures, such as emoji in colour."""
    try:
        font: FT2Font = get_font(file)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()
