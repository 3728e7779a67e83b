"""Values that were given, converted to what the parameter is.

Text from the command line and from a file is read as that type, other values of Python's, numpy's
and pandas' are converted where nothing is lost. Everything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlops_jupyter.errors import did_you_mean
from mlops_jupyter.pipelines.given import dict_of, from_text
from mlops_jupyter.pipelines.kind import ANY, TYPES, Kind
from mlops_jupyter.pipelines.literal import DEEPEST, Reference, Timestamp
from mlops_jupyter.pipelines.scalar import (
    NULL,
    SCALARS,
    Plain,
    ReasonedError,
    resolved,
    shown,
    unwrapped,
)


class UnfitError(Exception):
    """A value that does not fit; the text says more, where there is more to say."""


def convert(kind: Kind, value: Any) -> Any:
    """Return a value as this kind has it.

    Raises
    ------
    UnfitError
        It cannot be that.
    """
    try:
        if isinstance(value, str) and not isinstance(value, Plain):
            value = _read(kind, str.__str__(value))
        return _converted(kind, value, 0)
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise UnfitError(str(error) if isinstance(error, ReasonedError) else "") from None


def _read(kind: Kind, text: str) -> Any:
    """Read text from the command line, as far as brackets and quotes go."""
    opening = text.lstrip()[:1]
    is_nested = kind.may_be("list", "tuple", "set", "frozenset", "record", "dict")
    if opening in {"[", "{"} and (is_nested or kind.may_be("any")):
        return from_text(text)
    if opening in {'"', "'"} and kind.name == "any":
        return from_text(text)
    return Plain(text)


def _converted(kind: Kind, value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise ReasonedError(f"nested more than {DEEPEST} deep")
    value = unwrapped(value)
    make = SCALARS.get(kind.name)
    result = _NESTED[kind.name](kind, value, depth) if make is None else make(value)
    bounds = None if isinstance(result, Reference) else kind.bounds
    if bounds is not None and not bounds.hold(result):
        raise ValueError(value)
    return result


def _any(_kind: Kind, value: Any, depth: int) -> Any:
    if isinstance(value, Plain):
        return _no_reference(resolved(str.__str__(value)))
    if isinstance(value, str):
        return _no_reference(SCALARS["str"](value))
    if isinstance(value, bool) or value is None or isinstance(value, Timestamp):
        return value
    for name in ("int", "float", "datetime", "date", "decimal", "path"):
        if isinstance(value, TYPES[name]):
            return SCALARS[name](value)
    if isinstance(value, Mapping):
        return _dict(Kind("dict", (ANY, ANY)), value, depth)
    for name in ("list", "tuple", "set", "frozenset"):
        if isinstance(value, TYPES[name]):
            return _holder(Kind(name, (ANY,)), value, depth)
    raise TypeError(value)


def _no_reference(value: Any) -> Any:
    """Refuse a secret where a step might change it in place, so that it would be passed on."""
    if isinstance(value, Reference):
        raise ReasonedError("a secret is a parameter of its own, annotated `str` or `'Secret'`")
    return value


def _holder(kind: Kind, value: Any, depth: int) -> Any:
    if type(value).__name__ == "ndarray" and hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple | set | frozenset):
        raise TypeError(value)
    if kind.name in {"list", "tuple"} and isinstance(value, set | frozenset):
        raise ReasonedError("a set has no order")
    items = [_item(kind.items[0], item, number, depth) for number, item in enumerate(value, 1)]
    return TYPES[kind.name](items)


def _record(kind: Kind, value: Any, depth: int) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(value)
    if len(value) != len(kind.items):
        raise ReasonedError(f"it has {len(value)} parts")
    parts = enumerate(zip(kind.items, value, strict=True), 1)
    return tuple(_item(of, item, number, depth) for number, (of, item) in parts)


def _dict(kind: Kind, value: Any, depth: int) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(value)
    keys, values = kind.items
    pairs = [
        (_item(keys, key, f"key {number}", depth), _item(values, item, shown(key, 40), depth))
        for number, (key, item) in enumerate(value.items(), 1)
    ]
    return dict_of(pairs)


def _item(kind: Kind, value: Any, where: object, depth: int) -> Any:
    """Convert a part of a value, and say which one is wrong."""
    try:
        return _no_reference(_converted(kind, value, depth + 1))
    except ReasonedError:
        raise
    except (TypeError, ValueError, ArithmeticError):
        part = f"item {where}" if isinstance(where, int) else where
        raise ReasonedError(f"{part} is {shown(value, 40)}, not {kind.words}") from None


def _choice(kind: Kind, value: Any, _depth: int) -> Any:
    for choice in kind.choices:
        if type(choice) is type(value) and choice == value:
            return choice
    if isinstance(value, str):
        texts = {str(choice).lower() if choice in (True, False, None) else str(choice): choice
                 for choice in kind.choices}  # fmt: skip
        texts |= {"null": None} if None in kind.choices else {}
        if value in texts:
            return texts[value]
        near = did_you_mean(str(value), texts) or ""
        if near.startswith("did"):
            raise ReasonedError(near)
    raise ValueError(value)


def _union(kind: Kind, value: Any, depth: int) -> Any:
    """Convert to the first kind that fits: that of the very type, then text last."""
    is_text = isinstance(value, str)
    if isinstance(value, Plain) and value.lower() in {*NULL, "none"}:
        has_text = kind.may_be("str", "any", "path", "choice", "secret")
        if kind.may_be("None") and (value in NULL or not has_text) and (value or not has_text):
            return None
    late = {"str", "path", "any"} if is_text else {"any"}
    exact = [of for of in kind.items if type(value) is TYPES.get(of.name)]
    order = [of for of in kind.items if of not in exact]
    order.sort(key=lambda of: of.name in late)
    reason = ""
    for of in [*exact, *order]:
        try:
            return _converted(of, value, depth)
        except ReasonedError as error:
            reason = str(error)
        except (TypeError, ValueError, ArithmeticError):
            continue
    raise ReasonedError(reason) if reason else ValueError(value)


_NESTED: dict[str, Callable[[Kind, Any, int], Any]] = {
    "any": _any,
    "list": _holder,
    "tuple": _holder,
    "set": _holder,
    "frozenset": _holder,
    "record": _record,
    "dict": _dict,
    "choice": _choice,
    "union": _union,
}
