"""The routes of models: what there is, and deciding who is champion.

Who decides says what they have seen. When that is not so any more the answer is 409, so that
nobody agrees to what they have not read.
"""

from __future__ import annotations

import dataclasses

from mlops_jupyter import wire
from mlops_jupyter.errors import ConflictError
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import Decision, ModelSummary, Waiting
from mlops_jupyter.server.route import Doing, Route


class ModelsRoute(Route):
    """``models``: all models, their champions, the last report and the decisions on them."""

    def answer(self, project: Project, *names: str) -> wire.Models:
        """List models."""
        from mlops_jupyter.promotion import history

        return wire.Models(models=tuple(map(brief, history.summaries(project))))


def brief(model: ModelSummary) -> ModelSummary:
    """Return a summary with those reports alone that are shown: the last one, and what waits.

    A report of many slices has tens of kilobytes, a model may have hundreds of decisions, and
    the panel asks after each change.
    """
    newest = next((made.id for made in model.decisions if made.report is not None), None)
    kept = {newest, model.waiting.decision if model.waiting else None}
    return dataclasses.replace(
        model,
        decisions=tuple(
            made if made.id in kept else dataclasses.replace(made, report=None)
            for made in model.decisions
        ),
    )


class ApproveRoute(Doing):
    """``models/NAME/approve``: a yes to what a gate found."""

    def answer(self, project: Project, *names: str) -> Decision:
        """Record it. Nothing is moved."""
        from mlops_jupyter.promotion.approval import approve

        self.refuse_get()
        asked = wire.decode_approval(self.request.body)
        check_seen(project, names[0], asked.decision)
        return approve(project, names[0], asked.decision, asked.comment)


class PromoteRoute(Doing):
    """``models/NAME/promote``: the version that a gate judged becomes champion."""

    def answer(self, project: Project, *names: str) -> wire.Promotion:
        """Move the alias, or say what it waits for."""
        from mlops_jupyter.promotion.promote import promote

        self.refuse_get()
        asked = wire.decode_promotion(self.request.body)
        check_seen(project, names[0], asked.decision)
        made = promote(project, names[0], asked.decision)
        if isinstance(made, Waiting):
            return wire.Promotion(decision=None, waiting=made)
        return wire.Promotion(decision=made if made.kind == "promote" else None, waiting=None)


class RollbackRoute(Doing):
    """``models/NAME/rollback``: the champion before becomes champion again."""

    def answer(self, project: Project, *names: str) -> Decision:
        """Move the alias, if that is what was announced."""
        from mlops_jupyter.promotion.promote import rollback

        self.refuse_get()
        asked = wire.decode_rollback(self.request.body)
        announced = (asked.champion, asked.to)
        return rollback(project, names[0], asked.reason or None, announced)


def check_seen(project: Project, model: str, decision: str) -> None:
    """Refuse to act on anything but the newest verdict, which is the one that is shown.

    Raises
    ------
    NotFoundError
        There is no such model.
    ConflictError
        The decision is not what waits now.
    """
    from mlops_jupyter.promotion.approval import waiting

    now = waiting(project, model)
    if now is None or now.decision != decision:
        waits = "nothing" if now is None else f"v{now.version}"
        raise ConflictError(
            f"what you saw of {model} is not so any more: {waits} waits to be promoted",
            hint="look again, and decide on that",
        )


ROUTES: tuple[tuple[str, type[Route]], ...] = (
    ("models", ModelsRoute),
    ("models/([^/]+)/approve", ApproveRoute),
    ("models/([^/]+)/promote", PromoteRoute),
    ("models/([^/]+)/rollback", RollbackRoute),
)
