"""The user's own MLflow run that a run of ours is one with, if there is one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

import mlflow
from mlflow import MlflowClient

from mlops_jupyter.errors import ExternalError
from mlops_jupyter.kernel.current import Opening
from mlops_jupyter.project import Project
from mlops_jupyter.runs.mlflow_attach import openings
from mlops_jupyter.runs.mlflow_context import OPENING
from mlops_jupyter.runs.mlflow_error import in_words
from mlops_jupyter.runs.mlflow_place import is_missing, redacted, same


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """A run in some MLflow store; `uri` is None for the project's own."""

    id: str
    experiment_id: str
    uri: str | None = None

    def store(self, project_uri: str) -> str | None:
        """Return where it is, to be kept; None for the project's own MLflow."""
        return None if self.uri is None or same(self.uri, project_uri) else redacted(self.uri)


@dataclass(frozen=True, slots=True)
class Theirs:
    """A run that the user's code opened, and whether another run of ours is one with it."""

    client: MlflowClient
    run: MlflowRun
    store: str | None
    is_taken: bool


def theirs(
    project: Project, client: MlflowClient, row: sqlite3.Row, taken: Collection[str]
) -> Theirs | None:
    """Return the one MLflow run that the user opened while a run of ours was open, or None.

    `taken` are runs of MLflow that others of ours are about to be one with.

    Raises
    ------
    ExternalError
        Its store cannot be asked now.
    """
    found: list[Theirs] = []
    for opening in openings(row["mlflow_openings"]):
        is_own = same(opening.tracking_uri, project.tracking_uri)
        # a pipeline's model is released from the project's own MLflow
        if not is_own and (row["pipeline_run_id"] is not None or is_missing(opening.tracking_uri)):
            continue
        uri = project.tracking_uri if is_own else _with_credentials(opening.tracking_uri)
        try:
            asked = client if is_own else MlflowClient(tracking_uri=uri)
            run = _run(asked, opening)
        except Exception as error:
            raise ExternalError(in_words(error, uri)) from error
        if run is not None and all(run.info.run_id != other.run.id for other in found):
            place = MlflowRun(str(run.info.run_id), str(run.info.experiment_id), uri)
            store = place.store(project.tracking_uri)
            is_taken = place.id in taken or _is_taken(project, row["id"], place.id)
            found.append(Theirs(asked, place, store, is_taken))
    return found[0] if len(found) == 1 else None


def _with_credentials(uri: str) -> str:
    """Return the URI as this process knows it: credentials are not kept in the catalog."""
    known = os.environ.get("MLFLOW_TRACKING_URI", "")
    return known if same(known, uri) else uri


def _run(client: MlflowClient, opening: Opening) -> mlflow.entities.Run | None:
    if opening.mlflow_run_id is not None:
        try:
            found = client.get_run(opening.mlflow_run_id)
        except mlflow.MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return found if found.info.lifecycle_stage == "active" else None
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    marked = client.search_runs(experiments, f"tags.`{OPENING}` = '{opening.mark}'", max_results=1)
    return marked[0] if marked else None


def _is_taken(project: Project, run_id: str, mlflow_id: str) -> bool:
    sql = "SELECT 1 FROM run WHERE mlflow_run_id = ? AND id != ?"
    return project.catalog.row(sql, (mlflow_id, run_id)) is not None
