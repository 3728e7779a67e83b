"""What the files of evidence tell: a decision and the report it rests on, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_jupyter.config import Model
from mlops_jupyter.errors import MlopsError, last_line
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import awaited, history
from mlops_jupyter.promotion.decision import Decision, GateReport, Waiting
from mlops_jupyter.promotion.evidence import words


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one call of a command.

    Attributes
    ----------
    model : str
    decision : Decision or None
        None when none was made: the model is unknown, MLflow is away.
    report : GateReport or None
        What the decision rests on: its own, or that of the decision it acts on.
    policy : config.Model or None
        None when ``mlops.yaml`` does not know the model.
    error, hint : str or None
        With what the command ended.
    next_step : str
        What people can do now, in one line.
    """

    model: str
    decision: Decision | None = None
    report: GateReport | None = None
    policy: Model | None = None
    error: str | None = None
    hint: str | None = None
    next_step: str = ""

    @property
    def title(self) -> str:
        """What came of it, in one line."""
        if self.decision is None:
            return f"{self.model}: nothing was decided"
        return words.outcome(self.decision)


def told(project: Project, decision: Decision, waiting: Waiting | None = None) -> Told:
    """Return what is told of a decision.

    Parameters
    ----------
    project : Project
    decision : Decision
    waiting : Waiting, optional
        What it waits for, if the caller knows. Default: as the catalog knows it.
    """
    if waiting is None:
        decided = history.decisions(project, decision.model)
        waiting = awaited.newest(project, decided, history.champion_of(decided))
        if waiting is not None and waiting.decision not in {decision.id, decision.judged}:
            waiting = None
    report = decision.report
    if report is None and decision.judged is not None:
        report = history.decision(project, decision.judged).report
    return Told(
        model=decision.model,
        decision=decision,
        report=report,
        policy=project.settings.models.get(decision.model),
        next_step=words.next_step(decision, waiting),
    )


def refused(model: str, error: BaseException) -> Told:
    """Return what is told of a command that came to no decision."""
    if isinstance(error, KeyboardInterrupt):
        return Told(model, error="interrupted")
    if isinstance(error, MlopsError):
        return Told(model, error=error.message, hint=error.hint)
    return Told(model, error=last_line(error))
