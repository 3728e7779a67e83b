"""Earlier pipeline runs executed again: what cannot be is said before anything runs.

`tests/promotion/checks/test_reproducible.py` executes one for real.
"""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.repeat import repeat
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import recorder
from mlops_jupyter.runs.secret import MASK


def ended(project: Project, parameters: str = "{}", *, with_run: bool = True) -> str:
    """Write down a pipeline run that has ended; return its id."""
    pipeline_run_id = secrets.token_hex(8)
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO pipeline_run (id, pipeline, notebook, notebook_digest, parameters,"
            " status, host, pid, started_at) VALUES (?, 'train', 'n.ipynb', ?, ?, 'finished',"
            " 'h', 1, '2026-01-01')",
            (pipeline_run_id, project.objects.write(b"{}"), parameters),
        )
    if with_run:
        recorder.open_run(project, "train", pipeline_run_id=pipeline_run_id)
    return pipeline_run_id


@pytest.mark.parametrize(
    ("made", "match"),
    [
        ({"with_run": False}, "recorded no run"),
        ({"parameters": f'{{"password": "{MASK}"}}'}, "'password' was a credential"),
        ({}, "there is no pipeline 'train'"),
    ],
)
def test_what_cannot_be_executed_again(
    shared_project: Project, made: dict[str, Any], match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        repeat(shared_project, ended(shared_project, **made))


def test_a_run_that_is_not_there(shared_project: Project) -> None:
    with pytest.raises(NotFoundError, match="there is no pipeline run 'nope'"):
        repeat(shared_project, "nope")


def test_within_a_re_execution(shared_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline_run_id = ended(shared_project)
    monkeypatch.setenv("MLOPS_REPRODUCES", "0" * 16)

    with pytest.raises(UsageError, match="does not execute runs again"):
        repeat(shared_project, pipeline_run_id)


def test_other_notebooks_are_joined_now(project: Project) -> None:
    joined = "{notebooks: {a: {notebook: a.ipynb}, b: {notebook: b.ipynb}}}"
    (project.root / "mlops.yaml").write_text(f"version: 1\npipelines: {{train: {joined}}}\n")

    with pytest.raises(UsageError, match="joins other notebooks into 'train' now"):
        repeat(open_project(project.root), ended(project))
