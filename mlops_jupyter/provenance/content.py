"""What executions took in and gave out: data versions, files, URLs, queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

from mlops_jupyter.config import FILE
from mlops_jupyter.project import Project
from mlops_jupyter.provenance.noun import How, Key, Link
from mlops_jupyter.provenance.rows import RECORDED, select

UNKNOWN = "unknown"
"""In place of the digest of a content that was not recorded."""

Groups = Mapping[Key, Sequence[int]]
"""Of cells and runs: the executions that are meant, in their order."""


class Touch(NamedTuple):
    """A thing that an execution took in or gave out; `text` is the path of a version's file."""

    key: Key
    how: How
    text: str = ""


Touches = dict[int, list[Touch]]
"""By execution."""


def taken_in(project: Project, groups: Groups) -> Iterator[Link]:
    """Yield what came into cells and runs through the executions on which they stand."""
    executions = _all(groups)
    touches = _versions(project, executions)
    _add_files(touches, project, executions, "read")
    for group, execution_id, touch, text, when in _each(project, groups, touches):
        if touch.how != "took" or group != Key("cell", execution_id):
            yield Link(touch.key, group, touch.how, text, when)


def given_out(project: Project, groups: Groups) -> Iterator[Link]:
    """Yield the data versions that executions took, and the files that they wrote."""
    executions = _all(groups)
    touches = _versions(project, executions)
    for some in touches.values():
        some[:] = [touch for touch in some if touch.how == "took"]
    _add_files(touches, project, executions, "write")
    for group, _, touch, text, when in _each(project, groups, touches):
        yield Link(group, touch.key, touch.how, text, when)


def versions_with(project: Project, digests: Iterable[str | None]) -> dict[str, int]:
    """Return the rows of the data versions that are files of given contents.

    All empty files are alike: it says nothing that one is.
    """
    rows = select(
        project,
        "SELECT digest, min(id) FROM dataset_version WHERE kind = 'file' AND size_bytes > 0"
        " AND digest IN GIVEN GROUP BY digest",
        (digest for digest in digests if digest is not None),
    )
    return {row[0]: row[1] for row in rows}


def _all(groups: Groups) -> set[int]:
    return {execution_id for some in groups.values() for execution_id in some}


def _each(
    project: Project, groups: Groups, touches: Touches
) -> Iterator[tuple[Key, int, Touch, str, str]]:
    """Yield each thing once for each group, with the words for it and the time."""
    rows = select(
        project, "SELECT id, position, started_at FROM cell_execution WHERE id IN GIVEN", touches
    )
    places = {row["id"]: (row["position"], row["started_at"]) for row in rows}
    for group, executions in groups.items():
        seen: set[Key] = set()
        for execution_id in executions:
            for touch in touches.get(execution_id, ()):
                if touch.key in seen:
                    continue
                seen.add(touch.key)
                position, when = places[execution_id]
                where = "" if group == Key("cell", execution_id) else f"in cell [{position}]"
                yield group, execution_id, touch, f"{touch.text} {where}".strip(), when


def _versions(project: Project, executions: Iterable[int]) -> Touches:
    rows = select(
        project,
        "SELECT execution_id, version_id, EXISTS (SELECT 1 FROM execution_made AS made"
        "   WHERE made.execution_id = execution_data.execution_id"
        "   AND made.version_id = execution_data.version_id) AS taken"
        " FROM execution_data WHERE execution_id IN GIVEN ORDER BY taken, version_id",
        executions,
    )
    found: Touches = defaultdict(list)
    for execution_id, version_id, taken in rows:
        found[execution_id].append(Touch(Key("data", version_id), "took" if taken else "loaded"))
    return found


def _add_files(touches: Touches, project: Project, executions: Iterable[int], access: str) -> None:
    """Add the files that executions read or wrote; one that is a data version is that version."""
    how: How = "read" if access == "read" else "wrote"
    rows = [
        row
        for row in select(
            project,
            "SELECT execution_id, path, kind, digest, size_bytes FROM execution_file"
            f" WHERE execution_id IN GIVEN AND access = '{access}' ORDER BY execution_id, path",
            executions,
        )
        if row["path"] != FILE  # our own settings: they are read in the user's cell
    ]
    known = versions_with(project, (row["digest"] for row in rows))
    folders = {
        (row["execution_id"], str(folder))
        for row in rows
        if row["kind"] == "file"
        for folder in PurePath(row["path"]).parents
    }
    for execution_id, path, kind, digest, _ in rows:
        if kind == "file" and digest in known:
            touches[execution_id].append(Touch(Key("data", known[digest]), how, path))
        elif kind == "file":
            touches[execution_id].append(Touch(Key("file", path, digest or UNKNOWN), how))
        elif (execution_id, path) not in folders:  # of a folder its files say more
            touches[execution_id].append(Touch(Key(kind, path), how))


def contents(project: Project, files: Sequence[Key]) -> Iterator[tuple[Key, Key, str]]:
    """Yield each content that a path among some files is known to have held, and when it last did.

    Keys that say which content they mean are passed over.
    """
    rows = select(
        project,
        "SELECT path, execution_file.digest, max(started_at) FROM execution_file"
        " JOIN cell_execution ON cell_execution.id = execution_id"
        f" WHERE path IN GIVEN AND kind = 'file' AND {RECORDED} GROUP BY path, digest"
        " UNION SELECT json_extract(source, '$.text') AS path, digest, created_at"
        " FROM dataset_version WHERE kind = 'file'"
        " AND json_extract(source, '$.kind') IN ('file', 'dvc')"
        " AND path IN GIVEN ORDER BY 3 DESC",
        (key.name for key in files if key.part is None),
    )
    seen: set[Key] = set()
    for path, digest, when in rows:
        content = Key("file", path, digest or UNKNOWN)
        if content not in seen:
            seen.add(content)
            yield Key("file", path), content, when
