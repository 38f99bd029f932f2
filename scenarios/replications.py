"""Replications: draws of luck and parameters together, and the first of them once more with the parameters at their means."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from sim.errors import InputError

Progress = Callable[[int, int, str], None]
"""called with how many runs are done, of how many, and of which scenario"""
MOST_RERUNS = 10


@dataclass(frozen=True)
class Replication:
    """One course of events, the same for every design."""

    number: int
    """from 0; a rerun has that of the run whose luck it has"""
    seed: int
    """of all luck"""
    draw: int | None
    """of the parameters; None = a rerun, with the parameters at their means"""


def replications_of(count: int, seed: int) -> list[Replication]:
    """`count` runs, then the first of them again (MOST_RERUNS at most; none of a single one), whose spread is luck alone.

    Raises InputError for a count below 1.
    """
    if count < 1:
        raise InputError(f"replications: found {count}, allowed is a whole number from 1 on")
    seeds = [run_seed(seed, number) for number in range(count)]
    again = min(count, MOST_RERUNS) if count > 1 else 0
    runs = [Replication(number, luck, luck) for number, luck in enumerate(seeds)]
    return runs + [Replication(number, luck, None) for number, luck in enumerate(seeds[:again])]


def run_seed(seed: int, replication: int) -> int:
    """Run seeds of 32 bits, far apart for every seed and replication."""
    digest = hashlib.sha256(f"{seed}/{replication}".encode()).digest()
    return int.from_bytes(digest[:4], "little")
