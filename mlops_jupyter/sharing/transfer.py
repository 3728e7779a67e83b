"""Objects from one store to another: only those that are missing there, many at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

import msgspec

from mlops_jupyter.errors import IntegrityError, MlopsError, UsageError
from mlops_jupyter.sharing.bundle import Bundle
from mlops_jupyter.store.frames import ObjectStore
from mlops_jupyter.store.remote import THREADS

Task = TypeVar("Task")
Answer = TypeVar("Answer")


class TransferProgress(msgspec.Struct, frozen=True):
    """How far a push or pull is.

    Attributes
    ----------
    what : str
        ``objects`` or ``rows``.
    done, total : int
        Files of that kind; `total` grows when more turns out to be needed.
    done_bytes, total_bytes : int
        Of objects; compressed, as they travel.
    """

    what: str
    done: int
    total: int
    done_bytes: int = 0
    total_bytes: int = 0


Progress = Callable[[TransferProgress], None]


class Transfer:
    """Brings objects from one store to another, and tells how far it is.

    Attributes
    ----------
    count, size_bytes : int
        Objects that travelled.
    refused : dict of str to MlopsError
        Digests that could not be brought, and why: missing or damaged.
    """

    def __init__(
        self, source: ObjectStore, target: ObjectStore, aside: Path, progress: Progress | None
    ) -> None:
        self._source = source
        self._target = target
        self._aside = aside
        self._progress = progress
        self._whole: set[str] = set()
        self._wanted = self._wanted_bytes = 0
        self.count = self.size_bytes = 0
        self.refused: dict[str, MlopsError] = {}

    def bring(self, digests: Collection[str]) -> None:
        """Bring those of the objects that the target does not have.

        Raises
        ------
        ExternalError
            A store cannot be reached, or the disk is full. What came stays.
        """
        asked = sorted(set(digests) - self._whole - self.refused.keys())
        if not asked:
            return
        there = self._target.present(asked)
        self._whole.update(there)
        missing = [digest for digest in asked if digest not in there]
        if not missing:
            return
        sizes = self._source.present(missing)
        self._aside.mkdir(parents=True, exist_ok=True)
        room = shutil.disk_usage(self._aside).free
        coming = []
        for digest in missing:
            if digest not in sizes:
                self.refused[digest] = IntegrityError(f"the object {digest} is missing")
            elif sizes[digest] > room:
                self.refused[digest] = IntegrityError(
                    f"the object {digest} has {sizes[digest]:,} bytes: there is no room for it"
                )
            else:
                coming.append(digest)
        self._wanted += len(coming)
        self._wanted_bytes += sum(sizes[digest] for digest in coming)
        self._tell()
        for digest, failed in tried(self._one, coming):
            if failed is None:
                self.count += 1
                self.size_bytes += sizes[digest]
                self._whole.add(digest)
            else:
                self.refused[digest] = failed
            self._tell()

    def whole(
        self,
        bundles: Iterable[Bundle],
        needs: Mapping[str, Collection[str]],
        refused: dict[str, MlopsError],
    ) -> Iterator[Bundle]:
        """Yield the bundles whose objects could all be brought.

        Parameters
        ----------
        bundles : iterable of Bundle
        needs : mapping of str to collection of str
            The objects of each, by its name.
        refused : dict of str to MlopsError
            By name, why the others are not whole: added here.
        """
        for bundle in bundles:
            lacking = (self.refused[d] for d in needs[bundle.name] if d in self.refused)
            failed = next(lacking, None)
            if failed is None:
                yield bundle
            else:
                refused[bundle.name] = type(failed)(f"{bundle.id}: {failed.message}")

    def _one(self, digest: str) -> None:
        with self._source.lend(digest, self._aside) as frame:
            self._target.keep(digest, frame)

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(
                TransferProgress(
                    "objects", self.count, self._wanted, self.size_bytes, self._wanted_bytes
                )
            )


def tried(
    verb: Callable[[Task], object], tasks: Sequence[Task]
) -> Iterator[tuple[Task, MlopsError | None]]:
    """Do tasks on a few threads, and give each with why it was refused, as they end.

    What is wrong with one task only (`IntegrityError`, `UsageError`) is given; anything else
    ends all.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        waiting = {pool.submit(verb, task): task for task in tasks}
        try:
            for done in as_completed(waiting):
                try:
                    done.result()
                except (IntegrityError, UsageError) as error:
                    yield waiting[done], error
                else:
                    yield waiting[done], None
        finally:
            for future in waiting:
                future.cancel()
