"""How rules are compiled: inlined into one kernel, cached by the content of the package."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from llvmlite.binding import Linkage
from numba.core import types
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.extending import intrinsic, overload, register_jitable

_WORD, _FLOAT = ir.IntType(64), ir.DoubleType()
_KERNELS: set[str] = set()
_INLINED: list[str] = []
_PARTS: list[str] = []


def rule(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a rule: itself in plain Python, inlined where a kernel calls it, directly or through other rules."""
    _INLINED.append(_mangled(function))
    return rare(function)


def rare(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a rule that is seldom called and large: compiled as a function of its own.

    `forceinline` is said because it is inherited from the caller otherwise.
    """
    _PARTS.append(_mangled(function))
    return _jitable(function)  # type: ignore[no-any-return]


_jitable: Any = register_jitable(forceinline=False, no_cfunc_wrapper=True)


def _mangled(function: Callable[..., Any]) -> str:
    """How its compiled name begins."""
    parts = f"{function.__module__}.{function.__qualname__}".split(".")
    return "_ZN" + "".join(f"{len(part)}{part}" for part in parts) + "B"


# Rules are parts of kernels. Numba would compile each for itself as well, to be called from Python; three changes to it:

_optimize: Any = JITCodeLibrary._optimize_final_module
_finish: Any = JITCodeLibrary._finalize_final_module
_set_env: Any = JITCPUCodegen.set_env


def _inline_and_optimize(library: Any) -> None:
    """Rules are inlined only once all of a kernel is together. Numba's own `forceinline` does so in every rule on the way, and
    compiles twice what both rules and others call: a third more time to compile for the same code."""
    if library.name in _KERNELS:
        for function in library._final_module.functions:
            if not function.is_declaration and function.name.startswith(tuple(_INLINED)):
                function.add_function_attribute("alwaysinline")
    _optimize(library)


def _finish_wholes(library: Any) -> None:
    """No machine code of a rule by itself: a fifth less time to compile."""
    own = (f.name for f in library._final_module.functions if f.linkage == Linkage.external and not f.is_declaration)
    if any(name.startswith(tuple(_PARTS)) for name in own):
        library._finalize_dynamic_globals()
        library._finalized = True
    else:
        _finish(library)


def _set_env_of_wholes(codegen: Any, name: str, env: Any) -> None:
    """What has no machine code has no environment in it."""
    if codegen._engine.is_symbol_defined(name):
        _set_env(codegen, name, env)


JITCodeLibrary._optimize_final_module = _inline_and_optimize  # type: ignore[method-assign]
JITCodeLibrary._finalize_final_module = _finish_wholes  # type: ignore[method-assign]
JITCPUCodegen.set_env = _set_env_of_wholes  # type: ignore[method-assign]


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
    _KERNELS.add(function.__qualname__)
    made: Any = numba.njit(nogil=True, error_model="numpy")(function)
    made.enable_caching()
    made._cache._cache_file._source_stamp = _content_stamp()
    return made  # type: ignore[no-any-return]


def bits(x: float) -> int:
    """The 64 bits of a float, as a whole number."""
    return struct.unpack("<q", struct.pack("<d", x))[0]  # type: ignore[no-any-return]


def of_bits(n: int) -> float:
    """The float of 64 bits."""
    return struct.unpack("<d", struct.pack("<q", n))[0]  # type: ignore[no-any-return]


def _cast(builder: Any, given: Any, kind: Any) -> Any:
    return builder.bitcast(given[0], kind)


_bits: Any = intrinsic(lambda context, x: (types.int64(types.float64), lambda c, b, s, given: _cast(b, given, _WORD)))
_of_bits: Any = intrinsic(lambda context, n: (types.float64(types.int64), lambda c, b, s, given: _cast(b, given, _FLOAT)))
overload(bits)(lambda x: lambda x: _bits(x))
overload(of_bits)(lambda n: lambda n: _of_bits(n))
