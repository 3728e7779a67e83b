"""The cells of a notebook as trees, those below ``%%time`` and the like too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from mlops_jupyter.cells.magic import magic_of
from mlops_jupyter.cells.scope import UNPARSABLE, parse


@lru_cache(maxsize=1024)
def nodes_of(source: str) -> tuple[ast.AST, ...]:
    """Return all nodes of a cell; none when it is no Python."""
    return tuple(node for tree in trees_of(source) for node in ast.walk(tree))


@lru_cache(maxsize=1024)
def top_of(source: str) -> tuple[ast.stmt, ...]:
    """Return the statements at the top of a cell; none when it is no Python."""
    return tuple(node for tree in trees_of(source) for node in tree.body)


def calls_of(source: str) -> Iterator[ast.Call]:
    """Return all calls of a cell."""
    return (node for node in nodes_of(source) if isinstance(node, ast.Call))


def path_of(node: ast.expr) -> str:
    """Return ``np.random.rand`` of such a name; of ``f().read`` only ``.read``."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))


@lru_cache(maxsize=1024)
def trees_of(source: str) -> tuple[ast.Module, ...]:
    """Return a cell, and what is below its ``%%time``, as trees; none when it is no Python."""
    return tuple(_trees(source))


def _trees(source: str) -> Iterator[ast.Module]:
    try:
        tree = parse(source)
    except UNPARSABLE:
        return
    yield tree
    for statement in tree.body:
        call = statement.value if isinstance(statement, ast.Expr) else None
        magic = magic_of(call) if isinstance(call, ast.Call) else None
        if magic is not None and magic.code:
            yield from _trees(magic.code)
