"""The cells of a notebook as trees, those below ``%%time`` and the like too."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from functools import lru_cache

from mlops_jupyter.cells.scope import UNPARSABLE
from mlops_jupyter.cells.statement import trees_of


@lru_cache(maxsize=1024)
def nodes_of(source: str) -> tuple[ast.AST, ...]:
    """Return all nodes of a cell; none when it is no Python."""
    return tuple(node for tree in _trees(source) for node in ast.walk(tree))


@lru_cache(maxsize=1024)
def top_of(source: str) -> tuple[ast.stmt, ...]:
    """Return the statements at the top of a cell; none when it is no Python."""
    return tuple(node for tree in _trees(source) for node in tree.body)


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
def _trees(source: str) -> tuple[ast.Module, ...]:
    found: list[ast.Module] = []
    with contextlib.suppress(*UNPARSABLE):  # what could be parsed is kept
        found.extend(trees_of(source))
    return tuple(found)
