"""Rows of the catalog, written as bundles."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter.project import Project
from mlops_jupyter.sharing import steps, tables
from mlops_jupyter.sharing.bundle import FORMAT, VERSION, Bundle, Tables, Value, parse_name
from mlops_jupyter.sharing.tables import CELLS, ENDED, OWNERSHIP, RUN, TAG, WHOLE, TagState
from mlops_jupyter.store.objects import digest_of

_MOST_CELLS = 2_000
"""Executions in one bundle."""


class Writer:
    """Writes rows of a project as bundles: other catalogs have other row ids."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._root = project.root
        # asked once for each table, version and execution
        self._columns = cache(lambda table: tables.columns_of(project, table))
        self._version = cache(self._name_of_version)
        self._execution = cache(self._name_of_execution)

    def version(self, row: sqlite3.Row, revision: int = 0) -> Bundle:
        """Write a data version."""
        written = {"dataset_version": [self._written("dataset_version", row)]}
        key = f"{row['dataset']}@{row['number']}" + (f"~{revision}" if revision else "")
        return Bundle(FORMAT, VERSION, key, written)

    def tag(self, state: TagState) -> Bundle:
        """Write where a tag stands."""
        row: dict[str, Value] = msgspec.structs.asdict(state)
        name = digest_of(msgspec.json.encode(state)).partition(":")[2][:32]
        return Bundle(FORMAT, TAG, name, {"data_tag": [row]})

    def all_of(self, kind: str) -> Iterator[Bundle]:
        """Write all that a catalog has of a kind and that has ended."""
        table, key = WHOLE[kind][0]
        found = self._project.catalog.rows(
            f"SELECT {key} AS id FROM {table} WHERE {ENDED.get(kind, '1 = 1')} ORDER BY id"
        )
        for row in found:
            yield self.one(kind, str(row["id"]))

    def one(self, kind: str, key: str) -> Bundle:
        """Write one thing of a kind."""
        written = {
            table: self._rows(table, f"{column} = ?", (key,)) for table, column in WHOLE[kind]
        }
        if kind == RUN:
            written[OWNERSHIP] = [
                {"execution_id": [row["session_id"], row["position"]]}
                for row in self._project.catalog.rows(
                    "SELECT session_id, position FROM cell_execution WHERE run_id = ?"
                    " ORDER BY session_id, position",
                    (key,),
                )
            ]
        if kind == steps.STEP:
            written |= self._named_by_step(key)
            written["step_entry"] = steps.stripped(written["step_entry"])
        return Bundle(FORMAT, kind, key, {name: rows for name, rows in written.items() if rows})

    def _named_by_step(self, key: str) -> Tables:
        row = self._project.catalog.row(
            "SELECT records, passes FROM step_entry WHERE id = ?", (key,)
        )
        assert row is not None, "it was listed"
        records = steps.numbers(row)
        return {
            steps.PASSED: self._rows(steps.PASSED, "passes = ?", (row["passes"],)),
            steps.CELLS: [{"execution_id": self._execution(one)} for one in records.cells],
            steps.DATA: [{"version_id": self._version(one)} for one in records.data],
        }

    def cells(self, known: Iterable[str]) -> Iterator[Bundle]:
        """Write the executions up to the last one of each run; `known` are names of bundles."""
        covered: dict[str, list[range]] = {}
        for name in known:
            said = parse_name(name)
            if said is not None and said.kind == CELLS:
                session, places = cells_of(said.id)
                covered.setdefault(session, []).append(places)
        last = self._project.catalog.rows(
            "SELECT session_id, max(position) AS last FROM cell_execution WHERE run_id IN"
            " (SELECT id FROM run WHERE status <> 'running') OR id IN (SELECT execution_id FROM"
            " run_cell JOIN run ON run.id = run_cell.run_id WHERE status <> 'running')"
            " GROUP BY session_id"
        )
        for session, until in last:
            rows = self._project.catalog.rows(
                "SELECT position FROM cell_execution WHERE session_id = ? AND position <= ?"
                " ORDER BY position",
                (session, until),
            )
            there = covered.get(session, [])
            new = [row[0] for row in rows if not any(row[0] in places for places in there)]
            for start in range(0, len(new), _MOST_CELLS):
                part = new[start : start + _MOST_CELLS]
                yield self._cells(session, part[0], part[-1])

    def _cells(self, session: str, first: int, last: int) -> Bundle:
        mine = f"session_id = ? AND position BETWEEN {first:d} AND {last:d}"
        ids = f"execution_id IN (SELECT id FROM cell_execution WHERE {mine})"
        where = {
            "session": "id = ?",
            "source": f"digest IN (SELECT source_digest FROM cell_execution WHERE {mine})",
            "cell_execution": mine,
        }
        written = {
            table: self._rows(table, where.get(table, ids), (session,)) for table in tables.OF_CELLS
        }
        kept = {name: rows for name, rows in written.items() if rows}
        return Bundle(FORMAT, CELLS, f"{session}-{first}-{last}", kept)

    def _rows(self, table: str, where: str, values: Sequence[Any]) -> list[dict[str, Value]]:
        rows = self._project.catalog.rows(f"SELECT * FROM {table} WHERE {where}", values)
        written = [self._written(table, row) for row in rows]
        return sorted(written, key=msgspec.json.encode)

    def _written(self, table: str, row: sqlite3.Row) -> dict[str, Value]:
        made: dict[str, Value] = {}
        for column in self._columns(table):
            value = row[column]
            if value is None:
                continue
            if column == "version_id":
                value = self._version(value)
            elif column == "execution_id":
                value = self._execution(value)
            elif column == "notebook" and table != "certificate":
                value = self._from_root(value)
            made[column] = value
        return made

    def _from_root(self, path: str) -> str:
        """Write the path of a notebook so that it leads somewhere in a clone."""
        absolute = Path(path)
        if absolute.is_absolute() and absolute.is_relative_to(self._root):
            return absolute.relative_to(self._root).as_posix()
        return path

    def _name_of_version(self, row_id: int) -> list[str | int]:
        row = self._project.catalog.row(
            "SELECT dataset, digest FROM dataset_version WHERE id = ?", (row_id,)
        )
        assert row is not None, "foreign keys are enforced"
        return [row["dataset"], row["digest"]]

    def _name_of_execution(self, row_id: int) -> list[str | int]:
        row = self._project.catalog.row(
            "SELECT session_id, position FROM cell_execution WHERE id = ?", (row_id,)
        )
        assert row is not None, "foreign keys are enforced"
        return [row["session_id"], row["position"]]


def versions_in(written: Tables) -> Iterator[tuple[str, str]]:
    """Walk the data versions that rows refer to, as dataset and digest."""
    for rows in written.values():
        for row in rows:
            named = row.get("version_id")
            if isinstance(named, list) and len(named) == 2:
                yield str(named[0]), str(named[1])


def cells_of(key: str) -> tuple[str, range]:
    """Return the session and the positions that the id of a bundle of executions says."""
    session, first, last = key.rsplit("-", 2)
    return session, range(int(first), int(last) + 1)
