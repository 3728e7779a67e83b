"""What a new version of a leaf has that its base has not.

See docs/data-format.md for how it is kept, and `column` for what reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_jupyter.data.storage import column, row_map
from mlops_jupyter.data.storage.column import Mapped
from mlops_jupyter.data.storage.row_map import Integers, RowMap
from mlops_jupyter.data.storage.stored import Place, Reader, Writer
from mlops_jupyter.data.value import arrow, part
from mlops_jupyter.data.value.arrow import Measure
from mlops_jupyter.data.value.part import Leaf, Measures
from mlops_jupyter.errors import ConflictError

LEAST_BYTES = 4 * 2**10
"""A smaller leaf is kept whole: what describes a delta takes as much."""

MOST = 0.25
"""When more than this share of the rows is new or differs, the leaf is kept whole."""

DEEPEST = 12
"""So many bases may stand under a leaf."""

Description = dict[str, Any]
"""A leaf as the manifest has it, with `Place` for names not known yet."""


def fresh(leaf: Leaf, start: int, expected: Measure) -> Any:
    """Return a chunk of a leaf, canonical.

    Raises
    ------
    ConflictError
        It is no longer what was measured.
    """
    array = leaf.chunk(start)
    if arrow.measure(array) != expected:
        raise ConflictError(
            "the data changed while its snapshot was taken",
            hint="take it again when nothing writes to the data",
        )
    return array


def write(
    leaf: Leaf,
    measures: Measures,
    base: Mapping[str, Any],
    rows: RowMap,
    told: Description | None,
    reader: Reader,
    writer: Writer,
) -> Description | None:
    """Keep what differs from a base; None when that is too much.

    Parameters
    ----------
    leaf : Leaf
    measures : Measures
        What was measured of it.
    base : mapping
        A leaf of a manifest.
    rows : RowMap
        Which row of the base each row was.
    told : dict or None
        The map as the manifest has it; None: each row is itself.
    """
    if column.depth(base) >= DEEPEST:
        return None
    source = column.of(base, reader)
    mapped = Mapped(source, None if told is None else rows, leaf.rows)
    places: list[Integers] = []
    values: list[Any] = []
    left = int(leaf.rows * MOST)
    for start, expected in zip(leaf.starts, measures[leaf], strict=True):
        new = fresh(leaf, start, expected)
        stop = start + len(new)
        differs = arrow.differs(new, mapped.cut(start, stop))
        if told is not None:
            differs |= rows.sources(start, stop) == row_map.NEW
        here = np.flatnonzero(differs)
        left -= len(here)
        if left < 0:
            return None
        places.append(here + start)
        values.append(new.take(pa.array(here)))
    return {
        "base": stripped(base),
        **({} if told is None else {"map": told}),
        **_differences(np.concatenate(places), pa.concat_arrays(values), writer),
    }


def told_map(rows: RowMap, base_rows: int, writer: Writer) -> Description | None:
    """Keep a row map and return how the manifest tells of it; None when each row is itself."""
    if rows.is_identity(base_rows):
        return None
    content, widths = rows.encoded()
    return {"runs": len(rows.starts), "widths": list(widths), "bytes": writer.add(content)}


def stripped(leaf: Mapping[str, Any]) -> Description:
    """Return a leaf as a base: without what only a leaf of its own needs."""
    return {key: value for key, value in leaf.items() if key not in {"digests", "type"}}


def _differences(places: Integers, values: Any, writer: Writer) -> Description:
    if not len(places):
        return {"at": None}
    gaps, width = row_map.planes(np.diff(places, prepend=-1) - 1)
    return {
        "at": {"width": width, "bytes": writer.add(gaps)},
        "values": {"rows": len(values), "chunks": [
            writer.add(stream(values.slice(start, part.CHUNK_ROWS)))
            for start in range(0, len(values), part.CHUNK_ROWS)
        ]},
    }  # fmt: skip


def stream(array: Any) -> memoryview:
    """Return an array as the bytes of a chunk."""
    return memoryview(arrow.to_bytes(arrow.canonical(array)))


def places_in(description: Any) -> list[Place]:
    """Return the pieces that a description names, in order."""
    if isinstance(description, Place):
        return [description]
    if isinstance(description, dict):
        return [place for value in description.values() for place in places_in(value)]
    if isinstance(description, list):
        return [place for value in description for place in places_in(value)]
    return []
