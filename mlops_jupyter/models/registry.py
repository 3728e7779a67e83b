"""The model registry: versions and the alias ``champion``, kept by MLflow.

MLflow's alias is the truth about who is champion; the catalog keeps which run and which
estimator a version is, because MLflow cannot be asked that when it is away.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from mlops_jupyter.errors import ExternalError, NotFoundError, UsageError
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs.mlflow_error import in_words
from mlops_jupyter.store.lock import exclusive

ALIAS = "champion"

RUN_TAG = "mlops.run_id"
DIGEST_TAG = "mlops.model_digest"

LOCK = "registry.lock"
LOCK_TIMEOUT_SECONDS = 60.0

NOT_COPIED = "copy it with `mlops sync`; if it was, its tag mlops.model_error in MLflow says more"
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}


@contextlib.contextmanager
def locked(project: Project) -> Iterator[None]:
    """Let one process at a time change the registry of a project.

    MLflow has no compare-and-set: this holds within the project. Others who move an alias on
    the same MLflow server are seen when they did it before we look, which is just before we
    move it.
    """
    path = project.folder / LOCK
    with exclusive(path, LOCK_TIMEOUT_SECONDS, "change the models of this project"):
        yield


def register(project: Project, model: str, run_id: str) -> ModelVersion:
    """Make a run's model the next version of a registered model.

    The same run gives the same version again, also when two processes ask at once, or when
    the one that asked first died on its way.

    Parameters
    ----------
    project : Project
    model : str
        The registered model; made when it is not there.
    run_id : str
        A run that kept a model and that the mirror has copied to MLflow.

    Raises
    ------
    NotFoundError
        There is no such run.
    UsageError
        The run kept no model, or MLflow does not have it yet.
    ExternalError
        MLflow cannot be reached, or refuses.
    """
    row = project.catalog.row(
        "SELECT model_digest, mlflow_run_id, mlflow_model_id FROM run WHERE id = ?", (run_id,)
    )
    if row is None:
        raise NotFoundError("run", run_id, hint="see `mlops runs`")
    if row["model_digest"] is None:
        raise UsageError(f"run {run_id} kept no model", hint="fit an estimator in a tracked cell")
    if row["mlflow_model_id"] is None:
        raise UsageError(f"MLflow does not have run {run_id} yet", hint=NOT_COPIED)
    with locked(project):
        registered = _of_run(project, model, run_id)
        if registered is not None:
            return registered
        with translated(project):
            number = _adopt_or_create(project, model, run_id, dict(row))
        made = ModelVersion(model, number, run_id, row["model_digest"], now())
        with project.catalog.transaction() as rows:
            rows.execute(
                "INSERT INTO model_version (model, version, run_id, model_digest, registered_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (model, number, run_id, made.model_digest, made.registered_at),
            )
    return made


def champion(project: Project, model: str) -> int | None:
    """Return the version that bears the alias ``champion`` in MLflow, or None.

    Raises
    ------
    ExternalError
        MLflow cannot be reached.
    """
    from mlflow.exceptions import MlflowException

    with translated(project):
        client = connect(project)
        try:
            return int(client.get_model_version_by_alias(model, ALIAS).version)
        except MlflowException as error:
            # MLflow says INVALID_PARAMETER_VALUE for a model that has no such alias
            if error.error_code in {*_ABSENT, "INVALID_PARAMETER_VALUE"}:
                return None
            raise


def move_alias(project: Project, model: str, version: int) -> None:
    """Give the alias ``champion`` to a version.

    Raises
    ------
    NotFoundError
        MLflow has no such version: nothing was moved.
    ExternalError
        MLflow cannot be reached; whether the alias was moved is not known.
    """
    from mlflow.exceptions import MlflowException

    with translated(project):
        client = connect(project)
        try:
            client.set_registered_model_alias(model, ALIAS, str(version))
        except MlflowException as error:
            if error.error_code not in _ABSENT:
                raise
            raise NotFoundError(
                "model version in MLflow",
                f"{model} v{version}",
                hint="somebody deleted it; release the model anew",
            ) from error


def get(project: Project, model: str, version: int) -> ModelVersion:
    """Return a version that this project registered.

    Raises
    ------
    UsageError
        This project did not register it, so we do not know what it is.
    """
    row = project.catalog.row(
        "SELECT * FROM model_version WHERE model = ? AND version = ?", (model, version)
    )
    if row is None:
        raise UsageError(
            f"{model} v{version} was not registered by this project, and cannot be scored here",
            hint=f"give the alias `{ALIAS}` to a version that `mlops release` made, or delete"
            " the alias in MLflow to begin anew",
        )
    return ModelVersion(**dict(row))


def versions(project: Project) -> tuple[ModelVersion, ...]:
    """Return all versions that this project registered, by model, newest first."""
    rows = project.catalog.rows("SELECT * FROM model_version ORDER BY model, version DESC")
    return tuple(ModelVersion(**dict(row)) for row in rows)


def _of_run(project: Project, model: str, run_id: str) -> ModelVersion | None:
    row = project.catalog.row(
        "SELECT * FROM model_version WHERE model = ? AND run_id = ?", (model, run_id)
    )
    return None if row is None else ModelVersion(**dict(row))


def _adopt_or_create(project: Project, model: str, run_id: str, run: dict[str, Any]) -> int:
    from mlflow.exceptions import MlflowException

    client = connect(project)
    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    found = client.search_model_versions(f"name = '{model}' and tag.`{RUN_TAG}` = '{run_id}'")
    if found:  # made by a process that died before it could write it down
        return int(found[0].version)
    tags = {RUN_TAG: run_id, DIGEST_TAG: run["model_digest"]}
    model_id = run["mlflow_model_id"]
    if is_server(project):
        return _create(client, model, f"models:/{model_id}", run, tags)
    # MLflow 3.17 looks up `models:/m-…` in the database of the whole process, not in the
    # client's own (a TODO in its sqlalchemy_store.py), and the server alone writes the tag by
    # which the UI goes from the logged model to its versions
    logged = client.get_logged_model(model_id)
    number = _create(client, model, logged.artifact_location, run, tags)
    known = json.loads(logged.tags.get("mlflow.modelVersions", "[]"))
    known.append({"name": model, "version": number})
    client.set_logged_model_tags(model_id, {"mlflow.modelVersions": json.dumps(known)})
    return number


def _create(client: Any, model: str, source: str, run: dict[str, Any], tags: dict[str, str]) -> int:
    made = client.create_model_version(
        model,
        source,
        run["mlflow_run_id"],
        tags=tags,
        await_creation_for=0,  # nothing is copied, so it is ready at once
        model_id=run["mlflow_model_id"],
    )
    return int(made.version)


def is_server(project: Project) -> bool:
    """Whether MLflow is a server, which others may use too."""
    return project.tracking_uri.startswith(("http:", "https:", "databricks"))


def connect(project: Project) -> Any:
    """Return a client of the MLflow that keeps this project's models."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=project.tracking_uri, registry_uri=project.tracking_uri)


@contextlib.contextmanager
def translated(project: Project) -> Iterator[None]:
    """Turn what MLflow and the network raise into one error of ours."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        raise ExternalError(
            in_words(error, project.tracking_uri),
            hint="nothing is lost; try again when MLflow answers",
        ) from error
