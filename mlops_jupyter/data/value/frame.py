"""A pandas DataFrame or Series, taken apart and put together again, equal.

See docs/data-format.md for the parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value import columns, content, labels, part, values
from mlops_jupyter.data.value.content import Taken, TakenColumn
from mlops_jupyter.data.value.part import Part
from mlops_jupyter.errors import IntegrityError

Frame = pd.DataFrame | pd.Series

# with more blocks than this pandas warns of a fragmented frame when a column is added
_MANY_COLUMNS = 100


def taken(value: object) -> Taken | None:
    """Take a frame apart; None for subclasses, which would not come back as they were.

    Raises
    ------
    UsageError
        It holds something that cannot be kept.
    """
    if type(value) not in (pd.DataFrame, pd.Series):
        return None
    frame: Frame = value  # type: ignore[assignment]
    tree = _take_apart(frame)
    return Taken("frame", tree, len(frame), lambda: _described(frame, tree))


def _described(frame: Frame, tree: Part) -> tuple[TakenColumn, ...]:
    found = []
    parts = tree.parts["columns"].parts.values()
    for label, column, piece in zip(_labels(frame), _columns(frame), parts, strict=True):
        missing = int(column.isna().sum())
        values = partial(_as_arrow, column)
        found.append(TakenColumn(_text(label), str(column.dtype), missing, piece, values))
    return tuple(found)


def _as_arrow(column: pd.Series[Any]) -> Any:
    """Return a column for statistics, or None where Arrow has no one type for its values."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _codes(column.array, _as_arrow(pd.Series(column.array.categories)))
    try:
        if isinstance(column.dtype, pd.DatetimeTZDtype):  # Arrow would ask pandas for less
            array = _instants(column.array)
        else:
            array = pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _instants(column: Any) -> Any:
    unit = column.dtype.unit
    return pa.array(column.asi8.view(f"M8[{unit}]"), pa.timestamp(unit, "UTC"))


def _codes(column: Any, categories: Any) -> Any:
    if categories is None:
        return None
    codes = pa.array(column.codes, mask=column.codes < 0)
    made = pa.DictionaryArray.from_arrays(codes, categories.combine_chunks())
    return pa.chunked_array([made])


def _labels(frame: Frame) -> pd.Index[Any]:
    if isinstance(frame, pd.DataFrame):
        return frame.columns
    return pd.Index([frame.name], dtype=object, tupleize_cols=False)


def _columns(frame: Frame) -> Iterator[pd.Series[Any]]:
    if isinstance(frame, pd.Series):
        yield frame
        return
    for position in range(frame.shape[1]):
        yield frame.iloc[:, position]


def _text(label: object) -> str:
    # half a surrogate pair is no text for JSON and SQLite
    text = "" if label is None else str(label)
    return text.encode("utf-8", "backslashreplace").decode()


def _take_apart(frame: Frame) -> Part:
    names = _labels(frame)
    parts = {
        str(position): columns.of(column, f"column {_text(label)!r}")
        for position, (label, column) in enumerate(zip(names, _columns(frame), strict=True))
    }
    tree = {
        "labels": labels.take_apart(names, "the column labels"),
        "index": labels.take_apart(frame.index, "the index"),
        "columns": Part("columns", parts=parts),
    }
    if frame.attrs:
        tree["attrs"] = values.take_apart(np.fromiter([dict(frame.attrs)], object, 1), "attrs")
    facts = {
        "series": isinstance(frame, pd.Series),
        "rows": len(frame),
        "columns": len(parts),
        "unique_labels": not frame.flags.allows_duplicate_labels,
    }
    return Part("frame", facts, parts=tree)


def put_together(whole: Stored, wanted: Sequence[str] | None = None) -> Frame:
    """Return the frame of a stored tree, or only the wanted columns, in the order given."""
    index = labels.put_together(whole.part("index", by_row=True))
    names = labels.put_together(whole.part("labels"))
    kept = whole.part("columns", by_row=True)
    places = list(range(len(names)))
    if wanted is not None:
        places = content.positions([_text(name) for name in names], wanted)
        names = names[places]
    chosen = [str(place) for place in places]
    arrays = list(
        part.in_threads(
            lambda name: columns.put_together(kept.part(name, by_row=True)), chosen, len(index)
        )
    )
    if any(len(array) != len(index) for array in arrays):
        raise IntegrityError("a stored frame has columns of different lengths")
    # a Series, because a frame would guess a dtype for a bare array of objects
    found = [pd.Series(array, index=index, dtype=array.dtype, copy=False) for array in arrays]
    frame: Any
    if whole.facts["series"]:
        frame = found[0]
        frame.name = names[0]
    else:
        many = len(found) > _MANY_COLUMNS
        frame = pd.DataFrame(dict(enumerate(found)), index=index, copy=many)
        frame.columns = names
    if "attrs" in whole.names:
        frame.attrs = values.put_together(whole.part("attrs"))[0]
    if whole.facts["unique_labels"]:
        frame = frame.set_flags(allows_duplicate_labels=False)
    again: Frame = frame
    return again
