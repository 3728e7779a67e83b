"""Values of any kind as tables of Arrow.

A missing value is null, whether pandas calls it None, NaN, NA or NaT; a key that a dict lacks is
null. NaN in an array stays NaN: an array has no missing values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_jupyter.errors import UsageError, last_line

_PLAINER = "turn it into numbers, text or times first, or load it as it was taken"
_MOST_AXES = 2


def as_arrow(value: Any) -> Any:
    """Return a value as a ``pyarrow.Table``; the index of a frame as pandas tells Arrow of it."""
    if isinstance(value, pa.Table):
        return value
    if isinstance(value, pa.RecordBatch):
        return pa.Table.from_batches([value])
    if isinstance(value, pd.DataFrame | pd.Series):
        return _table_of_pandas(value)
    if isinstance(value, list):
        return _table_of_records(value)
    if library_of(value) == "polars":
        return _table_of_polars(value)
    return _table_of_array(value)


def _table_of_pandas(value: Any) -> Any:
    frame = value.to_frame("0" if value.name is None else value.name) if value.ndim == 1 else value
    check_unique([str(name) for name in frame.columns])
    frame = frame.copy(deep=False)
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if column.dtype == object:
            _check_one_type(column, f"column {str(name)!r}")
        if isinstance(column.dtype, pd.SparseDtype):
            frame.isetitem(position, column.sparse.to_dense())
    try:
        return pa.Table.from_pandas(frame)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _which(frame) or UsageError(
            f"Arrow cannot hold the frame: {last_line(error)}"
        ) from None


def _which(frame: pd.DataFrame) -> UsageError | None:
    """Return the error of the first column, or level of the index, that Arrow does not take."""
    for position, name in enumerate(frame.columns):
        error = _refused(frame.iloc[:, position])
        if error is not None:
            return no_type(f"column {str(name)!r}", frame.dtypes.iloc[position], "Arrow", error)
    for number in range(frame.index.nlevels):
        level = frame.index.get_level_values(number)
        error = _refused(level)
        if error is not None:
            return no_type(f"the index {level.name!r}", level.dtype, "Arrow", error)
    return None


def _refused(column: Any) -> Exception | None:
    try:
        pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        return error
    return None


def _check_one_type(column: Any, where: str) -> None:
    kinds = sorted({type(value).__qualname__ for value in column.dropna()})
    if len(kinds) > 1:
        raise UsageError(
            f"{where} holds {' and '.join(kinds)}: a column elsewhere has one type", hint=_PLAINER
        )


def _table_of_polars(value: Any) -> Any:
    from mlops_jupyter.data.value import polars_dtype

    frame = value.to_frame() if type(value).__name__ == "Series" else value
    if not frame.width:
        return pa.table({"": pa.nulls(len(frame))}).select([])
    for column in frame.get_columns():
        polars_dtype.check_names(column)
    numbered = frame.clone()
    numbered.columns = [str(place) for place in range(frame.width)]
    try:
        return numbered.to_arrow().rename_columns(frame.columns)
    except (pa.ArrowException, TypeError, ValueError):
        for column in frame.get_columns():
            with said(f"column {column.name!r}", "Arrow"):
                polars_dtype.to_arrow(column)
        raise


def _table_of_records(rows: list[Any]) -> Any:
    names = dict.fromkeys(key for row in rows for key in row)
    for name in names:
        if type(name) is not str:
            raise UsageError(
                f"the key {name!r} is no text: columns have names", hint="rename the keys first"
            )
    columns = {name: _column_of_cells(name, [row.get(name) for row in rows]) for name in names}
    return pa.table(columns) if columns else pa.table({"": pa.nulls(len(rows))}).select([])


def _column_of_cells(name: str, cells: list[Any]) -> Any:
    found = pd.Series(np.fromiter(cells, object, len(cells)))
    _check_one_type(found, f"column {name!r}")
    with said(f"column {name!r}", "Arrow"):
        return pa.array(found, from_pandas=True)


def _table_of_array(value: Any) -> Any:
    if not is_array(value):
        raise UsageError(f"a {type(value).__qualname__} is no table")
    found = numpy_of(value)
    check_axes(found.ndim, "Arrow")
    if found.dtype.names is not None:
        columns = {name: found[name] for name in found.dtype.names}
    elif found.ndim == 1:
        columns = {"0": found}
    else:
        columns = {str(place): found[:, place] for place in range(found.shape[1])}
    return pa.table({name: _column_of_array(name, column) for name, column in columns.items()})


def _column_of_array(name: str, column: Any) -> Any:
    where = f"column {name!r}"
    mask = None
    if isinstance(column, np.ma.MaskedArray):
        mask, column = np.ma.getmaskarray(column), column.data
    if column.ndim > 1:
        raise no_type(where, column.dtype, "Arrow")
    if column.dtype.char in "UST":
        column = column.astype(object)
    if column.dtype == object:
        _check_one_type(pd.Series(column), where)
    with said(where, "Arrow"):
        # NaN stays: an array has no other way to say it, and no missing values
        return pa.array(column.astype(column.dtype.newbyteorder("=")), mask=mask, from_pandas=False)


def library_of(value: Any) -> str:
    """Return the first part of the name of the module of a value's class."""
    return type(value).__module__.partition(".")[0]


def is_array(value: Any) -> bool:
    """Tell whether a value is an array, a sparse matrix or a tensor."""
    return library_of(value) in {"numpy", "scipy", "torch"}


def numpy_of(value: Any) -> Any:
    """Return an array, sparse matrix or tensor as an array of numpy."""
    library = library_of(value)
    if library == "numpy":
        return value
    if library == "scipy":
        return value.toarray()
    plain = value.detach().cpu().resolve_conj().resolve_neg()
    try:
        return plain.numpy()
    except TypeError:  # bfloat16 and shorter: each of their values is a float32
        return plain.float().numpy()


def check_axes(axes: int, library: str) -> None:
    """Refuse an array that is no table."""
    if not 1 <= axes <= _MOST_AXES:
        raise UsageError(
            f"an array with {axes} axes is no table for {library}",
            hint="load it as it was taken, and reshape it",
        )


def check_unique(names: list[str]) -> None:
    """Refuse names of which two are the same."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(
                f"column {name!r} is there twice: elsewhere names are unique",
                hint="rename the columns first, or load it as it was taken",
            )
        seen.add(name)


def no_type(where: str, kind: object, library: str, error: Exception | None = None) -> UsageError:
    """Return the error of a column of a type that a library does not have."""
    why = f": {last_line(error)}" if error else ""
    return UsageError(f"{where} is {kind}, which {library} has no type for{why}", hint=_PLAINER)


@contextmanager
def said(where: str, library: str) -> Iterator[None]:
    """Turn what a library says of a value into an error that says where."""
    try:
        yield
    except (pa.ArrowException, TypeError, ValueError, OverflowError, NotImplementedError) as error:
        raise UsageError(
            f"{where} cannot go to {library}: {last_line(error)}", hint=_PLAINER
        ) from None
