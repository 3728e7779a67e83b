"""``with track(…)``: a run as long as the block, which says what a tracked cell says."""

from __future__ import annotations

import ast
import inspect
import linecache
from collections import ChainMap
from collections.abc import Mapping
from functools import lru_cache
from types import FrameType, TracebackType
from typing import Any

from msgspec.structs import replace

from mlops_jupyter.cells.analysis import CellAnalysis, analyse
from mlops_jupyter.errors import MlopsError, last_line
from mlops_jupyter.runs import findings, live, mirror
from mlops_jupyter.runs.findings import Scene, States
from mlops_jupyter.runs.opened import OpenRun, complain, status_of
from mlops_jupyter.runs.recorder import Findings
from mlops_jupyter.runs.selection import Selection


class Block:
    """What `mlops_jupyter.track` returns; the run begins and ends with the block.

    Parameters
    ----------
    name : str or None
    selection : Selection
    resume : str or None
        The run that goes on, in place of a new one.
    """

    def __init__(self, name: str | None, selection: Selection, resume: str | None) -> None:
        self._name = name
        self._selection = selection
        self._resume = resume
        self._runs: list[OpenRun] = []
        self._scenes: list[tuple[CellAnalysis, States] | None] = []

    def __enter__(self) -> OpenRun:
        at = live.here()
        if self._resume is None:
            assert self._name is not None
            parent = live.enclosing()
            run = live.open_run(at, self._name, self._selection, parent=parent)
        else:
            run = live.resume(at, self._resume, self._selection)
        run.first_figure = len(at.figures())
        live.enter(run)
        self._runs.append(run)
        self._scenes.append(_begin(_caller()))
        return run

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        run, begun = self._runs.pop(), self._scenes.pop()
        status = status_of(error)
        text = None if status == "finished" or error is None else last_line(error)
        try:
            live.end(run, status, text, _found(run, begun, _caller()))
        except MlopsError as problem:
            complain(problem)
        if not run.place.in_kernel:
            mirror.start(run.place.project)


def _caller() -> FrameType | None:
    """Return the frame that has the block."""
    frame = inspect.currentframe()
    method = frame.f_back if frame else None
    return method.f_back if method else None


def _begin(frame: FrameType | None) -> tuple[CellAnalysis, States] | None:
    analysis = None if frame is None else _analysis(frame)
    if frame is None or analysis is None:
        return None
    return analysis, findings.states([*analysis.reads, *analysis.writes], _space(frame))


def _found(
    run: OpenRun, begun: tuple[CellAnalysis, States] | None, frame: FrameType | None
) -> Findings:
    if begun is None or frame is None:
        return Findings()
    analysis, before = begun
    scene = Scene(analysis, _space(frame), before)
    found = findings.gather(scene, run.selection, logged=run.logged, has_model=run.has_model)
    # what the user has logged under the same name counts
    return replace(found, parameters=_unlogged(run, found.parameters))


def _unlogged(run: OpenRun, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in run.logged_params}


def _space(frame: FrameType) -> Mapping[str, Any]:
    if frame.f_locals is frame.f_globals:
        return frame.f_globals
    return ChainMap(dict(frame.f_locals), frame.f_globals)


def _analysis(frame: FrameType) -> CellAnalysis | None:
    """Return what the body of the block at the frame's line says; None without its source."""
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    body = _body("".join(lines), frame.f_lineno) if lines else None
    return None if body is None else analyse(body)


@lru_cache(maxsize=64)
def _blocks(source: str) -> tuple[ast.With | ast.AsyncWith, ...]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.With | ast.AsyncWith))


@lru_cache(maxsize=1024)
def _body(source: str, line: int) -> str | None:
    """Return the source of the body of the innermost block whose head holds a line."""
    heads = [b for b in _blocks(source) if b.lineno <= line < b.body[0].lineno or b.lineno == line]
    if not heads:
        return None
    chosen = max(heads, key=lambda block: block.lineno)
    return ast.unparse(ast.Module(body=chosen.body, type_ignores=[]))
