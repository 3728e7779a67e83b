"""Where else something may be that was erased from versions: for people to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import Dataset, DatasetVersion
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import Project
from mlops_jupyter.upkeep.erasure import Trace
from mlops_jupyter.upkeep.predicate import Predicate, columns
from mlops_jupyter.upkeep.search import TABLES, Search

SHOWN = 8

_KEPT = {
    "its model": "SELECT count(*) FROM run WHERE id = ? AND model_digest IS NOT NULL",
    "example rows": "SELECT count(*) FROM run WHERE id = ? AND model_example IS NOT NULL",
    "artifacts": "SELECT count(*) FROM artifact WHERE run_id = ?",
    "figures and tables": "SELECT count(*) FROM run_cell JOIN output USING (execution_id)"
    " WHERE run_cell.run_id = ?",
    "values between steps": "SELECT count(*) FROM run JOIN step_run USING (pipeline_run_id)"
    " WHERE run.id = ? AND (receives IS NOT NULL OR passes IS NOT NULL)",
    "executed notebooks": "SELECT count(*) FROM run JOIN step_run USING (pipeline_run_id)"
    " WHERE run.id = ? AND executed IS NOT NULL",
    "re-executed notebooks": "SELECT count(*) FROM certificate WHERE run_id = ?"
    " AND notebook IS NOT NULL",
    "a copy in MLflow": "SELECT count(*) FROM run WHERE id = ? AND mlflow_run_id IS NOT NULL",
}
"""What a run keeps that rows may stand in, and SQL that counts it."""


def in_datasets(project: Project, dataset: str, predicate: Predicate) -> Iterator[Trace]:
    """Look for the same rows in all other datasets that have the columns."""
    for other in versions.datasets(project):
        alive = [v for v in reversed(other.versions) if v.gone_at is None]
        hidden = [v for v in alive if v.kind not in TABLES]
        if hidden:
            kinds = " and ".join(sorted({f"{v.kind}s" for v in hidden}))
            yield Trace(_refs(hidden), f"{kinds} are not looked into")
        if other.name != dataset:
            yield from _rows_in(project, predicate, with_columns(other, predicate))


def with_columns(dataset: Dataset, predicate: Predicate) -> list[DatasetVersion]:
    """Return the versions of a dataset that have all columns of a predicate, the first first."""
    wanted = set(columns(predicate))
    return [
        version
        for version in reversed(dataset.versions)
        if version.gone_at is None
        and version.kind in TABLES
        and wanted <= {column.name for column in version.columns}
    ]


def _rows_in(
    project: Project, predicate: Predicate, found: Sequence[DatasetVersion]
) -> Iterator[Trace]:
    search = Search(project, predicate)
    hits = []
    for version in found:
        try:
            count = search(version).count
        except MlopsError as error:
            yield Trace(version.ref, f"could not be looked into: {error.message}")
            continue
        if count:
            hits.append((version, count))
    if hits:
        rows = sum(count for _, count in hits)
        yield Trace(_refs([version for version, _ in hits]), f"{rows:,} such rows")


def in_runs(project: Project, hit: Sequence[DatasetVersion]) -> Iterator[Trace]:
    """Name what runs and evaluations have kept that used these versions."""
    ids = [versions.row_id(project, version) for version in hit]
    places = ", ".join("?" * len(ids))
    rows = project.catalog.rows
    for run in rows(
        "SELECT DISTINCT run.id, run.name FROM run_data JOIN run ON run.id = run_id"
        f" WHERE version_id IN ({places}) ORDER BY started_at",
        ids,
    ):
        kept = [what for what, sql in _KEPT.items() if rows(sql, (run["id"],))[0][0]]
        if kept:
            yield Trace(f"run {run['id'][:8]} ({run['name']})", f"kept {', '.join(kept)}")
    for row in rows(
        "SELECT model, version, dataset || '@' || number AS ref FROM evaluation"
        " JOIN dataset_version ON dataset_version.id = version_id"
        f" WHERE version_id IN ({places}) GROUP BY model, version, ref",
        ids,
    ):
        yield Trace(
            f"evaluation of {row['model']} v{row['version']} on {row['ref']}",
            "keeps label and prediction of each row",
        )


def in_shared_store(project: Project, hit: Sequence[DatasetVersion]) -> Iterator[Trace]:
    """Name the versions that were pushed, or pulled."""
    known = [
        version
        for version in hit
        if project.catalog.row(
            "SELECT 1 FROM remote_bundle WHERE says = ? OR says = ?",
            (version.digest, f"{version.dataset}@{version.number}"),
        )
    ]
    if known:
        yield Trace(_refs(known), "the shared store has them as they were")


def _refs(found: Sequence[DatasetVersion]) -> str:
    shown = ", ".join(version.ref for version in found[:SHOWN])
    return shown + (f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else "")
