"""A column as it is walked for its statistics: array by array, one in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_jupyter.data.value import arrow
from mlops_jupyter.data.value.content import TakenColumn
from mlops_jupyter.data.value.part import CHUNK_ROWS


@dataclass(frozen=True, slots=True)
class Walk:
    """A column cut in Arrow arrays, and which of its rows are the sample (None: all)."""

    arrays: Sequence[Callable[[], Any]]
    sample: Any
    rows: int
    bins: int

    def __iter__(self) -> Iterator[Any]:
        """Make the arrays one after the other: one of them is in memory at a time."""
        return (make() for make in self.arrays)

    def pieces(self, step: int = 1) -> Iterator[tuple[Any, Any]]:
        """Give each array with the positions in it that are the sample, or every `step`-th."""
        start = 0
        for array in self:
            if self.sample is None:
                picks = None if step == 1 else np.arange(-start % step, len(array), step)
            else:
                first, last = np.searchsorted(self.sample, (start, start + len(array)))
                picks = self.sample[first:last][:: min(step, max(last - first, 1))] - start
            yield array, picks
            start += len(array)


def arrays_of(column: TakenColumn, rows: int) -> list[Callable[[], Any]]:
    """Return what makes the arrays of a column; nothing where Arrow has no type for it."""
    starts = range(0, max(rows, 1), CHUNK_ROWS)
    leaf = column.part.leaf
    if column.part.kind in {"numpy", "time"} and leaf is not None and leaf.rows == rows:
        # a column of a block may lie row by row: its pieces are copied, never all of it
        cut = leaf.cut
        return [lambda s=s: cut(s, min(s + CHUNK_ROWS, rows)) for s in starts]  # type: ignore[misc]
    whole = column.values()
    if whole is None or isinstance(whole.type, pa.BaseExtensionType):
        return []
    if pa.types.is_dictionary(whole.type):
        whole = whole.unify_dictionaries()
    # there may be a thousand chunks of a few rows each
    return [lambda s=s: arrow.single(whole.slice(s, CHUNK_ROWS)) for s in starts]  # type: ignore[misc]


def cast(walk: Walk, kind: Any) -> Walk:
    """Return the walk over the same column in another type."""
    return replace(walk, arrays=[_casting(make, kind) for make in walk.arrays])


def _casting(make: Callable[[], Any], kind: Any) -> Callable[[], Any]:
    return lambda: pc.cast(make(), kind, safe=False)
