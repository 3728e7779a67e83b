"""What was decided on models, read from the catalog alone: no MLflow, no network."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import awaited
from mlops_jupyter.promotion.decision import Decision, GateReport, ModelSummary

_DECISIONS = (
    "SELECT decision.*, coalesce(decision.report, judging.report) AS evidence,"
    " (SELECT state FROM decision_state WHERE decision_id = decision.id"
    "  ORDER BY state = 'intended' LIMIT 1) AS state,"  # what came of it, before the intention
    " ledger.number, ledger.digest"
    " FROM decision LEFT JOIN decision AS judging ON judging.id = decision.judged"
    " LEFT JOIN ledger ON ledger.decision_id = decision.id"
    "  AND ledger.kind = 'decision'"
    " {where} ORDER BY decision.decided_at DESC, decision.rowid DESC"
)

MOVES = frozenset({"promote", "rollback"})
"""The kinds that move the alias."""


def decisions(project: Project, model: str) -> tuple[Decision, ...]:
    """Return all decisions on a model, newest first.

    Raises
    ------
    NotFoundError
        Neither ``mlops.yaml`` nor the catalog knows the model.
    """
    # what a shell passes on need not be text that a database takes
    is_text = model.encode(errors="ignore").decode() == model
    found = _select(project, "WHERE decision.model = ?", model) if is_text else []
    if not found:
        known = names(project)
        if model not in known:
            raise NotFoundError("model", model, known, hint="declare it in mlops.yaml: `models:`")
    return tuple(found)


def decision(project: Project, decision_id: str) -> Decision:
    """Return one decision by its id, or by the beginning of it that no other one shares.

    Raises
    ------
    NotFoundError
        No decision, or more than one, begins so.
    """
    asked = decision_id.strip()
    if asked.isascii() and asked.isalnum():
        found = _select(project, "WHERE substr(decision.id, 1, length(?1)) = ?1", asked)
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFoundError("decision", asked, hint="more than one decision begins so")
    raise NotFoundError("decision", asked[:40], hint="see `mlops decisions`")


def judged(
    project: Project, model: str, decision_id: str | None, decided: Sequence[Decision]
) -> Decision:
    """Return what a gate found: the one that is named, or the newest.

    Raises
    ------
    NotFoundError
        There is no such decision.
    UsageError
        It is of another model, or of no gate; or there is none at all.
    """
    if decision_id is None:
        newest = awaited.newest_judged(decided)
        if newest is None:
            raise UsageError(
                f"no version of {model} was judged yet", hint=f"judge one: `mlops gate {model}`"
            )
        return newest
    found = decision(project, decision_id)
    if found.model != model:
        raise UsageError(
            f"decision {found.id} is on {found.model}, and not on {model}",
            hint=f"those on {model}: `mlops decisions {model}`",
        )
    if not awaited.is_verdict(found):
        raise UsageError(
            f"decision {found.id} is no verdict of a gate, but a {found.kind}",
            hint=f"the one that it acts on: {found.judged}" if found.judged else None,
        )
    return found


def summaries(project: Project) -> tuple[ModelSummary, ...]:
    """Return all models, by name.

    The champion is the one of the last applied decision: MLflow, where somebody may have moved
    the alias by hand, is asked only when something is decided.
    """
    by_model: dict[str, list[Decision]] = defaultdict(list)
    for made in _select(project, ""):
        by_model[made.model].append(made)
    versions: dict[str, list[ModelVersion]] = defaultdict(list)
    for version in registry.versions(project):
        versions[version.model].append(version)
    known = sorted({*project.settings.models, *by_model, *versions})
    return tuple(_summary(project, name, by_model[name], versions[name]) for name in known)


def _summary(
    project: Project, name: str, decided: list[Decision], versions: list[ModelVersion]
) -> ModelSummary:
    champion = champion_of(decided)
    return ModelSummary(
        name=name,
        champion=champion,
        versions=tuple(versions),
        decisions=tuple(decided),
        waiting=awaited.newest(project, decided, champion),
        rollback_to=before(succession(decided), champion),
    )


def names(project: Project) -> set[str]:
    """Return the models that ``mlops.yaml`` declares, and those that the catalog knows."""
    found = project.catalog.rows("SELECT model FROM decision UNION SELECT model FROM model_version")
    return {*project.settings.models, *(row["model"] for row in found)}


def champion_of(newest_first: Iterable[Decision]) -> int | None:
    """Return the version that the last applied promotion or rollback made champion."""
    moves = (d for d in newest_first if d.state == "applied" and d.kind in MOVES)
    return next((move.to_version for move in moves), None)


def succession(newest_first: Iterable[Decision]) -> list[int]:
    """Return the champions that stand, oldest first: a rollback takes back what came after.

    After promotions to v1, v2 and v3 and a rollback to v2 these are v1 and v2.
    """
    standing: list[int] = []
    for decision in reversed(list(newest_first)):
        if decision.state != "applied" or decision.kind not in MOVES:
            continue
        version = decision.to_version
        if decision.kind == "rollback" and version in standing:
            del standing[_last(standing, version) :]
        if standing[-1:] != [version]:
            standing.append(version)
    return standing


def before(standing: list[int], champion: int | None) -> int | None:
    """Return the champion before the current one, or None when there was none.

    A champion that nobody here decided on (its alias was moved in MLflow by hand) came after
    all that were.
    """
    if champion not in standing:
        return standing[-1] if standing else None
    earlier = standing[: _last(standing, champion)]
    return earlier[-1] if earlier else None


def _last(standing: list[int], version: int | None) -> int:
    return max(position for position, number in enumerate(standing) if number == version)


def _select(project: Project, where: str, *values: str) -> list[Decision]:
    rows = project.catalog.rows(_DECISIONS.format(where=where), values)
    return [_decision(row) for row in rows]


def _decision(row: sqlite3.Row) -> Decision:
    report = row["evidence"]
    return Decision(
        id=row["id"],
        model=row["model"],
        kind=row["kind"],
        state=row["state"],
        from_version=row["from_version"],
        to_version=row["to_version"],
        reason=row["reason"],
        actor=row["actor"],
        decided_at=row["decided_at"],
        report=None if report is None else msgspec.json.decode(report, type=GateReport),
        number=row["number"],
        digest=row["digest"],
        judged=row["judged"],
        override=bool(row["override"]),
    )
