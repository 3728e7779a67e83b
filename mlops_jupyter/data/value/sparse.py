"""Sparse matrices and arrays of scipy, each in its own format, taken apart and put together.

What is stored is kept as it was given: indices that are not in order, or stand twice, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value import block
from mlops_jupyter.data.value.content import Taken
from mlops_jupyter.data.value.part import Part

Pieces = dict[str, Any]

_PIECES: dict[str, Callable[[Any], Pieces]] = {
    "csr": lambda m: {"data": m.data, "indices": m.indices, "indptr": m.indptr},
    "csc": lambda m: {"data": m.data, "indices": m.indices, "indptr": m.indptr},
    "bsr": lambda m: {"data": m.data, "indices": m.indices, "indptr": m.indptr},
    "coo": lambda m: {"data": m.data, **_axes(m.coords)},
    "dia": lambda m: {"data": m.data, "offsets": m.offsets},
    "lil": lambda m: _of_lists(m),
    "dok": lambda m: _of_keys(m),
}


def taken(value: Any) -> Taken | None:
    """Take a sparse matrix or array apart; None for what is none, and for subclasses."""
    import scipy.sparse

    kind = type(value)
    if not scipy.sparse.issparse(value) or getattr(scipy.sparse, kind.__name__, None) is not kind:
        return None
    facts = {
        "class": "sparse",
        "type": kind.__name__,
        "shape": [int(size) for size in value.shape],
        "dtype": value.dtype.str,
    }
    pieces = _PIECES[value.format](value)
    parts = {name: block.whole(piece, f"the {name}") for name, piece in pieces.items()}
    return Taken("array", Part("array", facts, parts=parts), facts["shape"][0], lambda: ())


def put_together(whole: Stored) -> Any:
    """Return the matrix again."""
    import scipy.sparse

    kind = getattr(scipy.sparse, whole.facts["type"])
    pieces = {name: block.read(whole.part(name)) for name in whole.names}
    shape = tuple(whole.facts["shape"])
    found = _AGAIN[whole.facts["type"][:3]](kind, shape, pieces)
    if whole.window is None:
        return found
    # some formats cannot be cut by row
    return found.tocsr()[slice(*whole.window)].asformat(found.format)


def _axes(coords: Any) -> Pieces:
    return {f"axis{axis}": numbers for axis, numbers in enumerate(coords)}


def _of_lists(matrix: Any) -> Pieces:
    rows = matrix.rows.tolist()
    # an empty row of lists of Python numbers has no dtype of its own
    return {
        "lengths": np.fromiter(map(len, rows), np.int64, len(rows)),
        "indices": np.fromiter((i for row in rows for i in row), np.int64),
        "data": np.array([x for row in matrix.data.tolist() for x in row], matrix.dtype),
    }


def _of_keys(matrix: Any) -> Pieces:
    # which key was set first is no content
    items = sorted(matrix.items())
    coords = np.array([key for key, _ in items], np.int64).reshape(len(items), len(matrix.shape))
    return {"data": np.array([x for _, x in items], matrix.dtype), **_axes(coords.T.copy())}


def _compressed(kind: Any, shape: Any, pieces: Pieces) -> Any:
    found = kind(shape, dtype=pieces["data"].dtype, **_blocks(kind, pieces))
    # the constructor would make the indices narrower where it can
    found.data, found.indices, found.indptr = (pieces[n] for n in ("data", "indices", "indptr"))
    return found


def _blocks(kind: Any, pieces: Pieces) -> dict[str, Any]:
    return {"blocksize": pieces["data"].shape[1:]} if kind.__name__.startswith("bsr") else {}


def _coordinates(kind: Any, shape: Any, pieces: Pieces) -> Any:
    found = kind(shape, dtype=pieces["data"].dtype)
    found.data = pieces["data"]
    found.coords = tuple(pieces[f"axis{axis}"] for axis in range(len(shape)))
    found.has_canonical_format = False
    return found


def _diagonals(kind: Any, shape: Any, pieces: Pieces) -> Any:
    return kind((pieces["data"], pieces["offsets"]), shape=shape)


def _lists(kind: Any, shape: Any, pieces: Pieces) -> Any:
    found = kind(shape, dtype=pieces["data"].dtype)
    ends = np.cumsum(pieces["lengths"])
    indices, data = pieces["indices"].tolist(), pieces["data"].tolist()
    for row, (end, length) in enumerate(zip(ends, pieces["lengths"], strict=True)):
        found.rows[row] = indices[end - length : end]
        found.data[row] = data[end - length : end]
    return found


def _keys(kind: Any, shape: Any, pieces: Pieces) -> Any:
    found = kind(shape, dtype=pieces["data"].dtype)
    axes = [pieces[f"axis{axis}"].tolist() for axis in range(len(shape))]
    keys = axes[0] if len(axes) == 1 else zip(*axes, strict=True)
    for key, value in zip(keys, pieces["data"], strict=True):
        found.setdefault(key, value)
    return found


_AGAIN: dict[str, Callable[[Any, Any, Pieces], Any]] = {
    "csr": _compressed,
    "csc": _compressed,
    "bsr": _compressed,
    "coo": _coordinates,
    "dia": _diagonals,
    "lil": _lists,
    "dok": _keys,
}
