"""How rules are compiled: inlined into one kernel, over borrowed arrays, cached by the content of the package."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

rule: Callable[[Callable[..., Any]], Callable[..., Any]] = register_jitable(forceinline=True)
"""Marks a rule: itself in plain Python, inlined where compiled code calls it.

Inlining is what makes rules over named structures free: 450 ns a purchase without it and with counted references, 55
with it and borrowed arrays (benchmarks/bench_engine.py prints the present figure).
"""

rare: Callable[[Callable[..., Any]], Callable[..., Any]] = register_jitable
"""Marks a rule that is seldom called and large: compiled as a function of its own."""


@intrinsic  # type: ignore[untyped-decorator]
def borrowed(typing_context: Any, array: Any) -> Any:
    """The same array without a reference count; whoever borrows must not outlive the owner."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    return array(array), generate


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
    made = numba.njit(nogil=True, error_model="numpy")(function)
    made.enable_caching()
    made._cache._cache_file._source_stamp = _content_stamp()
    return made  # type: ignore[no-any-return]
