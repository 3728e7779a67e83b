"""A cell, statement by statement: which of them only define, and can be taken elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from mlops_jupyter.cells.analysis import CellAnalysis, analyse
from mlops_jupyter.cells.magic import CONFIGURING, magic_of
from mlops_jupyter.cells.scope import UNPARSABLE, parse, python_of

_IMPORT = (ast.Import, ast.ImportFrom)
_DEFINITION = (*_IMPORT, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COMPOUND = (ast.If, ast.Try)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement at the top of a cell.

    Attributes
    ----------
    source : str
    analysis : CellAnalysis
        Of this statement alone.
    defines : bool
        All that it does is to define: an import, ``def``, ``class``, a named lambda, a ``try``
        or ``if`` of those, or a magic that sets up the kernel. Running it again elsewhere does
        no harm.
    imports : bool
        It is an import.
    """

    source: str
    analysis: CellAnalysis
    defines: bool
    imports: bool


@lru_cache(maxsize=1024)
def statements(source: str) -> tuple[Statement, ...]:
    """Return the statements of a cell; those below ``%%time`` and the like are its own."""
    try:
        return tuple(_statements(source))
    except UNPARSABLE:
        return (Statement(source, analyse(source), defines=False, imports=False),)


def _statements(source: str) -> Iterator[Statement]:
    code = python_of(source)
    for node in parse(code).body:
        call = node.value if isinstance(node, ast.Expr) else None
        magic = magic_of(call) if isinstance(call, ast.Call) else None
        if magic is not None and magic.code:
            yield from _statements(magic.code)
            continue
        text = _text(code, node)
        defines = _defines(node) or (magic is not None and magic.name in CONFIGURING)
        yield Statement(text, analyse(text), defines, isinstance(node, _IMPORT))


def _text(code: str, node: ast.stmt) -> str:
    decorators = getattr(node, "decorator_list", [])
    if decorators:
        node.lineno, node.col_offset = decorators[0].lineno, 0
    return ast.get_source_segment(code, node) or ast.unparse(node)


def _defines(node: ast.stmt) -> bool:
    if isinstance(node, _DEFINITION) or type(node).__name__ == "TypeAlias":
        return True
    if isinstance(node, ast.Assign):
        named = all(isinstance(target, ast.Name) for target in node.targets)
        return named and isinstance(node.value, ast.Lambda)
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name) and isinstance(node.value, ast.Lambda)
    if isinstance(node, _COMPOUND):
        inner = list(_inner(node))
        return all(map(_defines_or_falls_back, inner)) and any(map(_defines, inner))
    return False


def _defines_or_falls_back(node: ast.stmt) -> bool:
    # `except ImportError: torch = None`
    is_literal = isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    return is_literal or isinstance(node, ast.Pass | ast.Raise) or _defines(node)


def _inner(node: ast.If | ast.Try) -> Iterator[ast.stmt]:
    yield from node.body
    yield from node.orelse
    if isinstance(node, ast.Try):
        yield from node.finalbody
        for handler in node.handlers:
            yield from handler.body
