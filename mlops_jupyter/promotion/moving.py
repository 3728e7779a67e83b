"""The alias moves: what is done before and after, and what a process that died left of it.

A decision to move the alias is written as *intended*, the alias is moved in MLflow, and the
decision becomes *applied*. A process that dies between the two leaves an intention, which the
next gate, approval, promotion or rollback finishes (the alias was moved) or voids (it was not).
"""

from __future__ import annotations

from typing import Any

from mlops_jupyter.config import Evaluate
from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import ConflictError, ExternalError, NotFoundError
from mlops_jupyter.models import claim, estimator, registry
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import history
from mlops_jupyter.promotion.awaited import named
from mlops_jupyter.promotion.decision import Decision
from mlops_jupyter.promotion.recording import record
from mlops_jupyter.promotion.scoring.prediction import predict
from mlops_jupyter.promotion.scoring.rows import take_rows


class MovedError(ConflictError):
    """The champion is not the one that a decision goes by. Nothing was written."""

    def __init__(self, made: Decision, champion: int | None) -> None:
        super().__init__(
            f"the champion of {made.model} is now {named(champion)}, and v{made.to_version}"
            f" was compared with {named(made.from_version)}",
            hint=f"judge again: `mlops gate {made.model}`",
        )


def move(project: Project, made: Decision, facts: dict[str, Any]) -> Decision:
    """Write down what is intended, move the alias, and write down that it was.

    Parameters
    ----------
    project : Project
    made : Decision
        Intended, not written yet.
    facts : dict
        What it rests on, for the record.

    Raises
    ------
    NotFoundError
        MLflow has no such version: nothing was moved.
    ConflictError
        Somebody else moves it, or has; `MovedError` when nothing was written.
    ExternalError
        MLflow cannot be reached.
    """
    with claim.claimed(project, made.model):
        check_champion(project, made)
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


def check_champion(project: Project, made: Decision) -> None:
    """Refuse when the champion is not the one that a decision goes by.

    Raises
    ------
    ConflictError
        `MovedError`: it is another one.
    ExternalError
        MLflow cannot be reached.
    """
    champion = registry.champion(project, made.model)
    if champion != made.from_version:
        raise MovedError(made, champion)


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
        id_column = _id_of(project, model, data, row["label"])
        asked = Evaluate(data=row["ref"], label=row["label"], id=id_column)
        rows = take_rows(project, data, asked)
        predict(f"{model} v{version}", fitted, rows)


def _id_of(project: Project, model: str, data: DatasetVersion, label: str) -> str | None:
    """Return the column that names the rows: a model without names of columns does not get it."""
    declared = project.settings.models.get(model)
    name = None if declared is None else declared.evaluate.id
    columns = {column.name for column in data.columns} - {label}
    return name if name in columns else None


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


def _dangling(project: Project) -> list[Decision]:
    rows = project.catalog.rows(
        "SELECT id FROM decision WHERE NOT EXISTS (SELECT 1 FROM decision_state"
        " WHERE decision_id = decision.id AND state <> 'intended') AND NOT EXISTS (SELECT 1"
        " FROM ledger WHERE decision_id = decision.id AND kind = 'state') ORDER BY rowid"
    )
    return [history.decision(project, row["id"]) for row in rows]


def _settled(project: Project, intended: Decision) -> Decision:
    champion = registry.champion(project, intended.model)
    is_moved = champion == intended.to_version
    why = f"found by a later command: the champion is {named(champion)}"
    return record.close(project, intended, "applied" if is_moved else "void", why)
