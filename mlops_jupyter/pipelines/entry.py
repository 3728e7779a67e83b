"""What a step gave, kept and given to another run: the rows it added, its files, its notebook.

Objects are written first, then one transaction makes the entry and ends the step: a step that
counts as finished is never run again because of a kill, and one that was killed before leaves
nothing but garbage.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.pipelines import record
from mlops_jupyter.pipelines.damage import put_aside
from mlops_jupyter.pipelines.key import Key, Part
from mlops_jupyter.pipelines.reads import Reads, Seen, Written
from mlops_jupyter.project import Project, now
from mlops_jupyter.store.objects import digest_of, replace_file

NEWEST = 20
"""Entries of a step that are kept; of older ones the rows stay, and their objects may go."""

_FIGURE = re.compile(r"figure-[0-9]+\.(.+)")


class Records(msgspec.Struct, frozen=True):
    """The rows that a step added to its run, its values under names, its notebook.

    Attributes
    ----------
    metrics : tuple of (name, step, value)
    parameters : dict of str to str
        JSON.
    artifacts : tuple of (name, media type, digest, size)
    model : tuple of (digest, kind, example) or None
    environment : str or None
    cells, data : tuple of int
        Rows of executions and of data versions.
    unsure : tuple of str
    notebook : str or None
        Object: as it was executed.
    passed : tuple of str
        Names of the values that it passed on.
    """

    metrics: tuple[tuple[str, int, float | None], ...] = ()
    parameters: dict[str, str] = {}
    artifacts: tuple[tuple[str, str, str, int], ...] = ()
    model: tuple[str, str | None, str | None] | None = None
    environment: str | None = None
    cells: tuple[int, ...] = ()
    data: tuple[int, ...] = ()
    unsure: tuple[str, ...] = ()
    notebook: str | None = None
    passed: tuple[str, ...] = ()

    @property
    def objects(self) -> set[str]:
        """Digests of what it needs."""
        found = {digest for _, _, digest, _ in self.artifacts}
        found |= {d for d in (self.environment, self.notebook) if d is not None}
        if self.model is not None:
            found |= {d for d in (self.model[0], self.model[2]) if d is not None}
        return found


class Entry(msgspec.Struct, frozen=True):
    """A finished step that was kept; `origin` is the shared store that it came from, if any."""

    id: str
    key: str
    parts: tuple[Part, ...]
    reads: Reads
    passes: str | None
    passes_digest: str | None
    writes: tuple[Written, ...]
    records: Records
    why_not: str | None
    made_at: str
    origin: str | None = None

    @property
    def objects(self) -> set[str]:
        """Digests of what it needs."""
        passes = {self.passes} if self.passes is not None else set()
        return passes | self.records.objects | {one.digest for one in self.writes}


def from_row(row: sqlite3.Row) -> Entry:
    """Return an entry from its row."""
    read = msgspec.json.decode
    return Entry(
        row["id"],
        row["key"],
        read(row["parts"], type=tuple[Part, ...]),
        read(row["reads"], type=Reads),
        row["passes"],
        row["passes_digest"],
        read(row["writes"], type=tuple[Written, ...]),
        read(row["records"], type=Records),
        row["why_not"],
        row["made_at"],
        row["origin"],
    )


def get(project: Project, entry_id: str) -> Entry:
    """Return an entry.

    Raises
    ------
    NotFoundError
        There is none with this id.
    """
    row = project.catalog.row("SELECT * FROM step_entry WHERE id = ?", (entry_id,))
    if row is None:
        raise NotFoundError("kept step", entry_id)
    return from_row(row)


class RunRows:
    """What a run holds before a step, to tell afterwards what the step has added.

    Parameters
    ----------
    project : Project
    run_id : str
    """

    def __init__(self, project: Project, run_id: str) -> None:
        self._project, self._run_id = project, run_id
        self._before = self._look()
        row = project.catalog.row("SELECT coalesce(max(id), 0) AS last FROM cell_execution")
        self._last = row["last"] if row is not None else 0

    def executions(self) -> tuple[int, ...]:
        """Return the rows of the cells that were executed since."""
        return tuple(
            row[0]
            for row in self._project.catalog.rows(
                "SELECT execution_id FROM run_cell WHERE run_id = ? AND execution_id > ?"
                " ORDER BY execution_id",
                (self._run_id, self._last),
            )
        )

    def added(
        self, words: frozenset[str], cells: tuple[int, ...], passed: tuple[str, ...]
    ) -> Records:
        """Return what was added since.

        Parameters
        ----------
        words : frozenset of str
            Names in the code of the step: a parameter of such a name is its own, though another
            step may have set it to the same value.
        cells : tuple of int
        passed : tuple of str
            Names of the values that it passed on.
        """
        was, now_ = self._before, self._look()
        new = {
            kind: {k: v for k, v in held.items() if was[kind].get(k) != v}
            for kind, held in now_.items()
        }
        again = {n: v for n, v in now_["parameter"].items() if n.rpartition(".")[2] in words}
        run = new["run"]
        model = now_["run"].get("model") if "model" in run else None
        return Records(
            metrics=tuple((*one, value) for one, (value, _) in new["metric"].items()),
            parameters=new["parameter"] | again,
            artifacts=tuple((name, *rest) for name, rest in new["artifact"].items()),
            model=model,
            environment=now_["run"].get("environment"),
            cells=cells,
            data=tuple(new["data"]),
            unsure=tuple(new["unsure"]),
            passed=passed,
        )

    def _look(self) -> dict[str, dict[Any, Any]]:
        rows, one = self._project.catalog.rows, (self._run_id,)
        metric = rows("SELECT name, step, value, at FROM metric WHERE run_id = ?", one)
        parameter = rows("SELECT name, value FROM parameter WHERE run_id = ?", one)
        artifact = rows(
            "SELECT name, media_type, digest, size_bytes FROM artifact WHERE run_id = ?", one
        )
        data = rows("SELECT version_id FROM run_data WHERE run_id = ?", one)
        (run,) = rows(
            "SELECT model_digest, model_kind, model_example, environment_digest, unsure"
            " FROM run WHERE id = ?", one,
        )  # fmt: skip
        held: dict[Any, Any] = {"environment": run["environment_digest"]}
        if run["model_digest"] is not None:
            held["model"] = (run["model_digest"], run["model_kind"], run["model_example"])
        return {
            "metric": {(r["name"], r["step"]): (r["value"], r["at"]) for r in metric},
            "parameter": {r["name"]: r["value"] for r in parameter},
            "artifact": {r["name"]: tuple(r)[1:] for r in artifact},
            "data": {r["version_id"]: True for r in data},
            "unsure": dict.fromkeys(json.loads(run["unsure"]), True),
            "run": held,
        }


def make(
    project: Project,
    *,
    pipeline: str,
    step: str,
    step_run_id: str,
    key: Key,
    seen: Seen,
    records: Records,
    executed: Path,
    counts: bool,
    whole: tuple[str, int] | None = None,
) -> str:
    """End a step, and keep what it gave; return why it may not be taken again, or nothing.

    Parameters
    ----------
    counts : bool
        What it reads from outside counts for a while: ``max_age`` of the step.
    whole : tuple of str and int, optional
        The Run of the whole pipeline, and the position of the step: what the step recorded is
        given to that one, too.
    """
    why_not = key.why_not or ("" if seen.is_outside and counts else seen.why_not)
    passes, passes_digest = record.passed(project, step_run_id)
    with project.objects.held():
        if not why_not:
            why_not = _keep_files(project, seen.written)
        notebook = project.objects.write(executed.read_bytes())
        records = msgspec.structs.replace(records, notebook=notebook)
        made = Entry(
            secrets.token_hex(8), key.digest, key.parts, seen.reads, passes, passes_digest,
            seen.written if not why_not else (), records, why_not or None, now(),
        )  # fmt: skip
        with project.catalog.transaction() as rows:
            _put(rows, made, pipeline, step, step_run_id)
            record.ended(rows, step_run_id, "finished")
            if whole is not None:
                _give_rows(rows, records, *whole)
    return why_not


def _keep_files(project: Project, written: Sequence[Written]) -> str:
    for one in written:
        try:
            content = (project.root / one.path).read_bytes()
        except OSError:
            return f"what it wrote to {one.path} cannot be read"
        if digest_of(content) != one.digest:
            return f"{one.path} has changed since it was written"
        project.objects.write(content)
    return ""


def _put(rows: sqlite3.Connection, made: Entry, pipeline: str, step: str, step_run_id: str) -> None:
    rows.execute(
        "INSERT INTO step_entry (id, step_run_id, pipeline, step, key, parts, reads, passes,"
        " passes_digest, writes, records, why_not, made_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            made.id, step_run_id, pipeline, step, made.key, _json(made.parts), _json(made.reads),
            made.passes, made.passes_digest, _json(made.writes), _json(made.records),
            made.why_not, made.made_at,
        ),
    )  # fmt: skip
    rows.executemany(
        "INSERT INTO step_entry_object (entry_id, digest) VALUES (?, ?)",
        [(made.id, digest) for digest in sorted(made.objects)],
    )
    old = rows.execute(
        "SELECT id FROM step_entry WHERE pipeline = ? AND step = ?"
        " AND EXISTS (SELECT 1 FROM step_entry_object WHERE entry_id = step_entry.id)"
        " ORDER BY made_at DESC LIMIT -1 OFFSET ?",
        (pipeline, step, NEWEST),
    ).fetchall()
    for (entry_id,) in old:
        rows.execute("DELETE FROM step_entry_object WHERE entry_id = ?", (entry_id,))
        rows.execute(
            "UPDATE step_entry SET passes = NULL, why_not = coalesce(why_not, 'it is too old')"
            " WHERE id = ?",
            (entry_id,),
        )


def give(project: Project, entry: Entry, opened: record.Opened, position: int, file: Path,
         why: str, status: record.Given = "cached") -> None:  # fmt: skip
    """Give what a step gave before, or elsewhere, to another run, instead of running it here.

    Raises
    ------
    IntegrityError
        Something of it is missing or damaged. Nothing is given then.
    """
    contents = {one.path: project.objects.read(one.digest) for one in entry.writes}
    notebook = project.objects.read(entry.records.notebook) if entry.records.notebook else None
    for path, content in contents.items():
        _put_back(project.root / path, content)
    if notebook is not None:
        replace_file(file, notebook)
    with project.catalog.transaction() as rows:
        for run_id in {opened.runs[position], opened.run_id}:
            _give_rows(rows, entry.records, run_id, position)
        record.taken(
            rows, opened, position, entry.id, entry.passes, entry.passes_digest, why, status
        )


def _put_back(path: Path, content: bytes) -> None:
    try:
        if path.read_bytes() == content:
            return
    except OSError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)


def _give_rows(rows: sqlite3.Connection, given: Records, run_id: str, position: int) -> None:
    at = now()
    rows.executemany(
        "INSERT OR REPLACE INTO metric (run_id, name, step, value, at) VALUES (?, ?, ?, ?, ?)",
        [(run_id, *metric, at) for metric in given.metrics],
    )
    rows.executemany(
        "INSERT OR REPLACE INTO parameter (run_id, name, value) VALUES (?, ?, ?)",
        [(run_id, name, value) for name, value in given.parameters.items()],
    )
    rows.executemany(
        "INSERT OR REPLACE INTO artifact (run_id, name, media_type, digest, size_bytes)"
        " VALUES (?, ?, ?, ?, ?)",
        [(run_id, *artifact) for artifact in _numbered(rows, given, run_id)],
    )
    rows.executemany(
        "INSERT OR IGNORE INTO run_cell (run_id, execution_id, place)"
        " SELECT ?, ?, coalesce(max(id), 0) + ? / 100000.0 FROM cell_execution",
        [(run_id, execution, position) for execution in given.cells],
    )
    rows.executemany(
        "INSERT OR IGNORE INTO run_data (run_id, version_id) VALUES (?, ?)",
        [(run_id, version) for version in given.data],
    )
    if given.model is not None:
        rows.execute(
            "UPDATE run SET model_digest = ?, model_kind = ?, model_example = ? WHERE id = ?",
            (*given.model, run_id),
        )
    if given.environment is not None:
        rows.execute(
            "UPDATE run SET environment_digest = ? WHERE id = ?", (given.environment, run_id)
        )
    if given.unsure:
        (known,) = rows.execute("SELECT unsure FROM run WHERE id = ?", (run_id,)).fetchone()
        reasons = dict.fromkeys([*json.loads(known), *given.unsure])
        rows.execute("UPDATE run SET unsure = ? WHERE id = ?", (_json([*reasons]), run_id))


def _numbered(
    rows: sqlite3.Connection, given: Records, run_id: str
) -> Iterator[tuple[str, str, str, int]]:
    """Yield artifacts; figures are counted on from those that the run has."""
    sql = "SELECT name FROM artifact WHERE run_id = ?"
    taken = {name.partition(".")[0] for (name,) in rows.execute(sql, (run_id,))}
    number = 0
    for name, *rest in given.artifacts:
        figure = _FIGURE.fullmatch(name)
        if figure is not None:
            number += 1
            while f"figure-{number}" in taken:
                number += 1
            name = f"figure-{number}.{figure[1]}"
        yield (name, *rest)  # type: ignore[misc]


def mark(project: Project, entry_id: str, why_not: str) -> None:
    """Let an entry not be used again."""
    with project.catalog.transaction() as rows:
        rows.execute("UPDATE step_entry SET why_not = ? WHERE id = ?", (why_not, entry_id))


def times_taken(project: Project, known: Entry) -> int:
    """Return how often a step was not run because of an entry."""
    row = project.catalog.row("SELECT count(*) FROM step_run WHERE entry_id = ?", (known.id,))
    return int(row[0]) if row is not None else 0


def spoil(project: Project, known: Entry) -> None:
    """Put what is damaged of an entry aside, to be written anew; the entry is not used again."""
    put_aside(project, known.objects)
    mark(project, known.id, "what was kept of it is damaged")


def differences(was: Entry, passes_digest: str | None, found: Records) -> list[str]:
    """Say in what a step that was run again differs from what was kept of it."""
    words = ["the values that it passes on"] if was.passes_digest != passes_digest else []
    before = {(name, step): value for name, step, value in was.records.metrics}
    after = {(name, step): value for name, step, value in found.metrics}
    return words + [
        f"{one[0]}: {before.get(one)} and {after.get(one)}"
        for one in sorted(before.keys() | after.keys())
        if before.get(one) != after.get(one)
    ]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
