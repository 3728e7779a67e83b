"""Environments of other tools, and the pipeline that is written for them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive
from tests.command import program
from tests.pipelines.export.study import write_study

ROOT = Path(__file__).parents[3]
ENVIRONMENTS = ROOT / "build" / "envs"


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Project]:
    """Return a project with the pipeline `train`; its mirror is held."""
    project = write_study(tmp_path / "study")
    with exclusive(project.folder / mirror.ALIVE, 0, "copy runs to MLflow"):
        yield project


@pytest.fixture
def command(tmp_path: Path) -> str:
    """Return a folder for the PATH with the command `mlops` of these tests."""
    return program(tmp_path / "bin")


def python_of(tool: str) -> Path:
    """Return the interpreter of a tool's environment."""
    python = ENVIRONMENTS / tool / "bin" / "python"
    if not python.exists():
        pytest.skip(f"build/envs/{tool} is not there: `make test-all` makes it")
    return python


@pytest.fixture
def run_in(tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs Python in the environment of a tool, and what it prints."""

    def run(tool: str, source: str, **environment: str) -> str:
        kept = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "CI"}}
        done = subprocess.run(
            [str(python_of(tool)), "-c", source],
            cwd=tmp_path,
            env={**kept, **environment},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-20000:]
        return done.stdout + done.stderr

    return run
