"""Values that a parameter may have: read from source without running it, and written as source.

Literals, arithmetic on numbers, and calls such as ``date(2024, 1, 1)`` or ``Path("data")``.
What `source_of` writes gives the very value again, and needs no name but Python's own.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any
from zoneinfo import ZoneInfo

from mlops_jupyter.cells.flow import literal_of

DEEPEST = 32
"""How deep lists and dicts may be nested."""

LARGEST_BITS = 14_000
"""Of a whole number: Python reads and writes no more than 4,300 digits."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The value of an environment variable, which only the kernel reads.

    Attributes
    ----------
    variable : str
    is_code : bool
        The cell reads it by itself: ``os.environ["NAME"]``.
    is_needed : bool
        It must be set.
    """

    variable: str
    is_code: bool = False
    is_needed: bool = True

    def __repr__(self) -> str:
        return f"env:{self.variable}"


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A ``pandas.Timestamp``, without pandas: ISO 8601, and the name of its zone."""

    text: str
    zone: str | None = None

    def __post_init__(self) -> None:
        datetime.fromisoformat(self.text)
        if self.zone is not None:
            ZoneInfo(self.zone)

    def __repr__(self) -> str:
        return self.text if self.zone is None else f"{self.text} {self.zone}"


def value_of(node: ast.expr, names: Mapping[str, str]) -> Any:
    """Return what an expression gives.

    Parameters
    ----------
    node : ast.expr
    names : mapping of str to str
        What the imports beside it bind: ``{"d": "datetime.date"}``.

    Raises
    ------
    ValueError
        It is computed from something else, or fails.
    """
    try:
        return _value(node, names)
    except ValueError as error:
        if "malformed node" in str(error):  # what `ast.literal_eval` says
            raise ValueError(f"`{ast.unparse(node)[:60]}` is computed") from None
        raise
    except (TypeError, ArithmeticError, LookupError, MemoryError, RecursionError) as error:
        raise ValueError(str(error)) from None


def full_name(node: ast.expr, names: Mapping[str, str]) -> str:
    """Return ``datetime.date`` for ``date``, ``dt.date`` and the like; empty when it is no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    root = node.id
    if root not in names and root == "datetime" and (not parts or parts[-1] == "fromisoformat"):
        root = "datetime.datetime"
    else:
        root = names.get(root) or _USUAL.get(root, root)
    return ".".join([root, *reversed(parts)])


def source_of(value: Any) -> str:
    """Return an expression that gives this value.

    Raises
    ------
    TypeError
        It is of no type that a parameter may have.
    """
    write = _SOURCES.get(type(value))
    if write is None:
        write = next((w for kind, w in _SOURCES.items() if isinstance(value, kind)), None)
        if write is None or not isinstance(value, PurePath):
            raise TypeError(f"a parameter cannot be a {type(value).__name__}")
    return write(value)


def json_of(value: Any) -> Any:
    """Return a value as JSON shows it: dates, paths and infinities as text, sets as lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, dict):
        return {str(json_of(key)): json_of(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return [json_of(item) for item in sorted(value, key=repr)]
    if isinstance(value, list | tuple):
        return [json_of(item) for item in value]
    return value.isoformat() if isinstance(value, date) else str(value)


def text_of(value: Any) -> str:
    """Return a value as people write it."""
    plain = json_of(value)
    if type(plain) is type(value) or isinstance(value, tuple | set | frozenset):
        return repr(value)
    return str(plain)


def _value(node: ast.expr, names: Mapping[str, str]) -> Any:
    read = _READERS.get(type(node))
    return literal_of(node) if read is None else read(node, names)


def _binary(node: ast.BinOp, names: Mapping[str, str]) -> Any:
    if not isinstance(node.op, ast.Div):
        return literal_of(node)
    left, right = _value(node.left, names), _value(node.right, names)
    return left / right


def _unary(node: ast.UnaryOp, names: Mapping[str, str]) -> Any:
    value = _value(node.operand, names)
    if isinstance(node.op, ast.Not) or not isinstance(value, int | float):
        raise ValueError("not a number")
    return (
        value if isinstance(node.op, ast.UAdd) else literal_of(node) if _is_plain(node) else -value
    )


def _is_plain(node: ast.UnaryOp) -> bool:
    return isinstance(node.operand, ast.Constant)


def _dict(node: ast.Dict, names: Mapping[str, str]) -> dict[Any, Any]:
    if None in node.keys:
        raise ValueError("`**` in a dict")
    keys = [_value(key, names) for key in node.keys if key is not None]
    return dict(zip(keys, [_value(value, names) for value in node.values], strict=True))


def _named(node: ast.expr, names: Mapping[str, str]) -> Any:
    name = full_name(node, names)
    if name not in _CONSTANTS:
        raise ValueError(f"`{ast.unparse(node)}` is computed")
    return _CONSTANTS[name]


def _subscript(node: ast.Subscript, names: Mapping[str, str]) -> Reference:
    if full_name(node.value, names) != "os.environ":
        raise ValueError(f"`{ast.unparse(node)}` is computed")
    return Reference(_variable(_value(node.slice, names)), is_code=True)


def _call(node: ast.Call, names: Mapping[str, str]) -> Any:
    name = full_name(node.func, names)
    make = _MAKERS.get(name)
    if make is None:
        raise ValueError(f"`{ast.unparse(node.func)}()` is computed")
    if any(keyword.arg is None for keyword in node.keywords):
        raise ValueError("`**` in a call")
    given = {str(keyword.arg): _value(keyword.value, names) for keyword in node.keywords}
    return make(*[_value(argument, names) for argument in node.args], **given)


def _timestamp(*given: Any, tz: Any = None, **more: Any) -> Timestamp:
    zone = str(tz) if tz is not None else None
    if len(given) == 1 and isinstance(given[0], str) and not more:
        return Timestamp(given[0], zone)
    return Timestamp(datetime(*given, **more).isoformat(), zone)  # noqa: DTZ001


def _environment(variable: Any, default: Any = None) -> Reference:
    if default is not None:
        raise ValueError("a variable with a default")
    return Reference(_variable(variable), is_code=True, is_needed=False)


def _variable(name: Any) -> str:
    if not isinstance(name, str) or not name or "=" in name or "\0" in name:
        raise ValueError(f"{name!r} is no variable")
    return name


_READERS: dict[type[ast.expr], Callable[[Any, Mapping[str, str]], Any]] = {
    ast.Attribute: _named,
    ast.BinOp: _binary,
    ast.Call: _call,
    ast.Dict: _dict,
    ast.List: lambda node, names: [_value(item, names) for item in node.elts],
    ast.Name: _named,
    ast.Set: lambda node, names: {_value(item, names) for item in node.elts},
    ast.Subscript: _subscript,
    ast.Tuple: lambda node, names: tuple(_value(item, names) for item in node.elts),
    ast.UnaryOp: _unary,
}

_USUAL = {
    "date": "datetime.date", "dt": "datetime", "timezone": "datetime.timezone",
    "UTC": "datetime.UTC", "ZoneInfo": "zoneinfo.ZoneInfo", "Path": "pathlib.Path",
    "Decimal": "decimal.Decimal", "pd": "pandas", "Timestamp": "pandas.Timestamp", "np": "numpy",
    "environ": "os.environ", "getenv": "os.getenv",
}  # fmt: skip
"""What people mean by names that a cell above has imported."""

_CONSTANTS: dict[str, Any] = {
    "math.inf": math.inf, "math.nan": math.nan, "math.pi": math.pi, "math.e": math.e,
    "numpy.inf": math.inf, "numpy.nan": math.nan, "numpy.pi": math.pi, "numpy.e": math.e,
    "datetime.timezone.utc": UTC, "datetime.UTC": UTC,
}  # fmt: skip

_MAKERS: dict[str, Callable[..., Any]] = {
    "bool": bool, "int": int, "float": float, "str": str, "list": list, "tuple": tuple,
    "set": set, "frozenset": frozenset, "dict": dict,
    "datetime.date": date, "datetime.date.fromisoformat": date.fromisoformat,
    "datetime.datetime": datetime, "datetime.datetime.fromisoformat": datetime.fromisoformat,
    "decimal.Decimal": Decimal, "pathlib.Path": Path, "pandas.Timestamp": _timestamp,
    "zoneinfo.ZoneInfo": ZoneInfo, "os.getenv": _environment, "os.environ.get": _environment,
}  # fmt: skip


def _float_source(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'float("{value}")'


def _items(value: Any) -> str:
    return ", ".join(map(source_of, value))


def _tuple_source(value: tuple[Any, ...]) -> str:
    return f"({_items(value)}{',' if len(value) == 1 else ''})"


def _set_source(value: set[Any]) -> str:
    return f"{{{_items(sorted(value, key=repr))}}}" if value else "set()"


def _frozenset_source(value: frozenset[Any]) -> str:
    return f"frozenset({_set_source(set(value)) if value else ''})"


def _dict_source(value: dict[Any, Any]) -> str:
    pairs = (f"{source_of(key)}: {source_of(item)}" for key, item in value.items())
    return f"{{{', '.join(pairs)}}}"


def _date_source(value: date) -> str:
    return f'__import__("datetime").date({value.year}, {value.month}, {value.day})'


def _datetime_source(value: datetime) -> str:
    plain = value.replace(tzinfo=None)
    made = f'__import__("datetime").datetime.fromisoformat("{plain.isoformat()}")'
    changed = [f"fold={value.fold}"] if value.fold else []
    if isinstance(value.tzinfo, ZoneInfo):
        changed.append(f'tzinfo=__import__("zoneinfo").ZoneInfo({str(value.tzinfo)!r})')
    elif value.tzinfo is not None:
        made = f'__import__("datetime").datetime.fromisoformat("{value.isoformat()}")'
    return f"{made}.replace({', '.join(changed)})" if changed else made


def _timestamp_source(value: Timestamp) -> str:
    zone = "" if value.zone is None else f", tz={value.zone!r}"
    return f'__import__("pandas").Timestamp({value.text!r}{zone})'


_SOURCES: dict[type, Callable[[Any], str]] = {
    type(None): repr,
    bool: repr,
    int: repr,
    float: _float_source,
    str: repr,
    list: lambda value: f"[{_items(value)}]",
    tuple: _tuple_source,
    set: _set_source,
    frozenset: _frozenset_source,
    dict: _dict_source,
    date: _date_source,
    datetime: _datetime_source,
    Timestamp: _timestamp_source,
    Decimal: lambda value: f'__import__("decimal").Decimal("{value}")',
    PurePath: lambda value: f'__import__("pathlib").Path({str(value)!r})',
    Reference: lambda value: f'__import__("os").environ[{value.variable!r}]',
}
