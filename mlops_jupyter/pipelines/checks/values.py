"""Values that probably cannot be stored between two steps, by what makes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlops_jupyter.pipelines.checks.code import nodes_of, path_of, top_of
from mlops_jupyter.pipelines.dataflow import StepFlow
from mlops_jupyter.pipelines.finding import Finding
from mlops_jupyter.pipelines.source import SourceCell, SourceNotebook

_WHAT = {
    "an open file": {
        "open", "BZ2File", "GzipFile", "LZMAFile", "NamedTemporaryFile", "TemporaryFile", "ZipFile",
    },
    "a connection": {
        "connect", "create_connection", "create_engine", "getOrCreate", "socket", "urlopen",
    },
    "a lock": {"BoundedSemaphore", "Condition", "Event", "Lock", "RLock", "Semaphore"},
    "a thread or process": {
        "LocalCluster", "Pool", "Popen", "ProcessPoolExecutor", "Process", "Thread",
        "ThreadPoolExecutor",
    },
    "a temporary folder": {"TemporaryDirectory"},
}  # fmt: skip
_MADE = {name: what for what, names in _WHAT.items() for name in names}


def unstorable(source: SourceNotebook, flows: tuple[StepFlow, ...]) -> Iterator[Finding]:
    """Find variables that are passed on and hold a file, a generator, a connection."""
    generators = {name for step in source.steps for c in step.code for name in _generators(c)}
    generators |= {name for cell in source.setup for name in _generators(cell)}
    made: dict[str, tuple[SourceCell, str]] = {}
    told: set[tuple[str, int]] = set()
    for step, flow in zip(source.steps, flows, strict=True):
        for cell in step.code:
            for name in cell.analysis.writes:
                made.pop(name, None)
            held = dict(_makings(cell, generators))
            made |= {name: (cell, what) for name, what in held.items() if what is not None}
        for name in flow.passes:
            if name in made and (name, made[name][0].position) not in told:
                cell, what = made[name]
                told.add((name, cell.position))
                yield Finding(
                    "cannot-pass", "warning", cell.position + 1,
                    f"{name!r} is {what}, which cannot be stored, and is passed on after step "
                    f"{step.name!r}",
                    "make it in the setup, or in the step that uses it",
                )  # fmt: skip


def _generators(cell: SourceCell) -> Iterator[str]:
    for node in top_of(cell.source):
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(inner, ast.Yield | ast.YieldFrom) for inner in ast.walk(node)
        ):
            yield node.name


def _makings(cell: SourceCell, generators: set[str]) -> Iterator[tuple[str, str | None]]:
    """Return what each name is bound to, in order; None: to something else."""
    for node in nodes_of(cell.source):
        if isinstance(node, ast.Assign):
            what = _what(node.value, generators)
            names = [t.id for t in node.targets if isinstance(t, ast.Name)]
        elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            what, names = _what(node.context_expr, generators), [node.optional_vars.id]
        else:
            continue
        yield from ((name, what) for name in names)


def _what(value: ast.expr, generators: set[str]) -> str | None:
    if isinstance(value, ast.GeneratorExp):
        return "a generator"
    if not isinstance(value, ast.Call):
        return None
    called = path_of(value.func)
    if called in generators:
        return "a generator"
    return _MADE.get(called.rpartition(".")[2])
