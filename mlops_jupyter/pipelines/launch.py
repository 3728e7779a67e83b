"""Beginning a pipeline run without waiting for its end, as a server does."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import ExternalError, MlopsError
from mlops_jupyter.pipelines import history
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, open_project

START_SECONDS = 120.0
"""How long the process of a run may take until it has written down that it began."""

LOOK_SECONDS = 0.05


def launch(
    project: Project, name: str, given: Mapping[str, Any], *, force: bool = False
) -> PipelineRun:
    """Begin a pipeline run, and return it when it has begun.

    It goes on in a process of its own, which ends with this one.

    Parameters
    ----------
    project : Project
    name : str
    given : mapping of str to value
        Parameters; text is read as the type of the parameter.
    force : bool
        Run all steps, also those that are known.

    Raises
    ------
    NotFoundError, UsageError
        There is no such pipeline or parameter, or the notebook cannot be cut. Nothing has run.
    ExternalError
        Its process did not start.
    """
    begun = _Begun(project.root, name, dict(given), Choice(force=force))
    thread = threading.Thread(target=begun.run, name=f"mlops-pipeline-{begun.id}", daemon=True)
    thread.start()
    for _ in range(int(START_SECONDS / LOOK_SECONDS)):
        thread.join(LOOK_SECONDS)
        is_alive = thread.is_alive()
        if project.catalog.row("SELECT 1 FROM pipeline_run WHERE id = ?", (begun.id,)):
            return history.get(project, begun.id)
        if not is_alive:
            raise begun.failure or ExternalError(f"the pipeline {name} did not start")
    raise ExternalError(f"the pipeline {name} did not start in {START_SECONDS:.0f} seconds")


class _Begun:
    """A run that a thread follows to its end: its status is in the catalog."""

    def __init__(self, root: Path, name: str, given: dict[str, Any], choice: Choice) -> None:
        self.id = secrets.token_hex(8)
        self.failure: MlopsError | None = None
        self._root, self._name, self._given, self._choice = root, name, given, choice

    def run(self) -> None:
        """Run it, in a thread: SQLite connections stay in theirs."""
        project = open_project(self._root)
        try:
            run_pipeline(
                project, self._name, self._given, choice=self._choice, pipeline_run_id=self.id
            )
        except MlopsError as error:
            self.failure = error
        finally:
            project.catalog.close()
