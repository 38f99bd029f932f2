"""Effects and p-values as printed, in sentences, tables and drawings alike."""

from __future__ import annotations

from scenarios.numerals import as_stated, percent, signed, significant


def effect_text(value: float, scale: str = "absolute") -> str:
    """An effect with its sign: +1.23; a relative one +1.23 %."""
    return signed(size_text(value, scale))


def size_text(value: float, scale: str = "absolute", digits: int = 3) -> str:
    """A distance, a standard error: the same without a plus; digits: significant ones of an absolute one."""
    return percent(value, 2) if scale == "relative" else significant(value, digits)


def stated_text(value: float, scale: str = "absolute") -> str:
    """A margin or a least effect as the plan states it: 10, 0.02; a relative one 2 %."""
    return f"{as_stated(100 * value)}\u00a0%" if scale == "relative" else as_stated(value)


def p_text(p: float) -> str:
    """A p-value for a reader, never more precise than it deserves: p < 0.001, p = 0.012."""
    return f"p {shown}" if (shown := p_value(p)).startswith("<") else f"p = {shown}"


def p_value(p: float) -> str:
    """The same in a column of its own: < 0.001, 0.012."""
    return "< 0.001" if p < 0.001 else significant(p, 2)


def probability_text(value: float, of: int = 100) -> str:
    """A probability, or a share `of` so many simulated experiments: never 0 or 100 %, which no number of them can tell."""
    least = max(0.01, 1 / of)
    shown = percent(min(max(value, least), 1 - least), 0)
    return f"over {shown}" if value > 1 - least + 1e-9 else f"under {shown}" if value < least - 1e-9 else shown
