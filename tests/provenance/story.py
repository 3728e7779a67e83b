"""Sessions written down as a kernel does, in a line each."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from msgspec.structs import replace

from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from mlops_jupyter.provenance.noun import Edge, Lineage
from mlops_jupyter.runs import recorder
from mlops_jupyter.runs.recorder import RunPart
from mlops_jupyter.runs.run import ReadFile
from mlops_jupyter.store.objects import digest_of
from tests.runs.test_recorder import executed


def frame(project: Project, name: str, value: int = 0) -> str:
    """Take a version of a frame outside of any cell; return its ref."""
    return snapshot(project, pd.DataFrame({"a": [value]}), name).ref


def read(path: str, content: str = "", kind: str = "file") -> ReadFile:
    """A file that a cell reads, with what it holds."""
    digest = digest_of(content.encode()) if kind == "file" else None
    return ReadFile(path, "read", kind, len(content), digest)  # type: ignore[arg-type]


def written(path: str, content: str) -> ReadFile:
    """A file that a cell writes."""
    return replace(read(path, content), access="write")


class Session:
    """The session of one kernel."""

    def __init__(self, project: Project, notebook: str = "study.ipynb") -> None:
        self.project = project
        self.id = recorder.open_session(project, notebook)
        self.rows: dict[int, int] = {}
        self._parents: dict[int, tuple[int, ...]] = {}

    def cell(
        self,
        source: str = "pass",
        *,
        on: Iterable[int] = (),
        loads: Iterable[str] = (),
        takes: Iterable[str] = (),
        files: Iterable[ReadFile] = (),
        run: str | None = None,
        runs: str | None = None,
    ) -> int:
        """Execute a cell that stands `on` others; `run` is a new run's name, `runs` one's id."""
        position = len(self.rows) + 1
        run_id = runs or (recorder.open_run(self.project, run, session_id=self.id) if run else None)
        made = self._versions(takes)
        cell = replace(
            executed(self.id, position, source),
            parents=tuple(on),
            versions=tuple({*made, *self._versions(loads)}),
            made=made,
            files=tuple(files),
        )
        self._parents[position] = cell.parents
        parts = [RunPart(run_id, closes="finished" if run else None)] if run_id else []
        slice_ = [self.rows[p] for p in self._before(position)]
        self.rows[position] = recorder.record(self.project, cell, parts, slice_)
        return position

    def _before(self, position: int) -> list[int]:
        found: set[int] = set()
        waiting = [*self._parents[position]]
        while waiting:
            one = waiting.pop()
            found.add(one)
            waiting += self._parents[one]
        return sorted(found)

    def _versions(self, refs: Iterable[str]) -> tuple[int, ...]:
        found = [versions.resolve(self.project, ref) for ref in refs]
        return tuple(versions.row_id(self.project, version) for version in found)


def up(found: Lineage) -> set[tuple[str, str, str]]:
    """What came to what, upward: ``(nearer, how, farther)``."""
    return _named(found, found.up)


def down(found: Lineage) -> set[tuple[str, str, str]]:
    """The same downward, the nearer last."""
    return _named(found, found.down)


def _named(found: Lineage, edges: Iterable[Edge]) -> set[tuple[str, str, str]]:
    names = {n.id: n.text if n.kind in {"run", "evaluation", "decision"} else n.ref
             for n in found.nodes}  # fmt: skip
    return {(names[e.source], e.how, names[e.target]) for e in edges}
