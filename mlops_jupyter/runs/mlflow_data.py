"""What a run stood on, as dataset inputs of MLflow: data versions, and files that it read."""

from __future__ import annotations

from typing import Any

import msgspec
from mlflow.entities import Dataset, DatasetInput, InputTag

from mlops_jupyter.project import Project
from mlops_jupyter.runs.mlflow_place import redacted
from mlops_jupyter.runs.mlflow_values import text
from mlops_jupyter.runs.run import Run

MOST_FILES = 500
"""Inputs of one run that are files; all of them are in the artifact ``files.json``."""

_LONGEST_NAME, _LONGEST_SOURCE, _LONGEST_SCHEMA = 500, 65_000, 1_000_000
_UNKNOWN = "unknown"
_SOURCES = {"file": "local", "folder": "local", "url": "http", "query": "sql"}


def inputs(project: Project, run: Run) -> list[DatasetInput]:
    """Return the inputs of a run; MLflow takes those of one name and digest for one."""
    versions = [_version(project, ref) for ref in run.data]
    return versions + [_file(row) for row in files(project, run.id)[:MOST_FILES]]


def files(project: Project, run_id: str) -> list[dict[str, Any]]:
    """Return the files, URLs and queries that the cells of a run read."""
    found = project.catalog.rows(
        "SELECT DISTINCT path, kind, size_bytes, digest FROM run_cell"
        " JOIN execution_file USING (execution_id)"
        " WHERE run_id = ? AND access = 'read' ORDER BY path, digest",
        (run_id,),
    )
    return [{**dict(row), "path": redacted(row["path"])} for row in found]


def _version(project: Project, ref: str) -> DatasetInput:
    name, _, number = ref.rpartition("@")
    row = project.catalog.row(
        "SELECT digest, kind, row_count, columns FROM dataset_version"
        " WHERE dataset = ? AND number = ?",
        (name, int(number)),
    )
    assert row is not None
    columns = msgspec.json.decode(row["columns"])
    schema = _json({"mlflow_colspec": [{"name": c["name"], "type": c["type"]} for c in columns]})
    return _input(
        ref,
        row["digest"],
        "local",
        {"uri": f"mlops:{ref}", "digest": row["digest"]},
        schema=schema if columns and len(schema) <= _LONGEST_SCHEMA else None,
        profile=_json({"num_rows": row["row_count"]}),
    )


def _file(row: dict[str, Any]) -> DatasetInput:
    path = text(row["path"], _LONGEST_SOURCE)
    key = {"query": "query", "url": "url"}.get(row["kind"], "uri")
    return _input(
        path,
        row["digest"] or _UNKNOWN,
        _SOURCES.get(row["kind"], "local"),
        {key: path, "digest": row["digest"]},
        profile=_json({"size_bytes": row["size_bytes"]}),
    )


def _input(
    name: str, digest: str, kind: str, source: dict[str, Any], **more: str | None
) -> DatasetInput:
    dataset = Dataset(
        name=text(name, _LONGEST_NAME),
        digest=digest.removeprefix("blake3:")[:36],  # MLflow keeps no more than 36
        source_type=kind,
        source=_json(source),
        **more,
    )
    return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", "read")])


def _json(value: Any) -> str:
    return text(msgspec.json.encode(value).decode(), 1 << 20)
