"""What the challenger was trained on, as far as that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.statistics import profile, tabular
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.runs import history
from mlops_jupyter.runs.run import Run

_FAMILY = (
    "WITH RECURSIVE family (id) AS (SELECT ? UNION SELECT run.id FROM run, family"
    " WHERE parent_run_id = family.id) SELECT id FROM family"
)


@dataclass(frozen=True, slots=True)
class Training:
    """Data versions that the challenger may have been fitted on.

    Attributes
    ----------
    versions : tuple of DatasetVersion
        Without the evaluation data, if there are others.
    is_named : bool
        ``mlops.yaml`` says it; else they are all that the run read.
    read_evaluation : bool
        The run read the evaluation data too, or made it, beside others: to train or to score,
        nobody knows.
    """

    versions: tuple[DatasetVersion, ...]
    is_named: bool
    read_evaluation: bool = False


def of(case: Case, named: str | None) -> Training:
    """Return what was named, else what the run read; of a pipeline, what all its steps read.

    Raises
    ------
    NotFoundError, UsageError
        There is no such version.
    """
    if named is not None:
        return Training((versions.resolve(case.project, named),), is_named=True)
    refs = {ref for run in _family(case) for ref in run.data}
    found = tuple(versions.resolve(case.project, ref) for ref in sorted(refs))
    others = tuple(version for version in found if not is_same(version, case.rows.data))
    if others and len(others) < len(found):
        return Training(others, is_named=False, read_evaluation=True)
    return Training(found, is_named=False)


def is_same(one: DatasetVersion, other: DatasetVersion) -> bool:
    """Tell whether two versions have one content, under whatever names."""
    return one.digest == other.digest


def frame_of(case: Case, version: DatasetVersion) -> Any:
    """Return a version as a frame; looking at it is no use of it.

    Raises
    ------
    UsageError
        It is no table, its content was given up, or it came from elsewhere and is not trusted.
    IntegrityError
        What is stored is damaged or missing.
    """
    versions.check_there(version)
    return tabular.as_frame(profile.content_of(case.project, version), version.ref)


def column_of(frame: Any, name: str) -> Any | None:
    """Return the first column of a name; the labels of a frame need not be text."""
    for place, label in enumerate(frame.columns):
        if str(label) == name:
            return frame.iloc[:, place]
    return None


def _family(case: Case) -> list[Run]:
    """Return the run with all nested in it; of a step's, with all of its pipeline."""
    run = top = case.challenger.run
    while run.pipeline_run_id is None and run.parent_run_id is not None:
        run = history.get(case.project, run.parent_run_id)
        if run.pipeline_run_id is not None:
            top = run
    ids = case.project.catalog.rows(_FAMILY, (top.id,))
    return [history.get(case.project, row["id"]) for row in ids]
