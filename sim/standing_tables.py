"""Members at the start who were there before the data: their scores among joiners, as the engine reads them."""

from __future__ import annotations

import numpy as np
from scipy import special

from sim.population import Standing
from sim.tables import SCORES
from sim.typing import Floats

RATES = np.linspace(-8.0, 8.0, 33)
"""Normal scores of the purchase rate at which scores of the leaving probability are tabulated"""
_COARSE = slice(None, None, 16)


def standing_tables(standing: Standing | None, rates: Floats, leaving: Floats) -> tuple[Floats, Floats]:
    """Score of the rate, (scores,), and of the leaving probability at each of RATES, (RATES * scores,), among joiners: of members
    there whose own scores are SCORES. rates, leaving: log quantiles of joiners at SCORES.

    Of those who came at a steady pace over H days the share (1 - exp(-x)) / x is still there, x = rate * leaving * H: joiners'
    normal scores are weighed by it. Where nobody was there before, the tables are empty.
    """
    if standing is None:
        return np.zeros(1), np.zeros(1)
    log_days = np.log(standing.came_over)

    def there(log_rate: Floats, log_leaving: Floats) -> Floats:
        x = np.exp(np.clip(log_rate[:, None] + log_leaving + log_days, -30.0, 700.0))
        share: Floats = -np.expm1(-x) / x
        return share

    normal = np.exp(-(SCORES**2) / 2)
    of_rate = there(rates, leaving[_COARSE]) @ normal[_COARSE]
    of_leaving = there(np.interp(RATES, SCORES, rates), leaving)
    return _scores(normal * of_rate), np.concatenate([_scores(normal * row) for row in of_leaving])


def _scores(weight: Floats) -> Floats:
    """Score among joiners of members whose own scores are SCORES; weight: of those there, by their score among joiners."""
    below, above = np.cumsum(weight) - weight / 2, np.cumsum(weight[::-1])[::-1] - weight / 2
    total = weight.sum()
    own = np.where(below < above, special.ndtri(below / total), -special.ndtri(above / total))
    return np.asarray(np.interp(SCORES, own, SCORES))
