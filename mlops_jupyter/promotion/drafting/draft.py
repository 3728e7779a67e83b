"""``mlops gate MODEL --init``: the first policy of a model, drafted from a run.

What is known of the run is looked at, and nothing is guessed in silence: each line of the draft
says why it is there, and a draft that needs an answer asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter import config
from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import UsageError, refused_by_disk
from mlops_jupyter.models import estimator
from mlops_jupyter.pipelines.build import LOCK, LOCK_SECONDS
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.drafting import label
from mlops_jupyter.promotion.drafting import text as draft_text
from mlops_jupyter.promotion.drafting.text import Found
from mlops_jupyter.promotion.scoring.metric import Scores
from mlops_jupyter.promotion.scoring.prediction import predict
from mlops_jupyter.promotion.scoring.rows import take_rows
from mlops_jupyter.promotion.statistics import comparison
from mlops_jupyter.promotion.statistics.interval import Interval
from mlops_jupyter.runs import history
from mlops_jupyter.runs.run import Run
from mlops_jupyter.store.lock import exclusive
from mlops_jupyter.store.objects import replace_file

_FOR_EVALUATION = re.compile(r"test|eval|valid|holdout|hold_out", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy that nobody has agreed to yet.

    Attributes
    ----------
    model : str
    policy : config.Model
    lines : tuple of str
        As they stand below the model's name in ``mlops.yaml``.
    run_id : str
    warnings : tuple of str
        What people should look at first.
    """

    model: str
    policy: config.Model
    lines: tuple[str, ...]
    run_id: str
    warnings: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The draft as a part of ``mlops.yaml``."""
        below = "".join(f"    {line}\n" for line in self.lines)
        return f"models:\n  {self.model}:\n{below}"


def draft(
    project: Project,
    model: str,
    run: str | None = None,
    data: str | None = None,
    label_column: str | None = None,
) -> Draft:
    """Draft the policy of a model from a run that fitted it.

    Parameters
    ----------
    project : Project
    model : str
        The name it will have.
    run : str, optional
        The id of the run, or its beginning. Default: the newest one that kept a model.
    data : str, optional
        The version to evaluate on. Default: one that the run did not train on, as far as that
        is known.
    label_column : str, optional
        The column that is predicted. Default: the one that the run's data has beside what the
        model was fitted on.

    Raises
    ------
    NotFoundError, UsageError
        There is no such run or data, it kept no model, or the label has to be named.
    CellFailedError
        The model raised when it predicted the evaluation data.
    """
    if not config.NAME.fullmatch(model):
        raise UsageError(
            f"{model[:80]!r} is no name for a model",
            hint="letters, digits, '_', '.' and '-'; at most 100",
        )
    found = _found(project, run, data, label_column)
    chosen, interval = _metric(found.scores)
    warnings = tuple(_warnings(found))
    said, lines = draft_text.written(project, found, chosen, interval, warnings)
    return Draft(model, msgspec.convert(said, config.Model), lines, found.run.id, warnings)


def write(project: Project, drafted: Draft) -> Path:
    """Write a draft into ``mlops.yaml``, all else kept byte for byte; return its path.

    Raises
    ------
    UsageError
        The model is declared already, or `models:` is written in a way that cannot be added to.
    """
    file = (project.root / config.FILE).resolve()
    with exclusive(project.folder / LOCK, LOCK_SECONDS, f"change {config.FILE}"):
        check_new(project, drafted.model)
        said = msgspec.to_builtins(drafted.policy)
        try:
            text = file.read_bytes().decode()
            added = config.add_entry(text, "models", drafted.model, drafted.lines, said, file)
            replace_file(file, added.encode())
        except OSError as error:
            raise refused_by_disk(file, error) from error
    return file


def check_new(project: Project, model: str) -> None:
    """Refuse a model that ``mlops.yaml`` declares.

    Raises
    ------
    UsageError
        With the line where it stands.
    """
    file = (project.root / config.FILE).resolve()
    if model not in config.load(file, {}).models:
        return
    _, marks = config.parse(file.read_text(encoding="utf-8"), file)
    line, column = marks.get(f"$.models.{model}", (1, 1))
    raise UsageError(
        f"{file}:{line}:{column}: the model {model!r} is declared already",
        hint=f"to see a draft and write nothing: `mlops gate {model} --init --print`",
    )


def _found(project: Project, run: str | None, data: str | None, column: str | None) -> Found:
    recorded = _run(project, run)
    fitted = estimator.load(project, recorded)
    if data is not None:
        chosen = versions.resolve(project, data)
        column = column or label.guess(project, recorded, fitted, [chosen])
    else:
        known = _tables(project)
        if column is None:
            read = [v for v in known if v.ref in recorded.data]
            column = label.guess(project, recorded, fitted, read or known)
        chosen = _unseen(recorded, fitted, known, column)
    rows = take_rows(project, chosen, config.Evaluate(data=chosen.ref, label=column))
    scores = predict(f"the model of run {recorded.id[:8]}", fitted, rows)
    newest = versions.dataset(project, chosen.dataset).versions[0]
    asked = data or (f"{chosen.dataset}@latest" if newest.ref == chosen.ref else chosen.ref)
    return Found(recorded, chosen, asked, column, scores)


def _run(project: Project, asked: str | None) -> Run:
    if asked is not None:
        found = history.get(project, asked)
        if found.model_digest is None:
            raise UsageError(
                f"run {found.id} kept no model, so there is nothing to judge",
                hint="fit an estimator, bound to a name, in a cell below `%%track`",
            )
        return found
    row = project.catalog.row(
        "SELECT id FROM run WHERE model_digest IS NOT NULL ORDER BY started_at DESC LIMIT 1"
    )
    if row is None:
        raise UsageError(
            "no run has kept a model yet, and a policy is drafted from one",
            hint="fit an estimator in a cell below `%%track`, then try again",
        )
    return history.get(project, row["id"])


def _tables(project: Project) -> list[DatasetVersion]:
    return [
        version
        for dataset in versions.datasets(project, passed=False)
        for version in dataset.versions
        if version.kind == "frame" and version.gone_at is None
    ]


def _unseen(run: Run, fitted: Any, known: list[DatasetVersion], column: str) -> DatasetVersion:
    """Choose the version that the run least probably trained on; of equals the newest."""
    needed = {column, *label.features(fitted)}
    usable = [v for v in known if needed <= {c.name for c in v.columns}]
    if not usable:
        raise UsageError(
            f"no data version has the label {column!r} and all columns of the model",
            hint="keep one: `%snapshot df --name test`, or name it: `--data NAME@VERSION`",
        )
    trained = {ref.partition("@")[0] for ref in run.data}

    def rank(version: DatasetVersion) -> int:
        is_read, is_named = version.ref in run.data, _FOR_EVALUATION.search(version.dataset)
        if is_named:
            return 1 if is_read else 0
        return 4 if is_read else 3 if version.dataset in trained else 2

    best = min(map(rank, usable))
    return max((v for v in usable if rank(v) == best), key=lambda v: (v.created_at, v.number))


def _metric(scores: Scores) -> tuple[str, Interval]:
    """Choose what to compare by: whether rows are well ordered, well labelled, well estimated."""
    if scores.classes is None:
        names = ["mae"]
    elif scores.is_binary:
        names = ["roc_auc", "accuracy"]
    else:
        names = ["accuracy"]
    made = {name: comparison.interval_of(name, scores) for name in names}
    for name, interval in made.items():
        if interval.is_defined:
            return name, interval
    raise UsageError(
        f"{names[-1]} is not defined on these rows: {made[names[-1]].reason}",
        hint="name other data: `--data NAME@VERSION`",
    )


def _warnings(found: Found) -> Iterator[str]:
    if found.data.ref not in found.run.data:
        if not found.run.data:
            yield "the run read no data version, so nobody knows what it was trained on"
        return
    if _FOR_EVALUATION.search(found.data.dataset):
        yield f"the run read {found.data.ref} too; see that it did not train on it"
    else:
        yield (
            f"the run was trained on {found.data.ref}, and no other version has its columns:"
            " name rows that it never saw"
        )
