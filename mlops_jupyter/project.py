"""The project: a folder with ``mlops.yaml`` (what people write) and ``.mlops/`` (what we write).

A `Project` holds what the verbs of the layers above need, and has no verbs of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from . import config
from .config import FILE, Settings
from .errors import UsageError, refused_by_disk
from .store import mlflow_home
from .store.catalog import Catalog
from .store.objects import Objects, replace_file

FOLDER = ".mlops"

REPRODUCES = "MLOPS_REPRODUCES"
"""In the environment of a kernel that re-executes a run: the id of that run."""

TEMPLATE = """\
# yaml-language-server: $schema=.mlops/mlops.schema.json
# The project: its pipelines, its models and what a model must pass to be promoted.
version: 1

# pipelines:                      # `mlops pipeline build NOTEBOOK` writes this part
#   train:
#     notebook: train.ipynb

# models:
#   churn:                        # `mlops gate churn --init` drafts this part from a run
#     pipeline: train
#     evaluate:
#       data: customers@latest    # challenger and champion are scored on these rows
#       label: churned
#     checks:
#       - floor: {metric: roc_auc, at_least: 0.75}
#       - compare: {metric: roc_auc, rule: not_worse, margin: 0.01}

# mlflow:
#   tracking_uri: http://mlflow.example.org   # default: a database in .mlops/mlflow
"""


class Project(msgspec.Struct, frozen=True):
    """A folder, its settings and its stores.

    Attributes
    ----------
    root : Path
        The folder, absolute.
    settings : Settings
        What ``mlops.yaml`` and the environment say.
    catalog : Catalog
        The rows.
    objects : Objects
        The bytes.
    """

    root: Path
    settings: Settings
    catalog: Catalog
    objects: Objects

    @property
    def folder(self) -> Path:
        """``.mlops/``, where everything that we write lies."""
        return self.root / FOLDER

    @property
    def tracking_uri(self) -> str:
        """The MLflow store of this project."""
        return self.settings.mlflow.tracking_uri or mlflow_home.uri(self.folder / "mlflow")

    @property
    def experiment(self) -> str:
        """The name of the MLflow experiment that holds this project's runs."""
        return self.settings.mlflow.experiment or self.root.name


def now() -> str:
    """Return the time, as the catalog writes it: ISO 8601, UTC, microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def find_root(start: Path) -> Path | None:
    """Return the nearest folder, from `start` upward, that holds ``mlops.yaml``."""
    start = start.resolve()
    return next((f for f in (start, *start.parents) if (f / FILE).is_file()), None)


def open_project(start: Path | str | None = None) -> Project:
    """Open the project that a folder lies in.

    Parameters
    ----------
    start : path, optional
        A folder in the project. Default: ``MLOPS_PROJECT`` of the environment, else the
        working directory.

    Raises
    ------
    UsageError
        There is no project here, or ``mlops.yaml`` is wrong.
    ExternalError, IntegrityError
        The catalog cannot be opened, or is damaged.
    """
    place = Path(start or os.environ.get("MLOPS_PROJECT") or Path.cwd())
    root = find_root(place)
    if root is None:
        raise UsageError(
            f"{place}: not in a project, there is no {FILE} here or above",
            hint="make one with `mlops init`",
        )
    settings = config.load(root / FILE)
    folder = root / FOLDER
    if not (folder / "catalog.sqlite").exists():
        _make_folder(folder)
    return Project(root, settings, Catalog(folder / "catalog.sqlite"), Objects(folder / "objects"))


@contextmanager
def here() -> Iterator[Project]:
    """Open the project here for a verb, and close this thread's connection after it."""
    project = open_project()
    try:
        yield project
    finally:
        project.catalog.close()


def init(root: Path | str) -> Project:
    """Make a project of a folder; what is there already is left as it is.

    Writes ``mlops.yaml`` (unless it exists), and under ``.mlops/`` the catalog, the object
    store, the JSON Schema of ``mlops.yaml`` and an MLflow database.

    Raises
    ------
    UsageError
        The folder may not be written, or its ``mlops.yaml`` is wrong.
    """
    root = Path(root).resolve()
    file = root / FILE
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            replace_file(file, TEMPLATE.encode())
    except OSError as error:
        raise refused_by_disk(root, error) from error
    project = open_project(root)
    _make_folder(project.folder)
    if project.settings.mlflow.tracking_uri is None:
        mlflow_home.create(project.folder / "mlflow")
    return project


def _make_folder(folder: Path) -> None:
    schema = json.dumps(config.json_schema(), indent=2).encode()
    try:
        folder.mkdir(exist_ok=True)
        for name, content in ((".gitignore", b"*\n"), ("mlops.schema.json", schema)):
            path = folder / name
            if not path.exists() or (name != ".gitignore" and path.read_bytes() != content):
                replace_file(path, content)
    except OSError as error:
        raise refused_by_disk(folder, error) from error
