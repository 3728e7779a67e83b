"""Which data versions a step asks for, as it writes them: ``train@latest`` may be another later."""

from __future__ import annotations

from mlops_jupyter.data import touched, versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.project import Project


def listen(project: Project, step_run_id: str) -> None:
    """Write down what this kernel asks for from now on: it executes that step."""

    def note(asked: str, version: DatasetVersion) -> None:
        with project.catalog.transaction() as rows:
            rows.execute(
                "INSERT OR IGNORE INTO step_data (step_run_id, asked, version_id)"
                " SELECT id, ?, ? FROM step_run WHERE id = ?",
                (asked, versions.row_id(project, version), step_run_id),
            )

    touched.askers.append(note)
