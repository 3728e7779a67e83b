"""Arrays that look into one memory go on doing so, wherever in the values they lie.

A pickle keeps two names for one array as one array, but makes copies of two views of it, so
that a change through one would no longer be seen through the other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class View:
    """A window into the memory of `owner`."""

    owner: Any
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: Any


Views = Mapping[int, View]
"""By the ids of the arrays."""


def shared(values: Iterable[Any]) -> Views:
    """Return the views that arrays are which share memory with others of `values`."""
    if "numpy" not in sys.modules:
        return {}
    arrays = {id(value): value for value in values if _is_plain(value)}
    owners = {one: _owner(array) for one, array in arrays.items()}
    whole = _whole(arrays, owners)
    owners = {one: whole.get(id(owner), owner) for one, owner in owners.items()}
    holders: dict[int, int] = {}
    for owner in owners.values():
        if owner is not None:
            holders[id(owner)] = holders.get(id(owner), 0) + 1
    return {
        one: _view(array, owner)
        for one, array in arrays.items()
        if (owner := owners[one]) is not None and owner is not array and holders[id(owner)] > 1
    }


def again(
    owner: Any,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dtype: Any,
    writeable: bool,
) -> Any:
    """Return the array that a view was of."""
    import numpy as np

    memory = owner if owner.flags.c_contiguous else owner.T
    array: Any = np.ndarray(shape, dtype, memory, offset, strides)
    if not writeable:
        array.flags.writeable = False
    return array


def _is_plain(value: Any) -> bool:
    return type(value) is sys.modules["numpy"].ndarray and not value.dtype.hasobject


def _owner(value: Any) -> Any:
    """Return the array whose memory an array looks into, or None if there is nothing to share."""
    owner = value
    while type(owner.base) is type(owner):
        owner = owner.base
    contiguous = owner.flags.c_contiguous or owner.flags.f_contiguous
    return owner if contiguous and not owner.dtype.hasobject else None


def _whole(arrays: Mapping[int, Any], owners: Mapping[int, Any]) -> dict[int, Any]:
    """Return by the ids of owners that are none of the arrays one that looks into all of it.

    Where an array lies that was restored is another one than before, which nobody else knows.
    """
    found: dict[int, Any] = {}
    for one, array in arrays.items():
        owner = owners[one]
        if owner is None or id(owner) in arrays or id(owner) in found:
            continue
        contiguous = array.flags.c_contiguous or array.flags.f_contiguous
        if (
            contiguous
            and array.nbytes == owner.nbytes
            and array.flags.writeable == owner.flags.writeable
        ):
            found[id(owner)] = array
    return found


def _view(value: Any, owner: Any) -> View:
    offset = value.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    return View(owner, offset, value.shape, value.strides, value.dtype)
