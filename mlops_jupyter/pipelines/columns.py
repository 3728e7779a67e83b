"""Where the columns of a frame lie in memory, and which part of its version holds each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from mlops_jupyter.data.value import arrow, values
from mlops_jupyter.pipelines.fetched import Path

_LONGEST = {"f": 8, "c": 16}


def lines_of(frame: pd.DataFrame | pd.Series[Any]) -> Iterator[tuple[Path, Any]]:
    """Yield the arrays of numpy in which columns and the index lie, those that come back exactly.

    Columns of objects only where no object can be changed: one that can may have another name.
    """
    for position, column in enumerate(_columns(frame)):
        found = _line(column)
        if found is not None:
            yield ("columns", str(position)), found
    index = frame.index
    if isinstance(index, pd.MultiIndex):
        for number, codes in enumerate(index.codes):
            yield ("index", f"codes{number}"), np.asarray(codes)
    elif not isinstance(index, pd.RangeIndex):
        found = _line(index)
        if found is not None:
            yield ("index", "values"), found


def texts_of(frame: pd.DataFrame | pd.Series[Any]) -> Iterator[tuple[Path, Any]]:
    """Yield the arrays of pandas that lie in Arrow's memory."""
    for position, column in enumerate(_columns(frame)):
        if _is_in_arrow(column):
            yield ("columns", str(position)), column.array
    if _is_in_arrow(frame.index):
        yield ("index", "values"), frame.index.array


def is_exact_table(table: Any) -> bool:
    """Tell whether a table of Arrow comes back with the same types and dictionaries."""
    import pyarrow as pa

    return all(
        arrow.is_plain(kind) and not pa.types.is_dictionary(kind) and not pa.types.is_null(kind)
        for kind in table.schema.types
    )


def _columns(frame: pd.DataFrame | pd.Series[Any]) -> Iterator[Any]:
    if isinstance(frame, pd.Series):
        yield frame
        return
    for position in range(frame.shape[1]):
        yield frame.iloc[:, position]


def _line(holder: Any) -> Any:
    """Return the array of a column or an index, or None."""
    dtype = holder.dtype
    if isinstance(dtype, np.dtype):
        array = holder.to_numpy()
        if dtype.kind == "O":
            return array if set(map(type, array)) <= values.EXACT else None
        is_exact = dtype.kind in "biufcMm" and dtype.itemsize <= _LONGEST.get(dtype.kind, 8)
        return array if is_exact else None
    if isinstance(dtype, pd.DatetimeTZDtype):
        return holder.array.asi8.view(f"M8[{dtype.unit}]")
    if isinstance(dtype, pd.PeriodDtype):
        return holder.array.asi8
    if isinstance(dtype, pd.CategoricalDtype):
        return holder.array.codes
    return None


def _is_in_arrow(holder: Any) -> bool:
    dtype = holder.dtype
    if isinstance(dtype, pd.StringDtype):
        return dtype.storage == "pyarrow" and type(holder.array) is dtype.construct_array_type()
    if not isinstance(dtype, pd.ArrowDtype):
        return False
    kind = dtype.pyarrow_dtype
    import pyarrow as pa

    return arrow.is_plain(kind) and not pa.types.is_dictionary(kind)
