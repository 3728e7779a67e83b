"""Fixtures of the pipelines' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive


@pytest.fixture
def offline(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Return a project whose mirror is held: ended runs wait, and MLflow is not imported."""
    monkeypatch.delenv("CI", raising=False)
    with exclusive(project.folder / mirror.ALIVE, 0, "copy runs to MLflow"):
        yield project
