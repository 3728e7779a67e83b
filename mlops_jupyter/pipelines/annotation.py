"""What an annotation says of a parameter, read without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from mlops_jupyter.pipelines.kind import ANY, NONE, Bounds, Kind
from mlops_jupyter.pipelines.literal import full_name, value_of

_PLAIN = {
    "bool": "bool", "int": "int", "float": "float", "str": "str", "Any": "any", "object": "any",
    "date": "date", "datetime": "datetime", "Timestamp": "timestamp", "Path": "path",
    "PurePath": "path", "PathLike": "path", "Decimal": "decimal", "Secret": "secret",
    "SecretStr": "secret", "None": "None", "NoneType": "None",
}  # fmt: skip
_HOLDERS = {
    "list": "list", "List": "list", "Sequence": "list", "Iterable": "list", "Collection": "list",
    "MutableSequence": "list", "tuple": "tuple", "Tuple": "tuple", "set": "set", "Set": "set",
    "AbstractSet": "set", "MutableSet": "set", "frozenset": "frozenset", "FrozenSet": "frozenset",
}  # fmt: skip
_DICTS = {"dict", "Dict", "Mapping", "MutableMapping"}
_LIMITS = {"Ge": "ge", "Gt": "gt", "Le": "le", "Lt": "lt", "MinLen": "min_length",
           "MaxLen": "max_length"}  # fmt: skip
_SEVERAL = {"Interval": ("gt", "ge", "lt", "le"), "Len": ("min_length", "max_length")}
_SIGNS = {">=": "ge", ">": "gt", "<=": "le", "<": "lt"}
_FIELDS = {field.name for field in fields(Bounds)}

_NUMBER = r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})?\s*\.\.\s*({_NUMBER})?\s*")
_LIMIT = re.compile(rf"\s*(>=|<=|>|<)\s*({_NUMBER})\s*")
_LOOKS_LIKE_RANGE = re.compile(r"\s*(?:[<>]|[-+]?\.?\d|\.\.)")


class UnknownAnnotationError(Exception):
    """An annotation that says nothing to us: a class of the user's, say."""


def kind_of_annotation(node: ast.expr, names: Mapping[str, str]) -> tuple[Kind, str]:
    """Return the kind that an annotation stands for, and the help text in ``Annotated``.

    Parameters
    ----------
    node : ast.expr
    names : mapping of str to str
        What the imports beside it bind.

    Raises
    ------
    UnknownAnnotationError
        It stands for none of ours.
    ValueError
        It contradicts itself, or a range in it cannot be read.
    """
    reader = _Reader(names)
    return reader.kind(node), reader.help


class _Reader:
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self.help = ""

    def kind(self, node: ast.expr) -> Kind:
        if isinstance(node, ast.Constant):
            return self.constant(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return _union([self.kind(node.left), self.kind(node.right)])
        if isinstance(node, ast.Subscript):
            return self.subscript(self.last(node.value), node.slice)
        return self.bare(self.last(node))

    def last(self, node: ast.expr) -> str:
        return full_name(node, self.names).rpartition(".")[2]

    def constant(self, node: ast.Constant) -> Kind:
        if node.value is None:
            return NONE
        if not isinstance(node.value, str):
            raise UnknownAnnotationError
        try:
            inner = ast.parse(node.value.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            raise UnknownAnnotationError from None
        return self.kind(inner)

    def bare(self, name: str) -> Kind:
        if name in _PLAIN:
            return Kind(_PLAIN[name])
        if name in _HOLDERS:
            return Kind(_HOLDERS[name], (ANY,))
        if name in _DICTS:
            return Kind("dict", (ANY, ANY))
        raise UnknownAnnotationError

    def subscript(self, name: str, inner: ast.expr) -> Kind:
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if name in _HOLDERS:
            return self.holder(_HOLDERS[name], parts)
        if name in _DICTS and len(parts) == 2:
            return Kind("dict", (self.kind(parts[0]), self.kind(parts[1])))
        read: Callable[[list[ast.expr]], Kind] | None = {
            "Optional": self.optional, "Union": self.union, "Literal": self.choice,
            "Annotated": self.annotated, "Final": self.final, "PathLike": lambda _: Kind("path"),
        }.get(name)  # fmt: skip
        if read is None or not parts:
            raise UnknownAnnotationError
        return read(parts)

    def holder(self, name: str, parts: list[ast.expr]) -> Kind:
        if name != "tuple":
            return Kind(name, (self.kind(parts[0]),))
        if len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is ...:
            return Kind("tuple", (self.kind(parts[0]),))
        return Kind("record", tuple(map(self.kind, parts)))

    def optional(self, parts: list[ast.expr]) -> Kind:
        return _union([self.kind(parts[0]), NONE])

    def union(self, parts: list[ast.expr]) -> Kind:
        return _union([self.kind(part) for part in parts])

    def final(self, parts: list[ast.expr]) -> Kind:
        return self.kind(parts[0])

    def choice(self, parts: list[ast.expr]) -> Kind:
        choices: list[Any] = []
        for part in parts:
            if isinstance(part, ast.Subscript) and self.last(part.value) == "Literal":
                choices += self.kind(part).choices
            else:
                choices.append(value_of(part, self.names))
        if not all(value is None or isinstance(value, str | int) for value in choices):
            raise ValueError("`Literal` takes text, whole numbers, True, False and None")
        return Kind("choice", choices=tuple(choices))

    def annotated(self, parts: list[ast.expr]) -> Kind:
        kind = self.kind(parts[0])
        limits: dict[str, Any] = {}
        for part in parts[1:]:
            limits |= self.limits(part)
        return _bounded(kind, Bounds(**limits)) if limits else kind

    def limits(self, node: ast.expr) -> dict[str, Any]:
        """Return what one of the further parts of ``Annotated`` says; unknown ones say nothing."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _LOOKS_LIKE_RANGE.match(node.value):
                return _range(node.value)
            self.help = node.value
            return {}
        if not isinstance(node, ast.Call):
            return {}
        name = self.last(node.func)
        positions = (_LIMITS[name],) if name in _LIMITS else _SEVERAL.get(name, ())
        given = dict(zip(positions, node.args, strict=False))
        given |= {str(k.arg): k.value for k in node.keywords}
        if isinstance(about := given.get("description"), ast.Constant):
            self.help = str(about.value)
        found = {limit: value_of(v, self.names) for limit, v in given.items() if limit in _FIELDS}
        return {limit: value for limit, value in found.items() if value is not None}


def _range(text: str) -> dict[str, Any]:
    """Return the limits in ``1..100``, or in ``> 0, <= 1``."""
    found = _RANGE.fullmatch(text)
    if found is not None and (found[1] or found[2]):
        ends = zip(("ge", "le"), found.groups(), strict=True)
        return {limit: _number(end) for limit, end in ends if end}
    limits = {}
    for part in text.split(","):
        limit = _LIMIT.fullmatch(part)
        if limit is None:
            raise ValueError(f"{text!r} is no range; write '1..100' or '> 0, <= 1'")
        limits[_SIGNS[limit[1]]] = _number(limit[2])
    return limits


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _union(kinds: list[Kind]) -> Kind:
    flat: dict[Kind, None] = {}
    for kind in kinds:
        flat.update(dict.fromkeys(kind.items if kind.name == "union" else (kind,)))
    return Kind("union", tuple(flat)) if len(flat) > 1 else next(iter(flat))


def _bounded(kind: Kind, bounds: Bounds) -> Kind:
    """Give bounds to a kind; of a union, to all but None."""
    if kind.name == "union":
        return replace(kind, items=tuple(_bounded(item, bounds) for item in kind.items))
    return kind if kind == NONE else replace(kind, bounds=bounds)
