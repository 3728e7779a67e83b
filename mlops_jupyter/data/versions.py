"""Names of versions: ``train``, ``train@3``, ``train@latest``, ``train@blake3:…``."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from mlops_jupyter.config import NAME
from mlops_jupyter.data import file, touched
from mlops_jupyter.data.dataset import Column, Dataset, DatasetVersion, Source
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project

FILES = "files"
"""The folder in ``.mlops/`` that holds the copies of loaded files."""

PINS = "MLOPS_DATA_PINS"
"""In the environment of a re-execution: the versions that bare names mean, as JSON."""

_TAGS = "SELECT group_concat(tag, ' ') FROM data_tag WHERE version_id = dataset_version.id"

_PREFIX = re.compile(r"(blake3:)?(?P<digits>[0-9a-f]{8,64})")


def datasets(project: Project) -> tuple[Dataset, ...]:
    """Return all datasets by name, the newest version of each first."""
    found: dict[str, list[DatasetVersion]] = {}
    for version in _select(project, "1 = 1", ()):
        found.setdefault(version.dataset, []).append(version)
    return tuple(Dataset(name, tuple(versions)) for name, versions in found.items())


def dataset(project: Project, name: str) -> Dataset:
    """Return one dataset.

    Raises
    ------
    NotFoundError
        Nothing bears this name.
    """
    versions = tuple(_select(project, "dataset = ?", (name,)))
    if not versions:
        raise _unknown_name(project, name)
    return Dataset(name, versions)


def resolve(project: Project, ref: str) -> DatasetVersion:
    """Return the version that people write as `ref`.

    Parameters
    ----------
    project : Project
    ref : str
        ``train`` and ``train@latest`` are the newest version, ``train@3`` is the third,
        ``train@blake3:…`` the one with this content; 8 hex digits of the digest are enough.

    Raises
    ------
    NotFoundError
        There is no such dataset or version.
    UsageError
        It is not written as a version is, or two versions begin with these digits.
    """
    name, at, which = ref.partition("@")
    if not name or (at and not which):
        raise UsageError(f"not a data version: {ref!r}", hint="write train, train@3, train@latest")
    if not NAME.fullmatch(name):
        raise _unknown_name(project, name[:100])
    if not at or which == "latest":
        pinned = _pinned(name)
        newest = dataset(project, name).versions
        return next((v for v in newest if v.number == pinned), newest[0])
    if re.fullmatch(r"[0-9]{1,18}", which):
        found = _select(project, "dataset = ? AND number = ?", (name, int(which)))
        if found:
            return found[0]
    prefix = _PREFIX.fullmatch(which)
    if prefix:
        return _by_digest(project, name, prefix["digits"], ref)
    raise _unknown_version(project, name, ref)


def load(project: Project, ref: str) -> Any:
    """Return the content of a version: a frame equal to the one taken, or a read-only file.

    Raises
    ------
    NotFoundError, UsageError
        As `resolve`.
    IntegrityError
        An object is missing or damaged.
    """
    version = resolve(project, ref)
    found: Any
    if version.kind in {"file", "folder"}:
        found = file.read(project.objects, version.manifest, project.folder / FILES)
    else:
        from mlops_jupyter.data import content, manifest

        found = content.put_together(*manifest.content(project.objects, version.manifest))
    touched.tell(version)
    return found


def find(project: Project, name: str, digest: str) -> DatasetVersion | None:
    """Return the version of a dataset with this content, if there is one."""
    found = _select(project, "dataset = ? AND digest = ?", (name, digest))
    return found[0] if found else None


def row_id(project: Project, version: DatasetVersion) -> int:
    """Return the id of a version's row in ``dataset_version``.

    Raises
    ------
    NotFoundError
        It is a version of another project.
    """
    row = project.catalog.row(
        "SELECT id FROM dataset_version WHERE dataset = ? AND digest = ?",
        (version.dataset, version.digest),
    )
    if row is None:
        raise _unknown_version(project, version.dataset, version.ref)
    return int(row["id"])


def from_row(row: sqlite3.Row) -> DatasetVersion:
    """Return the version of a row of ``dataset_version``."""
    return DatasetVersion(
        dataset=row["dataset"],
        number=row["number"],
        digest=row["digest"],
        kind=row["kind"],
        manifest=row["manifest"],
        row_count=row["row_count"],
        columns=msgspec.json.decode(row["columns"], type=tuple[Column, ...]),
        size_bytes=row["size_bytes"],
        note=row["note"],
        created_at=row["created_at"],
        source=msgspec.json.decode(row["source"], type=Source) if row["source"] else None,
        profile=row["profile"],
        stored_bytes=row["stored_bytes"],
        tags=tuple(sorted((row["tags"] or "").split())) if "tags" in row.keys() else (),  # noqa: SIM118
        gone_at=row["gone_at"],
        gone_why=row["gone_why"],
    )


def _pinned(name: str) -> int | None:
    """Return the version that a bare name means in a re-execution: that of when it was recorded."""
    pins = os.environ.get(PINS)
    return msgspec.json.decode(pins, type=dict[str, int]).get(name) if pins else None


def _select(project: Project, where: str, values: Sequence[Any]) -> list[DatasetVersion]:
    rows = project.catalog.rows(
        f"SELECT *, ({_TAGS}) AS tags FROM dataset_version WHERE {where}"
        " ORDER BY dataset, number DESC",
        values,
    )
    return [from_row(row) for row in rows]


def _by_digest(project: Project, name: str, digits: str, ref: str) -> DatasetVersion:
    found = _select(project, "dataset = ? AND digest GLOB ?", (name, f"blake3:{digits}*"))
    if not found:
        raise _unknown_version(project, name, ref)
    if len(found) > 1:
        refs = ", ".join(version.ref for version in found)
        raise UsageError(f"{ref}: {refs} all begin so", hint="give more digits of the digest")
    return found[0]


def _unknown_name(project: Project, name: str) -> NotFoundError:
    rows = project.catalog.rows("SELECT DISTINCT dataset FROM dataset_version")
    return NotFoundError(
        "dataset",
        name,
        [row["dataset"] for row in rows],
        hint="there is none yet; take one with `%snapshot` or `mlops snapshot`",
    )


def _unknown_version(project: Project, name: str, ref: str) -> NotFoundError:
    rows = project.catalog.rows(
        "SELECT number FROM dataset_version WHERE dataset = ? ORDER BY number DESC", (name,)
    )
    if not rows:
        return _unknown_name(project, name)
    return NotFoundError("data version", ref, [f"{name}@{row['number']}" for row in rows])
