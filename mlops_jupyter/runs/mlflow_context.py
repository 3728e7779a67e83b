"""What MLflow is told of the runs that the user opens: commit, notebook, cell, our run.

MLflow finds `RunContext` by the entry point ``mlflow.run_context_provider``, in every process
that imports MLflow where this package is installed: so nothing here is heavy, and outside of
a kernel that records it stays away.
"""

from __future__ import annotations

import secrets
import sys

from mlops_jupyter.kernel import current
from mlops_jupyter.kernel.current import Opening

OPENING = "mlops.opening"
"""Marks one opening of one run, so that the mirror finds the run that came of it."""


class RunContext:
    """A run context provider of MLflow (``mlflow.tracking.context.RunContextProvider``)."""

    def in_context(self) -> bool:
        """Whether this process records what it executes."""
        return current.cell is not None

    def tags(self) -> dict[str, str]:
        """Return the tags of a run that is about to be made."""
        cell = current.cell
        if cell is None:
            return {}
        from mlops_jupyter.runs.code import git_state

        run_id = current.innermost()
        commit, dirty = git_state(cell.root)
        tags = {
            "mlflow.source.name": cell.notebook,
            "mlflow.source.type": cell.notebook and "NOTEBOOK",
            "mlflow.source.git.commit": commit,
            "mlops.git_dirty": None if dirty is None else str(dirty).lower(),
            "mlops.session_id": cell.session_id,
            "mlops.cell_id": cell.cell_id,
            "mlops.cell_position": str(cell.position),
            "mlops.within_run": run_id,
            OPENING: run_id and _noted(run_id),
        }
        return {key: value for key, value in tags.items() if value}


def _noted(run_id: str) -> str | None:
    """Note that a run is about to open, and return its mark; None for a nested one."""
    from mlops_jupyter.runs.mlflow_attach import active_run, tracking_uri

    if active_run(sys.modules) is not None:
        return None
    mark = secrets.token_hex(8)
    current.openings.append(Opening(tracking_uri(sys.modules), mark=mark, run_id=run_id))
    return mark
