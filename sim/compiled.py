"""How rules are compiled: inlined into one kernel, cached by the content of the package."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.extending import register_jitable

rule: Callable[[Callable[..., Any]], Callable[..., Any]] = register_jitable(forceinline=True, no_cfunc_wrapper=True)
"""Marks a rule: itself in plain Python, inlined where compiled code calls it."""

rare: Callable[[Callable[..., Any]], Callable[..., Any]] = register_jitable(no_cfunc_wrapper=True)
"""Marks a rule that is seldom called and large: compiled as a function of its own."""


def _content_stamp() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile without the interpreter lock and cache on disk.

    Numba's cache looks at the time of the one file that holds the function; a kernel's rules stand in others. The stamp is
    therefore the content of the whole package, so that a changed rule is never answered from an old cache.
    """
    made: Any = numba.njit(nogil=True, error_model="numpy")(function)
    made.enable_caching()
    made._cache._cache_file._source_stamp = _content_stamp()
    return made  # type: ignore[no-any-return]
