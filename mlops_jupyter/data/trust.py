"""Whose pickles are read: our own, and those of others when the user says so."""

from __future__ import annotations

from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project


def foreign(origin: str) -> UsageError:
    """Return the error of a pickle that came from elsewhere."""
    return UsageError(
        f"it holds pickled values that came from {origin}: they are not read",
        hint="a pickle can run any code; if you trust those who wrote it, say so in mlops.yaml: "
        "`remote: {trust: true}`",
    )


def distrusted(project: Project, table: str, key: str, value: object) -> str | None:
    """Return where a row came from, if what it holds must not be unpickled; else None.

    Parameters
    ----------
    project : Project
    table : str
        ``run`` or ``dataset_version``.
    key, value : str, object
        A column of it and what stands there.
    """
    if project.settings.remote.trust:
        return None
    row = project.catalog.row(f"SELECT origin FROM {table} WHERE {key} = ?", (value,))
    return None if row is None else row["origin"]


def refuse_foreign(project: Project, run_id: str) -> None:
    """Refuse to unpickle what a run kept, if the run came from elsewhere.

    Raises
    ------
    UsageError
        It did, and ``mlops.yaml`` does not say that others are trusted.
    """
    origin = distrusted(project, "run", "id", run_id)
    if origin is not None:
        raise foreign(origin)
