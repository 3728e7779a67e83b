"""Watching one kernel execute: what it looks at before and after each cell."""

from __future__ import annotations

import os
import types
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter, time_ns
from typing import Any

import msgspec

from mlops_jupyter.cells.analysis import CellAnalysis
from mlops_jupyter.cells.mention import SEEDING
from mlops_jupyter.kernel.files import Accesses, FileWatch
from mlops_jupyter.kernel.fingerprint import Clock
from mlops_jupyter.kernel.kind import installed_check, module_of
from mlops_jupyter.kernel.namespace import Changes, Namespace
from mlops_jupyter.kernel.process import Process
from mlops_jupyter.runs.trace import TICK_NS, Surroundings, Trace, Traced, sets_options

_TASKS = frozenset({
    "call_later", "call_soon", "create_task", "ensure_future", "run_coroutine_threadsafe",
})  # fmt: skip

_PLAIN = frozenset({"builtins", "numpy", "pandas"})
"""Packages whose values can be read, indexed and computed with, and nothing else happens."""

MOST_FILES = 1000
"""Files of one cell whose times are asked for."""


class Observed(msgspec.Struct, frozen=True):
    """What was observed of one execution.

    Attributes
    ----------
    traced : Traced
    accesses : Accesses
        The files that it read and wrote.
    needs : frozenset of str
        Names that it read, through the functions that it called.
    """

    traced: Traced
    accesses: Accesses
    needs: frozenset[str]


class Observer:
    """Observes the executions of one kernel.

    Parameters
    ----------
    space : dict
        The kernel's namespace: read, never changed.
    root : Path, optional
        The project.
    """

    def __init__(self, space: dict[str, Any], root: Path | None = None) -> None:
        self._space = space
        self._is_user = installed_check()
        self._names = Namespace(space, self._is_user)
        self._process = Process()
        self._files = FileWatch(root)
        self._clock = Clock()
        # those that run already are of nobody's cell
        self._threads = self._process.threads(self._is_user)
        self._results = 0
        self._began = (time_ns(), perf_counter())
        self._clock.start(0.0)
        self.trace = Trace(self._names.find(self._clock))

    def start(self) -> None:
        """Begin to observe."""
        self._files.start()

    def stop(self) -> None:
        """End it."""
        self._files.stop()

    def begin(self) -> None:
        """Look around before a cell is executed."""
        self._names.begin()
        self._results = self._names.results()
        self._process.begin()
        self._files.begin()
        self._began = (time_ns(), perf_counter())

    def end(self, position: int, analysis: CellAnalysis, *, failed: bool) -> Observed:
        """Look around after it.

        Parameters
        ----------
        position : int
        analysis : CellAnalysis
        failed : bool
            It raised: what it should have bound may not be bound.
        """
        started_ns, started = self._began
        ended_ns, words = time_ns(), analysis.mentions.words
        accesses = self._files.end(analysis.mentions.texts)
        self._clock.start(perf_counter() - started)
        changes = self._names.after(
            {*analysis.uses, *analysis.reads, *analysis.builtins},
            analysis.writes,
            () if failed else analysis.settles & set(analysis.writes),
            analysis.definitions,
            self._clock,
            opaque=analysis.opaque,
        )
        self._clock.stop()
        packages = self._names.value_kinds(changes.needs)
        # plain expressions on plain values leave the process as it is: it is not asked
        looks = analysis.opaque or analysis.mentions.calls or not packages <= _PLAIN
        changed, figures, goes_on = frozenset[str](), False, False
        if looks or self._process.imports:
            options = analysis.opaque or sets_options(words | changes.mentions)
            figures = self._process.is_in_use("process:pyplot")
            changed = self._process.after(options=options, seeds=not SEEDING.isdisjoint(words))
            figures = figures or self._process.is_in_use("process:pyplot")
            goes_on = self._goes_on(words)
        around = Surroundings(
            changed=changed | self._patched(analysis.mentions.stores),
            imports=self._process.imports,
            figures=figures and "matplotlib" in packages,
            packages=frozenset(packages),
            modules=frozenset(self._own_modules(changes)),
            starts_thread=goes_on,
            starts_process=accesses.starts_process,
            unsure=accesses.unsure,
            started_ns=started_ns,
            ended_ns=ended_ns,
            shows_result=self._names.results() > self._results,
            mapped=tuple(self._names.mapped_files(changes.bound | changes.changed)),
            **_files(accesses),
        )
        traced = self.trace.add(position, analysis, changes, around)
        return Observed(traced, accesses, changes.needs)

    def _patched(self, stores: Iterable[str]) -> set[str]:
        """Return the libraries on whose modules or classes the cell has set an attribute."""
        found = set()
        for name in stores:
            value: Any = self._space.get(name)
            if issubclass(type(value), types.ModuleType):
                found.add(value.__name__)
            elif issubclass(type(value), type) and not self._is_user(module_of(value)):
                found.add(module_of(value))
        return {f"module:{name.partition('.')[0]}" for name in found}

    def _own_modules(self, changes: Changes) -> Iterable[str]:
        for name in changes.bound | changes.changed:
            value: Any = self._space.get(name)
            if issubclass(type(value), types.ModuleType) and self._is_user(value.__name__):
                yield value.__name__

    def _goes_on(self, words: Iterable[str]) -> bool:
        """Return whether the cell has left a thread or a task of the user behind."""
        before, self._threads = self._threads, self._process.threads(self._is_user)
        return bool(self._threads - before) or not _TASKS.isdisjoint(words)


def _files(accesses: Accesses) -> dict[str, Any]:
    of = {"read": [], "write": [], "append": []}  # type: dict[str, list[str]]
    for one in accesses.accesses:
        if one.kind == "file":
            of[one.access].append(one.path)
    return {
        "read": tuple(of["read"]),
        "read_mtimes_ns": tuple(map(_mtime_ns, of["read"][:MOST_FILES])),
        "written": tuple(of["write"]),
        "appended": tuple(of["append"]),
        "removed": accesses.removed,
        "listed": tuple(one.path for one in accesses.accesses if one.kind == "folder"),
    }


def _mtime_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - for a thousand of them
    except (OSError, ValueError):
        return -TICK_NS
