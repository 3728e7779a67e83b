"""The mirror: a process of its own that copies ended runs to MLflow.

Ending a run puts a row in the outbox, in the same transaction. The mirror drains the outbox:
one at a time holds the lock, and copying a run twice makes no second one, because MLflow's
run is found again by its tag ``mlops.run_id``. MLflow may be away: the rows wait.

A thread in the kernel would slow the user's loops, and MLflow's import alone costs 3 seconds.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from mlops_jupyter.errors import ConflictError, ExternalError
from mlops_jupyter.project import Project, now, open_project
from mlops_jupyter.runs import history
from mlops_jupyter.store.lock import exclusive

LOCK = "mirror.lock"
LOG = "mirror.log"
POLL_SECONDS = 0.2

WAIT_SECONDS = 600.0
"""How long `drain` waits for another process that is at it."""

_started: list[subprocess.Popen[bytes]] = []
"""Mirrors that this process has started: kept, so that the ended ones are reaped."""


def start(project: Project) -> None:
    """Start the mirror in the background, unless it runs. Costs about 3 ms."""
    try:
        with _holding(project, 0):
            pass
    except ConflictError:  # it runs
        return
    _spawn(project)


def drain(project: Project) -> int:
    """Copy all ended runs to MLflow now, and return how many were copied.

    Waits while another process is at it.

    Raises
    ------
    ExternalError
        MLflow cannot be reached, or refuses; the runs wait in the outbox.
    """
    if not history.waiting(project)[0]:
        return 0
    with _holding(project, WAIT_SECONDS):
        copied, error = _drain(project)
    if error is not None:
        count, _ = history.waiting(project)
        raise ExternalError(
            f"{count} run(s) could not be copied to MLflow at {project.tracking_uri}: {error}",
            hint="they are kept; try again with `mlops sync`",
        )
    return copied


def serve(project: Project) -> None:
    """Drain the outbox, and go on until nothing has come for a while."""
    while True:
        try:
            with _holding(project, 0):
                _serve(project)
        except ConflictError:
            return
        # a run that ended while we held the lock started no mirror of its own
        count, error = history.waiting(project)
        if not count or error is not None:
            return


def _spawn(project: Project) -> None:
    environment = dict(os.environ)
    # a model may be an instance of a class in the user's own module
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    _started[:] = [mirror for mirror in _started if mirror.poll() is None]
    with (project.folder / LOG).open("ab") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", __name__, str(project.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=project.root,
            start_new_session=True,
        )
    _started.append(started)


def _serve(project: Project) -> None:
    idle_seconds = project.settings.mirror.idle_seconds
    last = time.monotonic()
    while project.catalog.path.exists():
        copied, _ = _drain(project)
        if copied:
            last = time.monotonic()
        if time.monotonic() - last >= idle_seconds:
            return
        time.sleep(POLL_SECONDS)


def _drain(project: Project) -> tuple[int, str | None]:
    """Copy what waits; return how many runs were copied, and the last error."""
    found = project.catalog.rows("SELECT id, run_id FROM outbox WHERE done_at IS NULL ORDER BY id")
    if not found:
        return 0, None
    from mlops_jupyter.runs.mlflow_run import copy_run

    copied, last_error = 0, None
    for outbox_id, run_id in found:
        try:
            copy_run(project, run_id)
            done, error = now(), None
            copied += 1
        except Exception as problem:  # noqa: BLE001 - MLflow raises anything; the run waits
            lines = str(problem).strip().splitlines() or [type(problem).__name__]
            done, error = None, lines[0][:500]
            last_error = error
        with project.catalog.transaction() as rows:
            rows.execute(
                "UPDATE outbox SET attempts = attempts + 1, error = ?, done_at = ? WHERE id = ?",
                (error, done, outbox_id),
            )
    return copied, last_error


def _holding(project: Project, timeout_seconds: float) -> contextlib.AbstractContextManager[None]:
    return exclusive(project.folder / LOCK, timeout_seconds, "copy runs to MLflow")


if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.nice(10)
    serve(open_project(Path(sys.argv[1])))
