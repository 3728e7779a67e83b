"""System metrics of runs that last: CPU, memory and GPU of the kernel, once in a while.

A process of its own measures: a thread in the kernel would slow the user's loops. It is
started when a run has lasted `AFTER_SECONDS`, and ends when none of the kernel's runs is open.
The step of such a metric is the second of its run.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import Project, now, open_project
from mlops_jupyter.runs import background
from mlops_jupyter.runs.liveness import HOST, is_alive
from mlops_jupyter.runs.metric import SYSTEM

AFTER_SECONDS = 10.0

EVERY_SECONDS = 2.0
"""Between two measurements, and 200 times as long a run lasts longer between them."""

LOG = "monitor.log"


class Monitor:
    """Starts the process when one of the runs of this kernel has lasted.

    Parameters
    ----------
    project : Project
    session_id : str
    ages : callable
        Return for each open run how long it lasts, and its id.
    """

    def __init__(
        self, project: Project, session_id: str, ages: Callable[[], dict[str, float]]
    ) -> None:
        self._project = project
        self._session_id = session_id
        self._ages = ages
        self._clock: threading.Timer | None = None

    def watch(self) -> None:
        """Look in a while whether a run lasts. The clock sleeps: it takes no time of others."""
        if self._clock is None and not background.is_running(__name__):
            self._arm(AFTER_SECONDS)

    def _arm(self, seconds: float) -> None:
        self._clock = threading.Timer(seconds, self._look)
        self._clock.daemon = True
        self._clock.start()

    def _look(self) -> None:
        self._clock = None
        ages = self._ages()
        if not ages:
            return
        wait = AFTER_SECONDS - max(ages.values())
        if wait > 0:
            self._arm(wait)
        elif self._project.folder.exists():
            _spawn(self._project, self._session_id, list(ages))


def _spawn(project: Project, session_id: str, run_ids: list[str]) -> None:
    background.start(
        project, __name__, [str(project.root), str(os.getpid()), session_id, *run_ids], LOG
    )


def serve(project: Project, pid: int, session_id: str, run_ids: list[str]) -> None:
    """Measure a kernel until none of its runs is open."""
    measure = Measure(pid)
    since = now()
    time.sleep(0.1)
    while is_alive(HOST, pid, since) and project.catalog.path.exists():
        runs = _open_runs(project, session_id, run_ids)
        if not runs:
            return
        at = datetime.fromisoformat(now())
        seconds = {i: (at - datetime.fromisoformat(since)).total_seconds() for i, since in runs}
        lasting = {i: int(s) for i, s in seconds.items() if s >= AFTER_SECONDS - 1}
        write(project, lasting, dict(measure()))
        time.sleep(max(EVERY_SECONDS, min(seconds.values()) / 200))


def write(project: Project, steps: dict[str, int], values: dict[str, float]) -> None:
    """Write measured values to those of the runs that are still open."""
    at = now()
    with project.catalog.transaction() as rows:
        rows.executemany(
            "INSERT OR REPLACE INTO metric (run_id, name, step, value, at)"
            " SELECT id, ?, ?, ?, ? FROM run WHERE id = ? AND status = 'running'",
            [
                (SYSTEM + name, step, value, at, run_id)
                for run_id, step in steps.items()
                for name, value in values.items()
            ],
        )


def _open_runs(project: Project, session_id: str, run_ids: list[str]) -> list[tuple[str, str]]:
    marks = ",".join("?" * len(run_ids))
    rows = project.catalog.rows(
        "SELECT id, started_at FROM run WHERE status = 'running'"
        f" AND (session_id = ? OR id IN ({marks}))",
        (session_id, *run_ids),
    )
    return [(row[0], row[1]) for row in rows]


class Measure:
    """What a process and its children use, at each call."""

    def __init__(self, pid: int) -> None:
        import psutil

        self._psutil = psutil
        self._root = psutil.Process(pid)
        self._last = time.monotonic(), self._times(self._family())
        self._gpus = list(_gpus())

    def __call__(self) -> Iterator[tuple[str, float]]:
        """Give names and values; of one core in full use the CPU is 100 %."""
        family = self._family()
        at, times = time.monotonic(), self._times(family)
        before, seconds = self._last[1], at - self._last[0]
        self._last = at, times
        used = sum(spent - before.get(pid, 0.0) for pid, spent in times.items())
        yield "cpu_percent", 100 * max(used, 0.0) / max(seconds, 0.01)
        yield "memory_mb", sum(self._memory(process) for process in family) / 1e6
        for gpu in self._gpus:
            yield from gpu()

    def _family(self) -> list[Any]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except self._psutil.Error:
            return []

    def _times(self, family: list[Any]) -> dict[int, float]:
        found = {}
        for process in family:
            try:
                times = process.cpu_times()
                found[process.pid] = times.user + times.system
            except self._psutil.Error:
                continue  # it has ended
        return found

    def _memory(self, process: Any) -> int:
        try:
            return int(process.memory_info().rss)
        except self._psutil.Error:
            return 0


def _gpus() -> Iterator[Callable[[], Iterator[tuple[str, float]]]]:
    """Give a measurement for each NVIDIA GPU, where nvidia-ml-py and a driver are."""
    try:
        import pynvml  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:  # no driver, or no device
        return
    for index in range(count):
        device = pynvml.nvmlDeviceGetHandleByIndex(index)
        yield partial(_gpu, pynvml, index, device)


def _gpu(nvml: Any, index: int, device: Any) -> Iterator[tuple[str, float]]:
    try:
        yield f"gpu{index}_memory_mb", nvml.nvmlDeviceGetMemoryInfo(device).used / 1e6
        yield f"gpu{index}_percent", float(nvml.nvmlDeviceGetUtilizationRates(device).gpu)
    except nvml.NVMLError:
        return  # a device that does not tell, or not now


if __name__ == "__main__":
    os.nice(10)
    try:
        serve(open_project(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
    except MlopsError as problem:  # the project was moved or removed
        sys.exit(str(problem))
