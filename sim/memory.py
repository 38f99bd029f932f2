# mypy: disable-error-code="no-untyped-call, untyped-decorator, misc, override, attr-defined"
"""Arrays as compiled rules see them: plain memory.

A rule reads `s.cube[cell, 3]` or `m.balance`. In plain Python `s` is a named tuple of NumPy arrays and `m` a row of one. In
compiled code `s` is one pointer to the addresses and shapes of those arrays (`Bundle`), `s.cube` a pointer with a shape
(`View`), `m` a pointer to the row (`Row`). Against Numba's own arrays nothing is counted or carried, a rule that is a function of
its own gets one word for `s`, and the compiler knows that a field is never the memory of another.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_builtin, lower_getattr, lower_getattr_generic, lower_setattr_generic
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, infer_global, signature
from numba.extending import intrinsic, models, register_model

from sim.typing import Ints

Layout = Mapping[str, tuple[Any, Sequence[str | int]]]
"""(dtype, shape) of every array of a named tuple, by field; "*" in a shape is a length that varies."""

Known = Mapping[str, int | float]
_WORD = ir.IntType(64)
_BYTE = ir.IntType(8)
_POINTER = _BYTE.as_pointer()


class Row(types.Type):
    """One record in memory; fields are 64-bit integers and floats."""

    def __init__(self, name: str, dtype: np.dtype[Any], fixed: bool, known: Known) -> None:
        self.fields = {n: (_scalar(d), offset) for n, (d, offset, *_) in dtype.fields.items()}  # type: ignore[union-attr]
        self.fixed, self.known = fixed, known
        super().__init__(f"Row.{name}")


class View(types.Type):
    """An array in memory, without bounds checks and without negative indices."""

    def __init__(self, name: str, dtype: np.dtype[Any], shape: Sequence[str | int], fixed: bool, known: Known) -> None:
        self.shape, self.ndim, self.itemsize, self.fixed = shape, len(shape), dtype.itemsize, fixed
        self.dtype = Row(name, dtype, fixed, known) if dtype.names else _scalar(dtype)
        super().__init__(f"View.{name}")


class Bundle(types.Type):
    """A named tuple of arrays, as a pointer to their addresses and shapes."""

    def __init__(self, name: str, layout: Layout, fixed: bool, known: Mapping[str, Known]) -> None:
        self.views: dict[str, tuple[View, int]] = {}
        place = 0
        for field, (dtype, shape) in layout.items():
            self.views[field] = View(f"{name}.{field}", np.dtype(dtype), shape, fixed, known.get(field, {})), place
            place += 8 * (1 + len(shape))
        super().__init__(f"Bundle.{name}")


def _scalar(dtype: np.dtype[Any]) -> types.Type:
    return {"i8": types.int64, "f8": types.float64}[dtype.str[1:]]


def opener(name: str, layout: Layout, *, fixed: bool = False, known: Mapping[str, Known] | None = None) -> Any:
    """A function for compiled code: the Bundle behind the array that `addresses` made.

    fixed: nothing in it changes while a kernel runs; known: by array, fields of its records that have these values in every run
    of the kernel, for which the compiler leaves out what cannot happen.
    """
    bundle = Bundle(name, layout, fixed, known or {})

    @intrinsic
    def opened(typing_context: Any, array: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.bitcast(context.make_array(sig.args[0])(context, builder, args[0]).data, _POINTER)

        return bundle(array), generate

    return opened


def addresses(arrays: Any, layout: Layout) -> Ints:
    """Where the arrays of a named tuple lie and what shape they have. The arrays must outlive its use."""
    words: list[int] = []
    for name, array in zip(arrays._fields, arrays, strict=True):
        dtype, shape = layout[name]
        fits = array.ndim == len(shape) and all(n in ("*", m) for n, m in zip(shape, array.shape, strict=True))
        if array.dtype != dtype or not fits or not array.flags.c_contiguous:
            raise TypeError(f"{name}: {array.dtype} of shape {array.shape}, expected {dtype} of {tuple(shape)}")
        words.append(array.ctypes.data)
        words.extend(array.shape)
    return np.array(words, np.int64)


# ---- what the compiler must know of the three types: how they lie in memory, what can be read from and written to them


@register_model(Row)
@register_model(Bundle)
class _PointerModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, _POINTER)


@register_model(View)
class _ViewModel(models.StructModel):
    def __init__(self, manager: Any, fe_type: View) -> None:
        shape = [(f"n{k}", types.int64) for k in range(fe_type.ndim)]
        super().__init__(manager, fe_type, [("data", types.voidptr), *shape])


def _load(builder: Any, pointer: Any, kind: Any, tag: str, fixed: bool) -> Any:
    found = builder.load(builder.bitcast(pointer, kind.as_pointer()))
    _mark(builder, found, tag)
    if fixed:
        found.set_metadata("invariant.load", builder.module.add_metadata([]))
    return found


def _mark(builder: Any, instruction: Any, tag: str) -> None:
    """Memory under one tag is never memory under another."""
    module = builder.module
    root = module.add_metadata([ir.MetaDataString(module, "sim")])
    kind = module.add_metadata([ir.MetaDataString(module, tag), root, ir.Constant(_WORD, 0)])
    instruction.set_metadata("tbaa", module.add_metadata([kind, kind, ir.Constant(_WORD, 0)]))


def _at(builder: Any, pointer: Any, offset: Any) -> Any:
    return builder.gep(pointer, [offset if not isinstance(offset, int) else ir.Constant(_WORD, offset)], inbounds=True)


@infer_getattr
class _BundleAttributes(AttributeTemplate):
    key = Bundle

    def generic_resolve(self, bundle: Bundle, name: str) -> Any:
        return bundle.views[name][0] if name in bundle.views else None


@lower_getattr_generic(Bundle)
def _bundle_view(context: Any, builder: Any, bundle: Bundle, value: Any, name: str) -> Any:
    view, place = bundle.views[name]
    made = cgutils.create_struct_proxy(view)(context, builder)
    made.data = _load(builder, _at(builder, value, place), _POINTER, "address", True)
    for k in range(view.ndim):
        known = view.shape[k]
        length = (
            _load(builder, _at(builder, value, place + 8 * (k + 1)), _WORD, "address", True)
            if isinstance(known, str)
            else ir.Constant(_WORD, known)
        )
        setattr(made, f"n{k}", length)
    return made._getvalue()


@infer_getattr
class _RowAttributes(AttributeTemplate):
    key = Row

    def generic_resolve(self, row: Row, name: str) -> Any:
        return row.fields[name][0] if name in row.fields else None


@lower_getattr_generic(Row)
def _row_get(context: Any, builder: Any, row: Row, value: Any, name: str) -> Any:
    kind, offset = row.fields[name]
    if name in row.known:
        return ir.Constant(context.get_value_type(kind), row.known[name])
    return _load(builder, _at(builder, value, offset), context.get_value_type(kind), f"{row}.{name}", row.fixed)


@lower_setattr_generic(Row)
def _row_set(context: Any, builder: Any, sig: Any, args: Any, name: str) -> Any:
    row = sig.args[0]
    kind, offset = row.fields[name]
    value = context.cast(builder, args[1], sig.args[1], kind)
    pointer = builder.bitcast(_at(builder, args[0], offset), context.get_value_type(kind).as_pointer())
    _mark(builder, builder.store(value, pointer), f"{row}.{name}")


def _fits(view: View, index: Any) -> bool:
    places = index.types if isinstance(index, types.BaseTuple) else (index,)
    return len(places) == view.ndim and all(isinstance(i, types.Integer) for i in places)


def _index_type(view: View) -> Any:
    return types.int64 if view.ndim == 1 else types.UniTuple(types.int64, view.ndim)


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if isinstance(args[0], View) and _fits(args[0], args[1]):
            return signature(args[0].dtype, args[0], _index_type(args[0]))
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if isinstance(args[0], View) and _fits(args[0], args[1]) and not args[0].fixed:
            return signature(types.none, args[0], _index_type(args[0]), args[0].dtype)
        return None


@infer_global(len)
class _Len(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(types.intp, args[0]) if isinstance(args[0], View) else None


@infer_getattr
class _ViewAttributes(AttributeTemplate):
    key = View

    def resolve_shape(self, view: View) -> Any:
        return types.UniTuple(types.int64, view.ndim)


def _place(context: Any, builder: Any, view: View, value: Any, index_type: Any, index: Any) -> Any:
    made = cgutils.create_struct_proxy(view)(context, builder, value)
    if view.ndim == 1:
        flat = index
    else:
        places = cgutils.unpack_tuple(builder, index, view.ndim)
        flat = places[0]
        for k in range(1, view.ndim):
            flat = builder.add(builder.mul(flat, getattr(made, f"n{k}"), flags=["nsw"]), places[k], flags=["nsw"])
    return _at(builder, made.data, builder.mul(flat, ir.Constant(_WORD, view.itemsize), flags=["nsw"]))


@lower_builtin(operator.getitem, View, types.Any)
def _view_get(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    view = sig.args[0]
    pointer = _place(context, builder, view, args[0], sig.args[1], args[1])
    if isinstance(view.dtype, Row):
        return pointer
    return _load(builder, pointer, context.get_value_type(view.dtype), str(view), view.fixed)


@lower_builtin(operator.setitem, View, types.Any, types.Any)
def _view_set(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    view = sig.args[0]
    pointer = _place(context, builder, view, args[0], sig.args[1], args[1])
    pointer = builder.bitcast(pointer, context.get_value_type(view.dtype).as_pointer())
    _mark(builder, builder.store(args[2], pointer), str(view))
    return context.get_dummy_value()


@lower_builtin(len, View)
def _view_len(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return cgutils.create_struct_proxy(sig.args[0])(context, builder, args[0]).n0


@lower_getattr(View, "shape")
def _view_shape(context: Any, builder: Any, view: View, value: Any) -> Any:
    made = cgutils.create_struct_proxy(view)(context, builder, value)
    return cgutils.pack_array(builder, [getattr(made, f"n{k}") for k in range(view.ndim)])
