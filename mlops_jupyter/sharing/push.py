"""``mlops push``: what is here and not in the shared store goes there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from mlops_jupyter.data import versions
from mlops_jupyter.data.reach import objects_of
from mlops_jupyter.errors import ConflictError, MlopsError
from mlops_jupyter.project import Project
from mlops_jupyter.sharing import tags
from mlops_jupyter.sharing.bundle import Bundle, decode, encode
from mlops_jupyter.sharing.outgoing import Writer, versions_in
from mlops_jupyter.sharing.shared import Shared, open_shared, refuse_all
from mlops_jupyter.sharing.tables import ERASURE, RUN, WHOLE, erased, objects_in
from mlops_jupyter.sharing.transfer import Progress, TransferProgress, tried


class Pushed(msgspec.Struct, frozen=True):
    """What a push sent.

    Attributes
    ----------
    url : str
        Where to, without secrets.
    versions : tuple of str
        Data versions, ``train@3``.
    runs : int
    objects, size_bytes : int
        Objects that were not there, and their bytes, compressed.
    """

    url: str
    versions: tuple[str, ...]
    runs: int
    objects: int
    size_bytes: int


def push(
    project: Project,
    url: str | None = None,
    *,
    refs: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Pushed:
    """Send data versions and runs to the shared store; what is there is not sent again.

    Objects go first, then rows: what others see there is whole. Runs, pipeline runs and
    decisions that are under way wait for the next push.

    Parameters
    ----------
    project : Project
    url : str, optional
        The shared store. Default: what ``mlops.yaml`` says.
    refs : sequence of str, optional
        Only these datasets and versions, ``train`` or ``train@2``, and no runs.
    progress : callable, optional
        Is told how far it is.

    Raises
    ------
    ConflictError
        A number here is there another version's: pull first.
    NotFoundError, UsageError
        There is no such version; no shared store is named.
    ExternalError
        The store cannot be reached. Push again: it goes on where it stopped.
    IntegrityError
        Objects here are damaged or missing: what needs them was not sent, all else was.
    """
    shared = open_shared(project, url, create=True)
    return _Push(project, shared, progress).all_of(refs)


class _Push:
    def __init__(self, project: Project, shared: Shared, progress: Progress | None) -> None:
        self._project = project
        self._shared = shared
        self._progress = progress
        self._writer = Writer(project)
        self._transfer = shared.going(progress)
        self._names, _ = shared.names()
        self._known = shared.known()
        self._there: set[tuple[str, str]] = set()
        self._refused: dict[str, MlopsError] = {}

    def all_of(self, refs: Sequence[str] | None) -> Pushed:
        new = self._new_versions(_selected(self._project, refs))
        rows: dict[str, list[Bundle]] = {}
        if refs is None:
            rows["cells"] = self._missing(self._writer.cells(self._names))
            kinds = [kind for kind in WHOLE if kind != ERASURE]
            rows.update({kind: self._missing(self._writer.all_of(kind)) for kind in kinds})
        needs = {bundle.name: self._needs(bundle) for bundle in new}
        needs.update({b.name: set(objects_in(b.tables)) for part in rows.values() for b in part})
        self._transfer.bring(set().union(*needs.values()))
        # whoever sees a version without erased rows knows why
        self._sent(self._missing(self._writer.all_of(ERASURE)))
        sent = self._claimed(list(self._transfer.whole(new, needs, self._refused)))
        self._sent(tags.outgoing(self._project, self._writer, self._known, self._there))
        runs = 0
        for kind, part in rows.items():
            whole = self._transfer.whole(part, needs, self._refused)
            done = self._sent(self._standing(whole))
            runs += len(done) if kind == RUN else 0
        made = Pushed(
            self._shared.remote.shown,
            tuple(bundle.ref for bundle in sent),
            runs,
            self._transfer.count,
            self._transfer.size_bytes,
        )
        refuse_all(self._refused, "what does not need it was sent")
        return made

    def _new_versions(self, mine: Sequence[sqlite3.Row]) -> list[Bundle]:
        """Return the versions that are not there; none is if one number is another version's."""
        datasets = {row["dataset"] for row in mine}
        # runs may stand on any version
        found = self._shared.numbers(None, self._names, self._known)
        there, refused = found.there, found.refused
        self._refused.update({n: e for n, e in refused.items() if n.split("/")[1] in datasets})
        self._shared.learn_all(found.read.values())
        self._there = {(name, d) for name, numbers in there.items() for d in numbers.values()}
        gone = erased(self._project)
        clashing, new = [], []
        for row in mine:
            place = row["dataset"], row["number"]
            name = found.names.get(place)
            digest = there.get(row["dataset"], {}).get(row["number"])
            if name in refused or digest == row["digest"]:
                continue
            if name is None and (row["dataset"], row["digest"]) not in self._there:
                new.append(self._writer.version(row))
            elif name is not None and (row["dataset"], digest) in gone:
                new.append(self._writer.version(row, self._names[name].revision + 1))
            else:
                clashing.append(f"{place[0]}@{place[1]}")
        if clashing:
            raise conflict(clashing)
        return new

    def _missing(self, bundles: Iterable[Bundle]) -> list[Bundle]:
        return [bundle for bundle in bundles if bundle.name not in self._names]

    def _needs(self, bundle: Bundle) -> set[str]:
        """Return all objects of a version."""
        needs = set(objects_in(bundle.tables))
        row = bundle.tables["dataset_version"][0]
        if row.get("gone_at") is None:
            try:
                needs |= objects_of(self._project.objects, str(row["manifest"]))
            except MlopsError as error:
                self._transfer.refused[str(row["manifest"])] = error
        return needs

    def _standing(self, bundles: Iterable[Bundle]) -> Iterator[Bundle]:
        """Leave out what stands on versions that could not be sent: that was said already."""
        for bundle in bundles:
            if self._there.issuperset(versions_in(bundle.tables)):
                yield bundle

    def _claim(self, bundle: Bundle) -> None:
        """Send a version under its number, unless somebody was faster."""
        content = encode(bundle)
        if not self._shared.remote.create(bundle.name, content):
            there = decode(bundle.name, self._shared.remote.read(bundle.name))
            if there.content != bundle.content:
                raise conflict([bundle.ref])

    def _put(self, bundle: Bundle) -> None:
        # its name says its content: if it is there, it is this one
        self._shared.remote.create(bundle.name, encode(bundle))

    def _claimed(self, bundles: Sequence[Bundle]) -> list[Bundle]:
        # of two who push the same numbers one shall get all of them: the first decides
        done = [b for part in _first_of_each(bundles) for b in self._sent(part, self._claim)]
        self._there.update((bundle.id.partition("@")[0], bundle.content) for bundle in done)
        return sorted(done, key=lambda bundle: bundle.id)

    def _sent(
        self, bundles: Iterable[Bundle], verb: Callable[[Bundle], None] | None = None
    ) -> list[Bundle]:
        waiting = list(bundles)
        done: list[Bundle] = []
        for bundle, failed in tried(verb or self._put, waiting):
            if failed is not None:
                self._refused[bundle.name] = failed
                continue
            done.append(bundle)
            if self._progress is not None:
                self._progress(TransferProgress("rows", len(done), len(waiting)))
        self._shared.learn_all(done)
        return done


def conflict(refs: Sequence[str]) -> ConflictError:
    """Return the error of numbers that another version bears there."""
    more = f" (and {len(refs) - 1} more)" if len(refs) > 1 else ""
    return ConflictError(
        f"{refs[0]} here{more} is not what the shared store has under this name",
        hint="`mlops pull` first: versions that are only here get the numbers after those there",
    )


def _selected(project: Project, refs: Sequence[str] | None) -> list[sqlite3.Row]:
    everything = "SELECT * FROM dataset_version"
    if refs is None:
        return project.catalog.rows(f"{everything} ORDER BY dataset, number")
    found: dict[int, sqlite3.Row] = {}
    for ref in refs:
        one = versions.resolve(project, ref)
        where = "" if "@" not in ref else f" AND number = {one.number:d}"
        rows = project.catalog.rows(f"{everything} WHERE dataset = ?{where}", (one.dataset,))
        found.update({row["id"]: row for row in rows})
    return sorted(found.values(), key=lambda row: (row["dataset"], row["number"]))


def _first_of_each(bundles: Sequence[Bundle]) -> tuple[list[Bundle], list[Bundle]]:
    """Return the lowest number of each dataset, and all others."""
    seen: set[str] = set()
    first: list[Bundle] = []
    others: list[Bundle] = []
    for bundle in bundles:
        dataset = bundle.id.partition("@")[0]
        (others if dataset in seen else first).append(bundle)
        seen.add(dataset)
    return first, others
