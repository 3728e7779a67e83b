"""Values that pass from step to step, as data versions: kept without a word, found by content."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from mlops_jupyter.data import erased, trust, versions
from mlops_jupyter.data.dataset import DatasetVersion, Kind
from mlops_jupyter.data.snapshot import Kept, put, store
from mlops_jupyter.data.storage import manifest
from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value import content
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.project import Project

AGAIN = "run the pipeline again: the step before is run anew"


@dataclass(frozen=True, slots=True)
class Passed:
    """A value that is kept, and has no row yet.

    Attributes
    ----------
    dataset : str
    digest : str
        Of the content.
    kept : Kept or None
        None: a version with this content is there.
    """

    dataset: str
    digest: str
    kept: Kept | None


def keep(project: Project, taken: content.Taken, dataset: str) -> Passed:
    """Keep a value that was taken apart, next to the version before.

    The caller holds the objects until `add` has made the rows.

    Raises
    ------
    UsageError
        It is content from which rows had to be erased.
    ConflictError, ExternalError
        It changed meanwhile; the disk is full.
    """
    examined = manifest.examine(taken)
    known = versions.find(project, dataset, examined.digest)
    if known is not None and versions.is_there(project, known):
        return Passed(dataset, examined.digest, None)
    erased.refuse(project, dataset, examined.digest)
    before = versions.newest(project, dataset, taken.kind)
    kept = store(project, examined, before, profile=False)
    return Passed(dataset, examined.digest, kept)


def add(connection: sqlite3.Connection, project: Project, passed: Passed, by: str) -> int:
    """Make the row of a value, or find it; return its id. Within a transaction.

    Parameters
    ----------
    by : str
        ``PIPELINE:STEP``.
    """
    if passed.kept is not None:
        return put(connection, project, passed.dataset, passed.kept, passed_by=by)
    row = connection.execute(
        "SELECT id FROM dataset_version WHERE dataset = ? AND digest = ?",
        (passed.dataset, passed.digest),
    ).fetchone()
    return int(row[0])


def find(project: Project, dataset: str, digest: str) -> tuple[DatasetVersion, Kind, Stored]:
    """Return a version by its content, and the tree that it is put together from.

    Raises
    ------
    IntegrityError
        It is not there any more, or an object is missing or damaged.
    """
    version = versions.find(project, dataset, digest)
    if version is None:
        raise IntegrityError(f"rows were erased from {dataset} since", hint=AGAIN)
    if version.gone_at is not None:
        raise IntegrityError(f"the content of {version} was given up", hint=AGAIN)
    origin = trust.distrusted(project, version)
    kind, stored = manifest.content(project.objects, version.manifest, None, origin)
    return version, kind, stored
