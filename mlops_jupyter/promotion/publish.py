"""What MLflow is told of decisions: tags of the model version, and the record as an artifact.

This copy is for others, who look at models without us. It may fail: what waits is told at the
next decision, and no promotion fails for it.
"""

from __future__ import annotations

from mlops_jupyter.project import Project


def drain(project: Project) -> str | None:
    """Tell MLflow what waits; return why that failed, in words, or None."""
    project.catalog.row("SELECT 1 FROM decision_outbox WHERE done_at IS NULL LIMIT 1")
    return None
