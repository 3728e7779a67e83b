"""Snapshots in a re-execution: what a run gives the second time is no version of the project.

Content that is a version already is that version. Other content gets a version that only this
process knows, under the number that would have been next: it can be loaded, compared and named
here as the recorded run did with its own. Its bytes lie in the object store with no row that
names them, so that `mlops gc` takes them away.
"""

from __future__ import annotations

import os
from pathlib import Path

from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.ref import LATEST, Ref
from mlops_jupyter.project import REPRODUCES, Project

_unkept: dict[tuple[Path, str, int], DatasetVersion] = {}
_newest: dict[tuple[Path, str], DatasetVersion] = {}


def is_on() -> bool:
    """Return whether this process executes a run again."""
    return REPRODUCES in os.environ


def is_unkept(version: DatasetVersion) -> bool:
    """Return whether only this process knows a version."""
    return any(version is one for one in _unkept.values())


def note(project: Project, version: DatasetVersion) -> None:
    """Let the bare name of a dataset mean the version that was just taken."""
    _newest[project.root, version.dataset] = version


def number(project: Project, name: str) -> int:
    """Return the number that the next version of a dataset would have."""
    row = project.catalog.row(
        "SELECT coalesce(max(number), 0) FROM dataset_version WHERE dataset = ?", (name,)
    )
    known = [n for root, dataset, n in _unkept if (root, dataset) == (project.root, name)]
    return max([row[0] if row else 0, *known]) + 1


def add(project: Project, version: DatasetVersion) -> None:
    """Know a version in this process only; the same content is the same version."""
    _unkept[project.root, version.dataset, version.number] = version


def find(project: Project, name: str, digest: str) -> DatasetVersion | None:
    """Return the version of a dataset with this content that only this process knows."""
    return next(
        (
            version
            for (root, dataset, _), version in _unkept.items()
            if (root, dataset, version.digest) == (project.root, name, digest)
        ),
        None,
    )


def resolve(project: Project, asked: Ref) -> DatasetVersion | None:
    """Return what a written version means here, if this process took what it means."""
    if asked.dataset is None:
        return None
    if asked.number is not None:
        return _unkept.get((project.root, asked.dataset, asked.number))
    if asked.is_alone or asked.text == f"{asked.dataset}@{LATEST}":
        return _newest.get((project.root, asked.dataset))
    return None
