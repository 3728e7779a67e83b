"""One of our runs, written as a run of MLflow: the same names, values, figures and model."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import tempfile
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import cloudpickle
import mlflow
import msgspec
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from mlops_jupyter.project import Project
from mlops_jupyter.runs import environment, history
from mlops_jupyter.runs.run import Run, RunDetail

LONGEST_PARAMETER = 6000
"""MLflow cuts longer values in silence (mlflow.utils.validation.MAX_PARAM_VAL_LENGTH)."""

LONGEST_TAG = 8000
"""The same for tags (MAX_TAG_VAL_LENGTH)."""

_STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}

_KNOWN = ("sklearn.", "numpy.", "scipy.", "pandas.", "lightgbm.", "xgboost.", "collections.")
"""Libraries whose types may stand in a skops file: they are installed, not read from it."""


def copy_run(project: Project, run_id: str) -> None:
    """Copy an ended run; a second call changes nothing.

    Parameters
    ----------
    project : Project
    run_id : str
        A run that has ended.

    Raises
    ------
    Exception
        Whatever MLflow raises when it cannot be reached or refuses.
    """
    detail = history.detail(project, run_id)
    client = MlflowClient(tracking_uri=project.tracking_uri)
    experiment_id = _experiment(project, client)
    mlflow_id = detail.run.mlflow_run_id or _find(client, experiment_id, run_id)
    if mlflow_id is None:
        mlflow_id = client.create_run(
            experiment_id,
            start_time=_milliseconds(detail.run.started_at),
            tags=_tags(detail.run),
            run_name=detail.run.name,
        ).info.run_id
    _keep(project, run_id, "mlflow_run_id", mlflow_id)
    _log_data(project, client, mlflow_id, detail.run)
    model_id = _log_model(project, client, experiment_id, mlflow_id, detail.run)
    _log_values(client, mlflow_id, detail.run, model_id)
    _log_files(project, client, mlflow_id, detail)
    client.set_terminated(
        mlflow_id,
        status=_STATUS[detail.run.status],
        end_time=_milliseconds(detail.run.ended_at or detail.run.started_at),
    )


def _experiment(project: Project, client: MlflowClient) -> str:
    found = client.get_experiment_by_name(project.experiment)
    if found is not None:
        return str(found.experiment_id)
    location = None
    if project.settings.mlflow.tracking_uri is None:
        location = (project.folder / "mlflow" / "artifacts").as_uri()
    try:
        return str(client.create_experiment(project.experiment, artifact_location=location))
    except mlflow.MlflowException:  # another process was faster
        found = client.get_experiment_by_name(project.experiment)
        if found is None:
            raise
        return str(found.experiment_id)


def _find(client: MlflowClient, experiment_id: str, run_id: str) -> str | None:
    found = client.search_runs([experiment_id], f"tags.`mlops.run_id` = '{run_id}'", max_results=1)
    return str(found[0].info.run_id) if found else None


def _keep(project: Project, run_id: str, column: str, value: str) -> None:
    with project.catalog.transaction() as rows:
        rows.execute(f"UPDATE run SET {column} = ? WHERE id = ?", (value, run_id))


def _tags(run: Run) -> dict[str, str]:
    tags = {
        "mlops.run_id": run.id,
        "mlops.code_digest": run.code_digest,
        "mlops.environment_digest": run.environment_digest,
        "mlops.model_digest": run.model_digest,
        "mlops.data": ", ".join(run.data) or None,
        "mlops.git_dirty": None if run.git_dirty is None else str(run.git_dirty).lower(),
        "mlops.error": run.error,
        "mlflow.source.type": "NOTEBOOK" if run.notebook else None,
        "mlflow.source.name": run.notebook,
        "mlflow.source.git.commit": run.git_commit,
        "mlflow.user": _user(),
    }
    return {key: value[:LONGEST_TAG] for key, value in tags.items() if value}


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return None


def _log_values(client: MlflowClient, mlflow_id: str, run: Run, model_id: str | None) -> None:
    at = _milliseconds(run.ended_at or run.started_at)
    params = [Param(_key(k), _text(v)) for k, v in run.parameters.items()]
    metrics = [
        Metric(
            _key(name), float("nan") if value is None else value, at, 0,
            model_id=model_id, run_id=mlflow_id,
        )
        for name, value in run.metrics.items()
    ]  # fmt: skip
    tags = [RunTag(key, value) for key, value in _tags(run).items()]
    client.log_batch(mlflow_id, metrics=metrics, params=params, tags=tags)


def _log_data(project: Project, client: MlflowClient, mlflow_id: str, run: Run) -> None:
    inputs = []
    for ref in run.data:
        name, _, number = ref.rpartition("@")
        row = project.catalog.row(
            "SELECT digest, kind, row_count, columns FROM dataset_version"
            " WHERE dataset = ? AND number = ?",
            (name, int(number)),
        )
        assert row is not None
        columns = msgspec.json.decode(row["columns"])
        schema = {"mlflow_colspec": [{"name": c["name"], "type": c["type"]} for c in columns]}
        dataset = Dataset(
            name=ref,
            digest=row["digest"].removeprefix("blake3:")[:36],  # MLflow keeps no more than 36
            source_type="local",
            source=msgspec.json.encode({"uri": f"mlops:{ref}", "digest": row["digest"]}).decode(),
            schema=msgspec.json.encode(schema).decode() if columns else None,
            profile=msgspec.json.encode({"num_rows": row["row_count"]}).decode(),
        )
        inputs.append(DatasetInput(dataset, tags=[InputTag("mlflow.data.context", "read")]))
    if inputs:
        client.log_inputs(mlflow_id, datasets=inputs)


def _log_files(project: Project, client: MlflowClient, mlflow_id: str, detail: RunDetail) -> None:
    source = "\n\n".join(f"# %% [{cell.position}]\n{cell.source}" for cell in detail.cells)
    client.log_text(mlflow_id, source + "\n", "code/cells.py")
    client.log_dict(mlflow_id, detail.run.parameters, "parameters.json")
    if detail.run.environment_digest:
        captured = environment.decode(project.objects.read(detail.run.environment_digest))
        lines = [f"{name}=={version}" for name, version in sorted(captured.installed.items())]
        client.log_text(mlflow_id, "\n".join(lines) + "\n", "environment/installed.txt")
    with tempfile.TemporaryDirectory() as folder:
        for artifact in detail.run.artifacts:
            path = Path(folder) / artifact.name
            path.write_bytes(project.objects.read(artifact.digest))
            client.log_artifact(mlflow_id, str(path), "figures")


def _log_model(
    project: Project, client: MlflowClient, experiment_id: str, mlflow_id: str, run: Run
) -> str | None:
    if run.model_digest is None:
        return None
    row = project.catalog.row(
        "SELECT mlflow_model_id, model_example, environment_digest FROM run WHERE id = ?", (run.id,)
    )
    assert row is not None
    found = row["mlflow_model_id"] or _find_model(client, experiment_id, mlflow_id)
    if not found:
        # we wrote these pickles, and Objects.read proves that they are the ones we wrote
        estimator = cloudpickle.loads(project.objects.read(run.model_digest))
        example = row["model_example"]
        rows = cloudpickle.loads(project.objects.read(example)) if example else None
        requirements = _requirements(project, row["environment_digest"])
        with _fluent(project, mlflow_id):
            found = _write_model(estimator, rows, requirements)
    _keep(project, run.id, "mlflow_model_id", found)
    return str(found)


def _find_model(client: MlflowClient, experiment_id: str, mlflow_id: str) -> str | None:
    found = client.search_logged_models(
        [experiment_id], filter_string=f"source_run_id = '{mlflow_id}'", max_results=1
    )
    return str(found[0].model_id) if found and str(found[0].status) == "READY" else None


def _write_model(estimator: Any, rows: Any, requirements: list[str]) -> str:
    signature = None
    if rows is not None:
        with warnings.catch_warnings():
            # advice against whole numbers, for each model that has a column of them
            warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer")
            signature = mlflow.models.infer_signature(rows, estimator.predict(rows))
    trusted = _trusted_types(estimator)
    logged = mlflow.sklearn.log_model(
        estimator,
        name="model",
        serialization_format="cloudpickle" if trusted is None else "skops",
        skops_trusted_types=trusted or None,
        pip_requirements=requirements,
        signature=signature,
    )
    return str(logged.model_id)


def _trusted_types(estimator: Any) -> list[str] | None:
    """Return the types that a skops file of the model needs trust for; None: cannot be skops."""
    import skops.io

    try:
        unknown = skops.io.get_untrusted_types(data=skops.io.dumps(estimator))
    except Exception:  # noqa: BLE001 - skops raises many kinds for what it cannot write
        return None
    return list(unknown) if all(name.startswith(_KNOWN) for name in unknown) else None


def _requirements(project: Project, environment_digest: str | None) -> list[str]:
    if environment_digest is None:
        return ["scikit-learn", "cloudpickle"]
    captured = environment.decode(project.objects.read(environment_digest))
    used = environment.packages_in_use(captured)
    needed = {"cloudpickle", "mlflow", "numpy", "pandas", "scikit-learn", "scipy", "skops"}
    models = {"lightgbm", "xgboost", "catboost", "category-encoders", "imbalanced-learn"}
    installed = captured.installed
    return [
        f"{name}=={installed[name]}"
        for name in sorted((needed | (models & set(used))) & set(installed))
    ]


@contextlib.contextmanager
def _fluent(project: Project, mlflow_id: str) -> Iterator[None]:
    """Make MLflow's fluent calls go to one run, and leave no trace of it in this process."""
    own = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    variables = ("MLFLOW_TRACKING_URI", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT")
    before = {name: os.environ.get(name) for name in variables}
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    mlflow.set_tracking_uri(project.tracking_uri)
    try:
        with mlflow.start_run(run_id=mlflow_id):
            yield
    finally:
        mlflow.set_tracking_uri(own)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _key(name: str) -> str:
    # MLflow: alphanumerics, underscores, dashes, periods, spaces, colons and slashes; 250
    return re.sub(r"[^\w.\- :/]", "_", name)[:250]


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST_PARAMETER else text[: LONGEST_PARAMETER - 1] + "…"


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)
