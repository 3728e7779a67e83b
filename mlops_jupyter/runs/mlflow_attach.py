"""The user's own MLflow run and ours are one: what the kernel notes for the mirror.

MLflow is never imported here; when the user has not imported it, this costs a look into a
dict. The mirror (`runs.mlflow_run`) decides: one MLflow run opened while a run of ours was
open is that run; of several none is.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter.errors import ExternalError
from mlops_jupyter.kernel import current
from mlops_jupyter.kernel.current import Opening
from mlops_jupyter.project import Project
from mlops_jupyter.runs.mlflow_place import absolute, redacted

PATIENCE_SECONDS = 0.5


class ActiveRun(msgspec.Struct, frozen=True):
    """A run that the user's code has open in MLflow."""

    tracking_uri: str
    mlflow_run_id: str


def active_run(modules: Mapping[str, Any]) -> ActiveRun | None:
    """Return the MLflow run that is active in this thread, or None.

    Parameters
    ----------
    modules : mapping of str to module
        ``sys.modules``.
    """
    active = getattr(modules.get("mlflow.tracking.fluent"), "active_run", None)
    run = active() if callable(active) else None
    if run is None:
        return None
    return ActiveRun(tracking_uri(modules), str(run.info.run_id))


def tracking_uri(modules: Mapping[str, Any]) -> str:
    """Return where the user's MLflow writes to, without credentials."""
    asked = getattr(modules.get("mlflow.tracking"), "get_tracking_uri", None)
    return redacted(absolute(str(asked()), Path.cwd())) if callable(asked) else ""


def note(project: Project, run_id: str) -> None:
    """Write down which MLflow runs the user's code opened while a run was open.

    Call it before the run is closed: the mirror may take an ended run at once.
    """
    if "mlflow.tracking.fluent" not in sys.modules:
        return
    found = [o for o in current.openings if o.run_id == run_id]
    active = None if found else active_run(sys.modules)
    if active is not None:
        found = [Opening(active.tracking_uri, mlflow_run_id=active.mlflow_run_id, run_id=run_id)]
    if found:
        # a catalog that another program holds must not cost the user's cell its record
        with contextlib.suppress(ExternalError), project.catalog.patience(PATIENCE_SECONDS):
            _keep(project, run_id, found)


def _keep(project: Project, run_id: str, found: list[Opening]) -> None:
    row = project.catalog.row("SELECT mlflow_openings FROM run WHERE id = ?", (run_id,))
    known = openings(row[0] if row else None)
    added = [opening for opening in found if opening not in known]
    if added:
        text = msgspec.json.encode([*known, *added]).decode()
        with project.catalog.transaction() as rows:
            rows.execute("UPDATE run SET mlflow_openings = ? WHERE id = ?", (text, run_id))


def openings(text: str | None) -> list[Opening]:
    """Return what `note` has written."""
    return msgspec.json.decode(text, type=list[Opening]) if text else []
