"""What values a parameter takes: its type, what is allowed, and both in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from mlops_jupyter.pipelines.literal import Reference, Timestamp, text_of


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a number or a date, and of the length of a text or a list."""

    ge: Any = None
    gt: Any = None
    le: Any = None
    lt: Any = None
    min_length: int | None = None
    max_length: int | None = None

    @property
    def words(self) -> str:
        """What is allowed."""
        said = [
            f"{word} {text_of(limit)}"
            for word, limit in (
                ("at least", self.ge), ("above", self.gt),
                ("at most", self.le), ("below", self.lt),
                ("of length at least", self.min_length), ("of length at most", self.max_length),
            )
            if limit is not None
        ]  # fmt: skip
        return ", ".join(said)

    def hold(self, value: Any) -> bool:
        """Return whether a value keeps to them; TypeError when it cannot be compared."""
        return (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
            and (self.min_length is None or len(value) >= self.min_length)
            and (self.max_length is None or len(value) <= self.max_length)
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of values.

    Attributes
    ----------
    name : str
        One of `WORDS`.
    items : tuple of Kind
        Of ``list``, ``tuple``, ``set`` and ``frozenset`` that of each item; of ``record`` (a
        tuple of fixed length) one for each; of ``dict`` those of keys and values; of ``union``
        the alternatives.
    choices : tuple
        Of ``choice``.
    bounds : Bounds or None
    """

    name: str
    items: tuple[Kind, ...] = ()
    choices: tuple[Any, ...] = ()
    bounds: Bounds | None = None

    @property
    def words(self) -> str:
        """What it is, in a sentence: ``a whole number, at least 1``."""
        if self.name == "choice":
            return "one of " + ", ".join(map(repr, self.choices))
        if self.name == "union":
            return " or ".join(item.words for item in self.items)
        if self.name == "record":
            return f"a list of {len(self.items)}: {'; '.join(item.words for item in self.items)}"
        said = WORDS[self.name]
        if self.items and self.items[-1] != ANY:
            said += f", of which each is {self.items[-1].words}"
        return f"{said}, {self.bounds.words}" if self.bounds is not None else said

    @property
    def text(self) -> str:
        """What it is, as Python writes it: ``list[int]``."""
        inner = [item.text for item in self.items]
        if self.name == "union":
            return " | ".join(inner)
        if self.name == "choice":
            return f"Literal[{', '.join(map(repr, self.choices))}]"
        name = _TEXTS.get(self.name, self.name)
        if not inner or all(item == ANY for item in self.items):
            return name
        if self.name == "tuple":
            inner.append("...")
        return f"{name}[{', '.join(inner)}]"

    @property
    def allowed(self) -> str:
        """What is allowed beside the type: ``at least 1, at most 12``; mostly empty."""
        if self.bounds is not None:
            return self.bounds.words
        return next((item.allowed for item in self.items if item.allowed), "")

    def may_be(self, *names: str) -> bool:
        """Return whether it is one of these, or a union with one."""
        return self.name in names or (
            self.name == "union" and any(item.may_be(*names) for item in self.items)
        )


ANY = Kind("any")
NONE = Kind("None")

WORDS = {
    "any": "any value",
    "None": "null",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "date": "a date such as 2024-01-31",
    "datetime": "a time such as 2024-01-31T12:00",
    "timestamp": "a time such as 2024-01-31T12:00",
    "path": "a path",
    "decimal": "a decimal number",
    "secret": "a secret, given as env:NAME",
    "list": "a list",
    "tuple": "a list",
    "set": "a list without repetition",
    "frozenset": "a list without repetition",
    "record": "a list",
    "dict": "a mapping",
    "choice": "a choice",
    "union": "a choice",
}

_TEXTS = {
    "any": "Any", "timestamp": "Timestamp", "path": "Path", "decimal": "Decimal",
    "secret": "Secret", "record": "tuple",
}  # fmt: skip

TYPES: dict[str, type] = {
    "None": type(None), "bool": bool, "int": int, "float": float, "str": str, "date": date,
    "datetime": datetime, "timestamp": Timestamp, "decimal": Decimal, "path": type(Path()),
    "secret": Reference, "list": list, "tuple": tuple, "record": tuple, "set": set,
    "frozenset": frozenset, "dict": dict,
}  # fmt: skip
"""The Python type of the values of each kind."""

_HOLDERS = ("list", "tuple", "set", "frozenset")


def kind_of(value: Any) -> Kind:
    """Return the kind of a default that has no annotation; that of None is any value.

    Raises
    ------
    TypeError
        No parameter can have it.
    """
    if value is None:
        return ANY
    for name, python in TYPES.items():
        if type(value) is python:
            items = (ANY,) if name in _HOLDERS else (ANY, ANY) if name == "dict" else ()
            return Kind(name, items)
    raise TypeError(f"a parameter cannot be a {type(value).__name__}")
