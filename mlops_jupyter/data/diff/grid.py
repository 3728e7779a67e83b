"""A value as a grid: columns of Arrow arrays, whatever library it is of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlops_jupyter.data.statistics.personal import is_personal_name, masked
from mlops_jupyter.data.value import arrow, values
from mlops_jupyter.data.value.arrow_table import as_arrow
from mlops_jupyter.errors import UsageError

WIDEST = 256
"""Numbers in a row of an array that still are columns; of wider ones a row is one cell."""

LONGEST = 60
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class GridColumn:
    """One column.

    Attributes
    ----------
    name : str
    type : str
        As its library writes it; ``text`` in a text file.
    array : pyarrow.Array
        Its values. Of objects that Arrow cannot hold: bytes that are equal for equal values.
    objects : sequence or None
        Those objects.
    """

    name: str
    type: str
    array: Any
    objects: Sequence[Any] | None = None

    def shown(self, row: int) -> str | None:
        """Return a value as text, cut short, masked where it looks personal; None: missing."""
        value = self.array[row].as_py() if self.objects is None else self.objects[row]
        if is_missing(value):
            return None
        text = value if isinstance(value, str) else (str if self.objects is None else repr)(value)
        return _cut(shape(text) if is_personal_name(self.name) else masked(text))


@dataclass(frozen=True, slots=True)
class Ragged:
    """A row of a text file with more or fewer fields than the header; `row` counts from 1."""

    row: int
    fields: int
    of: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns of one length.

    Attributes
    ----------
    columns : tuple of GridColumn
    row_count : int
    is_text : bool
        It was read from a text file: every value is text, and ``NA`` is a missing one.
    ragged : tuple of Ragged
    """

    columns: tuple[GridColumn, ...]
    row_count: int
    is_text: bool = False
    ragged: tuple[Ragged, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns."""
        return tuple(column.name for column in self.columns)


def grids_of(before: Any, after: Any) -> tuple[Grid, Grid]:
    """Return the grids of two values.

    The index of a pandas frame counts as columns when it is more than the numbers of the rows
    on one side; on the other side it then does too.

    Raises
    ------
    UsageError
        One of them is no table.
    """
    with_index = any(_has_index(value) for value in (before, after))
    return grid_of(before, with_index=with_index), grid_of(after, with_index=with_index)


def grid_of(value: Any, *, with_index: bool = False) -> Grid:
    """Return the grid of one value.

    Raises
    ------
    UsageError
        It is no table.
    """
    home = type(value).__module__.partition(".")[0]
    if isinstance(value, pd.Series):
        value = value.to_frame("values" if value.name is None else value.name)
    if isinstance(value, pd.DataFrame):
        return _of_pandas(value, with_index=with_index)
    if home == "polars":
        value = as_arrow(value)
    if isinstance(value, pa.RecordBatch):
        value = pa.table(value)
    if isinstance(value, pa.Table):
        return _of_arrow(value)
    if home == "scipy":
        cells = value.tocoo()
        return _of_pandas(
            pd.DataFrame({"row": cells.row, "column": cells.col, "value": cells.data})
        )
    if home == "torch":
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        return _of_numpy(value)
    if isinstance(value, list):
        return _of_pandas(pd.DataFrame(value))
    raise UsageError(f"a {type(value).__qualname__} is no table")


def is_missing(value: Any) -> bool:
    """Tell whether a Python object stands for a missing value."""
    return value is None or value is pd.NA or value is pd.NaT or (
        isinstance(value, float) and value != value
    )  # fmt: skip


def shape(text: str) -> str:
    """Return the form of a text: what changed in a name is often told by that.

    >>> shape("O'Neil, Ada  Jr.")
    "X'Xxxx, Xxx  Xx."
    """
    return "".join(
        "9" if one.isdigit() else ("X" if one.isupper() else "x") if one.isalpha() else one
        for one in text[:LONGEST]
    )


def _cut(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _has_index(value: Any) -> bool:
    if not isinstance(value, pd.DataFrame | pd.Series):
        return False
    return not isinstance(value.index, pd.RangeIndex) or value.index.name is not None


def _of_pandas(frame: pd.DataFrame, *, with_index: bool = False) -> Grid:
    columns = []
    if with_index:
        index = frame.index
        for level in range(index.nlevels):
            name = index.names[level]
            values = index.get_level_values(level).to_series()
            columns.append(_column("index" if name is None else str(name), values))
    columns += [
        _column(str(frame.columns[position]), frame.iloc[:, position])
        for position in range(frame.shape[1])
    ]
    return Grid(tuple(columns), len(frame))


def _column(name: str, series: pd.Series[Any]) -> GridColumn:
    kind = str(series.dtype)
    if isinstance(series.dtype, pd.SparseDtype):
        series = pd.Series(np.asarray(series.array))
    if isinstance(series.dtype, pd.PeriodDtype | pd.IntervalDtype):
        series = series.astype("str").where(series.notna(), None)
    if series.dtype == np.dtype(np.float16):
        series = series.astype(np.float32)
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return _of_objects(name, kind, series.tolist())
    return _of_array(name, kind, array)


def _of_objects(name: str, kind: str, found: Sequence[Any]) -> GridColumn:
    tokens = [None if is_missing(value) else values.token(value) for value in found]
    return GridColumn(name, kind, pa.array(tokens, pa.large_binary()), found)


def _of_arrow(table: Any) -> Grid:
    columns = [
        _of_array(name, str(column.type), column)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return Grid(tuple(columns), table.num_rows)


def _of_array(name: str, kind: str, array: Any) -> GridColumn:
    """Bring an array to one of the types that can be compared, or to bytes."""
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if isinstance(array.type, pa.BaseExtensionType) or pa.types.is_nested(array.type):
        return _of_objects(name, kind, array.to_pylist())
    if _is_text(array.type):
        array = array.cast(pa.large_string())
    if isinstance(array, pa.ChunkedArray):
        array = arrow.single(array)
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    if pa.types.is_floating(array.type):
        # NaN is missing here, and -0.0 is 0
        array = pc.add(pc.if_else(pc.is_nan(array), None, array), pa.scalar(0.0, array.type))
    return GridColumn(name, kind, array)


def _is_text(kind: Any) -> bool:
    views = getattr(pa.types, "is_string_view", lambda _: False)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or views(kind))


def _of_numpy(array: np.ndarray[Any, Any]) -> Grid:
    if array.dtype.names:
        flat = array.reshape(-1)
        return _of_pandas(pd.DataFrame({name: list(flat[name]) for name in array.dtype.names}))
    if array.ndim <= 1:
        return _of_pandas(pd.DataFrame({"values": array.reshape(-1)}))
    rows = array.reshape(len(array), -1) if len(array) else array.reshape(0, 1)
    if rows.shape[1] <= WIDEST:
        return _of_pandas(pd.DataFrame(rows))
    return Grid((_of_objects("row", str(array.dtype), list(rows)),), len(rows))


def text_column(name: str, cells: Any) -> GridColumn:
    """Return a column of a text file."""
    return GridColumn(name, "text", cells)


def with_names(grid: Grid, names: Iterable[str]) -> Grid:
    """Return the grid with other names."""
    columns = tuple(
        GridColumn(name, column.type, column.array, column.objects)
        for name, column in zip(names, grid.columns, strict=True)
    )
    return Grid(columns, grid.row_count, grid.is_text, grid.ragged)
