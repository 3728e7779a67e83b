"""Columns of every dtype, taken apart into Arrow leaves and put together again, equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value import arrow, values
from mlops_jupyter.data.value.calendar import set_freq, tell_freq, tell_zone, zone_of
from mlops_jupyter.data.value.part import Leaf, Part

Array = Any
"""A numpy array, or a pandas extension array."""


def take_apart(column: Array, where: str) -> Part:
    """Return the part of a column.

    Parameters
    ----------
    column : numpy array or pandas extension array
    where : str
        Which column, for messages.

    Raises
    ------
    UsageError
        It holds something that cannot be kept.
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return _numpy(column, where)
    for kind, verb in _TAKE_APART.items():
        if isinstance(dtype, kind):
            return verb(column, where)
    if isinstance(column, _MASKED):
        return _arrow("masked", column, {"dtype": dtype.name})
    return _whole(column, where)


def of(holder: Any, where: str) -> Part:
    """Return the part of the values of a Series or an Index."""
    return take_apart(
        holder.to_numpy() if isinstance(holder.dtype, np.dtype) else holder.array, where
    )


def put_together(stored: Stored) -> Array:
    """Return the column of a stored part."""
    if stored.window is None or stored.kind not in _NOT_BY_ROW:
        return _PUT_TOGETHER[stored.kind](stored)
    start, stop = stored.window
    return _PUT_TOGETHER[stored.kind](stored.all())[start:stop]


_MASKED = (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)


def _numpy(column: Array, where: str) -> Part:
    kind, size = column.dtype.kind, column.dtype.itemsize
    if kind in "biu" or (kind == "f" and size <= 8):
        return Part("numpy", {"dtype": column.dtype.str}, _numpy_leaf(column, pa.array))
    if kind in "fc":
        plain = column if kind == "c" and size <= 16 else without_padding(column)
        return Part("complex", {"dtype": column.dtype.str}, _numpy_leaf(plain, _raw))
    if kind in "Mm":
        return Part("time", {"dtype": column.dtype.str}, _numpy_leaf(column, pa.array))
    if kind == "O":
        return values.take_apart(column, where)
    return _whole(column, where)


def _numpy_leaf(column: Array, make: Callable[[Array], Any]) -> Leaf:
    native = column.dtype.newbyteorder("=")
    # numpy columns of one frame lie row by row in memory as often as not: copy chunk by chunk
    return Leaf(
        len(column),
        lambda start, stop: make(np.ascontiguousarray(column[start:stop], dtype=native)),
    )


def without_padding(column: Array) -> Array:
    """Return long doubles with zeros where x87 has none of their bits: 10 bytes lie in 16."""
    if np.finfo(np.longdouble).nmant != 63:
        return column
    native = column.dtype.newbyteorder("=")
    size = np.dtype(np.longdouble).itemsize
    raw = np.ascontiguousarray(column, dtype=native).view(np.uint8).reshape(-1, size).copy()
    raw[:, 10:] = 0
    return raw.reshape(-1).view(native)


def _raw(column: Array) -> Any:
    kind = pa.binary(column.dtype.itemsize)
    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(column)])


def _arrow(kind: str, column: Array, facts: dict[str, Any]) -> Part:
    return Part(kind, facts, _arrow_leaf(pa.array(column)))


def _arrow_leaf(array: Any) -> Leaf:
    chunked = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    return Leaf(len(chunked), lambda start, stop: arrow.single(chunked.slice(start, stop - start)))


def _string(column: Array, where: str) -> Part:
    missing = "NA" if column.dtype.na_value is pd.NA else "nan"
    facts = {"storage": column.dtype.storage, "missing": missing}
    try:
        leaf = _arrow_leaf(pa.array(column, type=pa.large_string(), from_pandas=True))
    except UnicodeEncodeError:  # half a surrogate pair, which only storage "python" can hold
        return _whole(column, where)
    return Part("string", facts, leaf)


def _arrow_backed(column: Array, where: str) -> Part:
    kind = column.dtype.pyarrow_dtype
    if not arrow.is_plain(kind):
        return _whole(column, where)
    return _arrow("arrow", column, {"type": str(kind)})


def _zoned(column: Array, _where: str) -> Part:
    dtype = column.dtype
    instants = _numpy_leaf(column.asi8.view(f"M8[{dtype.unit}]"), pa.array)
    return Part("zoned", {"unit": dtype.unit, **tell_zone(dtype.tz)}, instants)


def _period(column: Array, _where: str) -> Part:
    return Part("period", {"dtype": column.dtype.name}, _numpy_leaf(column.asi8, pa.array))


def _interval(column: Array, where: str) -> Part:
    sides = {"left": of(column.left, where), "right": of(column.right, where)}
    return Part("interval", {"closed": column.closed}, parts=sides)


def _categorical(column: Array, where: str) -> Part:
    categories = column.categories
    return Part(
        "categorical",
        {"ordered": bool(column.ordered), **tell_freq(categories)},
        _numpy_leaf(column.codes, pa.array),
        {
            "categories": of(categories, where),
            "name": values.take_apart(np.fromiter([categories.name], object, 1), where),
        },
    )


def _sparse(column: Array, where: str) -> Part:
    if column.sp_values.dtype == object:
        return _whole(column, where)
    fill = np.array([column.fill_value], dtype=column.sp_values.dtype)
    plain = _sparse_again(column.to_dense(), column.kind, fill)
    if plain.dtype != column.dtype or _bytes(plain.to_dense()) != _bytes(column.to_dense()):
        return _whole(column, where)
    parts = {
        "indices": _numpy(plain.sp_index.to_int_index().indices, where),
        "values": _numpy(plain.sp_values, where),
        "fill": _numpy(fill, where),
    }
    return Part("sparse", {"rows": len(column), "kind": column.kind}, parts=parts)


def _sparse_again(dense: Array, kind: str, fill: Array) -> Array:
    """Return a sparse array that stores no value equal to what fills it."""
    # pandas keeps a fill value as it is given, and people give 0, not numpy's
    value = fill[0] if fill.dtype.kind in "Mm" else fill[0].item()
    make: Any = pd.arrays.SparseArray
    return make(dense, fill_value=value, kind=kind, dtype=pd.SparseDtype(fill.dtype, value))


def _bytes(array: Array) -> bytes:
    return bytes(np.ascontiguousarray(array).tobytes())


def _whole(column: Array, where: str) -> Part:
    return values.pickled_whole(column, [str(column.dtype), *column], where)


_TAKE_APART: dict[Any, Callable[[Array, str], Part]] = {
    pd.StringDtype: _string,
    pd.ArrowDtype: _arrow_backed,
    pd.CategoricalDtype: _categorical,
    pd.DatetimeTZDtype: _zoned,
    pd.PeriodDtype: _period,
    pd.IntervalDtype: _interval,
    pd.SparseDtype: _sparse,
}


def read_numpy(
    stored: Stored, dtype: np.dtype[Any] | None = None, into: Array | None = None
) -> Array:
    """Return the numbers of a part's leaf.

    Parameters
    ----------
    stored : Stored
    dtype : numpy.dtype, optional
        Of zoned times, periods and categories: that in which pandas holds them.
    into : numpy.ndarray, optional
        Where to put them: of that dtype, and as long.
    """
    dtype = dtype or np.dtype(stored.facts["dtype"])
    native = dtype.newbyteorder("=")
    column = np.empty(stored.rows, native) if into is None else into
    start = 0
    for chunk in stored.chunks():
        if dtype.kind == "c" or dtype.itemsize > 8:
            part = np.frombuffer(chunk.buffers()[1] or b"", native)[chunk.offset :][: len(chunk)]
        else:
            part = chunk.to_numpy(zero_copy_only=False)
        column[start : start + len(chunk)] = part
        start += len(chunk)
    return column.astype(dtype, copy=False)


def _read_arrow(stored: Stored) -> Any:
    # each chunk has a dictionary of its own
    return pa.chunked_array(list(stored.chunks())).unify_dictionaries()


def _read_string(stored: Stored) -> Array:
    missing = {} if stored.facts["missing"] == "NA" else {"na_value": np.nan}
    dtype: Any = pd.StringDtype(stored.facts["storage"], **missing)
    return dtype.__from_arrow__(_read_arrow(stored))


def _read_masked(stored: Stored) -> Array:
    dtype: Any = pd.api.types.pandas_dtype(stored.facts["dtype"])
    chunks = list(stored.chunks())
    mask = np.concatenate([c.is_null().to_numpy(zero_copy_only=False) for c in chunks])
    filled = [c.fill_null(False if pa.types.is_boolean(c.type) else 0) for c in chunks]
    kept = np.concatenate([c.to_numpy(zero_copy_only=False) for c in filled])
    return dtype.construct_array_type()(kept, mask)


def _read_zoned(stored: Stored) -> Array:
    wall = read_numpy(stored, np.dtype(f"M8[{stored.facts['unit']}]"))
    return pd.DatetimeIndex(wall).tz_localize("UTC").tz_convert(zone_of(stored)).array


def _read_period(stored: Stored) -> Array:
    dtype: Any = pd.PeriodDtype(stored.facts["dtype"])
    make: Any = pd.PeriodIndex
    return make.from_ordinals(read_numpy(stored, np.dtype("i8")), freq=dtype.freq).array


def _read_interval(stored: Stored) -> Array:
    left, right = (put_together(stored.part(side, by_row=True)) for side in ("left", "right"))
    return pd.arrays.IntervalArray.from_arrays(left, right, closed=stored.facts["closed"])


def _read_categorical(stored: Stored) -> Array:
    categories = put_together(stored.part("categories"))
    name = values.put_together(stored.part("name"))[0]
    index: Any = pd.Index(categories, dtype=categories.dtype, name=name)
    return pd.Categorical.from_codes(
        np.concatenate([chunk.to_numpy() for chunk in stored.chunks()]),
        categories=set_freq(index, stored),
        ordered=stored.facts["ordered"],
    )


def _read_sparse(stored: Stored) -> Array:
    indices, kept, fill = (read_numpy(stored.part(n)) for n in ("indices", "values", "fill"))
    dense = np.full(stored.facts["rows"], fill[0], dtype=kept.dtype)
    dense[indices] = kept
    return _sparse_again(dense, stored.facts["kind"], fill)


_NOT_BY_ROW = {"object", "pickle", "sparse"}
"""What has no leaf with a row for each row, and is put together whole."""

_PUT_TOGETHER: dict[str, Callable[[Stored], Array]] = {
    "numpy": read_numpy,
    "time": read_numpy,
    "complex": read_numpy,
    "object": values.put_together,
    "pickle": values.unpickled_whole,
    "masked": _read_masked,
    "string": _read_string,
    "arrow": lambda stored: pd.arrays.ArrowExtensionArray(_read_arrow(stored)),
    "zoned": _read_zoned,
    "period": _read_period,
    "interval": _read_interval,
    "categorical": _read_categorical,
    "sparse": _read_sparse,
}
