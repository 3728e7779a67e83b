"""Verify what is kept: every object, every row, and if asked the content of every data version.

It changes nothing. Whoever suffers from a damaged object is told by name.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import msgspec

from mlops_jupyter.data import reach, trust, versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.files import file
from mlops_jupyter.errors import MlopsError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.store.frames import is_whole
from mlops_jupyter.upkeep.files import Heap, digest_of, objects_in, strangers_in
from mlops_jupyter.upkeep.marks import PLAIN_COLUMNS
from mlops_jupyter.upkeep.suffering import Suffering, of_version, who_suffers

THREADS = 4

AT_ONCE = 64
"""Objects between two words of progress."""

MISSING = "missing"
DAMAGED = "damaged, its content is not what its name says"


class Damage(msgspec.Struct, frozen=True):
    """Something that is not as it was written.

    Attributes
    ----------
    what : str
        The digest of an object, a version, or a part of the catalog.
    why : str
        In words: ``missing``, ``damaged, …``.
    suffers : Suffering
        Who needs it.
    """

    what: str
    why: str
    suffers: Suffering = Suffering()


class Findings(msgspec.Struct, frozen=True):
    """What was verified, and what was found.

    Attributes
    ----------
    objects : Heap
        Object files that were read.
    versions : int
        Data versions that were looked at.
    is_deep : bool
        Whether their content was built and digested again.
    garbage : Heap
        Objects that no row needs: no fault, `mlops gc` removes them.
    damages : tuple of Damage
    strangers : tuple of str
        Files in the object store that are no objects; nobody reads them.
    """

    objects: Heap
    versions: int
    is_deep: bool
    garbage: Heap
    damages: tuple[Damage, ...] = ()
    strangers: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether everything is as it was written."""
        return not self.damages

    @property
    def suffers(self) -> Suffering:
        """All who suffer."""
        return Suffering.of_all(damage.suffers for damage in self.damages)


class Place(msgspec.Struct, frozen=True):
    """Where a verification is: `done` of `total` objects or versions."""

    what: str
    done: int
    total: int


Progress = Callable[[Place], None]


def verify(
    project: Project,
    *,
    deep: bool = False,
    refs: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Read every object and every row; say what is damaged or missing, and who suffers.

    Parameters
    ----------
    project : Project
    deep : bool
        Build every data version too, and digest its content again.
    refs : sequence of str, optional
        Only these versions, or all versions of a dataset, with their objects.
    progress : callable, optional
        Told now and then how far it is.

    Raises
    ------
    NotFoundError
        There is no such version.
    IntegrityError
        The catalog itself cannot be read.
    """
    tell = progress or _silent
    needs = _needs(project, refs)
    files = {digest_of(path): path for path in objects_in(project.objects)}
    if refs is not None:
        files = {digest: path for digest, path in files.items() if digest in needs.objects}
    broken = dict(_broken(project, sorted(files), tell))
    needs = _needs(project, refs)  # again: others write and remove meanwhile
    broken |= {d: MISSING for d in needs.objects - files.keys() if _is_missing(project, d)}
    broken = {d: why for d, why in broken.items() if why != MISSING or d in needs.objects}
    damages = [*_of_objects(project, broken), *_of_rows(project, needs, broken)]
    if refs is None:
        damages += _of_catalog(project)
    if deep:
        damages += _of_content(project, needs.versions, damages, tell)
    garbage = [path for digest, path in files.items() if digest not in needs.objects]
    strangers = strangers_in(project.objects) if refs is None else []
    return Findings(
        objects=Heap.of(files.values()),
        versions=len(needs.versions),
        is_deep=deep,
        garbage=Heap.of(garbage),
        damages=tuple(damages),
        strangers=tuple(str(path.relative_to(project.objects.root)) for path in strangers),
    )


class _Needs(msgspec.Struct, frozen=True):
    """Which objects are needed, by which versions; and which versions do not say what."""

    versions: tuple[DatasetVersion, ...]
    objects: frozenset[str]
    unreadable: Mapping[DatasetVersion, str]


def _needs(project: Project, refs: Sequence[str] | None) -> _Needs:
    chosen = _chosen(project, refs)
    objects: set[str] = set()
    unreadable: dict[DatasetVersion, str] = {}
    for version in chosen:
        objects |= {version.manifest, *([version.profile] if version.profile else [])}
        try:
            objects |= reach.objects_of(project.objects, version.manifest)
        except MlopsError as error:
            unreadable[version] = error.message
    if refs is None:
        for table, column in PLAIN_COLUMNS:
            rows = project.catalog.rows(
                f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL"
            )
            objects.update(row[0] for row in rows)
    return _Needs(chosen, frozenset(objects), unreadable)


def _chosen(project: Project, refs: Sequence[str] | None) -> tuple[DatasetVersion, ...]:
    if refs is None:
        found = [v for one in versions.datasets(project) for v in one.versions]
    else:
        found = []
        for ref in refs:
            found += [versions.resolve(project, ref)] if "@" in ref else _all_of(project, ref)
    return tuple(version for version in found if version.gone_at is None)


def _all_of(project: Project, dataset: str) -> tuple[DatasetVersion, ...]:
    return versions.dataset(project, dataset).versions


def _broken(project: Project, digests: Sequence[str], tell: Progress) -> Iterator[tuple[str, str]]:
    """Read objects on a few threads, and give those that are not what their names say."""

    def check(digest: str) -> tuple[str, str | None]:
        try:
            whole = is_whole(project.objects.path(digest), digest)
        except FileNotFoundError:
            return digest, MISSING
        except OSError as error:
            return digest, f"cannot be read: {error.strerror or error}"
        return digest, None if whole else DAMAGED

    waiting = iter(digests)
    done = 0
    with ThreadPoolExecutor(THREADS) as pool:
        while some := list(islice(waiting, AT_ONCE)):
            for digest, why in pool.map(check, some):
                if why is not None:
                    yield digest, why
            done += len(some)
            tell(Place("objects", done, len(digests)))


def _is_missing(project: Project, digest: str) -> bool:
    try:
        return not project.objects.path(digest).exists()
    except MlopsError:  # a row that names something which is no digest
        return True


def _of_objects(project: Project, broken: Mapping[str, str]) -> list[Damage]:
    sufferers = who_suffers(project, broken)
    return [Damage(digest, why, sufferers[digest]) for digest, why in sorted(broken.items())]


def _of_rows(project: Project, needs: _Needs, broken: Mapping[str, str]) -> list[Damage]:
    """Return the versions whose manifest is sound as an object, and yet says nothing."""
    return [
        Damage(version.ref, why, of_version(project, version.ref))
        for version, why in needs.unreadable.items()
        if version.manifest not in broken
    ]


def _of_catalog(project: Project) -> Iterator[Damage]:
    """Ask SQLite itself: https://sqlite.org/pragma.html#pragma_integrity_check."""
    for row in project.catalog.rows("PRAGMA integrity_check"):
        if row[0] != "ok":
            yield Damage("the catalog", str(row[0]))
    for row in project.catalog.rows("PRAGMA foreign_key_check"):
        yield Damage("the catalog", f"a row of {row[0]} names a row of {row[2]} that is not there")


def _of_content(
    project: Project,
    chosen: Sequence[DatasetVersion],
    known: Sequence[Damage],
    tell: Progress,
) -> Iterator[Damage]:
    """Build the versions that are not known to be damaged, and digest them again."""
    suffering = set(Suffering.of_all(damage.suffers for damage in known).versions)
    for done, version in enumerate(chosen, 1):
        if version.ref not in suffering:
            why = _why_wrong(project, version)
            if why is not None:
                yield Damage(version.ref, why, of_version(project, version.ref))
        tell(Place("versions", done, len(chosen)))


def _why_wrong(project: Project, version: DatasetVersion) -> str | None:
    try:
        found = _digest_again(project, version)
    except MlopsError as error:
        if isinstance(error, UsageError) and trust.distrusted(project, version):
            return None  # its objects are whole; pickles from elsewhere are not read
        return error.message
    return None if found == version.digest else f"its content has the digest {found}"


def _digest_again(project: Project, version: DatasetVersion) -> str:
    if version.kind in {"file", "folder"}:
        with tempfile.TemporaryDirectory(dir=project.folder) as folder:
            file.read(project.objects, version.manifest, Path(folder))  # digests what it builds
        return version.digest
    from mlops_jupyter.data.storage import manifest
    from mlops_jupyter.data.value import content

    origin = trust.distrusted(project, version)
    value = content.put_together(*manifest.content(project.objects, version.manifest, None, origin))
    return manifest.examine(content.take_apart(value)).digest


def _silent(_: Place) -> None:
    pass
