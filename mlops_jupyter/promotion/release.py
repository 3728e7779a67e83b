"""A release: train, evaluate, judge, and promote or refuse. The one path for people and CI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.config import Model
from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.pipelines import execute
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.execute import Progress
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import evaluation, gates, metric, promote
from mlops_jupyter.promotion.case import Case, scored
from mlops_jupyter.promotion.checks import floor
from mlops_jupyter.promotion.decision import Decision, GateReport
from mlops_jupyter.runs import history, mirror
from mlops_jupyter.runs.run import Run


@dataclass(frozen=True, slots=True)
class Release:
    """What came of a release: the decision, the report it rests on, the run that was judged."""

    decision: Decision
    report: GateReport
    pipeline_run: PipelineRun


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
        A cell of the notebook raised, or an estimator did when it predicted.
    ConflictError
        Somebody else moved the champion while this one was trained and judged.
    ExternalError
        MLflow cannot be reached; the run is kept.
    """
    policy, chosen = _prepared(project, model, data)
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
    report = _judge(project, policy, chosen, challenger)
    decide = promote.promote if report.verdict == "pass" else promote.reject
    return Release(decide(project, report, model), report, pipeline_run)


def policy_of(project: Project, model: str) -> Model:
    """Return what ``mlops.yaml`` says of a model.

    Raises
    ------
    NotFoundError
        Nothing.
    """
    declared = project.settings.models
    if model not in declared:
        raise NotFoundError("model", model, declared, hint="declare it in mlops.yaml: `models:`")
    return declared[model]


def check_policy(model: str, policy: Model) -> None:
    """Refuse a gate that could not be judged, as far as that is known before the run.

    Raises
    ------
    UsageError
        It has no checks, or compares by a metric that nothing can score.
    """
    if not policy.checks:
        raise UsageError(f"the model {model!r} has no checks", hint="a gate needs at least one")
    for check in policy.checks:
        if check.compare is not None:
            metric.get(check.compare.metric)


def _prepared(project: Project, model: str, data: str | None) -> tuple[Model, DatasetVersion]:
    """Return the policy and the evaluation data, and find what can be found wrong before a run."""
    policy = policy_of(project, model)
    check_policy(model, policy)
    chosen = versions.resolve(project, data or policy.evaluate.data)
    evaluation.check_data(chosen, policy.evaluate.label)
    promote.finish_dangling(project)
    champion = registry.champion(project, model)
    if champion is not None:
        registry.get(project, model, champion)
    return policy, chosen


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


def _judge(
    project: Project, policy: Model, data: DatasetVersion, challenger: ModelVersion
) -> GateReport:
    """Score challenger and champion on the same rows, and judge."""
    model = challenger.model
    rows = evaluation.take_rows(project, data, policy.evaluate.label)
    number = registry.champion(project, model)
    champion = None if number is None else registry.get(project, model, number)
    return gates.judge(
        Case(
            project,
            policy,
            rows,
            scored(project, challenger, rows),
            None if champion is None else scored(project, champion, rows),
        )
    )
