"""A release: train, evaluate, judge, and promote or refuse. The one path for people and CI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.errors import UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.pipelines import execute
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.execute import Progress
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import approval, awaited, judging, promote
from mlops_jupyter.promotion.checks import floor
from mlops_jupyter.promotion.decision import Decision, GateReport, Waiting
from mlops_jupyter.promotion.recording import publish, record
from mlops_jupyter.runs import history, mirror
from mlops_jupyter.runs.run import Run


@dataclass(frozen=True, slots=True)
class Release:
    """What came of a release.

    Attributes
    ----------
    decision : Decision
        ``promote``; or ``pass`` (it waits for approvals), ``hold`` or ``reject``.
    report : GateReport
        What it rests on.
    pipeline_run : PipelineRun
        The run that was judged.
    waiting : Waiting or None
        For whose approval the version waits.
    """

    decision: Decision
    report: GateReport
    pipeline_run: PipelineRun
    waiting: Waiting | None = None


def release(
    project: Project,
    model: str,
    parameters: Mapping[str, Any],
    data: str | None = None,
    progress: Progress | None = None,
) -> Release:
    """Run a model's pipeline, and let the gate decide whether the result becomes champion.

    The policy is checked and the evaluation data is chosen before anything runs, so that a
    mistake costs no training, and a version of the data that appears meanwhile changes nothing.

    Parameters
    ----------
    project : Project
    model : str
        From `models:` of ``mlops.yaml``.
    parameters : mapping of str to value
        Of its pipeline.
    data : str, optional
        The dataset version to evaluate on. Default: what ``mlops.yaml`` says.
    progress : callable, optional
        Told of each step of the pipeline, see `pipelines.execute.run_pipeline`.

    Raises
    ------
    NotFoundError, UsageError
        The policy, a parameter or the data cannot be as asked, or the run kept no model.
    CellFailedError
        A cell of the notebook raised.
    ConflictError
        Somebody else moved the champion while this one was trained and judged.
    ExternalError
        MLflow cannot be reached; the run is kept.
    """
    policy, chosen = judging.prepared(project, model, data)
    if policy.pipeline is None:
        raise UsageError(
            f"mlops.yaml does not say which pipeline makes {model!r}",
            hint=f"add `pipeline:` under `models: {model}:`, or judge a run: `mlops gate {model}`",
        )
    # what is promoted was run in this moment: what is known is compared, not taken
    choice = Choice(audit=True)
    pipeline_run = execute.run_pipeline(
        project, policy.pipeline, parameters, progress, hand_over=False, choice=choice
    )
    run = _trained(project, pipeline_run)
    floor.check_names(policy, run.metrics)
    mirror.drain(project)
    challenger = registry.register(project, model, run.id)
    report = judging.judge(project, policy, chosen, challenger)
    if report.verdict == "pass" and not awaited.needs("pass", policy.approval):
        return Release(promote.at_once(project, model, report, policy), report, pipeline_run)
    judged = record.of_gate(project, model, report, policy)
    publish.drain(project)
    waiting = approval.waiting(project, model)
    is_asked = waiting is not None and waiting.decision == judged.id and waiting.needed > 0
    return Release(judged, report, pipeline_run, waiting if is_asked else None)


def _trained(project: Project, pipeline_run: PipelineRun) -> Run:
    if pipeline_run.run_id is None:
        raise UsageError(f"the pipeline run {pipeline_run.id} recorded no run")
    run = history.get(project, pipeline_run.run_id)
    if run.model_digest is None:
        raise UsageError(
            f"the run of {pipeline_run.notebook} kept no model, so there is nothing to release",
            hint="fit a scikit-learn estimator, bound to a name, in one of its steps",
        )
    return run
