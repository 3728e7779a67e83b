"""Promotions that are killed with SIGKILL at each step, and what a later process makes of it.

Forked from one process that has imported MLflow, which alone takes 3 seconds.
``python killed_promotion.py FOLDER`` prints one line of JSON for each kill.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import alembic.migration
import mlflow.store.artifact.artifact_repository_registry
import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store
import sklearn.linear_model

from mlops_jupyter.models import notes, registry
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.promotion import history, promote
from mlops_jupyter.promotion.recording import chain, record
from mlops_jupyter.promotion.recording.ledger import verify
from tests.promotion.decided import judged

MODEL = "late"
SEAMS: tuple[tuple[ModuleType, str], ...] = (
    (chain, "append"),
    (registry, "move_alias"),
    (record, "close"),
    (notes, "tag_model"),
)


KILLS = tuple((seam, done) for seam in SEAMS for done in (False, True))


def main(folder: Path) -> None:
    # imported here once, not in each child
    assert all((mlflow.MlflowClient, alembic.migration, sklearn.linear_model))
    status = None
    for place in range(len(KILLS) + 1):
        child = os.fork()
        if child == 0:
            project = open_project(folder)
            if status is not None:
                report(project, *KILLS[place - 1], os.WTERMSIG(status))
            if place < len(KILLS):
                die(project, *KILLS[place])
            os._exit(0)
        status = os.waitpid(child, 0)[1]


def die(project: Project, seam: tuple[ModuleType, str], done: bool) -> None:
    """Promote, and be killed before or after a step."""
    champion = registry.champion(project, MODEL)
    judged(project, MODEL, 2 if champion == 1 else 1, champion)
    module, name = seam
    step = getattr(module, name)

    def stepping(*arguments: Any, **more: Any) -> None:
        if done:
            step(*arguments, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(module, name, stepping)
    promote.promote(project, MODEL)


def report(project: Project, seam: tuple[ModuleType, str], done: bool, ended_by: int) -> None:
    """Say what a later process finds and makes of it."""
    promote.finish_dangling(project)
    decided = history.decisions(project, MODEL)
    row = {
        "seam": seam[1],
        "done": done,
        "signal": ended_by,
        "challenger": decided[0].to_version,
        "champion": registry.champion(project, MODEL),
        "decided": history.champion_of(decided),
        "states": [one.state for one in decided],
        "problems": [str(problem) for problem in verify(project).problems],
    }
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
