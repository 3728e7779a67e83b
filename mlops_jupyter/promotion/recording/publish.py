"""What MLflow is told of decisions: tags of the model version, and the record as an artifact.

This copy is for others, who look at models without us, and it holds the end of the chain: the
catalog cannot lose its last decisions unseen. A row of ``decision_outbox`` is written with each
decision; telling twice changes nothing. It may fail: what waits is told at the next decision,
and no promotion fails for it.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from mlops_jupyter.errors import ConflictError, MlopsError
from mlops_jupyter.models import notes
from mlops_jupyter.project import Project, now
from mlops_jupyter.promotion.recording import chain
from mlops_jupyter.store.lock import exclusive

DECISION = "mlops.decision"
DIGEST = "mlops.decision_digest"
CHAIN = "mlops.ledger"
VERDICT = "mlops.verdict"
HEAD = "mlops.ledger_head"

LOCK = "decisions.lock"
WAIT_SECONDS = 30.0


def head_tag(opened: str) -> str:
    """Return the tag of a registered model that holds the end of a chain."""
    return f"{HEAD}.{opened}"


def drain(project: Project) -> str | None:
    """Tell MLflow what waits; return why that failed, in words, or None."""
    if not _waiting(project):
        return None
    try:
        with exclusive(project.folder / LOCK, WAIT_SECONDS, "tell MLflow of decisions"):
            return _all(project)
    except ConflictError as error:
        return error.message


def waiting(project: Project) -> tuple[int, str | None]:
    """Return how many decisions MLflow does not know of yet, and why the last try failed."""
    row = project.catalog.rows(
        "SELECT count(DISTINCT decision_id), max(error) FROM decision_outbox WHERE done_at IS NULL"
    )[0]
    return int(row[0]), row[1]


def _waiting(project: Project) -> list[sqlite3.Row]:
    return project.catalog.rows(
        "SELECT decision.id, model, to_version, max(decision_outbox.id) AS last"
        " FROM decision_outbox JOIN decision ON decision.id = decision_id WHERE done_at IS NULL"
        " GROUP BY decision.id ORDER BY last"
    )


def _all(project: Project) -> str | None:
    rows = _waiting(project)
    told: set[tuple[str, int]] = set()
    for row in reversed(rows):  # the newest on a version says all that its tags say
        place = row["model"], row["to_version"]
        try:
            _tell(project, row["id"], *place, is_newest=place not in told)
        except MlopsError as error:
            _mark(project, rows, error.message)
            return error.message
        told.add(place)
    _mark(project, rows, None)
    return None


def _tell(project: Project, decision: str, model: str, version: int, *, is_newest: bool) -> None:
    entries = project.catalog.rows(
        "SELECT digest, entry FROM ledger WHERE decision_id = ? ORDER BY number", (decision,)
    )
    run = project.catalog.row(
        "SELECT run_id FROM model_version WHERE model = ? AND version = ?", (model, version)
    )
    if not entries or run is None:
        return
    text = json.dumps([_readable(row) for row in entries], indent=2, ensure_ascii=False)
    notes.keep_text(project, run["run_id"], f"decisions/{decision}.json", text)
    head = chain.head(project)
    if not is_newest or head is None:
        return
    tags = {DECISION: decision, DIGEST: entries[0]["digest"], CHAIN: head.chain}
    verdict = project.catalog.row(
        "SELECT json_extract(report, '$.verdict') FROM decision WHERE model = ? AND to_version = ?"
        " AND report IS NOT NULL ORDER BY decided_at DESC, rowid DESC LIMIT 1",
        (model, version),
    )
    if verdict is not None:
        tags[VERDICT] = verdict[0]
    notes.tag_version(project, model, version, tags)
    notes.tag_model(project, model, {head_tag(head.chain): str(head)})


def _readable(row: sqlite3.Row) -> dict[str, Any]:
    """Return an entry with its digest; its canonical bytes are its JSON, sorted, without spaces."""
    return {"digest": row["digest"], "entry": json.loads(row["entry"])}


def _mark(project: Project, rows: list[sqlite3.Row], error: str | None) -> None:
    done_at = None if error else now()
    with project.catalog.transaction() as catalog:
        catalog.executemany(
            "UPDATE decision_outbox SET attempts = attempts + 1, error = ?, done_at = ?"
            " WHERE decision_id = ? AND id <= ? AND done_at IS NULL",
            [(error, done_at, row["id"], row["last"]) for row in rows],
        )
