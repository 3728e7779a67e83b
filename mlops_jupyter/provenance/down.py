"""One step down: what came of things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_jupyter.project import Project
from mlops_jupyter.provenance.content import UNKNOWN, contents, given_out
from mlops_jupyter.provenance.noun import How, Key, Kind, Link
from mlops_jupyter.provenance.rows import RECORDED, select, select_of
from mlops_jupyter.provenance.sessions import Sessions

_JUDGED: tuple[tuple[Kind, How, str, str], ...] = (
    ("evaluation", "evaluated", "version", "evaluated_at"),
    ("decision", "decided", "to_version", "decided_at"),
)
"""Tables of what became of model versions: their names, the number's column, the time's."""


class Down:
    """Finds what came of things.

    Parameters
    ----------
    project : Project
    sessions : Sessions
    start : Key
        Only of a run that the walk begins with its cells are asked: any other came up because
        of a cell, which says the same.
    """

    def __init__(self, project: Project, sessions: Sessions, start: Key) -> None:
        self._project = project
        self._sessions = sessions
        self._start = start

    def __call__(self, sources: Sequence[Key]) -> Iterator[Link]:
        """Yield one step down from each of some things."""
        for find, kinds in (
            (self._data, {"data"}), (self._cells, {"cell"}), (self._runs, {"run"}),
            (self._models, {"model"}), (self._files, {"file"}),
            (self._texts, {"url", "query", "folder", "dvc"}),
        ):  # fmt: skip
            some = [key for key in sources if key.kind in kinds]
            if some:
                yield from find(some)

    def _data(self, sources: Sequence[Key]) -> Iterator[Link]:
        """Yield the cells that loaded or read each version, and the runs that used it else."""
        loaded = list(self._loading(sources))
        yield from loaded
        covered = self._runs_through(loaded)
        rows = select_of(
            self._project,
            "SELECT version_id, run.id, started_at FROM run_data JOIN run ON run.id = run_id"
            " WHERE version_id IN GIVEN AND reproduces IS NULL ORDER BY started_at",
            sources,
        )
        for version_id, run_id, when in rows:
            if (version_id, run_id) not in covered:
                yield Link(Key("data", version_id), Key("run", run_id), "used", "", when)
        rows = select_of(
            self._project,
            "SELECT version_id, id, evaluated_at FROM evaluation WHERE version_id IN GIVEN"
            " ORDER BY evaluated_at",
            sources,
        )
        for version_id, evaluation_id, when in rows:
            key = Key("evaluation", evaluation_id)
            yield Link(Key("data", version_id), key, "evaluated", "", when)

    def _loading(self, sources: Sequence[Key]) -> Iterator[Link]:
        """Yield the cells that loaded versions, or read files that are versions."""
        rows = select_of(
            self._project,
            "SELECT version_id, execution_id, 'loaded' AS how, '' AS path, started_at"
            " FROM execution_data JOIN cell_execution ON cell_execution.id = execution_id"
            f" WHERE version_id IN GIVEN AND {RECORDED} AND NOT EXISTS"
            " (SELECT 1 FROM execution_made AS made WHERE made.version_id ="
            "  execution_data.version_id AND made.execution_id = execution_data.execution_id)"
            " UNION ALL SELECT version.id, execution_id, 'read', path, started_at"
            " FROM dataset_version AS version"
            " JOIN execution_file ON execution_file.digest = version.digest"
            " JOIN cell_execution ON cell_execution.id = execution_id"
            " WHERE version.id IN GIVEN AND version.kind = 'file' AND version.size_bytes > 0"
            f" AND access = 'read' AND {RECORDED} ORDER BY execution_id",
            sources,
        )
        seen = set()
        for version_id, execution_id, how, path, when in rows:
            if (version_id, execution_id) not in seen:
                seen.add((version_id, execution_id))
                cell = Key("cell", execution_id)
                yield Link(Key("data", version_id), cell, how, path, when)

    def _runs_through(self, loaded: Sequence[Link]) -> set[tuple[int | str, str]]:
        """Return versions and the runs that stand on cells that loaded them."""
        runs = self._runs_of([link.target for link in loaded])
        return {(link.source.name, run) for link in loaded for run, _ in runs[link.target.name]}

    def _runs_of(self, cells: Sequence[Key]) -> dict[int | str, list[tuple[str, str]]]:
        """Return the runs that stand on cells, and when they began."""
        rows = select_of(
            self._project,
            "SELECT execution_id, run.id, started_at FROM run_cell JOIN run ON run.id = run_id"
            " WHERE execution_id IN GIVEN AND reproduces IS NULL ORDER BY started_at",
            cells,
        )
        found: dict[int | str, list[tuple[str, str]]] = {key.name: [] for key in cells}
        for execution_id, run_id, when in rows:
            found[execution_id].append((run_id, when))
        return found

    def _cells(self, sources: Sequence[Key]) -> Iterator[Link]:
        """Yield the runs that stand on each cell, and what the cells that do gave out."""
        runs = self._runs_of(sources)
        for key in sources:
            for run_id, when in runs[key.name]:
                yield Link(key, Key("run", run_id), "ran", "", when)
        after = self._sessions.after(int(key.name) for key in sources)
        yield from given_out(self._project, {Key("cell", e): some for e, some in after.items()})

    def _runs(self, sources: Sequence[Key]) -> Iterator[Link]:
        """Yield the model versions that runs fitted."""
        if self._start in sources:
            rows = select_of(
                self._project,
                "SELECT id FROM cell_execution JOIN run_cell ON execution_id = id"
                " AND run_cell.run_id = cell_execution.run_id WHERE run_cell.run_id IN GIVEN",
                [self._start],
            )
            yield from given_out(self._project, {self._start: [row[0] for row in rows]})
        rows = select_of(
            self._project,
            "SELECT run_id, model, version, registered_at FROM model_version"
            " WHERE run_id IN GIVEN ORDER BY registered_at",
            sources,
        )
        for run_id, model, version, when in rows:
            yield Link(Key("run", run_id), Key("model", model, version), "fitted", "", when)

    def _models(self, sources: Sequence[Key]) -> Iterator[Link]:
        """Yield the evaluations of model versions, and the decisions on them."""
        wanted = set(sources)
        for kind, how, number, at in _JUDGED:
            sql = f"SELECT id, model, {number}, {at} FROM {kind} WHERE model IN GIVEN ORDER BY {at}"
            for id_, model, version, when in select_of(self._project, sql, sources):
                source = Key("model", model, version)
                if source in wanted:
                    yield Link(source, Key(kind, id_), how, "", when)

    def _files(self, sources: Sequence[Key]) -> Iterator[Link]:
        """Yield the cells that read a content of a path, and the versions that hold it."""
        for path, content, when in contents(self._project, sources):
            yield Link(path, content, "holds", "", when)
        wanted = set(sources)
        rows = select_of(
            self._project,
            "SELECT path, digest, execution_id, started_at FROM execution_file"
            " JOIN cell_execution ON cell_execution.id = execution_id"
            f" WHERE path IN GIVEN AND kind = 'file' AND access = 'read' AND {RECORDED}"
            " ORDER BY execution_id",
            sources,
        )
        for path, digest, execution_id, when in rows:
            source = Key("file", path, digest or UNKNOWN)
            if source in wanted:
                yield Link(source, Key("cell", execution_id), "read", "", when)
        by_digest = {str(key.part): key for key in sources if key.part is not None}
        rows = select(
            self._project,
            "SELECT id, digest, created_at FROM dataset_version WHERE kind = 'file'"
            " AND size_bytes > 0 AND digest IN GIVEN",
            by_digest,
        )
        for version_id, digest, when in rows:
            yield Link(by_digest[digest], Key("data", version_id), "from", "", when)

    def _texts(self, sources: Sequence[Key]) -> Iterator[Link]:
        """Yield the cells that read URLs, queries and folders."""
        wanted = set(sources)
        rows = select_of(
            self._project,
            "SELECT path, kind, execution_id, started_at FROM execution_file"
            " JOIN cell_execution ON cell_execution.id = execution_id"
            f" WHERE path IN GIVEN AND access = 'read' AND {RECORDED} ORDER BY execution_id",
            sources,
        )
        for path, kind, execution_id, when in rows:
            source = Key(kind, path)
            if source in wanted:
                yield Link(source, Key("cell", execution_id), "read", "", when)
