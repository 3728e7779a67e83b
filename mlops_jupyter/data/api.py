"""``mlops_jupyter.snapshot`` and ``mlops_jupyter.load``: the verbs in the project here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.snapshot import snapshot as take_snapshot
from mlops_jupyter.project import Project, open_project


def snapshot(obj: Any, name: str, *, note: str | None = None) -> DatasetVersion:
    """Keep a frame or a file as a version of the dataset `name`, in the project here.

    Parameters
    ----------
    obj : pandas.DataFrame, pandas.Series, or path of a file
    name : str
    note : str, optional
        What it is, for people.

    Returns
    -------
    DatasetVersion
        The one that is there already, when the content is the same.
    """
    with _here() as project:
        return take_snapshot(project, obj, name, note)


def load(ref: str | DatasetVersion) -> Any:
    """Return the content of a version, e.g. ``train@2``, in the project here.

    Parameters
    ----------
    ref : str or DatasetVersion
        ``train`` and ``train@latest`` are the newest version, ``train@2`` is the second,
        ``train@blake3:…`` the one with this content.

    Returns
    -------
    pandas.DataFrame, pandas.Series or Path
        A frame equal to the one taken; of a file, the path of a read-only copy.
    """
    with _here() as project:
        return versions.load(project, str(ref))


@contextmanager
def _here() -> Iterator[Project]:
    project = open_project()
    try:
        yield project
    finally:
        project.catalog.close()
