"""A real Jupyter server with our extension, over a folder that holds one project."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403
from tornado.httpclient import HTTPClientError, HTTPResponse
from traitlets.config import Config

from mlops_jupyter.project import Project, init
from mlops_jupyter.runs import recorder

# pytest-jupyter gives each test a home of its own; MLflow's empty database is made once only
os.environ.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))

PATIENT = {"request_timeout": 240, "connect_timeout": 240}
"""20 seconds, which is what pytest-jupyter gives, may be too short on a busy machine."""


@pytest.fixture
def jp_root_dir(tmp_path: Path) -> Path:
    """The folder that the server serves."""
    served = tmp_path / "served"
    served.mkdir()
    return served


@pytest.fixture
def jp_server_config() -> Config:
    """Our extension; nothing is open to those who are not logged in."""
    return Config(
        {
            "ServerApp": {
                "jpserver_extensions": {"mlops_jupyter": True, "jupyter_server_terminals": False},
                "allow_unauthenticated_access": False,
                "reraise_server_extension_failures": True,
            }
        }
    )


@pytest.fixture
def flights(jp_root_dir: Path) -> Project:
    """The project ``flights`` under the server's root."""
    return init(jp_root_dir / "flights")


@pytest.fixture
def ask(jp_fetch: Any) -> Any:
    """Ask a route; also answers that are errors are returned."""

    async def fetch(*route: str, **query: str | int) -> HTTPResponse:
        try:
            return await jp_fetch("mlops", "api", *route, params=query, **PATIENT)
        except HTTPClientError as error:
            return error.response

    return fetch


@pytest.fixture
def record_run() -> Callable[..., str]:
    """Record a run of one cell, as a kernel does; return its id."""

    def record(project: Project, name: str, **findings: Any) -> str:
        session = recorder.open_session(project, "flights/delays.ipynb")
        run = recorder.open_run(project, name, session_id=session)
        cell = recorder.Execution(
            session_id=session,
            position=1,
            cell_id="c0ffee",
            source=f"%%track {name}\nmodel.fit(X, y)",
            source_digest="blake3:" + "0" * 64,
            code_digest="blake3:" + "1" * 64,
            reads=("X", "model", "y"),
            writes=(),
            started_at="2025-01-31T12:00:00.000000+00:00",
            duration_seconds=0.25,
            error=None,
        )
        found = recorder.Findings(**findings)
        recorder.record(project, cell, [recorder.RunPart(run, found, "finished")])
        return run

    return record
