"""Cells that cannot be seen through, and Python that is none."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlops_jupyter.cells.magic import magic_of
from mlops_jupyter.cells.scope import UNPARSABLE, parse
from mlops_jupyter.pipelines.checks.code import calls_of, nodes_of, path_of
from mlops_jupyter.pipelines.finding import Finding
from mlops_jupyter.pipelines.source import SourceCell

_DOORS = {"eval", "exec", "execfile", "globals", "locals", "vars", "dir"}


def opaque_cells(cells: tuple[SourceCell, ...]) -> Iterator[Finding]:
    """Find cells that may read and bind any name."""
    for cell in cells:
        if not cell.analysis.opaque:
            continue
        number = cell.position + 1
        try:
            parse(cell.source)
        except SyntaxError as error:
            told = f"is no Python: {error.msg}, line {error.lineno or 1}"
            yield Finding("syntax", "error", number, told, "mend it, or tag it `skip`")
            continue
        except UNPARSABLE:
            told = "is too long or too deep to be analysed"
            yield Finding("opaque", "warning", number, told, "move its data into a file")
            continue
        why = ", ".join(dict.fromkeys(_why(cell))) or "it reaches into the kernel"
        yield Finding(
            "opaque", "warning", number,
            f"may read and bind any name ({why}): all variables are passed on",
            "write out the names that it needs and makes",
        )  # fmt: skip


def _why(cell: SourceCell) -> Iterator[str]:
    for node in nodes_of(cell.source):
        if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names):
            yield f"`from {node.module or '.'} import *`"
    for call in calls_of(cell.source):
        magic = magic_of(call)
        if magic is not None and magic.opaque:
            yield f"`%{magic.name}`"
        elif path_of(call.func) in _DOORS:
            yield f"`{path_of(call.func)}()`"
