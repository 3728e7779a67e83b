"""Shared stores of both kinds, and projects that share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_jupyter.project import Project, init
from tests.s3_server import BUCKET, S3Server, s3_server


@pytest.fixture(scope="session")
def _server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(_server: S3Server) -> Iterator[S3Server]:
    """Return a real S3 server on loopback, which counts from zero."""
    _server.reset()
    yield _server
    _server.refuse = lambda _method, _path: False


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a shared store that is empty: a folder, and a bucket of S3."""
    if request.param == "folder":
        return str(tmp_path / "shared store")
    request.getfixturevalue("s3")
    return f"s3://{BUCKET}/{tmp_path.name}"


@pytest.fixture
def clone(tmp_path: Path) -> Callable[[str], Project]:
    """Return a function that makes a project as on another machine: nothing is there."""
    return lambda name: init(tmp_path / name)
