"""Erase for law: take rows out of every version of a dataset, and leave a record.

A version keeps its number, note, tags, time and runs, and gets the digest of what is left. The
old objects are removed before anybody else may write. A process that is killed on the way has
changed nothing that is visible, or all of it; then the next erasure, or `mlops gc`, removes the
objects that it left.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Sequence

import msgspec

from mlops_jupyter.data import reach, versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import ConflictError, IntegrityError, UsageError
from mlops_jupyter.project import Project, now
from mlops_jupyter.promotion import actor as actors
from mlops_jupyter.upkeep import gc, traces
from mlops_jupyter.upkeep.erasure import ErasedVersion, Erasure
from mlops_jupyter.upkeep.marks import Marks
from mlops_jupyter.upkeep.predicate import parse
from mlops_jupyter.upkeep.rewrite import Rewritten, put, rewrite
from mlops_jupyter.upkeep.search import TABLES, Search

TRIES = 5
"""How often versions may be taken while an erasure is prepared."""


def look(project: Project, dataset: str, where: str) -> Erasure:
    """Say what `erase` would do, and where else the rows may be; change nothing.

    Raises
    ------
    NotFoundError, UsageError
        As `erase`.
    """
    predicate = parse(where)
    search = Search(project, predicate)
    alive = _tables(project, dataset)
    found = [search(version) for version in alive]
    search.check(dataset)
    hit = [one.version for one in found if one.count]
    rows = tuple(
        ErasedVersion(one.version.ref, one.count, one.version.digest, None)
        for one in found
        if one.count
    )
    return Erasure(
        dataset,
        where,
        rows,
        len(alive),
        (
            *search.doubts,
            *traces.in_datasets(project, dataset, predicate),
            *traces.in_runs(project, hit),
            *traces.in_shared_store(project, hit),
        ),
    )


def erase(
    project: Project, dataset: str, where: str, reason: str, *, actor: str | None = None
) -> Erasure:
    """Take rows out of every version of a dataset, for good.

    Parameters
    ----------
    project : Project
    dataset : str
    where : str
        Which rows, see `mlops_jupyter.upkeep.predicate`.
    reason : str
        For the record.
    actor : str, optional
        Who wants it. Default: who is at work.

    Returns
    -------
    Erasure
        Without an `id` when there were no such rows. All versions are stored anew all the
        same: what they keep as differences may stand on versions that are gone, and had them.

    Raises
    ------
    NotFoundError
        There is no such dataset, or no version of it has such a column.
    UsageError
        The predicate is none, or compares numbers with text; the dataset has only files.
    ConflictError
        Somebody writes all the time. No version was touched.
    IntegrityError
        A version is damaged. No version was touched.
    """
    _check_reason(reason)
    predicate = parse(where)
    # what is wrong is told before anything is written
    before = look(project, dataset, where)
    Marks(project).needed()
    who = actor or actors.current(project.root)

    def record(connection: sqlite3.Connection, done: Sequence[Rewritten]) -> Erasure:
        made = msgspec.structs.replace(before, versions=put(connection, dataset, done))
        return _named(made, reason, who) if made.versions else made

    return _carried_out(
        project,
        dataset,
        lambda: _tables(project, dataset),
        lambda found: rewrite(project, found, Search(project, predicate)),
        record,
    )


def homes(project: Project, dataset: str, where: str) -> tuple[str, ...]:
    """Return a dataset, and all others that have the columns of a predicate."""
    predicate = parse(where)
    others = [
        one.name
        for one in versions.datasets(project)
        if one.name != dataset and traces.with_columns(one, predicate)
    ]
    return (dataset, *others)


def look_at(project: Project, ref: str) -> Erasure:
    """Say what `give_up` would do, and where else the content may be; change nothing."""
    version = versions.resolve(project, ref)
    versions.check_there(version)
    return Erasure(
        version.dataset,
        "",
        (ErasedVersion(version.ref, None, version.digest, None),),
        1,
        (*traces.in_runs(project, [version]), *traces.in_shared_store(project, [version])),
    )


def give_up(project: Project, ref: str, reason: str, *, actor: str | None = None) -> Erasure:
    """Give the whole content of one version up, for good, and leave a record.

    Raises
    ------
    NotFoundError, UsageError
        There is no such version, or it is gone already.
    ConflictError
        Somebody writes all the time. The version is still there.
    """
    _check_reason(reason)
    found = look_at(project, ref)
    version = versions.resolve(project, ref)
    row_id = versions.row_id(project, version)
    Marks(project).needed(without={row_id})  # what is damaged elsewhere is told before
    made = _named(found, reason, actor or actors.current(project.root))

    def record(connection: sqlite3.Connection, done: Sequence[Rewritten]) -> Erasure:
        put(connection, version.dataset, done)
        gc.give_up(connection, row_id, f"erased: {reason}")
        return made

    return _carried_out(
        project,
        version.dataset,
        lambda: _standing_on(project, version),
        lambda found: rewrite(project, found),
        record,
    )


def _carried_out(
    project: Project,
    dataset: str,
    left: Callable[[], Sequence[DatasetVersion]],
    prepare: Callable[[Sequence[DatasetVersion]], Iterable[Rewritten]],
    record: Callable[[sqlite3.Connection, Sequence[Rewritten]], Erasure],
) -> Erasure:
    """Write versions anew while others work, then let them count and remove the old objects."""
    marks = Marks(project)
    with contextlib.suppress(IntegrityError):  # of the version itself, which goes
        marks.needed()  # the long part, while others work
    for _ in range(TRIES):
        with project.objects.held():
            done = list(prepare(left()))
        with project.objects.alone():
            if not _still_holds(project, left(), done):
                continue
            with project.catalog.transaction() as connection:
                made = record(connection, done)
                if made.id is not None:
                    _keep(connection, made)
            marks.forget()
            gc.sweep_now(project, marks.needed())
            return made
    raise ConflictError(
        f"{dataset}: versions were taken all the time, nothing was erased",
        hint="try again when nobody takes versions of it",
    )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise UsageError("an erasure needs a reason", hint="--reason 'asked for by the customer'")


def _tables(project: Project, dataset: str) -> list[DatasetVersion]:
    """Return the versions that rows can be taken out of, the first first."""
    alive = _alive(project, dataset)
    found = [version for version in alive if version.kind in TABLES]
    if alive and not found:
        raise UsageError(
            f"{alive[-1]} is {_kind_in_words(alive[-1].kind)}: no rows can be taken out of it",
            hint=f"give a whole version up: mlops data erase {dataset} --version {alive[-1]}",
        )
    return found


def _kind_in_words(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _alive(project: Project, dataset: str) -> list[DatasetVersion]:
    return [v for v in reversed(versions.dataset(project, dataset).versions) if not v.gone_at]


def _standing_on(project: Project, version: DatasetVersion) -> list[DatasetVersion]:
    """Return the other versions that share objects with one: they may hold what only it had."""
    others = [v for v in _alive(project, version.dataset) if v.number != version.number]
    try:
        own = reach.objects_of(project.objects, version.manifest)
    except IntegrityError:
        return others
    return [v for v in others if own & reach.objects_of(project.objects, v.manifest)]


def _still_holds(
    project: Project, left: Sequence[DatasetVersion], done: Sequence[Rewritten]
) -> bool:
    """Tell whether the versions are those that were written anew, and that is all there."""
    prepared = {(one.version.number, one.version.digest) for one in done}
    return prepared == {(version.number, version.digest) for version in left} and all(
        reach.is_there(project.objects, one.kept.manifest)
        and (not one.kept.profile or project.objects.path(one.kept.profile).exists())
        for one in done
    )


def _named(found: Erasure, reason: str, actor: str) -> Erasure:
    return msgspec.structs.replace(
        found, id=secrets.token_hex(8), reason=reason, actor=actor, erased_at=now()
    )


def _keep(connection: sqlite3.Connection, made: Erasure) -> None:
    report = {"versions": made.versions, "traces": made.traces}
    connection.execute(
        "INSERT INTO erasure (id, dataset, predicate, reason, actor, report, erased_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            made.id,
            made.dataset,
            made.predicate,
            made.reason,
            made.actor,
            msgspec.json.encode(report).decode(),
            made.erased_at,
        ),
    )
