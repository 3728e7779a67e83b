"""Numpy arrays of any dtype and shape, taken apart into Arrow leaves with a row for each row.

A row of an array with more than one axis is one value of fixed size; a wide row lies in several
leaves, so that no chunk grows large. Each field of a structured array is an array of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value import columns, values
from mlops_jupyter.data.value.part import CHUNK_ROWS, Leaf, Part
from mlops_jupyter.errors import UsageError

CHUNK_BYTES = 64 * 2**20
"""A chunk of a leaf holds no more than this, unless one value does. Part of the format."""

Array = np.ndarray[Any, Any]


def whole(array: Array, where: str) -> Part:
    """Return the part of an array.

    Parameters
    ----------
    array : numpy.ndarray
    where : str
        What it is, for messages.

    Raises
    ------
    UsageError
        It holds something that cannot be kept.
    """
    return Part("block", parts=take_apart(array, where))


def take_apart(array: Array, where: str) -> dict[str, Part]:
    """Return the parts of an array: its values, and the order of its axes in memory."""
    order = Part("order", {"axes": _axes(array)}, identity=Part("order"))
    return {"values": _values(array, where), "order": order}


def read(stored: Stored) -> Array:
    """Return the array again."""
    found = _again(stored.part("values", by_row=True))
    axes = stored.part("order").facts["axes"]
    if axes == list(range(found.ndim)):
        return found
    empty = np.empty([found.shape[axis] for axis in axes], found.dtype)
    turned = empty.transpose(np.argsort(axes))
    turned[...] = found
    return turned


def _axes(array: Array) -> list[int]:
    """Return the axes in the order in which they lie in memory, the slowest first."""
    axes = list(range(array.ndim))
    if array.flags.c_contiguous or 0 in array.strides:
        return axes
    return sorted(axes, key=lambda axis: -abs(array.strides[axis]))


def _values(array: Array, where: str) -> Part:
    dtype = array.dtype
    facts = {"dtype": _tell(dtype, where), "shape": list(array.shape)}
    if dtype.names is not None:
        parts = {
            str(place): _values(array[name], f"{where}, field {name!r}")
            for place, name in enumerate(dtype.names)
        }
        return Part("fields", facts, parts=parts)
    if dtype.kind == "O":
        flat = np.ascontiguousarray(array).reshape(-1)
        return Part("objects", facts, parts={"values": values.take_apart(flat, where)})
    if dtype.kind == "T":
        return Part("texts", facts, _texts(array))
    return Part("raw", facts, parts=_pieces(array))


# --- dtypes --------------------------------------------------------------------------------------

_MISSING = {"None": None, "nan": np.nan, "NA": pd.NA}


def _tell(dtype: np.dtype[Any], where: str) -> Any:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return [_tell(base, where), list(shape)]
    if dtype.kind == "T":
        return {"text": _missing(dtype, where), "coerce": bool(getattr(dtype, "coerce", True))}
    if dtype.names is None:
        return dtype.str
    fields: Any = dtype.fields
    titles = [fields[name][2] if len(fields[name]) > 2 else None for name in dtype.names]
    if not all(title is None or isinstance(title, str) for title in titles):
        raise UsageError(f"{where}: a field whose title is no text cannot be kept")
    return {
        "names": list(dtype.names),
        "formats": [_tell(fields[name][0], where) for name in dtype.names],
        "offsets": [fields[name][1] for name in dtype.names],
        "titles": titles,
        "itemsize": dtype.itemsize,
        "aligned": dtype.isalignedstruct,
    }


def _missing(dtype: Any, where: str) -> str | None:
    """Return the name of what stands for a missing text; None where nothing does."""
    if not hasattr(dtype, "na_object"):
        return None
    for name, known in _MISSING.items():
        if dtype.na_object is known or (name == "nan" and _is_nan(dtype.na_object)):
            return name
    raise UsageError(
        f"{where}: texts whose missing value is {dtype.na_object!r} cannot be kept",
        hint="use None, numpy.nan or pandas.NA as na_object",
    )


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


_make_dtype: Any = np.dtype


def _dtype(told: Any) -> np.dtype[Any]:
    if isinstance(told, str):
        return np.dtype(told)
    if isinstance(told, list):
        return np.dtype((_dtype(told[0]), tuple(told[1])))
    if "text" in told:
        missing = {} if told["text"] is None else {"na_object": _MISSING[told["text"]]}
        made: np.dtype[Any] = np.dtypes.StringDType(coerce=told["coerce"], **missing)
        return made
    layout: dict[str, Any] = {**told, "formats": [_dtype(one) for one in told["formats"]]}
    if not any(layout["titles"]):
        del layout["titles"]
    align = layout.pop("aligned")
    structured: np.dtype[Any] = _make_dtype(layout, align=align)
    return structured


# --- values of fixed size ------------------------------------------------------------------------


def _pieces(array: Array) -> dict[str, Part]:
    """Return a leaf for each piece of a row."""
    if array.size * array.dtype.itemsize == 0:
        return {}
    rows = array.reshape(1, -1) if array.ndim == 0 else array
    items = math.prod(rows.shape[1:])
    step = _items_of_a_piece(len(rows), items, array.dtype.itemsize)
    return {
        str(place): Part("bytes", leaf=Leaf(len(rows), partial(_cut, rows, start, start + step)))
        for place, start in enumerate(range(0, items, step))
    }


def _items_of_a_piece(rows: int, items: int, size: int) -> int:
    # a power of two, so that a few more rows do not change where the pieces begin
    tall = min(1 << (rows - 1).bit_length(), CHUNK_ROWS)
    return min(items, max(1, CHUNK_BYTES // tall // size))


def _cut(rows: Array, first: int, last: int, start: int, stop: int) -> Any:
    # a view where numpy can give one, else a copy of these rows alone
    items = math.prod(rows.shape[1:])
    flat = rows[start:stop].reshape(stop - start, items)[:, first:last]
    piece = np.ascontiguousarray(flat, dtype=rows.dtype.newbyteorder("="))
    width = piece.shape[1] * piece.dtype.itemsize
    if piece.dtype.char in "gG":
        piece = columns.without_padding(piece.reshape(-1))
    content = pa.py_buffer(piece.reshape(-1).view(np.uint8))
    return pa.Array.from_buffers(pa.binary(width), stop - start, [None, content])


def _read_raw(stored: Stored) -> Array:
    dtype = _dtype(stored.facts["dtype"])
    native = dtype.newbyteorder("=")
    if not stored.names:
        return np.empty(_cut_shape(stored), dtype)
    shape = _cut_shape(stored)
    found = np.empty(shape, native)
    flat = found.reshape(len(found) if shape else 1, math.prod(shape[1:]))
    first = 0
    for name in stored.names:
        start = 0
        for chunk in stored.part(name, by_row=bool(shape)).chunks():
            size = chunk.type.byte_width
            width = size // native.itemsize
            piece = np.frombuffer(chunk.buffers()[1] or b"", np.uint8)
            piece = piece[chunk.offset * size :][: len(chunk) * size].view(native)
            flat[start : start + len(chunk), first : first + width] = piece.reshape(-1, width)
            start += len(chunk)
        first += width
    return found.astype(dtype, copy=False)


# --- others --------------------------------------------------------------------------------------


def _texts(array: Array) -> Leaf:
    flat = np.ascontiguousarray(array).reshape(-1)

    def cut(start: int, stop: int) -> Any:
        found = [text if isinstance(text, str) else None for text in flat[start:stop].tolist()]
        return pa.array(found, pa.large_string())

    return Leaf(flat.size, cut)


def _read_texts(stored: Stored) -> Array:
    dtype: Any = _dtype(stored.facts["dtype"])
    missing = getattr(dtype, "na_object", None)
    found = [text for chunk in stored.all().chunks() for text in chunk.to_pylist()]
    objects = np.empty(len(found), object)
    objects[:] = [missing if text is None else text for text in found]
    return _cut_rows(objects.astype(dtype).reshape(stored.facts["shape"]), stored)


def _read_objects(stored: Stored) -> Array:
    found = values.put_together(stored.part("values"))
    return _cut_rows(found.reshape(stored.facts["shape"]), stored)


def _cut_rows(whole: Array, stored: Stored) -> Array:
    return whole if stored.window is None or not whole.ndim else whole[slice(*stored.window)]


def _cut_shape(stored: Stored) -> tuple[int, ...]:
    """Return the shape of the rows that are wanted."""
    shape = tuple(stored.facts["shape"])
    if stored.window is None or not shape:
        return shape
    return (len(range(shape[0])[slice(*stored.window)]), *shape[1:])


def _read_fields(stored: Stored) -> Array:
    dtype = _dtype(stored.facts["dtype"])
    assert dtype.names is not None
    by_row = bool(stored.facts["shape"])
    found = np.zeros(_cut_shape(stored), dtype)
    for place, name in enumerate(dtype.names):
        found[name] = _again(stored.part(str(place), by_row=by_row))
    return found


def _again(stored: Stored) -> Array:
    return _READ[stored.kind](stored)


_READ: dict[str, Callable[[Stored], Array]] = {
    "raw": _read_raw,
    "fields": _read_fields,
    "objects": _read_objects,
    "texts": _read_texts,
}
