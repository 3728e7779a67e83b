"""Versions by their names, and their content."""

from __future__ import annotations

import importlib
import os
import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from mlops_jupyter.config import NAME
from mlops_jupyter.data import reach, replayed, touched, trust
from mlops_jupyter.data.dataset import Column, Dataset, DatasetVersion, Kind, Source
from mlops_jupyter.data.files import file
from mlops_jupyter.data.ref import SHOWN, Ref, parse
from mlops_jupyter.errors import NotFoundError, UsageError, did_you_mean
from mlops_jupyter.project import Project

FILES = "files"
"""The folder in ``.mlops/`` that holds the copies of loaded files."""

PINS = "MLOPS_DATA_PINS"
"""In the environment of a re-execution: the versions that bare names mean, as JSON."""

SELECT = (
    "SELECT *, (SELECT group_concat(tag, ' ') FROM data_tag WHERE version_id = id) AS tags"
    " FROM dataset_version"
)
"""Gives the rows that `from_row` reads."""

LIBRARIES = ("pandas", "polars", "arrow", "numpy")


def datasets(project: Project, *, passed: bool = True) -> tuple[Dataset, ...]:
    """Return all datasets by name, the newest version of each first.

    Parameters
    ----------
    project : Project
    passed : bool
        Also those that only hold what passes from step to step of a pipeline.
    """
    taken = "dataset IN (SELECT dataset FROM dataset_version WHERE passed_by IS NULL)"
    found: dict[str, list[DatasetVersion]] = {}
    for version in _select(project, "1 = 1" if passed else taken, ()):
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
        raise _unknown_name(project, name[:SHOWN])
    return Dataset(name, versions)


def resolve(project: Project, ref: str) -> DatasetVersion:
    """Return the version that people write as `ref`.

    Parameters
    ----------
    project : Project
    ref : str
        ``train`` and ``train@latest`` are the newest version whose content is there,
        ``train@3`` is the third, ``train@golden`` the one tagged so, ``train@2026-11-01`` the
        newest at the end of that day, ``train@blake3:…`` the one with this content; 8 hex
        digits of the digest are enough, 12 where no dataset stands before them. See
        `mlops_jupyter.data.ref`.

    Raises
    ------
    NotFoundError
        There is no such dataset or version.
    UsageError
        It is not written as a version is, or two versions begin with these digits.
    """
    asked = parse(ref)
    taken = replayed.resolve(project, asked)
    if taken is not None:
        return taken
    found = _resolved(project, asked)
    touched.tell_asked(asked.text, found)
    return found


def _resolved(project: Project, asked: Ref) -> DatasetVersion:
    if asked.dataset is None:
        return _alone(project, asked, NotFoundError("data version", asked.shown))
    name = asked.dataset
    if not NAME.fullmatch(name):
        raise _unknown_name(project, name[:SHOWN])
    if asked.number is not None:
        found = _select(project, "dataset = ? AND number = ?", (name, asked.number))
    elif asked.before is not None:
        found = _before(project, name, asked.before)
    elif asked.tag is not None:
        found = _tagged(project, name, asked.tag)
    else:
        found = () if asked.digits and not asked.is_alone else _newest(project, name)
    if not found and asked.digits:
        if asked.is_alone:
            return _alone(project, asked, _unknown_name(project, name))
        found = _by_digest(project, asked, "dataset = ?", (name,))
    if not found:
        raise _unknown_version(project, asked)
    return _still(project, found[0])


def load(
    project: Project,
    ref: str,
    *,
    columns: Sequence[str] | None = None,
    rows: slice | None = None,
    as_: str | None = None,
) -> Any:
    """Return the content of a version: a value equal to the one taken, or a read-only file.

    Parameters
    ----------
    project : Project
    ref : str
        See `resolve`.
    columns : sequence of str, optional
        Only these, in this order.
    rows : slice, optional
        Only these.
    as_ : {"pandas", "polars", "arrow", "numpy"}, optional
        Default: as it was taken.

    Raises
    ------
    NotFoundError, UsageError
        As `resolve`; there is no such column; its content was given up; a file has no columns.
    IntegrityError
        An object is missing or damaged.
    """
    _check_part(columns, rows, as_)
    version = resolve(project, ref)
    if version.kind in {"file", "folder"} and not (
        columns is None and rows is None and as_ is None
    ):
        raise UsageError(
            f"{version}: a {version.kind} has no columns, rows or library to load it with",
            hint="load it whole: that gives its path",
        )
    found = look(project, version, columns, rows, as_)
    touched.tell(version)
    return found


def look(
    project: Project,
    version: DatasetVersion,
    columns: Sequence[str] | None = None,
    rows: slice | None = None,
    as_: str | None = None,
) -> Any:
    """Return the content of a version as `load` does, for who does not use it: to compare, say.

    No run is told of it.
    """
    check_there(version)
    if version.kind in {"file", "folder"}:
        return file.read(project.objects, version.manifest, project.folder / FILES)
    return _value(project, version, columns, rows, as_)


def check_there(version: DatasetVersion) -> None:
    """Refuse a version whose content was given up.

    Raises
    ------
    UsageError
        It says when, and why.
    """
    if version.gone_at is not None:
        why = f": {version.gone_why}" if version.gone_why else ""
        raise UsageError(
            f"{version}: its content was given up on {version.gone_at[:10]}{why}",
            hint=f"`mlops data log {version.dataset}` lists the versions that are there",
        )


def is_there(project: Project, version: DatasetVersion) -> bool:
    """Tell whether the content of a version is there: not given up, no object missing."""
    return version.gone_at is None and reach.is_there(project.objects, version.manifest)


def find(project: Project, name: str, digest: str) -> DatasetVersion | None:
    """Return the version of a dataset with this content, if there is one."""
    found = _select(project, "dataset = ? AND digest = ?", (name, digest))
    return found[0] if found else None


def newest(project: Project, name: str, kind: Kind) -> DatasetVersion | None:
    """Return the newest version of a dataset that is of this kind and still there."""
    where = (
        "id = (SELECT id FROM dataset_version WHERE dataset = ? AND kind = ? AND gone_at IS NULL"
        " ORDER BY number DESC LIMIT 1)"
    )
    found = _select(project, where, (name, kind))
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
        raise _unknown_version(project, Ref(version.ref, version.dataset))
    return int(row["id"])


def from_row(row: sqlite3.Row) -> DatasetVersion:
    """Return the version of a row of `SELECT`."""
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
        tags=tuple(sorted((row["tags"] or "").split())),
        gone_at=row["gone_at"],
        gone_why=row["gone_why"],
    )


def _pinned(name: str) -> int | None:
    """Return the version that a bare name means in a re-execution: that of when it was recorded."""
    pins = os.environ.get(PINS)
    return msgspec.json.decode(pins, type=dict[str, int]).get(name) if pins else None


def _still(project: Project, version: DatasetVersion) -> DatasetVersion:
    """Return the version that one is the same as since rows were erased, or else itself."""
    if version.gone_at is None:
        return version
    same = "id = (SELECT same_as FROM dataset_version WHERE dataset = ? AND number = ?)"
    found = _select(project, same, (version.dataset, version.number))
    return _still(project, found[0]) if found else version


def _select(
    project: Project, where: str, values: Sequence[Any], order: str = "dataset, number DESC"
) -> Sequence[DatasetVersion]:
    rows = project.catalog.rows(f"{SELECT} WHERE {where} ORDER BY {order}", values)
    return [from_row(row) for row in rows]


def _newest(project: Project, name: str) -> Sequence[DatasetVersion]:
    """Return the newest version whose content is there, else the newest."""
    pinned = _pinned(name)
    if pinned is not None:
        found = _select(project, "dataset = ? AND number = ?", (name, pinned))
        if found:
            return found
    there = _select(project, "dataset = ? AND gone_at IS NULL", (name,), "number DESC LIMIT 1")
    return there or _select(project, "dataset = ?", (name,), "number DESC LIMIT 1")


def _tagged(project: Project, name: str, tag: str) -> Sequence[DatasetVersion]:
    if not NAME.fullmatch(tag):  # SQLite takes no half of a character
        return ()
    where = "id = (SELECT version_id FROM data_tag WHERE dataset = ? AND tag = ?)"
    return _select(project, where, (name, tag))


def _before(project: Project, name: str, time: str) -> Sequence[DatasetVersion]:
    return _select(
        project,
        "dataset = ? AND created_at < ?",
        (name, time),
        "created_at DESC, number DESC LIMIT 1",
    )


def _by_digest(
    project: Project, asked: Ref, where: str, values: Sequence[Any]
) -> Sequence[DatasetVersion]:
    first = f"blake3:{asked.digits}"
    # no hex digit comes after 'f'; a range is found in the index
    found = _select(project, f"{where} AND digest BETWEEN ? AND ?", (*values, first, first + "g"))
    if len({version.digest for version in found}) > 1:
        refs = ", ".join(version.ref for version in found[:5])
        raise UsageError(f"{asked.shown}: {refs} all begin so", hint="give more of the digest")
    return found


def _alone(project: Project, asked: Ref, unknown: NotFoundError) -> DatasetVersion:
    """Return the first version with this content, in whichever dataset, one that is there."""
    found = _by_digest(project, asked, "1 = 1", ())
    if not found:
        raise unknown
    return min(found, key=lambda version: (version.gone_at is not None, version.created_at))


def _check_part(columns: object, rows: object, as_: object) -> None:
    if isinstance(columns, str) or not isinstance(columns, Sequence | None):
        raise UsageError(
            f"columns: a list of names, not {str(columns)[:SHOWN]!r}", hint='columns=["a", "b"]'
        )
    if not isinstance(rows, slice | None):
        raise UsageError(f"rows: a slice, not {str(rows)[:SHOWN]!r}", hint="rows=slice(0, 100)")
    if as_ is not None and as_ not in LIBRARIES:
        raise UsageError(
            f"as_: no library that a value can be loaded with: {str(as_)[:SHOWN]!r}",
            hint=did_you_mean(str(as_), LIBRARIES),
        )


def _window(rows: slice, count: int) -> tuple[int, int]:
    try:
        start, stop, step = rows.indices(count)
    except (TypeError, ValueError) as error:
        raise UsageError(f"rows: {error}", hint="rows=slice(0, 100)") from None
    if step != 1:
        raise UsageError("rows: only rows that follow one another", hint="rows=slice(0, 100)")
    return start, max(start, stop)


def _value(
    project: Project,
    version: DatasetVersion,
    columns: Sequence[str] | None,
    rows: slice | None,
    as_: str | None,
) -> Any:
    from mlops_jupyter.data.storage import manifest
    from mlops_jupyter.data.value import content

    window = None if rows is None else _window(rows, version.row_count or 0)
    origin = trust.distrusted(project, version)
    kind, stored = manifest.content(project.objects, version.manifest, window, origin)
    value = content.put_together(kind, stored, columns)
    if as_ is None:
        return value
    return importlib.import_module("mlops_jupyter.data.convert").as_library(value, as_)


def _unknown_name(project: Project, name: str) -> NotFoundError:
    rows = project.catalog.rows("SELECT DISTINCT dataset FROM dataset_version")
    return NotFoundError(
        "dataset",
        name,
        [row["dataset"] for row in rows],
        hint="there is none yet; take one with `%snapshot` or `mlops snapshot`",
    )


def _unknown_version(project: Project, asked: Ref) -> NotFoundError:
    name = asked.dataset or ""
    rows = project.catalog.rows(
        "SELECT number, created_at FROM dataset_version WHERE dataset = ? ORDER BY created_at",
        (name,),
    )
    if not rows:
        return _unknown_name(project, name)
    if asked.before is not None:
        first = f"{name}@{rows[0]['number']}"
        hint = f"the first version is {first}, of {rows[0]['created_at'][:16]} UTC"
        return NotFoundError("data version", asked.shown, hint=hint)
    tags = project.catalog.rows("SELECT tag FROM data_tag WHERE dataset = ?", (name,))
    known = [row["number"] for row in rows] + [row["tag"] for row in tags]
    return NotFoundError("data version", asked.shown, [f"{name}@{which}" for which in known])
