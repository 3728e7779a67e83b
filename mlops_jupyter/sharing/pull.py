"""``mlops pull``: what is in the shared store and not here comes here."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import Project
from mlops_jupyter.sharing import incoming, numbers, steps, tables, tags
from mlops_jupyter.sharing.bundle import VERSION, Bundle
from mlops_jupyter.sharing.fetch import bring_versions
from mlops_jupyter.sharing.incoming import NotHereError
from mlops_jupyter.sharing.outgoing import cells_of
from mlops_jupyter.sharing.shared import Shared, open_shared, refuse_all
from mlops_jupyter.sharing.tables import CELLS, ERASURE, RUN, TAG, WHOLE, objects_in
from mlops_jupyter.sharing.transfer import Progress


class Pulled(msgspec.Struct, frozen=True):
    """What a pull brought.

    Attributes
    ----------
    url : str
        Where from, without secrets.
    versions : tuple of str
        Data versions that were not here, ``train@3``.
    renumbered : tuple of (str, str)
        Versions that have another number now, ``train@2`` and ``train@3``: the shared store has
        another version under the old one. Whatever used them still does.
    runs : int
    objects, size_bytes : int
        Objects that were not here, and their bytes, compressed.
    left_out : tuple of str
        Model versions whose number another one has here, and data versions with rows that
        were erased.
    erased : tuple of str
        Data versions here with rows that were erased elsewhere: see `mlops data erase`.
    """

    url: str
    versions: tuple[str, ...]
    renumbered: tuple[tuple[str, str], ...]
    runs: int
    objects: int
    size_bytes: int
    left_out: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()


def pull(
    project: Project,
    url: str | None = None,
    refs: Sequence[str] | None = None,
    *,
    runs: bool = True,
    progress: Progress | None = None,
) -> Pulled:
    """Bring data versions and runs from the shared store; what is here does not come again.

    Each version comes with all its objects, verified, or not at all. The numbers of the shared
    store stand: a version that is only here and has the number of another gives way.

    Parameters
    ----------
    project : Project
    url : str, optional
        The shared store. Default: what ``mlops.yaml`` says.
    refs : sequence of str, optional
        Only these datasets and versions, ``train`` or ``train@2``, and no runs.
    runs : bool
        Whether runs come, with their cells, pipeline runs, evaluations and decisions.
    progress : callable, optional
        Is told how far it is.

    Raises
    ------
    NotFoundError, UsageError
        The shared store has no such version; none is named, or there is none yet.
    ExternalError
        It cannot be reached. Pull again: it goes on where it stopped.
    IntegrityError
        Something in the shared store is damaged. It is named and is not here; all else came.
    """
    shared = open_shared(project, url, create=False)
    # what comes is garbage until its row is there
    with project.objects.held():
        return _Pull(project, shared, progress).all_of(refs, runs=runs)


class _Pull:
    def __init__(self, project: Project, shared: Shared, progress: Progress | None) -> None:
        self._project = project
        self._shared = shared
        self._progress = progress
        self._transfer = shared.coming(progress)
        self._names, self._refused = shared.names()
        self._known = shared.known()
        self._renumbered: dict[tuple[str, int], int] = {}
        self._left_out: list[str] = []

    def all_of(self, refs: Sequence[str] | None, *, runs: bool) -> Pulled:
        self._rows([ERASURE])  # what was erased does not come back
        came = self._versions(refs)
        self._tags()
        kinds = (CELLS, *WHOLE) if runs and refs is None else ()
        count = self._rows([kind for kind in kinds if kind != ERASURE])
        made = Pulled(
            self._shared.origin,
            tuple(came),
            tuple((f"{d}@{a}", f"{d}@{b}") for (d, a), b in sorted(self._renumbered.items())),
            count,
            self._transfer.count,
            self._transfer.size_bytes,
            tuple(self._left_out),
            tuple(self._erased()),
        )
        refuse_all(self._refused, "what does not need it came")
        return made

    def _versions(self, refs: Sequence[str] | None) -> list[str]:
        datasets = None if refs is None else {ref.partition("@")[0] for ref in refs}
        found = self._shared.numbers(datasets, self._names, self._known)
        there = found.there
        self._refused.update(found.refused)
        wanted = None if refs is None else numbers.chosen(there, refs, self._datasets())
        for dataset in there:
            with self._project.catalog.transaction() as connection:
                self._align(connection, dataset, there)
        missing = self._missing(there)
        names = {found.names[place] for place in missing if wanted is None or place in wanted}
        again, refused = self._shared.read(names - found.read.keys())
        self._refused.update(refused)
        new = [bundle for name, bundle in {**found.read, **again}.items() if name in names]
        needs = bring_versions(self._project, self._transfer, new)
        whole = self._transfer.whole(new, needs, self._refused)
        done = self._put_all(
            sorted(whole, key=_place), lambda bundle: self._put_version(bundle, there)
        )
        self._shared.learn_all(b for name, b in found.read.items() if name not in names)
        return [bundle.ref for bundle in done]

    def _missing(self, there: numbers.There) -> set[tuple[str, int]]:
        """Return the datasets and numbers of what is not here and was not erased."""
        rows = self._project.catalog.rows("SELECT dataset, digest FROM dataset_version")
        here = {(row["dataset"], row["digest"]) for row in rows}
        gone = tables.erased(self._project)
        absent = {
            (dataset, number): (dataset, digest)
            for dataset, content in there.items()
            for number, digest in content.items()
            if (dataset, digest) not in here
        }
        self._left_out += sorted(f"{d}@{n}" for (d, n), what in absent.items() if what in gone)
        return {place for place, what in absent.items() if what not in gone}

    def _datasets(self) -> set[str]:
        return {said.id.partition("@")[0] for said in self._names.values() if said.number}

    def _put_version(self, bundle: Bundle, there: numbers.There) -> None:
        row = bundle.tables["dataset_version"][0]
        dataset, _, number = bundle.ref.partition("@")
        values = {**row, "number": int(number), "origin": self._shared.origin}
        with self._project.catalog.transaction() as connection:
            # a snapshot may have taken the number meanwhile
            self._align(connection, dataset, there)
            incoming.put_version(connection, bundle, values)
            self._shared.learn(connection, bundle)

    def _align(self, connection: sqlite3.Connection, dataset: str, there: numbers.There) -> None:
        gone = {digest for name, digest in tables.erased(self._project) if name == dataset}
        changed = numbers.align(connection, dataset, there[dataset], gone)
        self._renumbered.update({(dataset, before): after for before, after in changed})

    def _erased(self) -> list[str]:
        rows = self._project.catalog.rows(
            "SELECT dataset, number, digest FROM dataset_version WHERE gone_at IS NULL"
            " ORDER BY dataset, number"
        )
        gone = tables.erased(self._project)
        return [f"{dataset}@{number}" for dataset, number, d in rows if (dataset, d) in gone]

    def _tags(self) -> None:
        read, refused = self._shared.read(self._new(TAG))
        self._refused.update(refused)
        states = {name: tags.state_of(bundle) for name, bundle in read.items()}
        for name, state in sorted(states.items(), key=lambda item: item[1].at):
            with self._project.catalog.transaction() as connection:
                if tags.put(connection, state):
                    self._shared.learn(connection, read[name])

    def _rows(self, kinds: Sequence[str]) -> int:
        read, refused = self._shared.read(
            [name for kind in kinds for name in self._new(kind)], self._progress
        )
        self._refused.update(refused)
        old = steps.superseded({n: b for n, b in read.items() if b.kind == steps.STEP})
        self._shared.learn_all(read[name] for name in old)
        wanted = {name: bundle for name, bundle in read.items() if name not in old}
        needs = {name: set(objects_in(bundle.tables)) for name, bundle in wanted.items()}
        self._transfer.bring(set().union(*needs.values()))
        whole = list(self._transfer.whole(wanted.values(), needs, self._refused))
        runs = 0
        for kind in kinds:
            part = sorted((b for b in whole if b.kind == kind), key=_place)
            done = self._put_all(part, self._put_rows)
            runs += len({bundle.id for bundle in done}) if kind == RUN else 0
        return runs

    def _put_rows(self, bundle: Bundle) -> None:
        with self._project.catalog.transaction() as connection:
            if incoming.is_taken(connection, bundle):
                self._left_out.append(bundle.id)
            else:
                incoming.put(connection, bundle, self._shared.origin)
            self._shared.learn(connection, bundle)

    def _put_all(self, bundles: Sequence[Bundle], verb: Callable[[Bundle], None]) -> list[Bundle]:
        """Add bundles, each in a transaction; those that stand on others of them after these."""
        done: list[Bundle] = []
        waiting = list(bundles)
        while waiting:
            later: list[tuple[Bundle, MlopsError]] = []
            for bundle in waiting:
                try:
                    verb(bundle)
                except NotHereError as error:
                    later.append((bundle, error))
                except MlopsError as error:
                    if error.exit_code == 7:  # the disk or the catalog, not this bundle
                        raise
                    self._refused[bundle.name] = error
                else:
                    done.append(bundle)
            if len(later) == len(waiting):
                self._refused.update({bundle.name: error for bundle, error in later})
                break
            waiting = [bundle for bundle, _ in later]
        return done

    def _new(self, kind: str) -> list[str]:
        return [
            n for n, said_ in self._names.items() if said_.kind == kind and n not in self._known
        ]


def _place(bundle: Bundle) -> tuple[str, int]:
    """Return a key that puts what others stand on first, as far as the name and time say."""
    if bundle.kind == VERSION:
        dataset, _, number = bundle.ref.partition("@")
        return dataset, int(number)
    if bundle.kind == CELLS:
        session, places = cells_of(bundle.id)
        return session, places.start
    started = next(iter(bundle.tables.get(RUN, [])), {}).get("started_at")
    return str(started), 0
