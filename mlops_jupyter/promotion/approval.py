"""Approvals: a person's yes to one decision of a gate, bound to its digest.

An approval is a decision of its own. It counts only for the very record that it was given to,
and only while the champion is the one that was compared with.
"""

from __future__ import annotations

from datetime import UTC, datetime

from mlops_jupyter.config import Approval
from mlops_jupyter.errors import ConflictError, UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import actor, awaited, history, moving
from mlops_jupyter.promotion.decision import Decision, Waiting
from mlops_jupyter.promotion.recording import publish, record


def approve(
    project: Project, model: str, decision: str | None = None, comment: str = ""
) -> Decision:
    """Say yes to what a gate found, as the policy asks before the alias moves.

    Nothing is moved: `promote.promote` does, when enough have said yes.

    Parameters
    ----------
    project : Project
    model : str
    decision : str, optional
        The id, or its beginning, of the decision. Default: the newest of a gate on this model.
    comment : str
        For the record.

    Raises
    ------
    NotFoundError
        There is no such model or decision.
    UsageError
        Nobody is asked for an approval of it; you are not one of those who are, or asked for
        it yourself, or have approved it already; it expired, failed, or was promoted.
    ConflictError
        The champion is no longer the one that it was compared with.
    ExternalError
        MLflow, which knows who is champion, cannot be reached.
    """
    said = record.cleaned(comment, "comment")
    moving.finish_dangling(project)
    with registry.locked(project):
        decided = history.decisions(project, model)
        judged = history.judged(project, model, decision, decided)
        asked = _asked(project, judged, decided)
        me = actor.current(project.root)
        _check_person(me, judged, asked, awaited.approvals(decided, judged))
        until = awaited.expiry(judged, asked)
        if datetime.now(UTC) >= until:
            raise UsageError(
                f"decision {judged.id} waited for its approvals until {until:%Y-%m-%d %H:%M} UTC",
                hint=f"judge again: `mlops gate {model}`",
            )
        lapsed = awaited.why_lapsed(judged, registry.champion(project, model), None)
        if lapsed is not None:
            raise ConflictError(f"{model}: {lapsed}", hint=f"judge again: `mlops gate {model}`")
        made = record.new(project, judged, "approve", "applied", actor=me, reason=said, report=None)
        facts = {"judged": {"id": judged.id, "digest": judged.digest}}
        made = record.write(project, made, facts)
    publish.drain(project)
    return made


def waiting(project: Project, model: str) -> Waiting | None:
    """Return what the newest judged version of a model waits for, from the catalog alone.

    Raises
    ------
    NotFoundError
        There is no such model.
    """
    decided = history.decisions(project, model)
    return awaited.newest(project, decided, history.champion_of(decided))


def _asked(project: Project, judged: Decision, decided: tuple[Decision, ...]) -> Approval:
    if awaited.verdict_of(judged) not in {"pass", "hold"}:
        raise UsageError(
            f"{judged.model} v{judged.to_version} did not pass its gate, and an approval cannot"
            " mend that",
            hint=f'`mlops promote {judged.model} --override "why"` promotes it all the same',
        )
    if awaited.promotions(decided, judged):
        raise UsageError(
            f"{judged.model} v{judged.to_version} was promoted by decision {judged.id} already"
        )
    asked = awaited.asked(project, judged)
    if asked is None or not awaited.needs(awaited.verdict_of(judged), asked):
        raise UsageError(
            f"nobody is asked to approve decision {judged.id}",
            hint=f"`approval:` under `models: {judged.model}:` in mlops.yaml says who is, and"
            " counts from the next gate on",
        )
    return asked


def _check_person(me: str, judged: Decision, asked: Approval, given: list[Decision]) -> None:
    if asked.by and not any(name in {me, actor.name_of(me)} for name in asked.by):
        raise UsageError(
            f"{me} is not one of those who may approve: {', '.join(asked.by)}",
            hint="`approval: by:` in mlops.yaml names them",
        )
    if not asked.own and _same_person(me, judged.actor):
        raise UsageError(
            f"{me} asked for this release, and somebody else has to approve it",
            hint="`approval: {own: true}` in mlops.yaml lets people approve their own",
        )
    if any(_same_person(me, one.actor) for one in given):
        raise UsageError(f"{me} has approved decision {judged.id} already")


def _same_person(one: str, other: str) -> bool:
    return one == other or actor.name_of(one) == actor.name_of(other)
