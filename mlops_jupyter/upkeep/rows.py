"""The columns of a value by their names, and a value without some of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_jupyter.upkeep.matching import Column, Mask

Value = Any
"""A pandas frame or series, a table of pyarrow or polars, or a list of dicts."""


class Columns:
    """The columns of a value: what it calls so, and the levels of a pandas index.

    Parameters
    ----------
    value : frame, table, or list of dicts
    """

    def __init__(self, value: Value) -> None:
        self.rows = value.num_rows if isinstance(value, pa.Table | pa.RecordBatch) else len(value)
        self._made: list[tuple[str, Callable[[], Column]]] = list(_columns(value))

    @property
    def names(self) -> tuple[str, ...]:
        """All names, each once."""
        return tuple(dict.fromkeys(name for name, _ in self._made))

    def __call__(self, name: str) -> Sequence[Column]:
        """Return the columns of a name; there may be more than one."""
        return [make() for known, make in self._made if known == name]


def without(value: Value, gone: Mask) -> Value:
    """Return a value without some of its rows, and without what only they had.

    Categories and labels that only these rows had would still tell what was in them. Others that
    no row has stay.
    """
    keep = ~gone
    if isinstance(value, list):
        return [row for row, kept in zip(value, keep, strict=True) if kept]
    if isinstance(value, pa.RecordBatch):
        (batch,) = without(pa.Table.from_batches([value]), gone).combine_chunks().to_batches() or [
            value.slice(0, 0)
        ]
        return batch
    if isinstance(value, pa.Table):
        return _of_arrow(value.filter(pa.array(keep)))
    if isinstance(value, pd.DataFrame | pd.Series):
        return _of_pandas(value, keep)
    return _of_polars(value, keep)


def _columns(value: Value) -> Iterator[tuple[str, Callable[[], Column]]]:
    if isinstance(value, list):
        for name in dict.fromkeys(_text(key) for row in value for key in row):
            yield name, lambda name=name: _of_records(value, name)  # type: ignore[misc]
    elif isinstance(value, pa.Table | pa.RecordBatch):
        for place, name in enumerate(value.schema.names):
            yield name, lambda place=place: _chunked(value.column(place))  # type: ignore[misc]
    elif isinstance(value, pd.DataFrame | pd.Series):
        for label, column in _labelled(value):
            yield label, lambda column=column: _as_arrow(column)  # type: ignore[misc]
    else:
        from mlops_jupyter.data.value.polars_dtype import to_arrow

        for column in [value] if not hasattr(value, "get_columns") else value.get_columns():
            yield column.name, lambda column=column: _chunked(to_arrow(column))  # type: ignore[misc]


def _text(label: object) -> str:
    return "" if label is None else str(label)


def _of_records(rows: Sequence[dict[Any, Any]], name: str) -> list[Any]:
    return [next((v for key, v in row.items() if _text(key) == name), None) for row in rows]


def _chunked(column: Any) -> Any:
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def _labelled(frame: pd.DataFrame | pd.Series[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(frame, pd.Series):
        yield _text(frame.name), frame
    else:
        for position, label in enumerate(frame.columns):
            yield _text(label), frame.iloc[:, position]
    for level, name in enumerate(frame.index.names):
        if name is not None:
            yield _text(name), frame.index.get_level_values(level)


def _as_arrow(column: Any) -> Column:
    try:
        return _chunked(pa.array(column, from_pandas=True))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return list(column)


def _of_pandas(frame: Any, keep: Mask) -> Any:
    kept = frame.iloc[np.flatnonzero(keep)]
    kept.index = _index_without(frame.index, kept.index)
    if isinstance(kept, pd.Series):
        return _scrubbed(frame, kept)
    for position in range(kept.shape[1]):
        column = kept.iloc[:, position]
        scrubbed = _scrubbed(frame.iloc[:, position], column)
        if scrubbed is not column:
            kept.isetitem(position, scrubbed)
    return kept


def _scrubbed(before: Any, after: Any) -> Any:
    """Return a column without the categories that only rows had which are gone."""
    if not isinstance(after.dtype, pd.CategoricalDtype):
        return after
    left = _left_categories(before.array, after.array)
    return after if left is None else after.cat.set_categories(left)


def _left_categories(before: Any, after: Any) -> Any:
    """Return the categories that stay, or None when all do."""
    used, still = (np.unique(array.codes) for array in (before, after))
    lost = np.setdiff1d(used[used >= 0], still)
    return before.categories.delete(lost) if len(lost) else None


def _index_without(before: Any, after: Any) -> Any:
    if isinstance(after, pd.MultiIndex):
        return after.remove_unused_levels()
    if isinstance(after, pd.CategoricalIndex):
        left = _left_categories(before.array, after.array)
        return after if left is None else after.set_categories(left)
    return after


def _of_arrow(table: Any) -> Any:
    columns = []
    for column in table.columns:
        kind = column.type
        if pa.types.is_dictionary(kind):
            chunks = [_compact(chunk) for chunk in column.chunks]
            columns.append(pa.chunked_array(chunks, kind))
        else:
            columns.append(column)
    return pa.Table.from_arrays(columns, schema=table.schema)


def _compact(array: Any) -> Any:
    """Return a dictionary array without the values that no row has."""
    used = array.indices.drop_null().unique().sort()
    indices = pa.compute.index_in(array.indices, used).cast(array.type.index_type)
    return pa.DictionaryArray.from_arrays(
        indices, array.dictionary.take(used), ordered=array.type.ordered
    )


def _of_polars(value: Any, keep: Mask) -> Any:
    import polars as pl

    return value.filter(pl.Series(keep))
