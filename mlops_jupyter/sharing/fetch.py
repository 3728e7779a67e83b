"""``mlops fetch``: objects of what is known here, when they are not here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from mlops_jupyter.data import versions
from mlops_jupyter.data.reach import objects_of
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import Project
from mlops_jupyter.sharing.bundle import Bundle
from mlops_jupyter.sharing.place import aside
from mlops_jupyter.sharing.shared import open_shared, refuse_all
from mlops_jupyter.sharing.tables import objects_in
from mlops_jupyter.sharing.transfer import Progress, Transfer, tried
from mlops_jupyter.store.frames import LocalFrames
from mlops_jupyter.store.references import OBJECT_COLUMNS
from mlops_jupyter.store.remote import RemoteObjects


class Fetched(msgspec.Struct, frozen=True):
    """What a fetch brought: objects, and their bytes, compressed."""

    url: str
    objects: int
    size_bytes: int


def fetch(
    project: Project,
    url: str | None = None,
    refs: Sequence[str] | None = None,
    *,
    progress: Progress | None = None,
) -> Fetched:
    """Bring the objects that rows here name and that are missing; no row changes.

    Parameters
    ----------
    project : Project
    url : str, optional
        The shared store. Default: what ``mlops.yaml`` says.
    refs : sequence of str, optional
        Only those of these datasets and versions. Default: of all versions and runs.
    progress : callable, optional
        Is told how far it is.

    Raises
    ------
    NotFoundError, UsageError, ExternalError
        As `pull`.
    IntegrityError
        Some are missing or damaged there too; all others came.
    """
    shared = open_shared(project, url, create=False)
    transfer = shared.coming(progress)
    with project.objects.held():
        manifests, others = _named(project, refs)
        transfer.bring(manifests | others)
        refused = dict(transfer.refused)
        more: set[str] = set()
        for manifest in manifests - refused.keys():
            try:
                more |= objects_of(project.objects, manifest)
            except MlopsError as error:
                refused[manifest] = error
        transfer.bring(more)
    refuse_all({**refused, **transfer.refused}, "all others came")
    return Fetched(shared.remote.shown, transfer.count, transfer.size_bytes)


def restore(project: Project, digests: Collection[str], url: str | None = None) -> frozenset[str]:
    """Bring objects again that are damaged or missing here, and return those that are whole now.

    Raises
    ------
    UsageError, ExternalError
        As `pull`.
    """
    shared = open_shared(project, url, create=False)
    source, target = RemoteObjects(shared.remote), LocalFrames(project.objects)
    folder = aside(project)
    folder.mkdir(parents=True, exist_ok=True)

    def one(digest: str) -> None:
        with source.lend(digest, folder) as frame:
            target.keep(digest, frame)

    with project.objects.held():
        return frozenset(d for d, failed in tried(one, sorted(digests)) if failed is None)


def bring_versions(
    project: Project, transfer: Transfer, bundles: Iterable[Bundle]
) -> dict[str, set[str]]:
    """Bring all objects of versions; return what each needs, by the name of its bundle."""
    needs = {bundle.name: set(objects_in(bundle.tables)) for bundle in bundles}
    manifests = {
        bundle.name: str(row["manifest"])
        for bundle in bundles
        if (row := bundle.tables["dataset_version"][0]).get("gone_at") is None
    }
    transfer.bring(set().union(*needs.values()))
    for name, manifest in manifests.items():
        if manifest not in transfer.refused:
            try:
                needs[name] |= objects_of(project.objects, manifest)
            except MlopsError as error:
                transfer.refused[manifest] = error
    transfer.bring(set().union(*needs.values()))
    return needs


def _named(project: Project, refs: Sequence[str] | None) -> tuple[set[str], set[str]]:
    """Return the digests of manifests, and of all other objects."""
    if refs is not None:
        chosen = [
            version
            for ref in refs
            for version in (
                [versions.resolve(project, ref)]
                if "@" in ref
                else versions.dataset(project, ref).versions
            )
            if version.gone_at is None
        ]
        return {v.manifest for v in chosen}, {v.profile for v in chosen if v.profile}
    found: dict[str, set[str]] = {}
    for table, column in OBJECT_COLUMNS:
        there = "gone_at IS NULL" if table == "dataset_version" else "1 = 1"
        rows = project.catalog.rows(
            f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL AND {there}"
        )
        found.setdefault(column, set()).update(row[0] for row in rows)
    manifests = found.pop("manifest")
    return manifests, set().union(*found.values())
