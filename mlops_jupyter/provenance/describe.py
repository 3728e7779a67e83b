"""How things are called, and what they are, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath

import msgspec

from mlops_jupyter.project import Project
from mlops_jupyter.provenance.noun import Key, Kind, Node
from mlops_jupyter.provenance.rows import select_of
from mlops_jupyter.runs.metric import metric_text

Words = tuple[str, str, str | None]
"""The ref, the text and the time of a node."""

SHOWN_METRICS = 4


def nodes(project: Project, keys: Iterable[Key]) -> tuple[Node, ...]:
    """Return the nodes of some things, in their order."""
    wanted = list(dict.fromkeys(keys))
    words: dict[Key, Words] = {}
    for kind, describe in _DESCRIBE.items():
        some = [key for key in wanted if key.kind == kind]
        if some:
            words.update(describe(project, some))
    return tuple(Node(key.id, key.kind, *words.get(key, _plain(key))) for key in wanted)


def _plain(key: Key) -> Words:
    """Describe a file, a URL or a query: all that is known is its name, and a digest."""
    text = "tracked by DVC" if key.kind == "dvc" else ""
    return str(key.name), text if key.part is None else str(key.part), None


def _data(project: Project, keys: list[Key]) -> dict[Key, Words]:
    rows = select_of(
        project,
        "SELECT id, dataset, number, kind, row_count, json_array_length(columns) AS width,"
        " size_bytes, note, created_at, gone_at FROM dataset_version WHERE id IN GIVEN",
        keys,
    )
    found = {}
    for row in rows:
        shape = f"{row['size_bytes']:,} bytes"
        if row["row_count"] is not None:
            width = f" × {row['width']}" if row["width"] else ""
            shape = f"{row['row_count']:,}{width}"
        parts = [f"{row['kind']} {shape}", row["note"], row["gone_at"] and "content given up"]
        text = " · ".join(part for part in parts if part)
        ref = f"{row['dataset']}@{row['number']}"
        found[Key("data", row["id"])] = (ref, text, row["created_at"])
    return found


def _cells(project: Project, keys: list[Key]) -> dict[Key, Words]:
    rows = select_of(
        project,
        "SELECT cell_execution.id, notebook, position, text, started_at FROM cell_execution"
        " JOIN source ON digest = source_digest WHERE cell_execution.id IN GIVEN",
        keys,
    )
    found = {}
    for id_, notebook, position, text, when in rows:
        name = PurePath(notebook).name if notebook else "cell"
        found[Key("cell", id_)] = (f"{name} [{position}]", text, when)
    return found


def _runs(project: Project, keys: list[Key]) -> dict[Key, Words]:
    rows = select_of(
        project, "SELECT id, name, status, started_at FROM run WHERE id IN GIVEN", keys
    )
    return {Key("run", i): (i, f"{name} · {status}", when) for i, name, status, when in rows}


def _models(project: Project, keys: list[Key]) -> dict[Key, Words]:
    rows = select_of(
        project,
        "SELECT model, version, model_kind, registered_at FROM model_version"
        " JOIN run ON run.id = run_id WHERE model IN GIVEN",
        keys,
    )
    return {Key("model", m, v): (f"{m}@{v}", kind or "", when) for m, v, kind, when in rows}


def _evaluations(project: Project, keys: list[Key]) -> dict[Key, Words]:
    rows = select_of(
        project,
        "SELECT evaluation.id, model, version, dataset, number, metrics, evaluated_at"
        " FROM evaluation JOIN dataset_version ON dataset_version.id = version_id"
        " WHERE evaluation.id IN GIVEN",
        keys,
    )
    found = {}
    for id_, model, version, dataset, number, metrics, when in rows:
        text = f"{model}@{version} on {dataset}@{number}: {_metrics(metrics)}"
        found[Key("evaluation", id_)] = (id_, text, when)
    return found


def _metrics(encoded: str) -> str:
    metrics = msgspec.json.decode(encoded, type=dict[str, float | None])
    shown = [f"{name} {metric_text(value)}" for name, value in sorted(metrics.items())]
    return ", ".join(shown[:SHOWN_METRICS]) + (", …" if len(shown) > SHOWN_METRICS else "")


def _decisions(project: Project, keys: list[Key]) -> dict[Key, Words]:
    rows = select_of(
        project,
        "SELECT id, kind, model, to_version, reason, actor, decided_at,"
        " (SELECT state FROM decision_state WHERE decision_id = decision.id"
        "  ORDER BY state = 'intended' LIMIT 1) AS state FROM decision WHERE id IN GIVEN",
        keys,
    )
    found = {}
    for row in rows:
        what = f"{row['kind']} {row['model']}@{row['to_version']}, {row['state']}"
        text = f"{what}: {row['reason']} ({row['actor']})"
        found[Key("decision", row["id"])] = (row["id"], text, row["decided_at"])
    return found


_DESCRIBE: Mapping[Kind, Callable[[Project, list[Key]], dict[Key, Words]]] = {
    "data": _data,
    "cell": _cells,
    "run": _runs,
    "model": _models,
    "evaluation": _evaluations,
    "decision": _decisions,
}
