"""Decisions on who is champion, each recorded before and after the alias is moved.

A decision to move the alias is written as *intended*, the alias is moved in MLflow, and the
decision becomes *applied*. A process that dies between the two leaves an intention, which the
next release or rollback finishes (the alias was moved) or voids (it was not).
"""

from __future__ import annotations

import dataclasses
import secrets

import msgspec

from mlops_jupyter.data import versions
from mlops_jupyter.errors import ConflictError, NotFoundError, UsageError
from mlops_jupyter.models import estimator, registry
from mlops_jupyter.project import Project, now
from mlops_jupyter.promotion import actor, evaluation, history
from mlops_jupyter.promotion.decision import Decision, GateReport, Kind, State


def promote(project: Project, report: GateReport, model: str) -> Decision:
    """Make the challenger of a passed gate the champion.

    Raises
    ------
    UsageError
        The gate did not pass.
    ConflictError
        The champion is no longer the one that the challenger was compared with.
    ExternalError
        MLflow cannot be reached.
    """
    if report.verdict != "pass":
        raise UsageError(
            f"{model} v{report.challenger} did not pass its gate, and is not promoted",
            hint=f"the reasons: `mlops decisions {model}`",
        )
    with registry.locked(project):
        champion = registry.champion(project, model)
        if champion != report.champion:
            raise ConflictError(
                f"the champion of {model} is now {_named(champion)}, and v{report.challenger}"
                f" was compared with {_named(report.champion)}",
                hint=f"judge again: `mlops release {model}`",
            )
        made = _record(
            project, model, "promote", "intended", champion, report.challenger,
            _passed(report), report,
        )  # fmt: skip
        return _move(project, made)


def reject(project: Project, report: GateReport, model: str) -> Decision:
    """Record that a challenger did not pass. Nothing is moved."""
    return _record(
        project, model, "reject", "applied", report.champion, report.challenger,
        _failed(report), report,
    )  # fmt: skip


def rollback(project: Project, model: str, reason: str | None = None) -> Decision:
    """Give the alias back to the champion before the current one.

    That version is loaded and predicts before anything is moved. Calling it again goes further
    back.

    Parameters
    ----------
    project : Project
    model : str
    reason : str, optional
        Why, for the record. Default: which champion it goes behind.

    Raises
    ------
    NotFoundError
        There is no such model.
    UsageError
        There is no champion to go back to.
    CellFailedError, IntegrityError
        That version does not predict any more, or is damaged.
    ExternalError
        MLflow cannot be reached.
    """
    finish_dangling(project)
    with registry.locked(project):
        decided = history.decisions(project, model)
        champion = registry.champion(project, model)
        target = history.before(history.succession(decided), champion)
        if target is None:
            raise UsageError(
                f"{model} has no champion to go back to",
                hint=f"what was decided so far: `mlops decisions {model}`",
            )
        try_out(project, model, target)
        made = _record(
            project, model, "rollback", "intended", champion, target,
            reason or f"back to the champion before {_named(champion)}", None,
        )  # fmt: skip
        return _move(project, made)


def try_out(project: Project, model: str, version: int) -> None:
    """Load a version, and let it predict the rows on which it was last evaluated.

    Raises
    ------
    UsageError, CellFailedError, IntegrityError
        It cannot be loaded, or does not predict.
    """
    fitted = estimator.load(project, registry.get(project, model, version))
    row = project.catalog.row(
        "SELECT dataset || '@' || number AS ref, label FROM evaluation"
        " JOIN dataset_version ON dataset_version.id = version_id"
        " WHERE model = ? AND version = ? ORDER BY evaluated_at DESC LIMIT 1",
        (model, version),
    )
    if row is not None:
        data = versions.resolve(project, row["ref"])
        rows = evaluation.take_rows(project, data, row["label"])
        evaluation.predict(f"{model} v{version}", fitted, rows)


def finish_dangling(project: Project) -> tuple[Decision, ...]:
    """Finish or void the decisions of processes that died while they moved an alias.

    Raises
    ------
    ExternalError
        MLflow, which knows whether the alias was moved, cannot be reached.
    """
    if not _dangling(project):
        return ()
    with registry.locked(project):  # whoever is still at work holds it
        return tuple(
            _close(
                project,
                decision,
                "applied"
                if registry.champion(project, decision.model) == decision.to_version
                else "void",
            )
            for decision in _dangling(project)
        )


def _dangling(project: Project) -> list[Decision]:
    rows = project.catalog.rows(
        "SELECT DISTINCT model FROM decision WHERE NOT EXISTS (SELECT 1 FROM decision_state"
        " WHERE decision_id = decision.id AND state <> 'intended')"
    )
    return [
        decision
        for row in rows
        for decision in history.decisions(project, row["model"])
        if decision.state == "intended"
    ]


def _move(project: Project, intended: Decision) -> Decision:
    try:
        registry.move_alias(project, intended.model, intended.to_version)
    except NotFoundError:  # MLflow refused, so it certainly was not moved
        _close(project, intended, "void")
        raise
    return _close(project, intended, "applied")


def _record(
    project: Project,
    model: str,
    kind: Kind,
    state: State,
    from_version: int | None,
    to_version: int,
    reason: str,
    report: GateReport | None,
) -> Decision:
    made = Decision(
        id=secrets.token_hex(8),
        model=model,
        kind=kind,
        state=state,
        from_version=from_version,
        to_version=to_version,
        reason=reason,
        actor=actor.current(project.root),
        decided_at=now(),
        report=report,
    )
    encoded = None if report is None else msgspec.json.encode(report).decode()
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO decision (id, model, kind, from_version, to_version, reason, actor,"
            " report, decided_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                made.id, model, kind, from_version, to_version, reason, made.actor, encoded,
                made.decided_at,
            ),
        )  # fmt: skip
        rows.execute("INSERT INTO decision_state VALUES (?, ?, ?)", (made.id, state, now()))
    return made


def _close(project: Project, decision: Decision, state: State) -> Decision:
    with project.catalog.transaction() as rows:
        rows.execute("INSERT INTO decision_state VALUES (?, ?, ?)", (decision.id, state, now()))
    return dataclasses.replace(decision, state=state)


def _passed(report: GateReport) -> str:
    passed = sum(check.verdict == "pass" for check in report.checks)
    reason = f"passed {passed} of {len(report.checks)} checks on {report.data}"
    return f"{reason}; the first champion" if report.bootstrap else reason


def _failed(report: GateReport) -> str:
    return "; ".join(f"{c.check}: {c.why}" for c in report.checks if c.verdict == "fail")


def _named(version: int | None) -> str:
    return "none" if version is None else f"v{version}"
