"""One step up: what things came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from mlops_jupyter.data.dataset import Source
from mlops_jupyter.project import Project
from mlops_jupyter.provenance.content import UNKNOWN, contents, taken_in
from mlops_jupyter.provenance.noun import Key, Link
from mlops_jupyter.provenance.rows import RECORDED, select_of
from mlops_jupyter.provenance.sessions import Sessions


class Up:
    """Finds what things came from.

    Parameters
    ----------
    project : Project
    sessions : Sessions
    """

    def __init__(self, project: Project, sessions: Sessions) -> None:
        self._project = project
        self._sessions = sessions

    def __call__(self, targets: Sequence[Key]) -> Iterator[Link]:
        """Yield one step up from each of some things."""
        for find, kind in (
            (self._data, "data"), (self._cells, "cell"), (self._runs, "run"),
            (self._models, "model"), (self._files, "file"),
        ):  # fmt: skip
            some = [key for key in targets if key.kind == kind]
            if some:
                yield from find(some)

    def _data(self, targets: Sequence[Key]) -> Iterator[Link]:
        """Yield the cells that first took and wrote each version, and what it was made of."""
        took, wrote = self._takers(targets), self._writers(targets)
        for key in targets:
            taker, writer = took.get(key), wrote.get(key)
            if taker and not (writer and writer.source == taker.source):
                yield taker
            if writer:
                yield writer
        rows = select_of(
            self._project,
            "SELECT id, source, kind, digest, created_at FROM dataset_version"
            " WHERE id IN GIVEN AND source IS NOT NULL",
            targets,
        )
        for row in rows:
            source = msgspec.json.decode(row["source"], type=Source)
            target = Key("data", row["id"])
            if target in wrote and wrote[target].text == source.text:
                continue
            is_file = source.kind == row["kind"] == "file"
            key = Key(source.kind, source.text, row["digest"] if is_file else None)
            yield Link(key, target, "from", source.connection or "", row["created_at"])

    def _takers(self, targets: Sequence[Key]) -> dict[Key, Link]:
        rows = select_of(
            self._project,
            "SELECT version_id, min(execution_id), count(*), started_at FROM execution_made"
            " JOIN cell_execution ON cell_execution.id = execution_id"
            f" WHERE version_id IN GIVEN AND {RECORDED} GROUP BY version_id",
            targets,
        )
        return {
            Key("data", version_id): Link(
                Key("cell", execution_id),
                Key("data", version_id),
                "took",
                "" if count == 1 else f"and {count - 1} more, of the same content",
                when,
            )
            for version_id, execution_id, count, when in rows
        }

    def _writers(self, targets: Sequence[Key]) -> dict[Key, Link]:
        """Return the cells that wrote what files among the data versions hold."""
        rows = select_of(
            self._project,
            "SELECT version.id, min(execution_id), path, started_at"
            " FROM dataset_version AS version"
            " JOIN execution_file ON execution_file.digest = version.digest"
            " JOIN cell_execution ON cell_execution.id = execution_id"
            " WHERE version.id IN GIVEN AND version.kind = 'file' AND version.size_bytes > 0"
            f" AND access = 'write' AND {RECORDED} GROUP BY version.id",
            targets,
        )
        return {
            Key("data", version_id): Link(
                Key("cell", execution_id), Key("data", version_id), "wrote", path, when
            )
            for version_id, execution_id, path, when in rows
        }

    def _cells(self, targets: Sequence[Key]) -> Iterator[Link]:
        """Yield what came into the cells on which each stands, and the run that it belonged to."""
        before = self._sessions.before(int(key.name) for key in targets)
        yield from taken_in(self._project, {Key("cell", e): some for e, some in before.items()})
        rows = select_of(
            self._project,
            "SELECT cell_execution.id, run_id, run.started_at FROM cell_execution"
            " JOIN run ON run.id = run_id WHERE cell_execution.id IN GIVEN",
            targets,
        )
        for execution_id, run_id, when in rows:
            yield Link(Key("run", run_id), Key("cell", execution_id), "ran", "", when)

    def _runs(self, targets: Sequence[Key]) -> Iterator[Link]:
        """Yield what came into the cells of each run, and what was bound to it in other ways."""
        rows = select_of(
            self._project,
            "SELECT run_id, execution_id FROM run_cell WHERE run_id IN GIVEN ORDER BY execution_id",
            targets,
        )
        cells: dict[Key, list[int]] = {}
        for run_id, execution_id in rows:
            cells.setdefault(Key("run", run_id), []).append(execution_id)
        seen = set()
        for link in taken_in(self._project, cells):
            seen.add((link.source, link.target))
            yield link
        rows = select_of(
            self._project,
            "SELECT run_id, version_id, created_at FROM run_data JOIN dataset_version"
            " ON dataset_version.id = version_id WHERE run_id IN GIVEN",
            targets,
        )
        for run_id, version_id, when in rows:
            link = Link(Key("data", version_id), Key("run", run_id), "used", "", when)
            if (link.source, link.target) not in seen:
                yield link

    def _models(self, targets: Sequence[Key]) -> Iterator[Link]:
        """Yield the run that fitted each model version."""
        wanted = set(targets)
        rows = select_of(
            self._project,
            "SELECT model, version, run_id, registered_at FROM model_version WHERE model IN GIVEN",
            targets,
        )
        for model, version, run_id, when in rows:
            if Key("model", model, version) in wanted:
                yield Link(Key("run", run_id), Key("model", model, version), "fitted", "", when)

    def _files(self, targets: Sequence[Key]) -> Iterator[Link]:
        """Yield the contents of each path, and the cell that first wrote a content to it."""
        for path, content, when in contents(self._project, targets):
            yield Link(content, path, "holds", "", when)
        wanted = set(targets)
        rows = select_of(
            self._project,
            "SELECT path, digest, min(execution_id), started_at FROM execution_file"
            " JOIN cell_execution ON cell_execution.id = execution_id"
            f" WHERE path IN GIVEN AND access = 'write' AND {RECORDED} GROUP BY path, digest",
            targets,
        )
        for path, digest, execution_id, when in rows:
            target = Key("file", path, digest or UNKNOWN)
            if target in wanted:
                yield Link(Key("cell", execution_id), target, "wrote", "", when)
