"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from mlops_jupyter.project import Project, init
from tests.kernel import Kernel

# the developer's own settings must not reach a test
for _name in [n for n in os.environ if n.startswith(("MLOPS_", "MLFLOW_"))]:
    del os.environ[_name]
os.environ["MLOPS_MIRROR_IDLE_SECONDS"] = "0"
os.environ["MLOPS_MIRROR_RETRY_SECONDS"] = "0"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

# in CI the same examples each time: what fails there fails here too, with CI=1
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a fresh project, which is also the working directory."""
    made = init(tmp_path / "flights")
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def kernel(project: Project) -> Iterator[Kernel]:
    """Return a real kernel in the project, which records."""
    made = Kernel(project.root)
    loaded = made.run("%load_ext mlops_jupyter")
    assert (loaded.status, loaded.text) == ("ok", ""), loaded
    yield made
    made.close()
