"""Promotion and rollback: who may become champion, and by what."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from mlops_jupyter.config import Model
from mlops_jupyter.errors import ConflictError, UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import awaited, history, moving
from mlops_jupyter.promotion.awaited import named
from mlops_jupyter.promotion.decision import Decision, GateReport, Waiting
from mlops_jupyter.promotion.moving import finish_dangling
from mlops_jupyter.promotion.recording import publish, record

__all__ = ["at_once", "finish_dangling", "promote", "rollback"]


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
        moving.settle(project)
        decided = history.decisions(project, model)
        found = history.judged(project, model, decision, decided)
        champion = registry.champion(project, model)
        standing = _standing(decided, found, champion)
        if standing is not None:
            return standing
        if champion != found.from_version:
            raise moving.MovedError(found, champion)
        answer = None if why else _not_allowed(project, decided, found)
        if answer is not None:
            return answer
        moving.try_out(project, model, found.to_version)
        approvals = awaited.approvals(decided, found)
        reason = why or _because(found, approvals)
        made = record.new(
            project, found, "promote", "intended", reason=reason, override=why is not None,
            from_version=champion,
        )  # fmt: skip
        made = moving.move(project, made, record.moving(found, made, approvals))
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
        moving.settle(project)
        found, facts = record.verdict(project, model, report, policy)
        try:
            moving.check_champion(project, found)
            moving.try_out(project, model, report.challenger)
            made = dataclasses.replace(found, kind="promote", state="intended")
            made = moving.move(project, made, facts | record.moving(None, made, ()))
        except moving.MovedError:
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
        moving.settle(project)
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
        moving.try_out(project, model, target)
        made = record.new(
            project, None, "rollback", "intended",
            model=model, from_version=champion, to_version=target,
            reason=why or f"back to the champion before {named(champion)}",
        )  # fmt: skip
        made = moving.move(project, made, record.moving(None, made, ()))
    publish.drain(project)
    return made


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
