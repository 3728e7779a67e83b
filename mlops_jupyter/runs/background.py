"""Processes that work beside a kernel, and end by themselves: the mirror, the monitor."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from mlops_jupyter.project import Project

OUTLIVES = {"MLOPS_OUTLIVES": "1"}
"""Says to those who end all that a kernel has started that it may go on."""

_started: list[tuple[str, subprocess.Popen[bytes]]] = []
"""Those that this process has started: kept, so that the ended ones are reaped."""


@atexit.register
def _leave_running() -> None:
    """Tell subprocess that they may outlive us, or it warns of each at our end."""
    for _, process in _started:
        if process.poll() is None:
            process.returncode = 0


def start(
    project: Project,
    module: str,
    arguments: Sequence[str],
    log: str,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a module as a process of its own, in the project's folder.

    Parameters
    ----------
    project : Project
    module : str
        As ``python -m`` takes it.
    arguments : sequence of str
    log : str
        Name of the file under ``.mlops`` that takes what it prints.
    environment : mapping, optional
        Default: that of this process.
    """
    is_running(module)  # reap
    with (project.folder / log).open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**(os.environ if environment is None else environment), **OUTLIVES},
            cwd=project.root,
            start_new_session=True,
        )
    _started.append((module, process))


def is_running(module: str) -> bool:
    """Return whether a process of this module lives that this process has started."""
    _started[:] = [(name, process) for name, process in _started if process.poll() is None]
    return any(name == module for name, _ in _started)
