"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops_jupyter.project import Project, init

# the developer's own settings must not reach a test
for _name in [n for n in os.environ if n.startswith(("MLOPS_", "MLFLOW_"))]:
    del os.environ[_name]
os.environ["MLOPS_MIRROR_IDLE_SECONDS"] = "0"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a fresh project, which is also the working directory."""
    made = init(tmp_path / "flights")
    monkeypatch.chdir(made.root)
    return made
