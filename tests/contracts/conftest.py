"""A real MLflow server on a real PostgreSQL, started once for all contracts."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.mlflow_server import Line, MlflowServer, postgres, postgres_programs


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """Start PostgreSQL and an MLflow server on it."""
    programs = postgres_programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL: MLflow on a server was not tested")
        pytest.skip("no PostgreSQL on this machine")
    with postgres(programs) as database:
        made = MlflowServer(database, tmp_path_factory.mktemp("mlflow"))
        made.start()
        yield made
        made.stop()


@pytest.fixture
def line(server: MlflowServer) -> Iterator[Line]:
    """Return a way to the server that can be cut."""
    made = Line(server.port)
    yield made
    made.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let MLflow's client give up at once."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
