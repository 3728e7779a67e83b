"""What a run stood on, as dataset inputs of MLflow: data versions, and files that it read."""

from __future__ import annotations

from typing import Any

import msgspec
from mlflow.entities import Dataset, DatasetInput, InputTag

from mlops_jupyter.data.dataset import Source
from mlops_jupyter.project import Project
from mlops_jupyter.runs.mlflow_place import redacted
from mlops_jupyter.runs.mlflow_values import text
from mlops_jupyter.runs.run import Run

MOST_FILES = 500
"""Inputs of one run that are files; all of them are in the artifact ``files.json``."""

_LONGEST_NAME, _LONGEST_SOURCE, _LONGEST_SCHEMA = 500, 65_000, 1_000_000
_LONGEST_DIGEST, _LONGEST_TAG = 36, 500
_UNKNOWN = "unknown"
_SOURCES = {"file": "local", "folder": "local", "url": "http", "query": "sql"}


def inputs(project: Project, run: Run) -> list[DatasetInput]:
    """Return the inputs of a run; MLflow takes those of one name and digest for one.

    A data version is an input with the name of its dataset and the first 36 hex digits of its
    digest, which is all that MLflow has room for. Its tags hold the whole digest, how it is
    written here, and what it was made of. A file that is one of these versions is not there
    twice.
    """
    rows = _versions(project, run.id)
    known = {row["digest"] for row in rows if row["kind"] == "file"}
    read = [row for row in files(project, run.id) if row["digest"] not in known]
    return [_version(row) for row in rows] + [_file(row) for row in read[:MOST_FILES]]


def files(project: Project, run_id: str) -> list[dict[str, Any]]:
    """Return the files, URLs and queries that the cells of a run read."""
    found = project.catalog.rows(
        "SELECT DISTINCT path, kind, size_bytes, digest FROM run_cell"
        " JOIN execution_file USING (execution_id)"
        " WHERE run_id = ? AND access = 'read' ORDER BY path, digest",
        (run_id,),
    )
    return [{**dict(row), "path": redacted(row["path"])} for row in found]


def _versions(project: Project, run_id: str) -> list[dict[str, Any]]:
    rows = project.catalog.rows(
        "SELECT dataset, number, digest, kind, row_count, columns, size_bytes, source,"
        " EXISTS (SELECT 1 FROM run_cell JOIN execution_made USING (execution_id)"
        "   WHERE run_cell.run_id = run_data.run_id"
        "   AND execution_made.version_id = run_data.version_id) AS made"
        " FROM run_data JOIN dataset_version ON dataset_version.id = version_id"
        " WHERE run_id = ? AND passed_by IS NULL ORDER BY dataset, number",
        (run_id,),
    )
    return [dict(row) for row in rows]


def _version(row: dict[str, Any]) -> DatasetInput:
    ref = f"{row['dataset']}@{row['number']}"
    columns = msgspec.json.decode(row["columns"])
    schema = _json({"mlflow_colspec": [{"name": c["name"], "type": c["type"]} for c in columns]})
    source = {"uri": f"mlops:{ref}", "digest": row["digest"]}
    tags = {"mlops.version": ref, "mlops.digest": row["digest"]}
    if row["source"]:
        made_of = msgspec.json.decode(row["source"], type=Source)
        tags["mlops.source"] = source["source"] = text(redacted(made_of.text), _LONGEST_SOURCE // 2)
    return _input(
        row["dataset"],
        row["digest"],
        "local",
        source,
        tags,
        context="made" if row["made"] else "read",
        schema=schema if columns and len(schema) <= _LONGEST_SCHEMA else None,
        profile=_json({"num_rows": row["row_count"], "size_bytes": row["size_bytes"]}),
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
    name: str,
    digest: str,
    kind: str,
    source: dict[str, Any],
    tags: dict[str, str] | None = None,
    *,
    context: str = "read",
    **more: str | None,
) -> DatasetInput:
    dataset = Dataset(
        name=text(name, _LONGEST_NAME),
        digest=digest.removeprefix("blake3:")[:_LONGEST_DIGEST],
        source_type=kind,
        source=_json(source),
        **more,
    )
    given = {"mlflow.data.context": context, **(tags or {})}
    return DatasetInput(
        dataset, tags=[InputTag(k, text(v, _LONGEST_TAG)) for k, v in given.items()]
    )


def _json(value: Any) -> str:
    return text(msgspec.json.encode(value).decode(), 1 << 20)
