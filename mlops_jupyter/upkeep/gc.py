"""Collect garbage: objects that no row needs any more, and what processes that died left behind.

Objects are marked while others work. Only to remove some, and for some tenths of a second,
nobody may write: then what has become needed meanwhile is marked too. A process that is killed
in between leaves garbage, which the next collection finds.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from mlops_jupyter.data.versions import FILES
from mlops_jupyter.pipelines import checkpoint
from mlops_jupyter.project import Project, now
from mlops_jupyter.upkeep import retention
from mlops_jupyter.upkeep.files import (
    UNFINISHED,
    Heap,
    digest_of,
    entries,
    named_by_digest,
    objects_in,
    remove,
    unfinished_in,
)
from mlops_jupyter.upkeep.marks import Marks
from mlops_jupyter.upkeep.retention import Outdated

SWEEP_SECONDS = 0.2
"""For so long nobody may write, then those who wait get their turn."""

DAMAGED = "damaged"
"""In ``.mlops/``: objects that are not what their names say, see `mlops_jupyter.upkeep.repair`."""

ABANDONED_SECONDS = 86_400.0
"""A copy that is still being made is younger than this."""


class Garbage(msgspec.Struct, frozen=True):
    """What would be removed.

    Attributes
    ----------
    versions : tuple of Outdated
        Data versions that ``data.keep`` in ``mlops.yaml`` lets go.
    of_versions : Heap
        Objects that only these versions need.
    unneeded : Heap
        Objects that nothing needs.
    copies : Heap
        Copies of files that were loaded, of versions that are gone.
    leftovers : Heap
        Half-written files of processes that died.
    checkpoints : Heap
        Folders of `mlops_jupyter.checkpoint` that nobody has written to for two weeks.
    """

    versions: tuple[Outdated, ...] = ()
    of_versions: Heap = Heap()
    unneeded: Heap = Heap()
    copies: Heap = Heap()
    leftovers: Heap = Heap()
    checkpoints: Heap = Heap()

    @property
    def total(self) -> Heap:
        """All files together."""
        heaps = (self.of_versions, self.unneeded, self.copies, self.leftovers, self.checkpoints)
        return sum(heaps, Heap())

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remove."""
        return not self.versions and not self.total.count


class Collected(msgspec.Struct, frozen=True):
    """What was removed: names of versions, and files."""

    versions: tuple[str, ...]
    removed: Heap


def plan(project: Project) -> Garbage:
    """Say what `collect` would remove, and change nothing.

    Raises
    ------
    IntegrityError
        The manifest of a version is damaged, so that what it needs is not known.
    """
    versions = retention.outdated(project)
    marks = Marks(project)
    # files first: what is written after it is not looked at
    files = list(objects_in(project.objects))
    needed = marks.needed()
    still = marks.needed(without={version.row_id for version in versions})
    return Garbage(
        versions,
        of_versions=Heap.of(path for path in files if digest_of(path) in needed - still),
        unneeded=Heap.of(path for path in files if digest_of(path) not in needed),
        copies=Heap.of(_stale_copies(project, {version.row_id for version in versions})),
        leftovers=Heap.of([*unfinished_in(project.objects), *_half_copies(project)]),
        checkpoints=Heap.of(checkpoint.old(project)),
    )


def collect(project: Project, garbage: Garbage) -> Collected:
    """Give up the versions of a plan, and remove all that nothing needs then.

    A version of the plan that somebody has used or tagged meanwhile stays. What has become
    garbage since the plan is removed too.

    Raises
    ------
    ConflictError
        Somebody writes all the time: nothing is lost, try again.
    IntegrityError
        The manifest of a version is damaged. Nothing is removed then.
    """
    marks = Marks(project)
    marks.needed()  # the long part, while others work; a damaged manifest shows here
    dropped = _drop(project, garbage.versions)
    marks.forget()
    return Collected(dropped, sweep(project, marks))


def sweep(project: Project, marks: Marks) -> Heap:
    """Remove what nothing needs, a moment at a time, so that nobody waits for long."""
    needed = marks.needed()
    waiting = [path for path in objects_in(project.objects) if digest_of(path) not in needed]
    removed = Heap()
    while waiting:
        with project.objects.alone():
            removed += _sweep_some(waiting, marks.needed())
    with project.objects.alone():
        removed += remove(unfinished_in(project.objects))
    removed += _old_checkpoints(project)
    return removed + remove([*_stale_copies(project), *_half_copies(project)])


def sweep_now(project: Project, needed: Collection[str]) -> Heap:
    """Remove what nothing needs, at once, bad objects that were put aside too.

    The caller is alone with the objects.
    """
    aside = named_by_digest(project.folder / DAMAGED)
    found = [*objects_in(project.objects), *aside]
    removed = remove([path for path in found if digest_of(path) not in needed])
    removed += remove(unfinished_in(project.objects))
    return removed + remove([*_stale_copies(project), *_half_copies(project)])


def _sweep_some(waiting: list[Path], needed: Collection[str]) -> Heap:
    """Remove files from the end of the list, for a moment."""
    until = time.monotonic() + SWEEP_SECONDS
    removed = Heap()
    while waiting and time.monotonic() < until:
        path = waiting.pop()
        if digest_of(path) not in needed:
            removed += remove([path])
    return removed


def _drop(project: Project, versions: Sequence[Outdated]) -> tuple[str, ...]:
    """Mark versions as gone, those that still may go."""
    if not versions:
        return ()
    planned = {version.row_id for version in versions}
    with project.catalog.transaction() as rows:
        # the transaction holds the write lock: nobody uses or tags one from here on
        going = [v for v in retention.outdated(project) if v.row_id in planned]
        for version in going:
            give_up(rows, version.row_id, version.why)
    return tuple(version.ref for version in going)


def give_up(rows: sqlite3.Connection, row_id: int, why: str) -> None:
    """Mark a version as gone: its row stays, so that its number is never given again."""
    rows.execute(
        "UPDATE dataset_version SET gone_at = ?, gone_why = ?, profile = NULL WHERE id = ?",
        (now(), why, row_id),
    )


def _stale_copies(project: Project, without: Collection[int] = ()) -> list[Path]:
    """Return the copies of loaded files whose version is gone."""
    rows = project.catalog.rows("SELECT id, digest FROM dataset_version WHERE gone_at IS NULL")
    alive = {row["digest"] for row in rows if row["id"] not in without}
    return [
        path for path in named_by_digest(project.folder / FILES) if digest_of(path) not in alive
    ]


def _old_checkpoints(project: Project) -> Heap:
    """Remove the folders of steps that nobody goes on with."""
    found = checkpoint.old(project)
    heap = Heap.of(found)
    for slot in found:
        checkpoint.discard(slot)
    return heap


def _half_copies(project: Project) -> list[Path]:
    """Return the copies that were begun long ago and never put in place."""
    before = time.time() - ABANDONED_SECONDS
    found = []
    for path in entries(project.folder / FILES):
        with contextlib.suppress(OSError):
            if path.name.startswith(UNFINISHED) and path.stat().st_mtime < before:
                found.append(path)
    return found
