"""Tags: names that people give to versions, ``train@golden``.

A tag stands on one version of a dataset. It may be moved, by one who says so; a run keeps the
number of the version that it used.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.ref import check_tag, parse
from mlops_jupyter.errors import ConflictError, NotFoundError, UsageError
from mlops_jupyter.project import Project, now


def tag(project: Project, ref: str, name: str, *, move: bool = False) -> DatasetVersion:
    """Give a version a tag.

    Parameters
    ----------
    project : Project
    ref : str
        The version.
    name : str
        The tag: letters, digits, ``_``, ``.`` and ``-``. It may not look like a number, a date
        or a digest.
    move : bool
        Whether a tag that stands on another version of the dataset is moved.

    Raises
    ------
    UsageError
        The tag is not allowed, or the content of the version was given up.
    NotFoundError
        There is no such version.
    ConflictError
        The tag stands on another version.
    """
    check_tag(name)
    version = versions.resolve(project, ref)
    versions.check_there(version)
    return give(project, version, [name], move=move)


def give(
    project: Project, version: DatasetVersion, tags: Sequence[str], *, move: bool = False
) -> DatasetVersion:
    """Give tags, which are checked, to a version, and return it with them.

    Raises
    ------
    ConflictError
        One stands on another version; then none is given.
    """
    row_id = versions.row_id(project, version)
    with project.catalog.transaction() as connection:
        put(connection, version.dataset, row_id, tags, move=move)
    return versions.resolve(project, version.ref)


def untag(project: Project, ref: str) -> DatasetVersion:
    """Take the tag off that is written as ``train@golden``, and return the version it stood on.

    Raises
    ------
    UsageError
        It is written as something else than a tag is.
    NotFoundError
        There is no such dataset or tag.
    """
    asked = parse(ref)
    if asked.dataset is None or asked.tag is None:
        raise UsageError(f"not a tag: {asked.shown!r}", hint="write `mlops data untag train@TAG`")
    version = versions.resolve(project, ref)
    with project.catalog.transaction() as connection:
        gone = connection.execute(
            "DELETE FROM data_tag WHERE dataset = ? AND tag = ?", (version.dataset, asked.tag)
        )
        if not gone.rowcount:
            raise NotFoundError("tag", asked.shown)
    return versions.resolve(project, version.ref)


def check(tags: Sequence[str]) -> None:
    """Refuse tags that are not allowed, before anything is done.

    Raises
    ------
    UsageError
        It says which, and why.
    """
    if isinstance(tags, str):
        raise UsageError(f"tags: a list of names, not {tags[:80]!r}", hint='tags=["golden"]')
    for name in tags:
        check_tag(name)


def put(
    connection: sqlite3.Connection,
    dataset: str,
    row_id: int,
    tags: Sequence[str],
    *,
    move: bool = False,
) -> None:
    """Give tags to a version, in the transaction that is open.

    A re-execution gives none: they tell of the run that was recorded.

    Raises
    ------
    ConflictError
        One stands on another version.
    """
    for name in () if versions.PINS in os.environ else tags:
        row = connection.execute(
            "SELECT version_id, number FROM data_tag JOIN dataset_version ON id = version_id"
            " WHERE data_tag.dataset = ? AND tag = ?",
            (dataset, name),
        ).fetchone()
        if row is not None and row["version_id"] == row_id:
            continue
        if row is not None and not move:
            raise ConflictError(
                f"{dataset}@{name} is {dataset}@{row['number']}",
                hint="to move it, say --force, or move_tags=True",
            )
        connection.execute(
            "INSERT INTO data_tag (dataset, tag, version_id, tagged_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET version_id = excluded.version_id,"
            " tagged_at = excluded.tagged_at",
            (dataset, name, row_id, now()),
        )
