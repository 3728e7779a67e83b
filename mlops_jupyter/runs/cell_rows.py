"""The rows of one executed cell: written in the transaction of the recorder."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_jupyter.runs.run import ReadFile

if TYPE_CHECKING:
    from mlops_jupyter.runs.recorder import Execution

NOTEBOOK = "coalesce(?, (SELECT notebook FROM session WHERE id = ?))"
"""The path told with the execution, else that of the session, which the server keeps right."""


def put_execution(rows: sqlite3.Connection, cell: Execution, run_id: str | None) -> int:
    """Write one executed cell, and return its row."""
    rows.execute(
        "INSERT OR IGNORE INTO source (digest, text) VALUES (?, ?)",
        (cell.source_digest, cell.source),
    )
    execution_id = rows.execute(
        "INSERT INTO cell_execution (session_id, position, cell_id, source_digest, code_digest,"
        " reads, writes, changes, deletes, parents, unsure, started_at, duration_seconds, error,"
        " run_id, notebook) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        f" {NOTEBOOK})",
        (
            cell.session_id,
            cell.position,
            cell.cell_id,
            cell.source_digest,
            cell.code_digest,
            _json(cell.reads),
            _json(cell.writes),
            _json(cell.changes),
            _json(cell.deletes),
            _json(cell.parents),
            _json(cell.unsure),
            cell.started_at,
            cell.duration_seconds,
            cell.error,
            run_id,
            cell.notebook,
            cell.session_id,
        ),
    ).lastrowid
    assert execution_id is not None
    if cell.versions:
        rows.executemany(
            "INSERT INTO execution_data (execution_id, version_id) VALUES (?, ?)",
            [(execution_id, version) for version in cell.versions],
        )
    if cell.made:
        rows.executemany(
            "INSERT INTO execution_made (execution_id, version_id) VALUES (?, ?)",
            [(execution_id, version) for version in cell.made],
        )
    if cell.files:
        rows.executemany(
            "INSERT OR IGNORE INTO execution_file (execution_id, path, access, kind, size_bytes,"
            " digest) VALUES (?, ?, ?, ?, ?, ?)",
            [(execution_id, f.path, f.access, f.kind, f.size_bytes, f.digest) for f in cell.files],
        )
    for file in cell.keeps:
        _put_keeping(rows, execution_id, file)
    return execution_id


def _put_keeping(rows: sqlite3.Connection, execution_id: int, file: ReadFile) -> None:
    """Bind the version of a file that has not changed since it was kept, or ask for one."""
    row = rows.execute(
        "SELECT id FROM dataset_version WHERE digest = ? AND kind = 'file' AND gone_at IS NULL"
        " AND json_extract(source, '$.text') = ? LIMIT 1",
        (file.digest, file.path),
    ).fetchone()
    if row is None:
        sql = "INSERT OR IGNORE INTO file_keeping (execution_id, path, access) VALUES (?, ?, ?)"
        rows.execute(sql, (execution_id, file.path, file.access))
        return
    for table in ("execution_data", *(["execution_made"] if file.access == "write" else [])):
        rows.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", (execution_id, row["id"]))


def put_outputs(
    rows: sqlite3.Connection, execution_id: int, outputs: Sequence[tuple[str, str, int]]
) -> None:
    """Write what a cell showed: media type, digest and size of each."""
    rows.executemany(
        "INSERT INTO output (execution_id, number, media_type, digest, size_bytes)"
        " VALUES (?, ?, ?, ?, ?)",
        [(execution_id, number, *output) for number, output in enumerate(outputs, 1)],
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
