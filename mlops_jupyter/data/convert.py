"""Values of data versions in another library: pandas, polars, Arrow or numpy.

What the other library has a type for arrives as it is; for the rest there is an error that names
the column. numpy has neither names nor an index: it gets the values alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_jupyter.data.value import arrow, arrow_table, plain
from mlops_jupyter.data.value.arrow_table import as_arrow, library_of, no_type, said
from mlops_jupyter.errors import UsageError

Library = Literal["pandas", "polars", "arrow", "numpy"]


def as_library(value: Any, library: Library) -> Any:
    """Return a value of a data version in another library.

    Parameters
    ----------
    value : frame, table, array, sparse matrix, tensor or list of dicts
    library : {"pandas", "polars", "arrow", "numpy"}
        A table or frame; of numpy an array with one or two axes.

    Raises
    ------
    UsageError
        A column, which the message names, is of a type that the library does not have.
    """
    return _VERBS[library](value)


# --- pandas --------------------------------------------------------------------------------------


def _as_pandas(value: Any) -> Any:
    if isinstance(value, pd.DataFrame | pd.Series):
        return value
    if arrow_table.is_array(value):
        return _pandas_of_array(value)
    table = as_arrow(value)
    if table.schema.pandas_metadata:  # it was a frame of pandas once
        with said("the table", "pandas"):
            return table.to_pandas()
    columns = {
        place: _arrow_backed(name, column)
        for place, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True))
    }
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))
    frame.columns = pd.Index(table.column_names, dtype="str")
    return frame.iloc[:, 0] if _is_series(value) else frame


def _arrow_backed(name: str, column: Any) -> pd.Series[Any]:
    with said(f"column {name!r}", "pandas"):
        return pd.Series(pd.arrays.ArrowExtensionArray(column))


def _pandas_of_array(value: Any) -> Any:
    arrow_table.check_axes(value.ndim, "pandas")
    if library_of(value) == "scipy":
        two = value if value.ndim > 1 else value.reshape(-1, 1)
        accessor: Any = pd.DataFrame.sparse
        return accessor.from_spmatrix(two.tocsc())
    found = arrow_table.numpy_of(value)
    if isinstance(found, np.ma.MaskedArray):
        return _as_pandas(as_arrow(found))
    with said("the array", "pandas"):
        if found.ndim == 1 and found.dtype.names is None:
            return pd.Series(found)
        return pd.DataFrame(found)


# --- polars --------------------------------------------------------------------------------------


def _as_polars(value: Any) -> Any:
    import polars as pl

    if library_of(value) == "polars":
        return value
    if isinstance(value, pd.DataFrame | pd.Series):
        value = with_index_as_columns(value)
    table = as_arrow(value)
    arrow_table.check_unique(table.column_names)
    if not table.num_columns:
        return pl.DataFrame(height=table.num_rows)
    columns = zip(table.column_names, table.columns, strict=True)
    return pl.DataFrame([_polars_column(name, column) for name, column in columns])


def _polars_column(name: str, column: Any) -> Any:
    import polars as pl

    where = f"column {name!r}"
    kind = column.type
    if _has(kind, _NOT_IN_POLARS):
        raise no_type(where, kind, "polars")
    if _has(kind, _WRITTEN_OUT):
        target = plain.form(kind)
        if target is None:
            raise no_type(where, kind, "polars")
        column = pa.chunked_array([plain.plain(c, target) for c in column.chunks], target)
    with said(where, "polars"):
        try:
            made: Any = pl.Series(name, pl.from_arrow(column))
        except pl.exceptions.PolarsError as error:
            raise TypeError(str(error)) from None
    if pa.types.is_dictionary(kind) and kind.ordered and arrow.is_text(kind.value_type):
        # only an Enum has an order of its own
        made = made.cast(pl.Enum(column.unify_dictionaries().chunk(0).dictionary.to_pylist()))
    return made


_NOT_IN_POLARS: tuple[Callable[[Any], bool], ...] = (
    lambda kind: isinstance(kind, pa.BaseExtensionType),
    pa.types.is_union,
    pa.types.is_decimal256,
    pa.types.is_interval,
)
_WRITTEN_OUT: tuple[Callable[[Any], bool], ...] = (
    pa.types.is_run_end_encoded,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)


def _has(kind: Any, checks: Sequence[Callable[[Any], bool]]) -> bool:
    """Tell whether a type is of one of these, or holds one."""
    if any(check(kind) for check in checks):
        return True
    if pa.types.is_dictionary(kind):
        return _has(kind.value_type, checks)
    return any(_has(kind.field(i).type, checks) for i in range(kind.num_fields))


def with_index_as_columns(frame: Any) -> pd.DataFrame:
    """Return a frame whose index only counts the rows: what it held is the first columns.

    Raises
    ------
    UsageError
        There is such a column already.
    """
    found: pd.DataFrame = frame
    if frame.ndim == 1:
        found = frame.to_frame("0" if frame.name is None else frame.name)
    if _counts(found.index):
        return found
    try:
        return found.reset_index()
    except ValueError as error:
        raise UsageError(
            f"the index becomes a column, and {error}", hint="rename the index first"
        ) from None


def _counts(index: pd.Index[Any]) -> bool:
    if not isinstance(index, pd.RangeIndex):
        return False
    return (index.start, index.step, index.name) == (0, 1, None)


# --- numpy ---------------------------------------------------------------------------------------


def _as_numpy(value: Any) -> Any:
    if arrow_table.is_array(value):
        return arrow_table.numpy_of(value)
    if isinstance(value, pd.Series):
        return _of_series(str(value.name), value)
    if isinstance(value, pd.DataFrame):
        names = [str(name) for name in value.columns]
        arrays = [_of_series(name, value.iloc[:, place]) for place, name in enumerate(names)]
    else:
        table = as_arrow(value)
        names = table.column_names
        arrays = [_of_arrow(*column) for column in zip(names, table.columns, strict=True)]
    if _is_series(value):
        return arrays[0]
    if not arrays:
        return np.empty((len(value), 0))
    dtype = _common(names, arrays)
    found = np.empty((len(arrays[0]), len(arrays)), dtype)
    for place, array in enumerate(arrays):
        found[:, place] = array
    return found


def _of_series(name: str, column: pd.Series[Any]) -> Any:
    if isinstance(column.dtype, pd.ArrowDtype):
        array = pa.array(column)
        return _of_arrow(
            name, array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
        )
    missing = column.isna().to_numpy()
    if isinstance(column.dtype, np.dtype) or column.dtype.kind not in "iuf" or not missing.any():
        return column.to_numpy()
    floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
    _check_exact(name, column[~missing].to_numpy(), floats[~missing])
    return floats


def _of_arrow(name: str, column: Any) -> Any:
    kind = column.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    time = pa.types.is_date32(kind) or pa.types.is_duration(kind)
    time = time or (pa.types.is_timestamp(kind) and kind.tz is None)
    if pa.types.is_integer(kind) and column.null_count:
        known = column.drop_null()
        _check_exact(name, known.to_numpy(), known.cast(pa.float64(), safe=False).to_numpy())
        return column.cast(pa.float64(), safe=False).to_numpy()
    if number or time or (pa.types.is_boolean(kind) and not column.null_count):
        return column.to_numpy()
    with said(f"column {name!r}", "numpy"):
        cells = column.to_pylist()
    return np.fromiter(cells, object, len(cells))


def _common(names: Sequence[str], arrays: Sequence[Any]) -> np.dtype[Any]:
    """Return the dtype that holds the values of all columns."""
    first = arrays[0].dtype
    for name, array in zip(names, arrays, strict=True):
        if array.dtype != first and not {array.dtype.kind, first.kind} <= set("iufc"):
            raise UsageError(
                f"column {name!r} is {array.dtype} and column {names[0]!r} {first}:"
                " an array has one dtype",
                hint="load columns of one type: columns=[…]",
            )
    found: np.dtype[Any] = np.result_type(*(array.dtype for array in arrays))
    for name, array in zip(names, arrays, strict=True):
        _check_exact(name, array, array.astype(found))
    return found


def _check_exact(name: str, before: Any, after: Any) -> None:
    if before.dtype.kind not in "iu" or after.dtype.kind not in "fc":
        return
    if [int(number) for number in after.real.tolist()] != before.tolist():
        raise UsageError(
            f"column {name!r}: numbers as large as these are not exact as {after.dtype}",
            hint="load columns of one type: columns=[…]",
        )


# --- all -----------------------------------------------------------------------------------------


def _is_series(value: Any) -> bool:
    return library_of(value) == "polars" and type(value).__name__ == "Series"


_VERBS: dict[str, Callable[[Any], Any]] = {
    "pandas": _as_pandas,
    "polars": _as_polars,
    "arrow": as_arrow,
    "numpy": _as_numpy,
}
