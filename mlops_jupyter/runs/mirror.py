"""The mirror: a process of its own that copies ended runs to MLflow.

Ending a run puts a row in the outbox, in the same transaction. The mirror drains the outbox:
one at a time holds the lock, and copying a run twice makes no second one, because MLflow's
run is found again by its tag ``mlops.run_id``. MLflow may be away: the rows wait.

A thread in the kernel would slow the user's loops, and MLflow's import alone costs 3 seconds.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import time
from pathlib import Path

from mlops_jupyter.errors import ConflictError, ExternalError
from mlops_jupyter.project import Project, now, open_project
from mlops_jupyter.runs import history
from mlops_jupyter.store.lock import exclusive

ALIVE = "mirror.lock"
"""Held by the background process for all its life: there is one."""

COPYING = "copying.lock"
"""Held while runs are copied, by the background process or by `drain`."""

LOG = "mirror.log"
POLL_SECONDS = 0.2

WAIT_SECONDS = 600.0
"""How long `drain` waits for another process that is at it."""

WHAT = "copy runs to MLflow"

_started: list[subprocess.Popen[bytes]] = []
"""Mirrors that this process has started: kept, so that the ended ones are reaped."""


@atexit.register
def _leave_running() -> None:
    """Tell subprocess that mirrors may outlive us, or it warns of each at our end."""
    for mirror in _started:
        if mirror.poll() is None:
            mirror.returncode = 0


def start(project: Project) -> None:
    """Start the mirror in the background, unless it runs. Costs about 3 ms."""
    try:
        with exclusive(project.folder / ALIVE, 0, WHAT):
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
            with exclusive(project.folder / ALIVE, 0, WHAT):
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
    if not history.waiting(project)[0]:
        return 0, None
    from mlops_jupyter.runs.mlflow_run import copy_run

    copied, last_error = 0, None
    with exclusive(project.folder / COPYING, WAIT_SECONDS, WHAT):
        sql = "SELECT id, run_id FROM outbox WHERE done_at IS NULL ORDER BY id"
        for outbox_id, run_id in project.catalog.rows(sql):
            error = None
            try:
                copy_run(project, run_id)
                copied += 1
            except Exception as problem:  # noqa: BLE001 - MLflow raises anything; the run waits
                lines = str(problem).strip().splitlines() or [type(problem).__name__]
                last_error = error = lines[0][:500]
            with project.catalog.transaction() as rows:
                rows.execute(
                    "UPDATE outbox SET attempts = attempts + 1, error = ?, done_at = ?"
                    " WHERE id = ?",
                    (error, None if error else now(), outbox_id),
                )
    return copied, last_error


if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.nice(10)
    serve(open_project(Path(sys.argv[1])))
