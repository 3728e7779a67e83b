"""What people mean: a data version, a run, a model version, or a path."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

from mlops_jupyter.data import versions
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.provenance.noun import Key
from mlops_jupyter.runs import history
from mlops_jupyter.runs.files import path_written

_ID = re.compile(r"[0-9a-f]{4,16}")


def find(project: Project, ref: str) -> Key:
    """Return the one thing that people write as `ref`.

    Parameters
    ----------
    project : Project
    ref : str
        ``train@3``; a run's id, the beginning of it, or its name (the newest run of it);
        ``delays@2`` or ``delays`` of a model; the path of a file, a URL or a query that a cell
        read or wrote. ``data:``, ``run:``, ``model:`` or ``file:`` before it say which is meant.

    Raises
    ------
    NotFoundError
        Nothing is called so.
    UsageError
        More than one thing is.
    """
    kind, colon, rest = ref.partition(":")
    if colon and kind in _FIND:
        found = _FIND[kind](project, rest)
        if found is None:
            raise _unknown(project, ref)
        return found
    all_ = {kind: key for kind, search in _FIND.items() if (key := search(project, ref))}
    if len(all_) > 1:
        raise UsageError(
            f"{ref!r} is the name of more than one thing: {', '.join(_WORDS[k] for k in all_)}",
            hint="say which: " + " or ".join(f"{kind}:{ref}" for kind in all_),
        )
    for key in all_.values():
        return key
    raise _unknown(project, ref)


def _data(project: Project, ref: str) -> Key | None:
    try:
        version = versions.resolve(project, ref)
    except NotFoundError:
        return None
    except UsageError:
        if project.catalog.row(_DATASET, (ref.partition("@")[0],)) is None:
            return None  # no dataset is meant
        raise
    return Key("data", versions.row_id(project, version))


_DATASET = "SELECT 1 FROM dataset_version WHERE dataset = ? LIMIT 1"


def _run(project: Project, ref: str) -> Key | None:
    if _ID.fullmatch(ref):
        try:
            return Key("run", history.get(project, ref).id)
        except NotFoundError:
            pass  # it may be a name
    row = project.catalog.row(
        "SELECT id FROM run WHERE name = ? AND reproduces IS NULL ORDER BY started_at DESC LIMIT 1",
        (ref,),
    )
    return None if row is None else Key("run", row["id"])


def _model(project: Project, ref: str) -> Key | None:
    name, at, number = ref.rpartition("@")
    if not at:
        name, number = ref, "latest"
    rows = project.catalog.rows(
        "SELECT version FROM model_version WHERE model = ? ORDER BY version DESC", (name,)
    )
    found = [row["version"] for row in rows if number in {"latest", str(row["version"])}]
    return Key("model", name, found[0]) if found else None


def _file(project: Project, ref: str) -> Key | None:
    if "\0" in ref:
        return None
    for path in dict.fromkeys((ref, path_written(project, os.path.realpath(ref)))):
        row = project.catalog.row(
            "SELECT kind FROM execution_file WHERE path = ? LIMIT 1", (path,)
        ) or project.catalog.row(
            "SELECT json_extract(source, '$.kind') FROM dataset_version"
            " WHERE json_extract(source, '$.text') = ? LIMIT 1",
            (path,),
        )
        if row is not None:
            return Key(row[0], path)
    return None


_FIND: dict[str, Callable[[Project, str], Key | None]] = {
    "data": _data,
    "run": _run,
    "model": _model,
    "file": _file,
}

_WORDS = {"data": "a data version", "run": "a run", "model": "a model version", "file": "a path"}


def _unknown(project: Project, ref: str) -> NotFoundError:
    name = ref.removeprefix(f"{ref.partition(':')[0]}:") if ref.partition(":")[0] in _FIND else ref
    hint = "it is written train@3, delays@2, as the id or name of a run, or as a path"
    return NotFoundError("data version, run, model or file", name[:100], _known(project), hint=hint)


def _known(project: Project) -> Iterator[str]:
    for sql in (
        "SELECT dataset || '@' || number FROM dataset_version",
        "SELECT model || '@' || version FROM model_version",
        "SELECT DISTINCT name FROM run WHERE reproduces IS NULL",
        "SELECT DISTINCT path FROM execution_file",
    ):
        for row in project.catalog.rows(f"{sql} LIMIT 2000"):
            yield row[0]
