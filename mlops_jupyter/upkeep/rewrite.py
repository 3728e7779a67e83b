"""Versions of a dataset without some of their rows, written anew beside the old ones.

Versions without such rows are written anew too: what they keep as differences may stand on
objects that hold the rows.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mlops_jupyter.data import trust, versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.files import file, folder
from mlops_jupyter.data.snapshot import Kept, store
from mlops_jupyter.data.storage import manifest
from mlops_jupyter.data.value import content
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.project import Project, now
from mlops_jupyter.upkeep.erasure import ErasedVersion
from mlops_jupyter.upkeep.rows import without
from mlops_jupyter.upkeep.search import Search


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A version as it was, what its row must say now, and how many rows it lost."""

    version: DatasetVersion
    kept: Kept
    rows: int


def rewrite(
    project: Project, found: Sequence[DatasetVersion], search: Search | None = None
) -> Iterator[Rewritten]:
    """Write versions anew, without the rows that a search finds.

    Nothing that is visible changes. The caller holds the objects.

    Raises
    ------
    IntegrityError
        A version is damaged.
    """
    # none of the old ones is a base
    before: dict[tuple[str, str | None], DatasetVersion] = {}
    for version in found:
        line = version.kind, trust.origin(project, version)
        one = _rewritten(project, version, before.get(line), search)
        if not one.rows and one.kept.digest != version.digest:
            raise IntegrityError(
                f"{version}: its content is not what its row says",
                hint="`mlops verify --deep` says more",
            )
        before[line] = msgspec.structs.replace(
            version,
            digest=one.kept.digest,
            manifest=one.kept.manifest,
            profile=one.kept.profile,
        )
        yield one


def _rewritten(
    project: Project,
    version: DatasetVersion,
    before: DatasetVersion | None,
    search: Search | None,
) -> Rewritten:
    if version.kind in {"file", "folder"}:
        return Rewritten(version, _file_again(project, version, before), 0)
    if search is None:
        value, rows = versions.look(project, version), 0
    else:
        one = search(version)
        value, rows = without(one.value, one.rows) if one.count else one.value, one.count
    examined = manifest.examine(content.take_apart(value))
    return Rewritten(version, store(project, examined, before), rows)


def _file_again(project: Project, version: DatasetVersion, before: DatasetVersion | None) -> Kept:
    objects = project.objects
    known = file.read_manifest(objects, before.manifest) if before else None
    with tempfile.TemporaryDirectory(dir=project.folder) as aside:
        path = file.read(objects, version.manifest, Path(aside))
        if version.kind == "folder":
            written, _ = folder.write(objects, folder.scan(path, path.name, {}), known)
        else:
            written = file.write(objects, path, known)
    return Kept(
        version.kind,
        written.digest,
        written.manifest,
        written.size_bytes,
        version.row_count,
        version.columns,
        version.profile,
        written.stored_bytes,
    )


def put(
    connection: sqlite3.Connection, dataset: str, done: Sequence[Rewritten]
) -> tuple[ErasedVersion, ...]:
    """Let the rows of versions say what was written anew; within one transaction.

    A version whose content another one has already is given up, and that one stands for it.
    """
    ids = {
        row["number"]: row["id"]
        for row in connection.execute(
            "SELECT id, number FROM dataset_version WHERE dataset = ?", (dataset,)
        )
    }
    changed = [one for one in done if one.rows]
    for one in changed:  # the content of one may become that of another
        _set(connection, ids[one.version.number], digest=f"pending:{ids[one.version.number]}")
    for one in done:
        if not one.rows:  # only the objects are others
            new = {"manifest": one.kept.manifest, "profile": one.kept.profile}
            _set(connection, ids[one.version.number], **new)
    return tuple(_put(connection, dataset, ids[one.version.number], one) for one in changed)


def _put(
    connection: sqlite3.Connection, dataset: str, row_id: int, one: Rewritten
) -> ErasedVersion:
    ref, before, after = one.version.ref, one.version.digest, one.kept.digest
    other = connection.execute(
        "SELECT id, number, gone_at FROM dataset_version WHERE dataset = ? AND digest = ?",
        (dataset, after),
    ).fetchone()
    if other is None:
        _set(connection, row_id, digest=after, **_facts(one.kept))
        return ErasedVersion(ref, one.rows, before, after)
    same = f"{dataset}@{other['number']}"
    if other["gone_at"]:  # it has content again
        back = {"gone_at": None, "gone_why": None, "same_as": None, "again_at": now()}
        _set(connection, other["id"], **_facts(one.kept), **back)
    _set(
        connection,
        row_id,
        digest=before,
        manifest=one.kept.manifest,
        profile=None,
        gone_at=now(),
        gone_why=f"the same as {same} since rows were erased",
        same_as=other["id"],
    )
    return ErasedVersion(ref, one.rows, before, after, same)


def _facts(kept: Kept) -> dict[str, str | int | None]:
    return {
        "manifest": kept.manifest,
        "row_count": kept.row_count,
        "columns": msgspec.json.encode(kept.columns).decode(),
        "size_bytes": kept.size_bytes,
        "profile": kept.profile,
        "stored_bytes": kept.stored_bytes,
    }


def _set(connection: sqlite3.Connection, row_id: int, **facts: str | int | None) -> None:
    places = ", ".join(f"{column} = ?" for column in facts)
    connection.execute(
        f"UPDATE dataset_version SET {places} WHERE id = ?", (*facts.values(), row_id)
    )
