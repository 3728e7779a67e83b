"""What MLflow is told beside the alias: tags of models and versions, and texts of runs."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_jupyter.models.registry import connect, translated
from mlops_jupyter.project import Project

LONGEST = 5000
"""Characters of a tag, as MLflow keeps them."""


def tag_version(project: Project, model: str, version: int, tags: Mapping[str, str]) -> None:
    """Set tags of a version.

    Raises
    ------
    ExternalError
        MLflow cannot be reached, or has no such version.
    """
    with translated(project):
        made = connect(project)
        for key, value in tags.items():
            made.set_model_version_tag(model, str(version), key, value[:LONGEST])


def tag_model(project: Project, model: str, tags: Mapping[str, str]) -> None:
    """Set tags of a registered model.

    Raises
    ------
    ExternalError
        MLflow cannot be reached, or has no such model.
    """
    with translated(project):
        made = connect(project)
        for key, value in tags.items():
            made.set_registered_model_tag(model, key, value[:LONGEST])


def untag_model(project: Project, model: str, key: str) -> None:
    """Take a tag of a registered model away.

    Raises
    ------
    ExternalError
        MLflow cannot be reached, or has no such tag.
    """
    with translated(project):
        connect(project).delete_registered_model_tag(model, key)


def tags_of(project: Project, model: str) -> dict[str, str]:
    """Return the tags of a registered model; none when there is no such model.

    Raises
    ------
    ExternalError
        MLflow cannot be reached.
    """
    with translated(project):
        found = connect(project).search_registered_models(f"name = '{model}'")
        return dict(found[0].tags) if found else {}


def tags_of_versions(project: Project, model: str) -> dict[int, dict[str, str]]:
    """Return the tags of all versions of a model.

    Raises
    ------
    ExternalError
        MLflow cannot be reached.
    """
    with translated(project):
        found = connect(project).search_model_versions(f"name = '{model}'")
        return {int(version.version): dict(version.tags) for version in found}


def keep_text(project: Project, run_id: str, path: str, text: str) -> bool:
    """Keep a text as an artifact of the copy of a run; False when MLflow has no copy of it.

    A run of the user's own in another MLflow gets none.

    Raises
    ------
    ExternalError
        MLflow cannot be reached.
    """
    row = project.catalog.row("SELECT mlflow_run_id, mlflow_store FROM run WHERE id = ?", (run_id,))
    if row is None or row["mlflow_run_id"] is None or row["mlflow_store"] is not None:
        return False
    with translated(project):
        connect(project).log_text(row["mlflow_run_id"], text, path)
    return True
