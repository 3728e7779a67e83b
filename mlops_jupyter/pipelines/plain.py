"""Boundaries that hold nothing but plain values, as JSON: to be read without unpickling."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

FORMAT = 1
MOST = 100_000
"""Values in one boundary; a pickle of more is smaller and made sooner."""

_DEEPEST = 100
_LONGEST_BITS = 10_000
"""Python reads no int of more than 4,300 digits."""


def encode(payload: Mapping[str, Any]) -> bytes | None:
    """Return a payload as JSON, or None if it would not come back as it is.

    Parameters
    ----------
    payload : mapping
        ``values`` by their names; ``random`` and ``numpy``, where the generators stand.
    """
    tree = _Tree()
    if not tree.is_plain(payload["values"]):
        return None
    told = {"format": FORMAT, "values": payload["values"], "random": payload["random"]}
    if "numpy" in payload:
        state = payload["numpy"]
        if type(state) is not tuple or state[0] != "MT19937":
            return None
        told["numpy"] = [state[0], state[1].tolist(), *state[2:]]
    return json.dumps(told, separators=(",", ":"), allow_nan=False).encode("ascii")


def is_plain(content: bytes) -> bool:
    """Tell whether an object is such a payload: no pickle begins so."""
    return content[:1] == b"{"


def decode(content: bytes) -> dict[str, Any]:
    """Return the payload again."""
    payload: dict[str, Any] = json.loads(content)
    version, numbers, gauss = payload["random"]
    payload["random"] = (version, tuple(numbers), gauss)
    if "numpy" in payload:
        import numpy as np

        kind, keys, *rest = payload["numpy"]
        payload["numpy"] = (kind, np.array(keys, np.uint32), *rest)
    return payload


class _Tree:
    """Values of which none stands twice: JSON would make two of it."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._count = 0

    def is_plain(self, value: Any, depth: int = 0) -> bool:
        kind = type(value)
        self._count += 1
        if self._count > MOST:
            return False
        if kind is dict or kind is list:
            if id(value) in self._seen or depth > _DEEPEST:
                return False
            self._seen.add(id(value))
            if kind is list:
                return all(self.is_plain(one, depth + 1) for one in value)
            return all(
                type(key) is str and self.is_plain(one, depth + 1) for key, one in value.items()
            )
        return _is_scalar(value, kind)


def _is_scalar(value: Any, kind: type) -> bool:
    if kind is float:
        return math.isfinite(value)
    if kind is int:
        return bool(value.bit_length() < _LONGEST_BITS)
    return value is None or kind is bool or kind is str
