"""Which rows are shared, and what of them: the tables of each kind of bundle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from mlops_jupyter.data.dataset import Column, Kind, Source
from mlops_jupyter.pipelines.entry import Records
from mlops_jupyter.pipelines.key import Part
from mlops_jupyter.pipelines.reads import Reads, Written
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import GateReport, State
from mlops_jupyter.promotion.decision import Kind as DecisionKind
from mlops_jupyter.runs.certificate import Certificate
from mlops_jupyter.sharing.bundle import Tables
from mlops_jupyter.sharing.steps import STEP
from mlops_jupyter.store.references import OBJECT_COLUMNS

RUN = "run"
CELLS = "cells"
TAG = "tag"
ERASURE = "erasure"

WHOLE: dict[str, tuple[tuple[str, str], ...]] = {
    RUN: (
        ("run", "id"), ("parameter", "run_id"), ("metric", "run_id"), ("artifact", "run_id"),
        ("run_cell", "run_id"), ("run_data", "run_id"),
    ),
    "pipeline": (
        ("pipeline_run", "id"), ("pipeline_run_notebook", "pipeline_run_id"),
        ("step_run", "pipeline_run_id"), ("step_before", "pipeline_run_id"),
    ),
    STEP: (("step_entry", "id"), ("step_entry_object", "entry_id")),
    "model": (("model_version", "model || '@' || version"),),
    "evaluation": (("evaluation", "id"),),
    "decision": (
        ("decision", "id"), ("decision_state", "decision_id"), ("ledger", "decision_id"),
    ),
    "certificate": (("certificate", "id"),),
    ERASURE: (("erasure", "id"),),
}  # fmt: skip
"""Of each kind its tables, and the column that names which one; the first has one row of it.
Each kind stands on those before it."""

OF_CELLS = (
    "session", "source", "cell_execution", "execution_file", "output", "execution_data",
    "execution_made",
)  # fmt: skip

ENDED = {
    RUN: "status <> 'running'",
    "pipeline": "status <> 'running'",
    STEP: "why_not IS NULL AND EXISTS (SELECT 1 FROM step_run JOIN pipeline_run"
    " ON pipeline_run.id = pipeline_run_id WHERE step_run.id = step_entry.step_run_id"
    " AND pipeline_run.status <> 'running')",
    "decision": "EXISTS (SELECT 1 FROM decision_state WHERE decision_id = decision.id"
    " AND state <> 'intended')",
}
"""What is under way is not shared yet; nor a step that may not be taken again."""

LEFT_OUT = frozenset(
    {
        ("dataset_version", "id"), ("dataset_version", "number"), ("dataset_version", "origin"),
        ("dataset_version", "again_at"),
        ("dataset_version", "again_at"), ("dataset_version", "same_as"),
        ("cell_execution", "id"), ("cell_execution", "run_id"), ("run", "origin"),
        ("run", "mlflow_run_id"), ("run", "mlflow_model_id"), ("run", "mlflow_openings"),
        ("run", "mlflow_store"),
        ("session", "ended_at"), ("step_run", "entry_id"),
        ("step_entry", "origin"), ("decision", "origin"), ("ledger", "number"),
        ("step_run", "checkpoint_key"),
        ("run_cell", "place"),
    }
)  # fmt: skip
"""What is true in one catalog only."""

OWNERSHIP = "owned_cell"
"""In the bundle of a run, beside its tables: the executions that belong to it."""

JSON: dict[tuple[str, str], Any] = {
    ("cell_execution", "reads"): list[str],
    ("cell_execution", "writes"): list[str],
    ("cell_execution", "changes"): list[str],
    ("cell_execution", "deletes"): list[str],
    ("cell_execution", "parents"): list[int],
    ("cell_execution", "unsure"): list[str],
    ("run", "unsure"): list[str],
    ("parameter", "value"): Any,
    ("dataset_version", "columns"): tuple[Column, ...],
    ("dataset_version", "source"): Source,
    ("pipeline_run", "parameters"): dict[str, Any],
    ("step_run", "boundary"): dict[str, Any],
    ("step_before", "takes"): list[str],
    ("step_entry", "parts"): tuple[Part, ...],
    ("step_entry", "reads"): Reads,
    ("step_entry", "writes"): tuple[Written, ...],
    ("step_entry", "records"): Records,
    ("evaluation", "metrics"): dict[str, float | None],
    ("decision", "report"): GateReport,
    ("ledger", "entry"): dict[str, Any],
    ("certificate", "report"): Certificate,
    ("erasure", "report"): Any,
}
"""Columns that hold JSON, and of which form; else they would fail whoever reads them."""

WORDS: dict[tuple[str, str], frozenset[str]] = {
    ("dataset_version", "kind"): frozenset(get_args(Kind)),
    ("decision", "kind"): frozenset(get_args(DecisionKind)),
    ("decision_state", "state"): frozenset(get_args(State)),
    ("run", "status"): frozenset({"finished", "failed", "interrupted"}),
    ("pipeline_run", "status"): frozenset({"finished", "failed", "interrupted"}),
}

_OBJECTS = frozenset(OBJECT_COLUMNS)


def erased(project: Project) -> set[tuple[str, str]]:
    """Return the dataset and digest of all content with rows that were erased."""
    rows = project.catalog.rows(
        "SELECT erasure.dataset, json_extract(version.value, '$.before')"
        " FROM erasure, json_each(erasure.report, '$.versions') AS version"
    )
    return {(str(dataset), str(digest)) for dataset, digest in rows}


def columns_of(project: Project, table: str) -> tuple[str, ...]:
    """Return the columns of a table that are shared."""
    rows = project.catalog.rows(f"PRAGMA table_info({table})")
    return tuple(row["name"] for row in rows if (table, row["name"]) not in LEFT_OUT)


def objects_in(tables: Tables) -> Iterator[str]:
    """Walk the digests that rows name, those of manifests too."""
    for table, rows in tables.items():
        for row in rows:
            if row.get("gone_at") is not None:  # its content was given up
                continue
            for column, value in row.items():
                if (table, column) in _OBJECTS and isinstance(value, str):
                    yield value


class TagState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a tag stands since when; `digest` None: it was taken away."""

    dataset: str
    tag: str
    digest: str | None
    at: str
