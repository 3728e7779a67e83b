"""A stored leaf: an Arrow column, read row by row out of chunks or out of a base and a delta.

A leaf of a manifest is whole::

    {"rows": 300000, "type": "double", "chunks": [NAME, …], "digests": […]}

or says how it differs from another leaf, its base, which stands in it::

    {"rows": 300000, "type": "double", "base": LEAF, "map": RUNS, "at": PLACES, "values": LEAF,
     "digests": […]}

Row `i` is row ``map[i]`` of the base, or row `i` where there is no map; then the rows `at` are
replaced by the `values`. ``digests`` are those of the content, chunk by chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_jupyter.data.storage import row_map
from mlops_jupyter.data.storage.row_map import NEW, RowMap
from mlops_jupyter.data.value import arrow, part
from mlops_jupyter.errors import IntegrityError

Read = Callable[[str], memoryview]
"""From a name in a manifest to the bytes that it names."""

_FEW_RUNS = 16


class Whole:
    """A leaf in chunks."""

    def __init__(self, leaf: Mapping[str, Any], read: Read) -> None:
        self.rows = int(leaf["rows"])
        self._names = leaf["chunks"]
        self._read = read
        self._last: tuple[int, Any] = (-1, None)
        if len(self._names) != max(1, -(-self.rows // part.CHUNK_ROWS)):
            raise IntegrityError(f"a stored column of {self.rows} rows lacks some of its chunks")

    def cut(self, start: int, stop: int) -> Any:
        """Return the Arrow array of some rows."""
        found = []
        for number in range(start // part.CHUNK_ROWS, max(start, stop - 1) // part.CHUNK_ROWS + 1):
            chunk = self._chunk(min(number, len(self._names) - 1))
            first = number * part.CHUNK_ROWS
            low, high = max(start - first, 0), min(stop - first, len(chunk))
            whole = low == 0 and high == len(chunk)
            found.append(chunk if whole else chunk.slice(low, max(0, high - low)))
        return found[0] if len(found) == 1 else pa.concat_arrays(found)

    def _chunk(self, number: int) -> Any:
        if self._last[0] != number:
            self._last = (number, arrow.from_bytes(self._read(self._names[number])))
        return self._last[1]


class Changed:
    """A leaf that is a base and what differs from it."""

    def __init__(self, leaf: Mapping[str, Any], read: Read) -> None:
        self.rows = int(leaf["rows"])
        self._base = Mapped(of(leaf["base"], read), _map(leaf, read), self.rows)
        places = leaf["at"]
        self._at = np.empty(0, np.int64)
        if places is not None:
            gaps = row_map.numbers(bytes(read(places["bytes"])), places["width"])
            self._at = np.cumsum(gaps + 1) - 1
            self._values = Whole(leaf["values"], read)

    def cut(self, start: int, stop: int) -> Any:
        """Return the Arrow array of some rows."""
        rows = self._base.cut(start, stop)
        low, high = np.searchsorted(self._at, [start, stop])
        if low == high:
            return rows
        new = self._values.cut(int(low), int(high))
        if high - low == stop - start:
            return new
        mask = np.zeros(stop - start, np.bool_)
        mask[self._at[low:high] - start] = True
        if pa.types.is_boolean(rows.type):
            # pyarrow 26 reads slices of booleans from the wrong bit
            rows, new = arrow.canonical(rows), arrow.canonical(new)
        kind = rows.type
        rows, new = arrow.as_numbers(rows), arrow.as_numbers(new)
        found = pc.replace_with_mask(rows, pa.array(mask), new)
        return found if found.type == kind else found.view(kind)


Column = Whole | Changed


class Mapped:
    """The rows of a base in the order of a new version, null where the base has none.

    Parameters
    ----------
    base : Column
    rows : RowMap or None
        None: each row is itself.
    count : int
        Rows of the new version.
    """

    def __init__(self, base: Column, rows: RowMap | None, count: int) -> None:
        if (base.rows if rows is None else rows.rows) != count:
            raise IntegrityError("a stored row map does not fit its column")
        self._base, self._map = base, rows
        self._all: Any = None

    def cut(self, start: int, stop: int) -> Any:
        """Return the Arrow array of some rows."""
        if self._map is None:
            return self._base.cut(start, stop)
        starts, lengths = self._map.runs(start, stop)
        if len(starts) <= _FEW_RUNS:
            return self._joined(starts, lengths)
        sources = row_map.expanded(starts, lengths)
        new = sources == NEW
        if new.all():
            return pa.nulls(stop - start, self._type())
        low, high = int(sources[~new].min()), int(sources.max()) + 1
        if self._all is None and high - low <= 4 * (stop - start):
            base = self._base.cut(low, high)
        else:  # rows from everywhere
            low, base = 0, self._everything()
        return base.take(pa.array(sources - low, mask=new if new.any() else None))

    def _joined(self, starts: row_map.Integers, lengths: row_map.Integers) -> Any:
        pieces = [
            pa.nulls(int(length), self._type())
            if start == NEW
            else self._base.cut(int(start), int(start + length))
            for start, length in zip(starts, lengths, strict=True)
        ]
        if not pieces:
            return self._base.cut(0, 0)
        return pieces[0] if len(pieces) == 1 else pa.concat_arrays(pieces)

    def _type(self) -> Any:
        return self._base.cut(0, 0).type

    def _everything(self) -> Any:
        if self._all is None:
            self._all = self._base.cut(0, self._base.rows)
        return self._all


def of(leaf: Mapping[str, Any], read: Read) -> Column:
    """Return the column of a leaf in a manifest."""
    return Changed(leaf, read) if "base" in leaf else Whole(leaf, read)


def depth(leaf: Mapping[str, Any]) -> int:
    """Return how many bases stand under a leaf."""
    return 1 + depth(leaf["base"]) if "base" in leaf else 0


def _map(leaf: Mapping[str, Any], read: Read) -> RowMap | None:
    told = leaf.get("map")
    if told is None:
        return None
    wide, narrow = told["widths"]
    return row_map.decoded(bytes(read(told["bytes"])), told["runs"], (wide, narrow))
