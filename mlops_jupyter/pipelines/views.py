"""Arrays that look into one memory go on doing so.

A pickle keeps two names for one array as one array, but makes copies of two views of it, so
that a change through one would no longer be seen through the other.
"""

from __future__ import annotations

import sys
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


def kept(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with arrays that share memory written as views of its owner."""
    if "numpy" not in sys.modules:
        return values
    owners = {name: _owner(value) for name, value in values.items()}
    holders: dict[int, set[int]] = {}
    for name, owner in owners.items():
        if owner is not None:
            holders.setdefault(id(owner), set()).add(id(values[name]))
    return {
        name: _view(value, owners[name])
        if owners[name] is not None and len(holders[id(owners[name])]) > 1
        else value
        for name, value in values.items()
    }


def restored(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with views made arrays again."""
    return {
        name: _array(value) if isinstance(value, View) else value for name, value in values.items()
    }


def _owner(value: Any) -> Any:
    """Return the array whose memory an array looks into, or None if there is nothing to share."""
    import numpy as np

    if type(value) is not np.ndarray or value.dtype.hasobject:
        return None
    owner = value
    while type(owner.base) is np.ndarray:
        owner = owner.base
    contiguous = owner.flags.c_contiguous or owner.flags.f_contiguous
    return owner if contiguous and not owner.dtype.hasobject else None


def _view(value: Any, owner: Any) -> Any:
    if value is owner:
        return value
    offset = value.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    return View(owner, offset, value.shape, value.strides, value.dtype)


def _array(view: View) -> Any:
    import numpy as np

    memory = view.owner if view.owner.flags.c_contiguous else view.owner.T
    return np.ndarray(view.shape, view.dtype, memory, view.offset, view.strides)
