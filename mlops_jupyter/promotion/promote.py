"""Moving the alias: promotion and rollback, each recorded before and after.

A decision to move the alias is written as *intended*, the alias is moved in MLflow, and the
decision becomes *applied*. A process that dies between the two leaves an intention, which the
next gate, approval, promotion or rollback finishes (the alias was moved) or voids (it was not).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from mlops_jupyter.config import Evaluate, Model
from mlops_jupyter.data import versions
from mlops_jupyter.errors import ConflictError, ExternalError, NotFoundError, UsageError
from mlops_jupyter.models import claim, estimator, registry
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import awaited, history, publish, record
from mlops_jupyter.promotion.awaited import named
from mlops_jupyter.promotion.decision import Decision, GateReport, Waiting
from mlops_jupyter.promotion.prediction import predict
from mlops_jupyter.promotion.rows import take_rows


def promote(
    project: Project, model: str, decision: str | None = None, override: str | None = None
) -> Decision | Waiting:
    """Make the version that a gate judged the champion.

    It is loaded and predicts before anything is moved.

    Parameters
    ----------
    project : Project
    model : str
    decision : str, optional
        The id, or its beginning, of what a gate found. Default: the newest on this model.
    override : str, optional
        Why it is promoted although its gate did not pass, or nobody has approved it. It stands
        in the record, with who said it.

    Returns
    -------
    Decision or Waiting
        The promotion, applied. Or what was found by the gate, unchanged, when that does not
        allow it (`kind` is ``hold`` or ``reject``). Or `Waiting`: approvals are missing.

    Raises
    ------
    NotFoundError
        There is no such model or decision.
    UsageError
        Nothing was judged yet; it was promoted before, or waited too long for approvals; the
        reason of an override is empty.
    ConflictError
        The champion is no longer the one that it was compared with.
    CellFailedError, IntegrityError
        The version does not predict any more, or is damaged.
    ExternalError
        MLflow cannot be reached.
    """
    why = None if override is None else _reason(override)
    with registry.locked(project):
        settle(project)
        decided = history.decisions(project, model)
        found = judged(project, model, decision, decided)
        champion = registry.champion(project, model)
        standing = _standing(decided, found, champion)
        if standing is not None:
            return standing
        if champion != found.from_version:
            raise _MovedError(found, champion)
        answer = None if why else _not_allowed(project, decided, found)
        if answer is not None:
            return answer
        try_out(project, model, found.to_version)
        approvals = awaited.approvals(decided, found)
        reason = why or _because(found, approvals)
        made = record.new(
            project, found, "promote", "intended", reason=reason, override=why is not None,
            from_version=champion,
        )  # fmt: skip
        made = _move(project, made, record.moving(found, made, approvals))
    publish.drain(project)
    return made


def at_once(project: Project, model: str, report: GateReport, policy: Model) -> Decision:
    """Make the challenger of a release the champion: verdict and promotion are one decision.

    Raises
    ------
    ConflictError
        The champion is no longer the one that it was compared with; the verdict is kept.
    CellFailedError, IntegrityError, UsageError
        The version does not predict any more, or is damaged.
    ExternalError
        MLflow cannot be reached.
    """
    with registry.locked(project):
        settle(project)
        found, facts = record.verdict(project, model, report, policy)
        try:
            _check_champion(project, found)
            try_out(project, model, report.challenger)
            made = dataclasses.replace(found, kind="promote", state="intended")
            made = _move(project, made, facts | record.moving(None, made, ()))
        except _MovedError:
            record.write(project, found, facts)
            raise
    publish.drain(project)
    return made


def rollback(
    project: Project,
    model: str,
    reason: str | None = None,
    announced: tuple[int | None, int] | None = None,
) -> Decision:
    """Give the alias back to the champion before the current one.

    That version is loaded and predicts before anything is moved. Calling it again goes further
    back.

    Parameters
    ----------
    project : Project
    model : str
    reason : str, optional
        Why, for the record. Default: which champion it goes behind.
    announced : tuple of (int or None, int), optional
        The champion, and the version to go back to, that somebody was shown and agreed to.

    Raises
    ------
    NotFoundError
        There is no such model.
    UsageError
        There is no champion to go back to.
    ConflictError
        It would not be as it was announced.
    CellFailedError, IntegrityError
        That version does not predict any more, or is damaged.
    ExternalError
        MLflow cannot be reached.
    """
    why = record.cleaned(reason or "", "reason")
    with registry.locked(project):
        settle(project)
        decided = history.decisions(project, model)
        champion = registry.champion(project, model)
        target = history.before(history.succession(decided), champion)
        if target is None:
            raise UsageError(
                f"{model} has no champion to go back to",
                hint=f"what was decided so far: `mlops decisions {model}`",
            )
        if announced is not None and announced != (champion, target):
            raise ConflictError(
                f"the champion of {model} is now {named(champion)}, and a rollback would go to"
                f" {named(target)}",
                hint=f"what was decided meanwhile: `mlops decisions {model}`",
            )
        try_out(project, model, target)
        made = record.new(
            project, None, "rollback", "intended",
            model=model, from_version=champion, to_version=target,
            reason=why or f"back to the champion before {named(champion)}",
        )  # fmt: skip
        made = _move(project, made, record.moving(None, made, ()))
    publish.drain(project)
    return made


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
        rows = take_rows(project, data, Evaluate(data=row["ref"], label=row["label"]))
        predict(f"{model} v{version}", fitted, rows)


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
        return settle(project)


def settle(project: Project) -> tuple[Decision, ...]:
    """Do what `finish_dangling` does, for a holder of `registry.locked`."""
    return tuple(_settled(project, decision) for decision in _dangling(project))


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
    found = history.decision(project, decision_id)
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


def _standing(
    decided: Sequence[Decision], found: Decision, champion: int | None
) -> Decision | None:
    """Return the promotion by this very decision, if it stands."""
    done = awaited.promotions(decided, found)
    if not done:
        return None
    if champion == found.to_version:
        return done[0]
    raise UsageError(
        f"{found.model} v{found.to_version} was promoted by decision {found.id} already, and is"
        " not champion any more",
        hint=f"judge it again: `mlops gate {found.model}`",
    )


def _not_allowed(
    project: Project, decided: Sequence[Decision], found: Decision
) -> Decision | Waiting | None:
    """Return why a decision does not allow a promotion, or None."""
    awaited.asked(project, found)  # its record is what its digest says
    waiting = awaited.of(project, decided, found, found.from_version)
    if waiting.lapsed is not None:
        raise UsageError(
            f"decision {found.id} cannot be acted on any more: {waiting.lapsed}",
            hint=f"judge again: `mlops gate {found.model}`",
        )
    if waiting.ready:
        return None
    return waiting if waiting.needed else found


def _reason(override: str) -> str:
    said = record.cleaned(override, "reason")
    if not said:
        raise UsageError(
            "an override needs a reason", hint='say why: `mlops promote MODEL --override "why"`'
        )
    return said


def _because(found: Decision, approvals: Sequence[Decision]) -> str:
    if not approvals:
        return found.reason
    people = ", ".join(one.actor for one in approvals)
    return f"{found.reason}; approved by {people}"


class _MovedError(ConflictError):
    """The champion is not the one that a decision goes by. Nothing was written."""

    def __init__(self, made: Decision, champion: int | None) -> None:
        super().__init__(
            f"the champion of {made.model} is now {named(champion)}, and v{made.to_version}"
            f" was compared with {named(made.from_version)}",
            hint=f"judge again: `mlops gate {made.model}`",
        )


def _check_champion(project: Project, made: Decision) -> None:
    champion = registry.champion(project, made.model)
    if champion != made.from_version:
        raise _MovedError(made, champion)


def _dangling(project: Project) -> list[Decision]:
    rows = project.catalog.rows(
        "SELECT id FROM decision WHERE NOT EXISTS (SELECT 1 FROM decision_state"
        " WHERE decision_id = decision.id AND state <> 'intended') AND NOT EXISTS (SELECT 1"
        " FROM ledger WHERE decision_id = decision.id AND kind = 'state') ORDER BY rowid"
    )
    return [history.decision(project, row["id"]) for row in rows]


def _settled(project: Project, intended: Decision) -> Decision:
    is_moved = registry.champion(project, intended.model) == intended.to_version
    why = "found by a later command: the alias was moved" if is_moved else "the alias was not moved"
    return record.close(project, intended, "applied" if is_moved else "void", why)


def _move(project: Project, made: Decision, facts: dict[str, Any]) -> Decision:
    """Write down what is intended, move the alias, and write down that it was."""
    with claim.claimed(project, made.model):
        _check_champion(project, made)
        intended = record.write(project, made, facts)
        try:
            registry.move_alias(project, made.model, made.to_version)
            champion = registry.champion(project, made.model)
        except NotFoundError:  # MLflow refused, so it certainly was not moved
            record.close(project, intended, "void", "MLflow has no such version")
            raise
        except ExternalError as error:
            raise ExternalError(
                error.message,
                hint=f"whether v{made.to_version} is champion now is found out, and written down,"
                " by the next command that decides on models",
            ) from error
        if champion != made.to_version:
            why = f"somebody else gave the alias to {named(champion)} in the same moment"
            record.close(project, intended, "void", why)
            raise ConflictError(
                f"{made.model} v{made.to_version} is not champion: {why}",
                hint=f"judge again: `mlops gate {made.model}`",
            )
        return record.close(project, intended, "applied")
