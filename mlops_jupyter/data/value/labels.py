"""Indexes, of the rows and of the columns, taken apart and put together again, equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value import columns, values
from mlops_jupyter.data.value.calendar import set_freq, tell_freq
from mlops_jupyter.data.value.part import Part


def take_apart(index: pd.Index[Any], where: str) -> Part:
    """Return the part of an index.

    Parameters
    ----------
    index : pandas.Index
    where : str
        Which index, for messages.

    Raises
    ------
    UsageError
        A label cannot be kept.
    """
    names = _names(index, where)
    if isinstance(index, pd.MultiIndex):
        return _levels(index, names, where)
    if isinstance(index, pd.RangeIndex):
        return Part("range", _range(index), parts=names)
    return Part("index", tell_freq(index), parts={"values": columns.of(index, where), **names})


def put_together(stored: Stored) -> pd.Index[Any]:
    """Return the index of a stored part."""
    return _PUT_TOGETHER[stored.kind](stored)


def _names(index: pd.Index[Any], where: str) -> dict[str, Part]:
    if all(name is None for name in index.names):
        return {}
    return {"names": values.take_apart(np.fromiter(index.names, object, index.nlevels), where)}


def _range(index: pd.RangeIndex) -> dict[str, Any]:
    # many starts and steps say the same when there is nothing, or one thing, to step over
    start = index.start if len(index) else 0
    step = index.step if len(index) > 1 else 1
    return {"start": start, "step": step, "length": len(index)}


def _levels(index: pd.MultiIndex, names: dict[str, Part], where: str) -> Part:
    parts, same = dict(names), dict(names)
    for number, (level, raw) in enumerate(zip(index.levels, index.codes, strict=True)):
        codes = np.asarray(raw)
        parts[f"codes{number}"] = columns.take_apart(codes, where)
        parts[f"level{number}"] = take_apart(level, where)
        # levels may hold labels that no row has, in any order: neither is content
        order, used = pd.factorize(codes)
        same[f"missing{number}"] = columns.take_apart(used == -1, where)
        same[f"codes{number}"] = columns.take_apart(order, where)
        same[f"level{number}"] = columns.of(level.take(used[used != -1]), where)
    return Part("levels", parts=parts, identity=Part("levels", parts=same))


def _read_names(stored: Stored, count: int = 1) -> list[Any]:
    if "names" not in stored.names:
        return [None] * count
    return list(values.put_together(stored.part("names")))


def _read_range(stored: Stored) -> pd.Index[Any]:
    start, step, length = (stored.facts[name] for name in ("start", "step", "length"))
    if stored.window is not None:
        first, last = (min(row, length) for row in stored.window)
        start, length = start + step * first, last - first
    return pd.RangeIndex(start, start + step * length, step, name=_read_names(stored)[0])


def _read_index(stored: Stored) -> pd.Index[Any]:
    array = columns.put_together(stored.part("values", by_row=True))
    # pandas would make levels of a list of tuples
    index: Any = pd.Index(array, dtype=array.dtype, copy=False, tupleize_cols=False)
    index.name = _read_names(stored)[0]
    return set_freq(index, stored)


def _read_levels(stored: Stored) -> pd.Index[Any]:
    numbers = range(sum(name.startswith("level") for name in stored.names))
    make: Any = pd.MultiIndex
    levels: pd.Index[Any] = make(
        levels=[put_together(stored.part(f"level{n}")) for n in numbers],
        codes=[columns.put_together(stored.part(f"codes{n}", by_row=True)) for n in numbers],
        names=_read_names(stored, len(numbers)),
        verify_integrity=False,
    )
    return levels


_PUT_TOGETHER: dict[str, Callable[[Stored], pd.Index[Any]]] = {
    "range": _read_range,
    "index": _read_index,
    "levels": _read_levels,
}
