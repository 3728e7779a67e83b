"""Who needs an object: versions, runs, models."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from mlops_jupyter.data import reach
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import Project
from mlops_jupyter.upkeep.marks import PLAIN_COLUMNS

_RUN_OF_PIPELINE = "(SELECT run.id FROM run WHERE run.pipeline_run_id = {})"

OWNERS = {
    "run": "id",
    "artifact": "run_id",
    "output": "(SELECT coalesce(run_id, 'cell ' || execution_id) FROM cell_execution"
    " WHERE id = execution_id)",
    "pipeline_run": f"coalesce({_RUN_OF_PIPELINE.format('pipeline_run.id')}, 'pipeline ' || id)",
    "pipeline_run_notebook": f"coalesce({_RUN_OF_PIPELINE.format('pipeline_run_id')},"
    " 'pipeline ' || pipeline_run_id)",
    "step_before": f"coalesce({_RUN_OF_PIPELINE.format('pipeline_run_id')},"
    " 'step ' || step_run_id)",
    "step_run": f"coalesce({_RUN_OF_PIPELINE.format('pipeline_run_id')}, 'step ' || id)",
    "step_entry": "'kept step ' || pipeline || ':' || step",
    "step_entry_object": "(SELECT 'kept step ' || pipeline || ':' || step FROM step_entry"
    " WHERE id = entry_id)",
    "model_version": "model || ' v' || version",
    "evaluation": "model || ' v' || version",
    "certificate": "run_id",
}
"""In SQL, by table: which run, or which model, a row is of."""

_MODELS = {"model_version", "evaluation"}


class Suffering(msgspec.Struct, frozen=True):
    """Who needs something that is damaged or missing.

    Attributes
    ----------
    versions : tuple of str
        Data versions, ``train@3``.
    runs : tuple of str
        Runs that kept it, or stand on one of these versions; ``cell 12`` where a cell without
        a run showed it.
    models : tuple of str
        Model versions, ``churn v2``: their own, or that of one of these runs.
    """

    versions: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    @property
    def anybody(self) -> bool:
        """Whether there is anybody."""
        return bool(self.versions or self.runs or self.models)

    @staticmethod
    def of_all(parts: Iterable[Suffering]) -> Suffering:
        """Return all who suffer from one of several things."""
        versions: set[str] = set()
        runs: set[str] = set()
        models: set[str] = set()
        for part in parts:
            versions.update(part.versions)
            runs.update(part.runs)
            models.update(part.models)
        return Suffering(tuple(sorted(versions)), tuple(sorted(runs)), tuple(sorted(models)))


def who_suffers(project: Project, broken: Collection[str]) -> dict[str, Suffering]:
    """Return for each of some objects who needs it."""
    if not broken:
        return {}
    versions: dict[str, set[int]] = {digest: set() for digest in broken}
    runs: dict[str, set[str]] = {digest: set() for digest in broken}
    models: dict[str, set[str]] = {digest: set() for digest in broken}
    for row in project.catalog.rows(
        "SELECT id, manifest, profile FROM dataset_version WHERE gone_at IS NULL"
    ):
        for digest in _needs(project, row["manifest"], row["profile"]) & versions.keys():
            versions[digest].add(row["id"])
    for table, column in PLAIN_COLUMNS:
        owners = models if table in _MODELS else runs
        for digest, owner in project.catalog.rows(
            f"SELECT {column}, {OWNERS[table]} FROM {table} WHERE {column} IS NOT NULL"
        ):
            if digest in owners and owner is not None:
                owners[digest].add(owner)
    return {
        digest: _told(project, versions[digest], runs[digest], models[digest]) for digest in broken
    }


def of_version(project: Project, ref: str) -> Suffering:
    """Return who suffers when a version does."""
    dataset, _, number = ref.rpartition("@")
    row = project.catalog.row(
        "SELECT id FROM dataset_version WHERE dataset = ? AND number = ?", (dataset, int(number))
    )
    return _told(project, {row["id"]} if row else set(), set(), set())


def _needs(project: Project, manifest: str, profile: str | None) -> set[str]:
    own = {manifest, *([profile] if profile else [])}
    try:
        return own | reach.objects_of(project.objects, manifest)
    except MlopsError:  # the manifest itself is broken
        return own


def _told(project: Project, versions: set[int], runs: set[str], models: set[str]) -> Suffering:
    rows = project.catalog.rows
    refs: set[str] = set()
    runs, models = set(runs), set(models)
    for row_id in versions:
        ref = rows(
            "SELECT dataset || '@' || number AS ref FROM dataset_version WHERE id = ?", (row_id,)
        )
        refs.update(row["ref"] for row in ref)
        found = rows("SELECT run_id FROM run_data WHERE version_id = ?", (row_id,))
        runs.update(row["run_id"] for row in found)
    for run in runs:
        found = rows(
            "SELECT model || ' v' || version AS name FROM model_version WHERE run_id = ?", (run,)
        )
        models.update(row["name"] for row in found)
    return Suffering(tuple(sorted(refs)), tuple(sorted(runs)), tuple(sorted(models)))
