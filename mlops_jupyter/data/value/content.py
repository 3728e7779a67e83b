"""What can be kept from memory: values of many kinds, each taken apart by a module of its own.

Such a module has two functions::

    taken(value) -> Taken | None                       None: not what it knows
    put_together(stored, columns) -> value             columns: their names, or None for all
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.data.dataset import Kind
from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value.part import Part
from mlops_jupyter.errors import NotFoundError, UsageError

_BY_LIBRARY = {
    "pandas": "mlops_jupyter.data.value.frame",
    "polars": "mlops_jupyter.data.value.table",
    "pyarrow": "mlops_jupyter.data.value.table",
    "numpy": "mlops_jupyter.data.value.array",
    "scipy": "mlops_jupyter.data.value.array",
    "torch": "mlops_jupyter.data.value.array",
    "builtins": "mlops_jupyter.data.value.records",
}

_BY_KIND = {
    "frame": "mlops_jupyter.data.value.frame",
    "table": "mlops_jupyter.data.value.table",
    "array": "mlops_jupyter.data.value.array",
    "records": "mlops_jupyter.data.value.records",
}


@dataclass(frozen=True, slots=True)
class TakenColumn:
    """A column of a value that was taken apart.

    Attributes
    ----------
    name : str
        As text.
    type : str
        Its dtype, as its library writes it.
    missing : int
    part : Part
        Where it stands in the tree of the value.
    values : callable
        Gives the column as a ``pyarrow.ChunkedArray`` for statistics, or None where Arrow has
        no type for it.
    """

    name: str
    type: str
    missing: int
    part: Part
    values: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """A value taken apart: `tree` holds all of it, `columns` gives its columns, if it has any."""

    kind: Kind
    tree: Part
    row_count: int
    columns: Callable[[], tuple[TakenColumn, ...]]


def take_apart(value: object) -> Taken:
    """Take a value apart.

    Raises
    ------
    UsageError
        It is of a kind that cannot be kept, or holds something that cannot.
    """
    kind = type(value)
    # whoever holds a value of a library has imported it: nobody else waits for it
    home = _BY_LIBRARY.get(kind.__module__.partition(".")[0])
    taken: Taken | None = importlib.import_module(home).taken(value) if home else None
    if taken is None:
        raise UsageError(
            f"a {kind.__module__}.{kind.__qualname__} cannot be kept as a data version",
            hint="give a frame, table, array, tensor or list of dicts, or the path of a file",
        )
    return taken


def put_together(kind: Kind, stored: Stored, columns: Sequence[str] | None = None) -> Any:
    """Return the value of a stored tree, or some of its columns."""
    return importlib.import_module(_BY_KIND[kind]).put_together(stored, columns)


def positions(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return where the wanted columns stand, in the order wanted; each of a name that is twice.

    Raises
    ------
    NotFoundError
        There is no such column.
    """
    found: list[int] = []
    for name in wanted:
        places = [place for place, known in enumerate(names) if known == name]
        if not places:
            raise NotFoundError("column", str(name), names)
        found.extend(places)
    return found
