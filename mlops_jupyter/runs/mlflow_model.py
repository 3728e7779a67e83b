"""A run's model, as a logged model of MLflow that loads without us.

It is written to a folder first, and only then to MLflow: a model that cannot be written
leaves nothing half made there.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import io
import pickle
import sys
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.models import Model, infer_signature

from mlops_jupyter.data import trust
from mlops_jupyter.project import Project
from mlops_jupyter.runs import environment
from mlops_jupyter.runs.mlflow_values import LONGEST_PARAMETER, text
from mlops_jupyter.runs.run import Run

NAME = "model"

_FLAVOURS = {
    "sklearn": "sklearn",  # also the estimators of lightgbm and xgboost: `predict` stays the same
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "torch": "pytorch",
    "keras": "keras",
}
"""From the package that a model's class, or a base of it, is from to MLflow's flavour."""

_KNOWN = ("sklearn.", "numpy.", "scipy.", "pandas.", "lightgbm.", "xgboost.", "collections.")
"""Libraries whose types may stand in a skops file: they are installed, not read from it."""

_ALWAYS = {"cloudpickle", "mlflow", "numpy", "pandas"}
"""What `mlflow.pyfunc.load_model` needs for any model."""

_LARGEST_CODE_BYTES = 10 << 20


@dataclass(frozen=True, slots=True)
class SavedModel:
    """A model in a folder, in MLflow's format."""

    folder: Path
    description: Model
    flavour: str


def find(client: MlflowClient, experiment_id: str, mlflow_id: str) -> list[Any]:
    """Return the logged models that an MLflow run is the source of."""
    return list(
        client.search_logged_models(
            [experiment_id], filter_string=f"source_run_id = '{mlflow_id}'", max_results=10
        )
    )


def is_ready(model: Any) -> bool:
    """Whether all of a logged model is there."""
    return str(model.status) == str(LoggedModelStatus.READY)


def save(project: Project, run: Run, folder: Path) -> SavedModel:
    """Write the model of a run to a folder.

    Raises
    ------
    Exception
        Whatever its own code raises: its module may be gone, or too new.
    """
    assert run.model_digest is not None
    trust.refuse_foreign(project, run.id)
    row = project.catalog.row("SELECT model_example FROM run WHERE id = ?", (run.id,))
    reader = _Reader(io.BytesIO(project.objects.read(run.model_digest)))
    model = reader.load()
    example = row["model_example"] if row else None
    rows = _Reader(io.BytesIO(project.objects.read(example))).load() if example else None
    flavour = _flavour(model)
    description = Model()
    more: dict[str, Any] = {}
    if flavour != "keras":  # a Keras file holds no code
        more["code_paths"] = _own_modules(reader.packages) or None
    if flavour == "pytorch":  # the other format traces the model, on rows that we do not have
        more["serialization_format"] = "pickle"
    if flavour == "sklearn":
        trusted = _trusted_types(model)
        more["serialization_format"] = "cloudpickle" if trusted is None else "skops"
        more["skops_trusted_types"] = trusted or None
    importlib.import_module(f"mlflow.{flavour}").save_model(
        model,
        str(folder),
        mlflow_model=description,
        pip_requirements=_requirements(project, run.environment_digest, flavour, reader.packages),
        signature=_signature(model, rows),
        **more,
    )
    return SavedModel(folder, description, flavour)


def upload(
    client: MlflowClient,
    experiment_id: str,
    mlflow_id: str,
    saved: SavedModel,
    parameters: dict[str, Any],
    unfinished: str | None,
) -> str:
    """Write a saved model to MLflow and return its id.

    Parameters
    ----------
    client : MlflowClient
    experiment_id, mlflow_id : str
    saved : SavedModel
    parameters : dict of str to JSON value
        Those of the run, by their MLflow keys.
    unfinished : str or None
        The logged model that an earlier try left behind.
    """
    model_id = unfinished
    if model_id is None:
        made = client.create_logged_model(
            experiment_id,
            name=NAME,
            source_run_id=mlflow_id,
            params={key: text(value, LONGEST_PARAMETER) for key, value in parameters.items()},
        )
        model_id = str(made.model_id)
    described = saved.description
    described.model_id = described.model_uuid = model_id
    described.run_id = mlflow_id
    described.artifact_path = str(client.get_logged_model(model_id).artifact_location)
    described.save(str(saved.folder / "MLmodel"))
    if unfinished is None or not _is_output(client, mlflow_id, model_id):
        client.log_outputs(mlflow_id, [LoggedModelOutput(model_id, 0)])
    client.log_model_artifacts(model_id, str(saved.folder))
    client.finalize_logged_model(model_id, LoggedModelStatus.READY)
    return model_id


def _is_output(client: MlflowClient, mlflow_id: str, model_id: str) -> bool:
    # MLflow refuses to be told twice, unlike with datasets
    outputs = client.get_run(mlflow_id).outputs
    return any(output.model_id == model_id for output in (outputs.model_outputs if outputs else ()))


class _Reader(pickle.Unpickler):
    """Reads a pickle that we wrote (`Objects.read` has proved it), and notes what it needs."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.packages: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        """Note the package of each class and function."""
        self.packages.add(module.partition(".")[0])
        return super().find_class(module, name)


def _flavour(model: Any) -> str:
    packages = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
    for package, flavour in _FLAVOURS.items():
        if package in packages:
            return flavour
    raise TypeError(f"MLflow has no format for a {type(model).__module__}.{type(model).__name__}")


def _signature(model: Any, rows: Any) -> Any:
    predict = getattr(model, "predict", None)
    if rows is None or predict is None:
        return None
    with warnings.catch_warnings():
        # advice against whole numbers, for each model that has a column of them
        warnings.filterwarnings("ignore", "Hint: Inferred schema contains integer")
        return infer_signature(rows, predict(rows))


def _trusted_types(estimator: Any) -> list[str] | None:
    """Return the types that a skops file of the model needs trust for; None: cannot be skops."""
    import skops.io

    try:
        unknown = skops.io.get_untrusted_types(data=skops.io.dumps(estimator))
    except Exception:  # noqa: BLE001 - skops raises many kinds for what it cannot write
        return None
    return list(unknown) if all(name.startswith(_KNOWN) for name in unknown) else None


def _requirements(
    project: Project, environment_digest: str | None, flavour: str, packages: set[str]
) -> list[str]:
    """Return what the model's pickle needs, in the versions that the run had."""
    needed = set(_ALWAYS)
    for package in packages | set(_needs_of(flavour)):
        needed.update(d.replace("_", "-").lower() for d in _distributions().get(package, ()))
    needed.discard("mlops-jupyter")
    if environment_digest is None:
        return sorted(needed)
    installed = environment.decode(project.objects.read(environment_digest)).installed
    return [f"{name}=={installed[name]}" for name in sorted(needed & set(installed))]


def _needs_of(flavour: str) -> tuple[str, ...]:
    if flavour == "sklearn":
        return ("sklearn", "skops", "scipy")
    return ("torch",) if flavour == "pytorch" else (flavour,)


@functools.lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())  # 200 ms


def _own_modules(packages: set[str]) -> list[str]:
    """Return the user's own modules that a model needs: they travel with it."""
    found = []
    for package in sorted(packages - {"__main__", "builtins"}):
        if package in sys.stdlib_module_names or package in _distributions():
            continue
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        place = Path(spec.origin)
        if spec.submodule_search_locations:
            place = place.parent
        if place.exists() and _size(place) <= _LARGEST_CODE_BYTES:
            found.append(str(place))
    return found


def _size(place: Path) -> int:
    return sum(f.stat().st_size for f in (place.rglob("*") if place.is_dir() else [place]))
