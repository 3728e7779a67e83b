"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mlops_jupyter.project import Project, init
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive
from tests.command import Mlops, runner
from tests.example_count import FRESH
from tests.kernel import Kernel

# the developer's own settings must not reach a test
for _name in [n for n in os.environ if n.startswith(("MLOPS_", "MLFLOW_"))]:
    del os.environ[_name]
os.environ["MLOPS_MIRROR_IDLE_SECONDS"] = "0"
os.environ["MLOPS_MIRROR_RETRY_SECONDS"] = "0"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

# Tests run side by side, and kernels and commands beside them: threads of BLAS and OpenMP would
# wait for each other by spinning.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# A busy machine is no failure, nor is bad luck: the same examples each time.
settings.register_profile(
    "ours", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=not FRESH
)
settings.load_profile("ours")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a fresh project, which is also the working directory."""
    made = init(tmp_path / "flights")
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def offline(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Return a project whose mirror is held: ended runs wait, and MLflow is not imported.

    A mirror costs four seconds of a processor. `mirror.drain` copies all the same.
    """
    monkeypatch.delenv("CI", raising=False)
    with exclusive(project.folder / mirror.ALIVE, 0, mirror.WHAT):
        yield project


@pytest.fixture
def mlops(offline: Project, capsys: pytest.CaptureFixture[str]) -> Mlops:
    """Return a function that runs a command in the project."""
    return runner(capsys)


@pytest.fixture
def kernel(offline: Project) -> Iterator[Kernel]:
    """Return a real kernel in the project, which records; its mirror is held, see `offline`."""
    yield from _recording(offline)


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project for all tests of a module that do not mind what others left there."""
    made = init(tmp_path_factory.mktemp("shared") / "flights")
    with exclusive(made.folder / mirror.ALIVE, 0, mirror.WHAT):
        yield made


@pytest.fixture(scope="module")
def shared_kernel(shared_project: Project) -> Iterator[Kernel]:
    """Return a real kernel in `shared_project`, which records."""
    yield from _recording(shared_project)


@pytest.fixture
def kernel_with_mirror(project: Project) -> Iterator[Kernel]:
    """Return a real kernel in the project, beside which a mirror may work."""
    yield from _recording(project)


def _recording(project: Project) -> Iterator[Kernel]:
    made = Kernel(project.root)
    loaded = made.run("%load_ext mlops_jupyter")
    assert (loaded.status, loaded.text) == ("ok", ""), loaded
    yield made
    made.close()
