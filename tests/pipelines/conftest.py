"""Fixtures of the pipelines' tests."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator

import pytest

from mlops_jupyter.project import Project


@pytest.fixture
def offline(project: Project) -> Iterator[Project]:
    """Return a project whose mirror is busy elsewhere: ended runs wait, and MLflow stays asleep."""
    with (project.folder / "mirror.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield project
