"""Judging a challenger: score it and the champion on the same rows, and record the verdict."""

from __future__ import annotations

import re

from mlops_jupyter.config import Model
from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import CellFailedError, NotFoundError, UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import case, gates, moving
from mlops_jupyter.promotion.checks import early, floor
from mlops_jupyter.promotion.decision import Decision, GateReport
from mlops_jupyter.promotion.recording import publish, record
from mlops_jupyter.promotion.scoring import measure, own, slicing
from mlops_jupyter.promotion.scoring.rows import check_data, take_rows
from mlops_jupyter.runs import history, mirror

_VERSION = re.compile(r"v?([1-9][0-9]{0,8})")


def gate(
    project: Project,
    model: str,
    challenger: int | str | None = None,
    data: str | None = None,
) -> Decision:
    """Judge a version of a model, and record the verdict. Nothing is moved.

    Parameters
    ----------
    project : Project
    model : str
        From `models:` of ``mlops.yaml``.
    challenger : int or str, optional
        A version, or the id of a run, whose model becomes the next version; up to nine digits
        are a version. Default: the newest version.
    data : str, optional
        The dataset version to evaluate on. Default: what ``mlops.yaml`` says.

    Returns
    -------
    Decision
        ``pass``, ``hold`` or ``reject``, with the report. That a model raised when it predicted
        is a verdict, too: ``error``.

    Raises
    ------
    NotFoundError, UsageError
        The policy, the challenger or the data cannot be as asked.
    ExternalError
        MLflow cannot be reached.
    IntegrityError
        What is stored of a model or of the data is damaged or missing.
    """
    policy, chosen = prepared(project, model, data)
    report = judge(project, policy, chosen, _challenger(project, model, challenger))
    made = record.of_gate(project, model, report, policy)
    publish.drain(project)
    return made


def judge(
    project: Project, policy: Model, data: DatasetVersion, challenger: ModelVersion
) -> GateReport:
    """Score challenger and champion on the same rows, and judge."""
    model = challenger.model
    floor.check_names(policy, history.get(project, challenger.run_id).metrics)
    rows = take_rows(project, data, policy.evaluate)
    number = registry.champion(project, model)
    if number == challenger.version:
        raise UsageError(
            f"{model} v{number} is champion already",
            hint=f"judge another one: `mlops gate {model} --challenger {_untried(project, model)}`",
        )
    champion = None if number is None else registry.get(project, model, number)
    try:
        made = case.of(project, policy, rows, challenger, champion)
    except CellFailedError as raised:  # it stays what it was, and the record says why
        return gates.without_predictions(policy, rows, challenger, champion, raised)
    return gates.judge(made)


def prepared(project: Project, model: str, data: str | None) -> tuple[Model, DatasetVersion]:
    """Return the policy and the evaluation data, and find what can be found wrong before a run.

    Raises
    ------
    NotFoundError, UsageError
        The policy or the data cannot be as asked.
    ExternalError
        MLflow cannot be reached.
    """
    policy = policy_of(project, model)
    check_policy(model, policy)
    chosen = versions.resolve(project, policy.evaluate.data if data is None else data)
    check_data(chosen, policy.evaluate)
    slicing.check(policy, {column.name: column.type for column in chosen.columns})
    early.refuse(project, policy, chosen)
    own.check(project, policy.evaluate)
    moving.finish_dangling(project)
    champion = registry.champion(project, model)
    if champion is not None:
        registry.get(project, model, champion)
    return policy, chosen


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
        for asked in (check.compare, check.slices):
            if asked is not None:
                measure.check_name(policy, asked.metric)


def _challenger(project: Project, model: str, asked: int | str | None) -> ModelVersion:
    if asked is None:
        found = [version for version in registry.versions(project) if version.model == model]
        if not found:
            raise UsageError(
                f"{model} has no version yet",
                hint=f"name a run: `mlops gate {model} --challenger {_untried(project, model)}`",
            )
        return found[0]
    if isinstance(asked, int):
        if not 0 < asked < 10**9:
            raise NotFoundError("version of the model", f"{model} v{asked}")
        return registry.get(project, model, asked)
    if number := _VERSION.fullmatch(asked.strip()):
        return registry.get(project, model, int(number[1]))
    if not asked.isascii():
        raise NotFoundError("run", asked[:40], hint="see `mlops runs`")
    run = history.get(project, asked.strip())
    mirror.drain(project)
    return registry.register(project, model, run.id)


def _untried(project: Project, model: str) -> str:
    """Return the newest run whose model is no version yet, for a message."""
    row = project.catalog.row(
        "SELECT id FROM run WHERE model_digest IS NOT NULL AND id NOT IN"
        " (SELECT run_id FROM model_version WHERE model = ?) ORDER BY started_at DESC LIMIT 1",
        (model,),
    )
    return "RUN" if row is None else str(row["id"])[:8]
