"""What values hold in their containers and attributes, each under a name for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

DEEPEST = 30
"""Containers in containers that are looked into."""

Named = tuple[str, Any]

_SCALARS = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, slice, type(...), FunctionType}
)
_OPAQUE = (type, ModuleType, FunctionType, MethodType)
_LIBRARIES = frozenset({"numpy", "scipy", "pandas", "polars", "pyarrow", "torch"})
"""What their objects hold is theirs."""


def reached(values: Mapping[str, Any]) -> Iterator[Named]:
    """Yield all objects that hold something, or may, each once.

    What stands in a container is named after it and its place, ``split.train`` or ``parts.0``.
    Attributes are looked into where a pickle would store them as they are.
    """
    seen: set[int] = set()
    waiting = [iter(_holders(values.items()))]
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
            continue
        name, value = found
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield found
        if len(waiting) < DEEPEST:
            waiting.append(_inside(name, value))


def _holders(items: Iterable[tuple[Any, Any]]) -> Iterator[Named]:
    return ((str(key), value) for key, value in items if type(value) not in _SCALARS)


def _inside(name: str, value: Any) -> Iterator[Named]:
    # the methods of a subclass may do anything
    if isinstance(value, dict):
        items: Iterable[tuple[Any, Any]] = list(dict.items(value))
    elif isinstance(value, list):
        items = enumerate(list.copy(value))
    elif isinstance(value, tuple):
        items = enumerate(tuple.__iter__(value))
    else:
        items = list(_attributes(value).items())
    return ((f"{name}.{_word(k)}", v) for k, v in items if type(v) not in _SCALARS)


def _word(key: Any) -> str:
    return str(key) if type(key) in _SCALARS else type(key).__name__


def _attributes(value: Any) -> dict[str, Any]:
    kind: Any = type(value)
    library = str(kind.__module__).partition(".")[0]
    if (
        library in _LIBRARIES
        or isinstance(value, _OPAQUE)
        or not all(
            getattr(kind, verb, None) is getattr(object, verb)
            for verb in ("__reduce__", "__reduce_ex__", "__getstate__")
        )
    ):
        return {}
    held = getattr(value, "__dict__", None)
    return held if type(held) is dict else {}
