"""Points by month of earning, from lots by month of credit.

A point is earned with a sale and may become spendable in a later month. What is deferred for it belongs to the sale (IFRS 15
par. 76, B40), but members spend from lots that begin when points become spendable. Points of one lot and tier are alike: of what
leaves a lot in a month, every month of earning bears a part in proportion to what it still has in the lot, in whole points.
"""

from __future__ import annotations

import numpy as np

from scenarios.finance.rounding import Exact
from sim.state import C_CLAWED_BACK, C_EXPIRED, C_ISSUED, C_REDEEMED
from sim.typing import Ints

ORDER = (C_CLAWED_BACK, C_REDEEMED, C_EXPIRED)
"""In which what leaves a lot in a month is shared; as the roll-forward takes it"""


def by_earning(lots: Ints, held: Ints, past: int) -> tuple[Ints, Ints]:
    """Points by month of earning: (past + months, months, tiers, 4) of each month, (past + months, tiers) at the start.

    lots: (past + months + 1, months, tiers, 4) issued, redeemed, expired, clawed back by month of credit, the last row credited
    after the run; held: (past + months + 1, tiers) points at the start likewise. past: months of credit before the start. Points
    that are pending at the start count as earned in the month before it.
    """
    months = lots.shape[1]
    credited = np.arange(lots.shape[0]) - past
    found, opening = lots[:-1].copy(), held[:-1].copy()
    late = np.flatnonzero(credited >= 0)
    issued = lots[late, :, :, C_ISSUED].astype(object)
    earned = np.flatnonzero(issued.any(axis=2).any(axis=0))
    lag = max((int((credited[late][issued[:, m].any(axis=1)] - m).max()) for m in earned), default=0)
    if not lag and not held[late].any():
        return found, opening
    found[past:], opening[past:] = 0, 0
    left: Exact = np.full((lag + 2, len(late), lots.shape[2]), 0, dtype=object)
    left[-1] = held[late]
    if held[late].any():
        opening[past - 1] += held[late].sum(axis=0)
    at = credited[late] - np.arange(lag + 1)[:, None]
    for month in range(months):
        for step in range(lag + 1):
            left[step] += np.where((at[step] == month)[:, None], issued[:, month], 0)
        found[past + month, month, :, C_ISSUED] = lots[late, month, :, C_ISSUED].sum(axis=0)
        for kind in ORDER:
            gone = lots[late, month, :, kind].astype(object)
            if not gone.any():
                continue
            part = _shared(gone, left)
            left -= part
            for step in range(lag + 1):
                inside = (at[step] >= 0) & (at[step] <= month)
                found[past + at[step][inside], month, :, kind] += part[step][inside].astype(np.int64)
            found[past - 1, month, :, kind] += part[-1].sum(axis=0).astype(np.int64)
    return found, opening


def _shared(gone: Exact, left: Exact) -> Exact:
    """(parts, ...) whole points of `gone` (...) in proportion to `left` (parts, ...), none more than it has: differences of
    rounded running shares."""
    so_far = left.cumsum(axis=0)
    whole = np.where(so_far[-1] == 0, 1, so_far[-1])
    return np.asarray(np.diff(so_far * gone // whole, axis=0, prepend=0), dtype=object)
