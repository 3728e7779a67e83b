"""Take a version of a value, a file or a folder."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_jupyter.config import NAME
from mlops_jupyter.data import erased, reach, replayed, touched, trust, versions
from mlops_jupyter.data import tags as tagging
from mlops_jupyter.data.dataset import Column, DatasetVersion, Kind, Source
from mlops_jupyter.errors import ConflictError, IntegrityError, UsageError
from mlops_jupyter.project import Project, now

if TYPE_CHECKING:
    from mlops_jupyter.data.storage.manifest import Examined
    from mlops_jupyter.data.value.content import TakenColumn


def snapshot(
    project: Project,
    obj: Any,
    name: str,
    note: str | None = None,
    *,
    source: Source | None = None,
    tags: Sequence[str] = (),
    move_tags: bool = False,
    digest: str | None = None,
) -> DatasetVersion:
    """Keep a value of memory, a file or a folder as a version of the dataset `name`.

    The same content under the same name is the same version: nothing is written, and the
    version that is there is returned, with its own note and source.

    Parameters
    ----------
    project : Project
    obj : frame, table, array, tensor, sparse matrix, list of dicts, or path or URL
        Of pandas, polars, pyarrow, numpy, torch and scipy; of a file or a folder.
    name : str
        Of the dataset: letters, digits, ``_``, ``.`` and ``-``.
    note : str, optional
        What it is, for people.
    source : Source, optional
        What it was made of. Default: the path or the URL, nothing for a value.
    tags : sequence of str
        Tags to give to the version.
    move_tags : bool
        Whether a tag that stands on another version of the dataset is moved.
    digest : str, optional
        Only this content is kept.

    Raises
    ------
    UsageError
        The name or a tag is not allowed, or `obj` is nothing that can be kept.
    NotFoundError
        There is no such file.
    ConflictError
        It changed while it was read, is not the content that is wanted, or a tag stands on
        another version.
    ExternalError
        The disk is full. Nothing is kept then.
    """
    check_name(name)
    _check_note(note)
    tagging.check(tags)
    said = _Said(note, source, tuple(tags), move_tags)
    with project.objects.held():
        version = _keep(project, obj, name, said, digest)
    if not replayed.is_unkept(version):
        touched.tell(version, taken=True, value=obj)
    return version


def _keep(project: Project, obj: Any, name: str, said: _Said, digest: str | None) -> DatasetVersion:
    kept: DatasetVersion | Kept
    if isinstance(obj, str | os.PathLike):
        kept = _of_path(project, obj, name)
    else:
        kept = _of_value(project, obj, name)
    if digest is not None and kept.digest != digest:
        raise ConflictError(f"{obj}: holds something else now", hint="take it as it is")
    if replayed.is_on():
        return _replayed(project, name, kept, said)
    if not isinstance(kept, DatasetVersion):
        return _commit(project, name, kept, said)
    return tagging.give(project, kept, said.tags, move=said.move_tags) if said.tags else kept


def _replayed(
    project: Project, name: str, kept: DatasetVersion | Kept, said: _Said
) -> DatasetVersion:
    """Return the version with this content, or one that only this process knows."""
    known = versions.find(project, name, kept.digest)
    if known is None or known.gone_at is not None:
        known = replayed.find(project, name, kept.digest)
    if known is None:
        assert isinstance(kept, Kept)
        facts = msgspec.structs.asdict(kept)
        facts["source"] = said.source or kept.source
        facts.pop("origin", None)
        number = replayed.number(project, name)
        known = DatasetVersion(
            dataset=name, number=number, note=said.note, created_at=now(), **facts
        )
        replayed.add(project, known)
    replayed.note(project, known)
    return known


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


class _Said(msgspec.Struct, frozen=True):
    """What the maker of a version says of it."""

    note: str | None
    source: Source | None
    tags: tuple[str, ...]
    move_tags: bool


class Kept(msgspec.Struct, frozen=True):
    """What a row says of content that is in the object store."""

    kind: Kind
    digest: str
    manifest: str
    size_bytes: int
    row_count: int | None = None
    columns: tuple[Column, ...] = ()
    profile: str | None = None
    stored_bytes: int | None = None
    source: Source | None = None
    origin: str | None = None


def _of_path(project: Project, obj: str | os.PathLike[str], name: str) -> DatasetVersion | Kept:
    from mlops_jupyter.data.files import keep as files

    kept = files.keep(project, obj, name)
    if isinstance(kept, DatasetVersion):
        return kept
    return Kept(**msgspec.structs.asdict(kept))


def _of_value(project: Project, obj: Any, name: str) -> DatasetVersion | Kept:
    from mlops_jupyter.data.storage import manifest
    from mlops_jupyter.data.value import content

    examined = manifest.examine(content.take_apart(obj))
    known = versions.find(project, name, examined.digest)
    if known is not None and versions.is_there(project, known):
        return known
    erased.refuse(project, name, examined.digest)  # before any of it is written
    return store(project, examined, versions.newest(project, name, examined.taken.kind))


def store(
    project: Project, examined: Examined, before: DatasetVersion | None, *, profile: bool = True
) -> Kept:
    """Keep a value, next to a version before, and return what a row must say of it.

    The caller holds the objects. Without `profile` the statistics are made when somebody asks.
    """
    from mlops_jupyter.data.storage import manifest

    taken = examined.taken
    columns = taken.columns()
    # it may come to hold objects of the version before
    origin = None if before is None else trust.origin(project, before)
    written = manifest.write(
        project.objects, examined, [c.name for c in columns], before.manifest if before else None
    )
    made = _profile(project, examined, columns, before) if profile else None
    return Kept(
        taken.kind,
        examined.digest,
        written.manifest,
        examined.size_bytes,
        taken.row_count,
        tuple(Column(c.name, c.type, c.missing) for c in columns),
        made,
        written.added_bytes,
        origin=origin,
    )


def _profile(
    project: Project,
    examined: Examined,
    columns: Sequence[TakenColumn],
    before: DatasetVersion | None,
) -> str | None:
    """Keep the statistics of the columns; those that did not change are not looked at again."""
    from mlops_jupyter.data.statistics import profile
    from mlops_jupyter.data.value import part

    if not columns:
        return None
    known = None
    if before is not None and before.profile is not None:
        # damaged, which `mlops verify` tells of, or of a newer format
        with contextlib.suppress(IntegrityError, UsageError):
            known = profile.read(project.objects, before.profile)
    digests = [part.digest(column.part, examined.measures) for column in columns]
    made = profile.make(columns, digests, examined.taken.row_count, known)
    return profile.write(project.objects, made)


def _commit(project: Project, name: str, kept: Kept, said: _Said) -> DatasetVersion:
    """Add the row, after all objects; of two writers of one content the second gets the first's."""
    with project.catalog.transaction() as connection:
        # the transaction holds the write lock from its start: nobody else takes the number
        row_id = put(
            connection, project, name, kept, note=said.note, source=said.source or kept.source
        )
        tagging.put(connection, name, row_id, said.tags, move=said.move_tags)
        row = connection.execute(f"{versions.SELECT} WHERE id = ?", (row_id,)).fetchone()
    return versions.from_row(row)


def put(
    connection: sqlite3.Connection,
    project: Project,
    name: str,
    kept: Kept,
    *,
    note: str | None = None,
    source: Source | None = None,
    passed_by: str | None = None,
) -> int:
    """Add the row of content that is kept, or find it; return its id. Within a transaction.

    Parameters
    ----------
    passed_by : str, optional
        ``PIPELINE:STEP`` of a value that passes from step to step.
    """
    facts = {
        **msgspec.structs.asdict(kept),
        "dataset": name,
        "columns": msgspec.json.encode(kept.columns).decode(),
        "note": note,
        "source": None if source is None else msgspec.json.encode(source).decode(),
        "passed_by": passed_by,
        "at": now(),
    }
    return _put(connection, project, facts)


def _put(connection: sqlite3.Connection, project: Project, facts: Mapping[str, Any]) -> int:
    row = connection.execute(
        "SELECT id, manifest, gone_at FROM dataset_version"
        " WHERE dataset = :dataset AND digest = :digest",
        facts,
    ).fetchone()
    if row is not None and not row["gone_at"] and reach.is_there(project.objects, row["manifest"]):
        return int(row["id"])
    if row is None or row["gone_at"]:
        erased.refuse(project, facts["dataset"], facts["digest"])
    if row is None:
        sql = (
            "INSERT INTO dataset_version (dataset, number, digest, kind, manifest, row_count,"
            " columns, size_bytes, note, created_at, source, profile, stored_bytes,"
            " origin, passed_by) VALUES"
            " (:dataset, (SELECT coalesce(max(number), 0) + 1 FROM dataset_version"
            " WHERE dataset = :dataset), :digest, :kind, :manifest, :row_count, :columns,"
            " :size_bytes, :note, :at, :source, :profile, :stored_bytes, :origin, :passed_by)"
            " RETURNING id"
        )
    else:  # content that was given up, or of which an object is missing, is there again
        sql = (
            "UPDATE dataset_version SET manifest = :manifest, profile = :profile, stored_bytes ="
            " :stored_bytes, origin = :origin, gone_at = NULL, gone_why = NULL, again_at = :at"
            " WHERE dataset = :dataset AND digest = :digest RETURNING id"
        )
    return int(connection.execute(sql, facts).fetchone()["id"])
