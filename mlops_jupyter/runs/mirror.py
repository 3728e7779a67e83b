"""The mirror: a process of its own that copies ended runs to MLflow, and keeps files of cells.

Ending a run puts a row in the outbox, in the same transaction. The mirror drains the outbox:
one at a time holds the lock, and copying a run twice makes no second one, because MLflow's
run is found again by its tag ``mlops.run_id``. MLflow may be away: the rows wait, and each
says why.

A thread in the kernel would slow the user's loops, and MLflow's import alone costs 3 seconds.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mlops_jupyter.errors import ConflictError, ExternalError
from mlops_jupyter.project import Project, now, open_project
from mlops_jupyter.runs import background, history, outbox, recorder
from mlops_jupyter.runs.mlflow_place import redacted
from mlops_jupyter.store import mlflow_home
from mlops_jupyter.store.lock import exclusive

if TYPE_CHECKING:
    from mlops_jupyter.runs.mlflow_run import Copier

ALIVE = "mirror.lock"
"""Held by the background process for all its life: there is one."""

COPYING = "copying.lock"
"""Held while runs are copied, by the background process or by `drain`."""

LOG = "mirror.log"
POLL_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 60.0

BATCH = 25
"""Runs that share one look into MLflow for what an earlier try has left there."""

ANALYSE_EACH = 500
"""Runs."""

WAIT_SECONDS = 600.0
"""How long `drain` waits for another process that is at it."""

WHAT = "copy runs to MLflow"


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

    Runs of kernels that died are ended first. Waits while another process is at it.

    Raises
    ------
    ExternalError
        MLflow cannot be reached, or refuses; the runs wait in the outbox.
    """
    from mlops_jupyter.runs import keeping

    recorder.close_dead(project)
    keeping.keep_files(project)
    copied, error = _Drain(project).all()
    if error is not None:
        count, _ = history.waiting(project)
        raise ExternalError(
            f"{count} run(s) could not be copied to MLflow. {error}",
            hint="they are kept; try again with `mlops sync`",
        )
    return copied


def serve(project: Project) -> None:
    """Drain the outbox, and go on until nothing has come for a while.

    What MLflow does not take is tried again, after 1 second and then twice as long each time,
    up to a minute, for as long as `mirror.retry_seconds` says.
    """
    from mlops_jupyter.runs import keeping

    while project.catalog.path.exists():  # else somebody has deleted the project
        try:
            with exclusive(project.folder / ALIVE, 0, WHAT):
                _serve(project)
        except ConflictError:
            return
        # what ended while we held the lock started no mirror of its own
        if not _untried(project) and not keeping.is_waiting(project):
            return


def _spawn(project: Project) -> None:
    environment = dict(os.environ)
    # a model may be an instance of a class in the user's own module
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    background.start(project, __name__, [str(project.root)], LOG, environment)


def _serve(project: Project) -> None:
    from mlops_jupyter.runs import keeping

    settings = project.settings.mirror
    drain = _Drain(project)
    last_success, last_try, pause = time.monotonic(), 0.0, 0.0
    while project.catalog.path.exists():
        if keeping.keep_files(project):  # first: runs are copied with the versions of their files
            last_success = time.monotonic()
        if _untried(project) or time.monotonic() - last_try >= pause:
            copied, error = drain.all()
            last_try = time.monotonic()
            pause = 0.0 if error is None else min(max(1.0, 2 * pause), LONGEST_PAUSE_SECONDS)
            if copied:
                last_success = last_try
        idle = settings.idle_seconds if pause == 0.0 else settings.retry_seconds
        if time.monotonic() - last_success >= idle:
            return
        time.sleep(POLL_SECONDS)


def _untried(project: Project) -> bool:
    sql = "SELECT 1 FROM outbox WHERE done_at IS NULL AND error IS NULL LIMIT 1"
    return project.catalog.row(sql) is not None


class _Drain:
    """Copies what waits; keeps what MLflow has told from one time to the next."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._copier: Copier | None = None

    def all(self) -> tuple[int, str | None]:
        """Return how many runs were copied, and the last error, in words."""
        if outbox.is_empty(self.project):
            return 0, None
        with exclusive(self.project.folder / COPYING, WAIT_SECONDS, WHAT):
            sql = "SELECT id, run_id FROM outbox WHERE done_at IS NULL ORDER BY id"
            rows = [(row["id"], row["run_id"]) for row in self.project.catalog.rows(sql)]
            copied, last_error = 0, None
            while rows:
                batch, rows = rows[:BATCH], rows[BATCH:]
                done, error, is_away = self._batch(batch)
                copied, last_error = copied + done, error or last_error
                if is_away:
                    self._mark([outbox_id for outbox_id, _ in rows], error)
                    break
            self._tidy(copied)
        return copied, last_error

    def _tidy(self, copied: int) -> None:
        """Let SQLite look at its tables now and then: MLflow's queries are 100 times faster."""
        if self.project.settings.mlflow.tracking_uri is not None:
            return
        row = self.project.catalog.row("SELECT count(*) FROM outbox WHERE done_at IS NOT NULL")
        done = int(row[0]) if row else 0
        if done // ANALYSE_EACH > (done - copied) // ANALYSE_EACH:
            mlflow_home.analyse(self.project.folder / "mlflow")

    def _batch(self, rows: list[tuple[int, str]]) -> tuple[int, str | None, bool]:
        """Copy some runs; return how many, the last error, and whether MLflow is away."""
        waiting: dict[str, list[int]] = {}
        for outbox_id, run_id in rows:
            waiting.setdefault(run_id, []).append(outbox_id)
        copied, last_error = 0, None
        try:
            for run_id, error in self._ready().copy(list(waiting)):
                self._mark(waiting.pop(run_id), error)
                copied, last_error = copied + (error is None), error or last_error
        except Exception as problem:  # noqa: BLE001 - MLflow raises anything; the runs wait
            from mlops_jupyter.runs.mlflow_error import in_words

            self._copier = None
            words = in_words(problem, self.project.tracking_uri)
            self._mark([outbox_id for ids in waiting.values() for outbox_id in ids], words)
            return copied, words, True
        return copied, last_error, False

    def _ready(self) -> Copier:
        from mlops_jupyter.runs.mlflow_run import Copier

        if self._copier is None:
            self._copier = Copier(self.project)
        else:
            self._copier.refresh()
        return self._copier

    def _mark(self, outbox_ids: list[int], error: str | None) -> None:
        done_at = None if error else now()
        with self.project.catalog.transaction() as catalog:
            catalog.executemany(
                "UPDATE outbox SET attempts = attempts + 1, error = ?, done_at = ? WHERE id = ?",
                [(error, done_at, outbox_id) for outbox_id in outbox_ids],
            )


class _Discreet:
    """A text stream that lets no credentials through."""

    def __init__(self, stream: TextIO, uri: str) -> None:
        self._stream = stream
        self._uri = uri

    def write(self, text: str) -> int:
        """Write the text without them."""
        return self._stream.write(redacted(text, self._uri))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _main(root: Path) -> None:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # we try again by ourselves
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    os.nice(10)
    project = open_project(root)
    sys.stderr = sys.stdout = _Discreet(sys.stderr, project.tracking_uri)
    serve(project)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
