"""Random numbers that code draws without a seed, as far as its text tells.

A recorded kernel is watched while it runs; this is for files that hold nothing but text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from mlops_jupyter.cells.analysis import CellAnalysis
from mlops_jupyter.cells.mention import SEEDING
from mlops_jupyter.cells.scope import UNPARSABLE, parse

_NO_DRAW = SEEDING | {
    "BitGenerator", "Generator", "MT19937", "PCG64", "PCG64DXSM", "Philox", "Random",
    "RandomState", "SFC64", "SeedSequence", "SystemRandom", "default_rng", "get_state", "getstate",
}  # fmt: skip
_TAKE_A_STATE = frozenset({"sample", "train_test_split"})


def unseeded_cells(analyses: Sequence[CellAnalysis], sources: Sequence[str]) -> list[str | None]:
    r"""Return for each cell what it draws, itself or by a function above; None: nothing.

    What is below a cell that sets a seed counts as seeded.

    >>> from mlops_jupyter.cells.analysis import analyse
    >>> cells = ["import random", "def draw():\n    return random.random()", "x = draw()"]
    >>> unseeded_cells([analyse(c) for c in cells], cells)
    [None, None, 'random.random()']
    """
    functions: dict[str, str] = {}
    found: list[str | None] = []
    is_seeded = False
    for analysis, source in zip(analyses, sources, strict=True):
        is_seeded |= not SEEDING.isdisjoint(analysis.mentions.words)
        own, defined = _draws(source)
        names = sorted(defined.keys() | analysis.functions.keys())
        for name in names:
            functions.pop(name, None)
        functions |= defined
        for _ in names:  # functions of one cell may call each other
            for name in names:
                reads = sorted(analysis.functions.get(name, ()))
                through = next((functions[read] for read in reads if read in functions), None)
                if through and name not in functions:
                    functions[name] = through
        called = (functions[name] for name in sorted(analysis.uses) if name in functions)
        found.append(None if is_seeded else own or next(called, None))
    return found


def _draws(source: str) -> tuple[str | None, dict[str, str]]:
    """Return what the cell's own code draws, and what the functions that it defines do."""
    try:
        body = parse(source).body
    except UNPARSABLE:
        return None, {}
    own, defined = None, {}
    for statement in body:
        drawn = next(_calls(statement), None)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if drawn:
                defined[statement.name] = drawn
        else:
            own = own or drawn
    return own, defined


def _calls(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            path = _path(node.func)
            given = {keyword.arg for keyword in node.keywords}
            is_global = path[-2:-1] == ["random"] and not _NO_DRAW.intersection(path[-1:])
            has_state = bool(given & {"random_state", "seed", None})
            if is_global or (_TAKE_A_STATE.intersection(path[-1:]) and not has_state):
                yield f"{'.'.join(path)}()"


def _path(node: ast.expr) -> list[str]:
    """Return ``["np", "random", "rand"]`` of ``np.random.rand``."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return parts[::-1]
