"""Saying again and again that a pipeline run is alive: others may share the folder.

On the same machine the process is looked for. Other hosts and containers cannot do that: they
take a run for dead when it has not said for two minutes that it lives, and nobody has to unlock
anything.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import TracebackType
from typing import Self

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs import liveness


class Lease:
    """Held by the process that executes a pipeline run, for as long as it does.

    It ends the process, as Ctrl-C does, when somebody on another machine has cancelled the run
    or has taken it for dead: there must not be two who think that it is theirs.

    Parameters
    ----------
    project : Project
    pipeline_run_id : str
    """

    def __init__(self, project: Project, pipeline_run_id: str) -> None:
        self._project, self._id = project, pipeline_run_id
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._beat()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat_on(self) -> None:
        while not self._over.wait(liveness.BEAT_SECONDS):
            with contextlib.suppress(MlopsError):  # somebody else writes, the disk is full
                if not self._beat():
                    os.kill(os.getpid(), signal.SIGTERM)
                    return

    def _beat(self) -> bool:
        """Say that the run lives; return whether it is to go on."""
        with self._project.catalog.transaction() as rows:
            changed = rows.execute(
                "UPDATE pipeline_run SET beat_at = ?, machine = ?"
                " WHERE id = ? AND status = 'running' AND cancelled_by IS NULL",
                (now(), liveness.MACHINE, self._id),
            ).rowcount
        return changed > 0
