"""A list of dicts, taken apart into a column for each key and put together again, equal.

See docs/data-format.md for the parts. In which order a row holds its keys is kept, and is no
content, as with dicts everywhere. That a key is missing is content, and not the same as None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value import content, values
from mlops_jupyter.data.value.content import Taken, TakenColumn
from mlops_jupyter.data.value.part import Leaf, Part
from mlops_jupyter.errors import UsageError

Row = dict[Any, Any]
Key = tuple[type, Any]
"""A key and its type: 1, 1.0 and True are one key of one dict, and not one column."""

_FEW_CELLS = 1_000_000
_SPARSE = 20
"""Rows that each have other keys are kept row by row: of this many cells one has a value."""

_LONGEST_TYPE = 100
_ABSENT = object()


def taken(value: object) -> Taken | None:
    """Take a list of dicts apart; None for what is no list.

    Raises
    ------
    UsageError
        It is a list of something else, or holds what cannot be kept.
    """
    if type(value) is not list:
        return None
    rows: list[Any] = value
    for place, row in enumerate(rows):
        if type(row) is not dict:
            raise UsageError(
                f"a list whose item {place} is a {type(row).__qualname__}"
                " cannot be kept as a data version",
                hint="give a list of dicts, or make an array or a frame of it first",
            )
    keys = _keys(rows)
    values.take_apart(_objects([name for _, name in keys]), "the keys")  # says what cannot be kept
    if len(rows) * len(keys) > max(_FEW_CELLS, _SPARSE * sum(map(len, rows))):
        whole = values.take_apart(_objects(rows), "the list")
        return Taken("records", Part("records", parts={"whole": whole}), len(rows), lambda: ())
    alike = Counter(name for _, name in keys)
    columns = [_Column(key, rows, alone=alike[key[1]] == 1) for key in keys]
    parts = [column.part() for column in columns]
    tree = Part(
        "records",
        {"rows": len(rows)},
        parts={**_keyed(columns, parts), "order": _order(rows, keys)},
        identity=_identity(columns, parts, len(rows)),
    )
    described = partial(_described, list(zip(columns, parts, strict=True)))
    return Taken("records", tree, len(rows), described)


def _keyed(columns: Sequence[_Column], parts: Sequence[Part]) -> dict[str, Part]:
    return {
        "keys": values.take_apart(_objects([column.key[1] for column in columns]), "the keys"),
        "columns": Part("columns", parts={str(place): part for place, part in enumerate(parts)}),
    }


def _identity(columns: Sequence[_Column], parts: Sequence[Part], rows: int) -> Part:
    """Return what stands in the digest: columns in the order of what they are called."""
    called = [values.token(column.key[1]) for column in columns]
    order = sorted(range(len(columns)), key=called.__getitem__)
    turned = _keyed([columns[place] for place in order], [parts[place] for place in order])
    return Part("records", {"rows": rows}, parts=turned)


def put_together(whole: Stored, wanted: Sequence[str] | None = None) -> list[Row]:
    """Return the rows again, or only some of their keys, in the order given."""
    if "whole" in whole.names:
        rows: list[Row] = _cut(values.put_together(whole.part("whole")), whole).tolist()
        return rows if wanted is None else _chosen(rows, wanted)
    keys = list(values.put_together(whole.part("keys")))
    orders, codes = _read_order(whole.part("order", by_row=True))
    places = list(range(len(keys)))
    if wanted is not None:
        places = content.positions([_text(key) for key in keys], wanted)
        orders = [[place for place in places if place in order] for order in orders]
    kept = whole.part("columns", by_row=True)
    columns = {place: _read_column(kept.part(str(place), by_row=True)) for place in places}
    makers = [[(keys[place], columns[place]) for place in order] for order in orders]
    if len(makers) == 1 and makers[0]:
        names, cells = zip(*makers[0], strict=True)
        return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
    return [{key: cells[row] for key, cells in makers[code]} for row, code in enumerate(codes)]


class _Column:
    """The values of one key, in all rows."""

    def __init__(self, key: Key, rows: Sequence[Row], *, alone: bool) -> None:
        self.key = key
        if alone:
            found = [row.get(key[1], _ABSENT) for row in rows]
        else:
            found = [_of_key(row, key) for row in rows]
        self.cells = _objects(found)
        self.absent = np.fromiter((cell is _ABSENT for cell in found), bool, len(found))
        self.cells[self.absent] = None

    @property
    def name(self) -> str:
        """The key as text."""
        return _text(self.key[1])

    def part(self) -> Part:
        """Take it apart."""
        parts = {"values": values.take_apart(self.cells, f"column {self.name!r}")}
        if self.absent.any():
            parts["absent"] = Part("arrow", leaf=_leaf(pa.array(self.absent)))
        return Part("cells", parts=parts)

    def described(self, part: Part) -> TakenColumn:
        """Say what it holds."""
        known = [cell for cell in self.cells if not _is_missing(cell)]
        kinds = Counter(type(value).__name__ for value in known)
        text = " | ".join(kind for kind, _ in kinds.most_common()) or "None"
        missing = len(self.cells) - len(known)
        return TakenColumn(self.name, text[:_LONGEST_TYPE], missing, part, self.values)

    def values(self) -> Any:
        """Return it for statistics, or None where Arrow has no one type for its values."""
        try:
            return pa.chunked_array([pa.array(self.cells, from_pandas=True)])
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return None


def _keys(rows: Iterable[Row]) -> dict[Key, int]:
    """Return all keys, each with its number in the order in which they are first seen."""
    found: dict[Key, int] = {}
    for names in dict.fromkeys(tuple(zip(map(type, row), row, strict=True)) for row in rows):
        for key in names:
            found.setdefault(key, len(found))
    return found


def _of_key(row: Row, key: Key) -> Any:
    """Look a key up that equals one of another type."""
    same = (value for name, value in row.items() if type(name) is key[0] and name == key[1])
    return next(same, _ABSENT)


def _is_missing(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or (type(cell) is float and cell != cell)


def _text(key: object) -> str:
    # half a surrogate pair is no text for JSON and SQLite
    return str(key).encode("utf-8", "backslashreplace").decode()


def _described(columns: Sequence[tuple[_Column, Part]]) -> tuple[TakenColumn, ...]:
    return tuple(column.described(part) for column, part in columns)


def _order(rows: Sequence[Row], places: Mapping[Key, int]) -> Part:
    """Return which keys each row has, in its order."""
    numbers: dict[tuple[Key, ...], int] = {}
    codes = np.fromiter(
        (
            numbers.setdefault(tuple(zip(map(type, row), row, strict=True)), len(numbers))
            for row in rows
        ),
        np.int32,
        len(rows),
    )
    orders = [[places[key] for key in names] for names in numbers]
    return Part(
        "key_order",
        leaf=_leaf(pa.array(codes)),
        parts={"orders": Part("arrow", leaf=_leaf(pa.array(orders, pa.list_(pa.int32()))))},
    )


def _read_order(stored: Stored) -> tuple[list[list[int]], list[int]]:
    orders = [order for chunk in stored.part("orders").chunks() for order in chunk.to_pylist()]
    return orders, [code for chunk in stored.chunks() for code in chunk.to_pylist()]


def _read_column(stored: Stored) -> list[Any]:
    cells: list[Any] = _cut(values.put_together(stored.part("values")), stored).tolist()
    return cells


def _cut(cells: values.Objects, stored: Stored) -> values.Objects:
    # objects lie in a leaf for each type, and are read whole
    return cells if stored.window is None else cells[slice(*stored.window)]


def _chosen(rows: Sequence[Row], wanted: Sequence[str]) -> list[Row]:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    chosen = [keys[place] for place in content.positions([_text(key) for key in keys], wanted)]
    return [{key: row[key] for key in chosen if key in row} for row in rows]


def _objects(found: Sequence[Any]) -> values.Objects:
    return np.fromiter(found, object, len(found))


def _leaf(array: Any) -> Leaf:
    return Leaf(len(array), lambda start, stop: array.slice(start, stop - start))
