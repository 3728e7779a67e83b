"""What was decided on models, read from the catalog alone: no MLflow, no network."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.models import registry
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import Decision, GateReport, ModelSummary

_DECISIONS = (
    "SELECT decision.*, (SELECT state FROM decision_state WHERE decision_id = decision.id"
    " ORDER BY state = 'intended' LIMIT 1) AS state"  # what came of it, before the intention
    " FROM decision {where} ORDER BY decided_at DESC, rowid DESC"
)


def decisions(project: Project, model: str) -> tuple[Decision, ...]:
    """Return all decisions on a model, newest first.

    Raises
    ------
    NotFoundError
        Neither ``mlops.yaml`` nor the catalog knows the model.
    """
    found = project.catalog.rows(_DECISIONS.format(where="WHERE model = ?"), (model,))
    if not found:
        known = names(project)
        if model not in known:
            raise NotFoundError("model", model, known, hint="declare it in mlops.yaml: `models:`")
    return tuple(_decision(row) for row in found)


def summaries(project: Project) -> tuple[ModelSummary, ...]:
    """Return all models, by name.

    The champion is the one of the last applied decision: MLflow, where somebody may have moved
    the alias by hand, is asked only when something is decided.
    """
    by_model: dict[str, list[Decision]] = defaultdict(list)
    for row in project.catalog.rows(_DECISIONS.format(where="")):
        by_model[row["model"]].append(_decision(row))
    versions: dict[str, list[ModelVersion]] = defaultdict(list)
    for version in registry.versions(project):
        versions[version.model].append(version)
    return tuple(
        ModelSummary(
            name=name,
            champion=champion_of(by_model[name]),
            versions=tuple(versions[name]),
            decisions=tuple(by_model[name]),
        )
        for name in sorted({*project.settings.models, *by_model, *versions})
    )


def names(project: Project) -> set[str]:
    """Return the models that ``mlops.yaml`` declares, and those that the catalog knows."""
    found = project.catalog.rows("SELECT model FROM decision UNION SELECT model FROM model_version")
    return {*project.settings.models, *(row["model"] for row in found)}


def champion_of(newest_first: Iterable[Decision]) -> int | None:
    """Return the version that the last applied promotion or rollback made champion."""
    moves = (d for d in newest_first if d.state == "applied" and d.kind != "reject")
    return next((move.to_version for move in moves), None)


def succession(newest_first: Iterable[Decision]) -> list[int]:
    """Return the champions that stand, oldest first: a rollback takes back what came after.

    After promotions to v1, v2 and v3 and a rollback to v2 these are v1 and v2.
    """
    standing: list[int] = []
    for decision in reversed(list(newest_first)):
        if decision.state != "applied" or decision.kind == "reject":
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


def _decision(row: sqlite3.Row) -> Decision:
    report = row["report"]
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
    )
