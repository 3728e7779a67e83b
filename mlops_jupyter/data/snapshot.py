"""Take a version of a frame or of a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter.config import NAME
from mlops_jupyter.data import file, touched, versions
from mlops_jupyter.data.dataset import Column, DatasetVersion
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project, now


def snapshot(project: Project, obj: Any, name: str, note: str | None = None) -> DatasetVersion:
    """Keep the content of a frame or a file as a version of the dataset `name`.

    The same content under the same name is the same version: nothing is written, and the
    version that is there is returned, with its own note.

    Parameters
    ----------
    project : Project
    obj : pandas.DataFrame, pandas.Series, or path of a file
    name : str
        Of the dataset: letters, digits, ``_``, ``.`` and ``-``.
    note : str, optional
        What it is, for people.

    Raises
    ------
    UsageError
        The name is not allowed, or `obj` is nothing that can be kept.
    NotFoundError
        There is no such file.
    ConflictError
        It changed while it was read.
    ExternalError
        The disk is full. Nothing is kept then.
    """
    check_name(name)
    _check_note(note)
    kept: DatasetVersion | _Kept
    if isinstance(obj, str | os.PathLike):
        written = file.write(project.objects, Path(obj))
        kept = _Kept("file", written.digest, written.manifest, written.size_bytes)
    else:
        kept = _of_frame(project, obj, name)
    version = kept if isinstance(kept, DatasetVersion) else _commit(project, name, kept, note)
    touched.tell(version)
    return version


def check_name(name: str) -> None:
    """Refuse a name that a dataset may not bear.

    Raises
    ------
    UsageError
        It holds other characters, or is too long.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UsageError(
            f"not a name for a dataset: {str(name)[:80]!r}",
            hint="letters, digits, '_', '.' and '-', the first a letter or a digit; at most 100",
        )


def _check_note(note: str | None) -> None:
    if note is not None and not isinstance(note, str):
        raise UsageError(f"a note is text, not a {type(note).__qualname__}")


class _Kept(msgspec.Struct, frozen=True):
    """What a row says of content that is in the object store."""

    kind: str
    digest: str
    manifest: str
    size_bytes: int
    row_count: int | None = None
    columns: tuple[Column, ...] = ()


def _of_frame(project: Project, obj: Any, name: str) -> DatasetVersion | _Kept:
    # whoever holds a frame has imported pandas: nobody else must wait for it
    if "pandas" not in sys.modules:
        raise _unsupported(obj)
    from mlops_jupyter.data import frame

    if not frame.is_frame(obj):
        raise _unsupported(obj)
    examined = frame.examine(obj)
    known = versions.find(project, name, examined.digest)
    if known is not None:
        return known
    columns = frame.describe(obj)
    manifest = frame.write(project.objects, examined)
    return _Kept("frame", examined.digest, manifest, examined.size_bytes, len(obj), columns)


def _unsupported(obj: Any) -> UsageError:
    kind = type(obj)
    return UsageError(
        f"a {kind.__module__}.{kind.__qualname__} cannot be kept as a data version",
        hint="give a pandas DataFrame or Series, or the path of a file",
    )


def _commit(project: Project, name: str, kept: _Kept, note: str | None) -> DatasetVersion:
    """Add the row, after all objects; of two writers of one content the second gets the first's."""
    facts = msgspec.structs.asdict(kept)
    columns = msgspec.json.encode(kept.columns).decode()
    with project.catalog.transaction() as connection:
        # the transaction holds the write lock from its start: nobody else takes the number
        row = connection.execute(
            "SELECT * FROM dataset_version WHERE dataset = ? AND digest = ?", (name, kept.digest)
        ).fetchone()
        if row is None:
            row = connection.execute(
                "INSERT INTO dataset_version (dataset, number, digest, kind, manifest, row_count,"
                " columns, size_bytes, note, created_at) VALUES (:dataset, (SELECT"
                " coalesce(max(number), 0) + 1 FROM dataset_version WHERE dataset = :dataset),"
                " :digest, :kind, :manifest, :row_count, :columns, :size_bytes, :note, :at)"
                " RETURNING *",
                {**facts, "dataset": name, "columns": columns, "note": note, "at": now()},
            ).fetchone()
    return versions.from_row(row)
