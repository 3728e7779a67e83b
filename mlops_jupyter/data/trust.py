"""Whose pickles are read: our own, and those of others when the user says so."""

from __future__ import annotations

from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project


def foreign(origin: str) -> UsageError:
    """Return the error of a pickle that came from elsewhere."""
    return UsageError(
        f"pickled values that came from {origin} are not read: a pickle can run any code",
        hint="if you trust those who wrote them, say so in mlops.yaml: `remote: {trust: true}`",
    )


def origin(project: Project, version: DatasetVersion) -> str | None:
    """Return the store that a version came from, or stands on one from; None: made here."""
    row = project.catalog.row(
        "SELECT origin FROM dataset_version WHERE dataset = ? AND digest = ?",
        (version.dataset, version.digest),
    )
    return None if row is None else row["origin"]


def distrusted(project: Project, version: DatasetVersion) -> str | None:
    """Return where a version came from, if its pickles must not be read; else None."""
    return None if project.settings.remote.trust else origin(project, version)


def refuse_foreign(project: Project, run_id: str) -> None:
    """Refuse to unpickle what a run kept, if the run came from elsewhere.

    Raises
    ------
    UsageError
        It did, and ``mlops.yaml`` does not say that others are trusted.
    """
    row = project.catalog.row("SELECT origin FROM run WHERE id = ?", (run_id,))
    if row is not None and row["origin"] is not None and not project.settings.remote.trust:
        raise foreign(row["origin"])
