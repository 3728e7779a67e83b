"""The parameters of a pipeline: read from the tagged cell, converted to the types in it."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_jupyter.cells.statement import statements
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.pipeline import Parameter
from mlops_jupyter.pipelines.source import SourceCell

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


def read_parameters(cell: SourceCell, path: Path) -> tuple[Parameter, ...]:
    """Return the names that the cell binds, in order, with their defaults.

    Raises
    ------
    UsageError
        A name is bound to something that is not a literal that JSON can carry.
    """
    analysis = cell.analysis
    if analysis.opaque:
        raise UsageError(f"{path}: {cell.words} cannot be read", hint="write `name = value` lines")
    found = []
    for name in analysis.writes:
        if name not in analysis.literals:
            raise UsageError(
                f"{path}: {cell.words}: {name!r} is not bound to a literal",
                hint=f"write its default, e.g. `{name} = 1`; computed values go into a cell below",
            )
        default = analysis.literals[name]
        if not is_json(default):
            raise UsageError(
                f"{path}: {cell.words}: the default of {name!r} is {_words(default)}",
                hint="numbers, text, True, False, None, lists and dicts of those are possible",
            )
        found.append(Parameter(name, _as_annotated(cell, name, default)))
    return tuple(found)


def convert(parameters: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that were given, as the types of their defaults.

    Text, as it comes from the command line, is read as that type.

    Raises
    ------
    NotFoundError
        There is no such parameter.
    UsageError
        A value is of another type.
    """
    known = {parameter.name: parameter.default for parameter in parameters}
    converted = {}
    for name, value in given.items():
        if name not in known:
            raise NotFoundError("parameter", name, known)
        converted[name] = _converted(name, known[name], _unwrapped(value))
    return converted


def is_json(value: object) -> bool:
    """Return whether a value comes back from JSON as it was."""
    try:
        back = json.loads(json.dumps(value, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError):
        return False
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return bool(back == value)


def _as_annotated(cell: SourceCell, name: str, default: object) -> object:
    """Return ``1.0`` for ``rate: float = 1``."""
    if type(default) is not int:
        return default
    for statement in statements(cell.source):
        node = ast.parse(statement.source).body[0]
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name:
            return float(default) if ast.unparse(node.annotation) == "float" else default
    return default


def _unwrapped(value: Any) -> Any:
    """Return Python's own number for one of numpy's."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value.item()
    return value


def _converted(name: str, default: Any, value: Any) -> Any:
    kind = "None" if default is None else type(default).__name__
    try:
        result = _CONVERSIONS[kind](value)
    except (TypeError, ValueError, OverflowError):
        hint = f"its default is {default!r:.60}"
        if kind == "int":
            hint += "; to allow fractions, write the default with a point"
        raise UsageError(
            f"parameter {name!r} is {_KINDS[kind]}, not {_words(value)}", hint=hint
        ) from None
    if not is_json(result):
        raise UsageError(f"parameter {name!r}: JSON cannot carry {_words(value)}")
    return result


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else ""
    if word not in _TRUE | _FALSE:
        raise ValueError(value)
    return word in _TRUE


def _int(value: Any) -> int:
    if isinstance(value, str):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return value


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _any(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    import yaml

    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ValueError(value) from error


def _list(value: Any) -> list[Any]:
    read = _any(value)
    if not isinstance(read, list):
        raise TypeError(value)
    return read


def _dict(value: Any) -> dict[str, Any]:
    read = _any(value)
    if not isinstance(read, dict):
        raise TypeError(value)
    return read


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "bool": _bool,
    "int": _int,
    "float": _float,
    "str": _str,
    "list": _list,
    "dict": _dict,
    "None": _any,
}
_KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "list": "a list",
    "dict": "a mapping",
    "None": "any value",
}


def _words(value: object) -> str:
    return f"{value!r:.60} ({type(value).__name__})"
