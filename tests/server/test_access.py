"""Who may ask, and what no path can reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth.authorizer import Authorizer
from tornado.httpclient import HTTPClientError
from traitlets.config import Config

from mlops_jupyter.project import Project, init
from mlops_jupyter.server.handlers import ROUTES
from mlops_jupyter.server.place import Place

EACH_ROUTE = [
    pattern.replace("([^/]+)", "0123456789abcdef").replace("(.+)", "figure-1.png")
    for pattern, _ in ROUTES
]


class NobodyReadsMlops(Authorizer):
    """Lets everybody do everything, but read our resource."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return (action, resource) != ("read", "mlops")


class TestWithoutToken:
    @pytest.mark.parametrize("route", EACH_ROUTE)
    async def test_forbidden(self, jp_fetch: Any, flights: Project, route: str) -> None:
        with pytest.raises(HTTPClientError) as refused:
            await jp_fetch(route, params={"path": "flights/a.ipynb"}, headers={"Authorization": ""})
        assert refused.value.code == 403


class TestNotAuthorized:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        jp_server_config.ServerApp.authorizer_class = NobodyReadsMlops
        return jp_server_config

    @pytest.mark.parametrize("route", EACH_ROUTE)
    async def test_forbidden(self, jp_fetch: Any, flights: Project, route: str) -> None:
        with pytest.raises(HTTPClientError) as refused:
            await jp_fetch(route, params={"path": "flights/a.ipynb"})
        assert refused.value.code == 403
        assert "not authorized to read on resource: mlops" in refused.value.response.body.decode()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
async def test_routes_answer_get_only(jp_fetch: Any, flights: Project, method: str) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("mlops/api/runs", method=method, allow_nonstandard_methods=True)
    assert refused.value.code == 405


@pytest.mark.parametrize(
    "path",
    [
        "../elsewhere/a.ipynb",
        "flights/../../elsewhere/a.ipynb",
        "..%2Felsewhere/a.ipynb",
        "link/a.ipynb",
        "link",
        "loop/a.ipynb",
        "x" * 5000,
        "a\x00b",
    ],
)
async def test_no_path_leads_out_of_the_root(
    ask: Any, jp_root_dir: Path, tmp_path: Path, path: str, record_run: Callable[..., str]
) -> None:
    elsewhere = init(tmp_path / "elsewhere")
    record_run(elsewhere, "not yours")
    (jp_root_dir / "link").symlink_to(elsewhere.root, target_is_directory=True)
    (jp_root_dir / "loop").symlink_to(jp_root_dir / "loop")
    info = await ask("project", path=path)
    assert (info.code, json.loads(info.body)["name"]) == (200, None)
    runs = await ask("runs", path=path)
    assert runs.code == 404
    assert b"not yours" not in runs.body


async def test_an_absolute_path_is_one_from_the_root(
    ask: Any, flights: Project, tmp_path: Path
) -> None:
    init(tmp_path / "elsewhere")
    inside = json.loads((await ask("project", path="/flights/a.ipynb")).body)
    assert inside["name"] == "flights"
    outside = json.loads((await ask("project", path=f"{tmp_path}/elsewhere/a.ipynb")).body)
    assert outside["name"] is None


async def test_a_project_above_the_root_is_not_found(
    ask: Any, jp_root_dir: Path, tmp_path: Path
) -> None:
    init(tmp_path)
    assert json.loads((await ask("project", path="a.ipynb")).body)["name"] is None


@pytest.mark.parametrize("part", ["mlops.yaml", ".mlops"])
async def test_a_project_that_keeps_its_files_elsewhere(
    ask: Any, jp_root_dir: Path, tmp_path: Path, part: str
) -> None:
    elsewhere = init(tmp_path / "elsewhere")
    (jp_root_dir / "mlops.yaml").write_text("version: 1\n")
    (jp_root_dir / part).unlink(missing_ok=True)
    (jp_root_dir / part).symlink_to(elsewhere.root / part)
    answer = await ask("runs", path="a.ipynb")
    assert answer.code == 400
    assert "leads out of the served folder" in json.loads(answer.body)["message"]


async def test_a_link_inside_the_root_is_followed(
    ask: Any, flights: Project, jp_root_dir: Path
) -> None:
    (jp_root_dir / "short").symlink_to(flights.root, target_is_directory=True)
    answer = json.loads((await ask("project", path="short/a.ipynb")).body)
    assert (answer["name"], answer["root"]) == ("flights", "flights")


class TestProjectDir:
    """The one trait: the project of notebooks that lie in none."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config, tmp_path: Path) -> Config:
        init(tmp_path / "shared")
        jp_server_config.MlopsApp.project_dir = str(tmp_path / "shared")
        return jp_server_config

    async def test_only_where_there_is_no_nearer_one(self, ask: Any, flights: Project) -> None:
        alone = json.loads((await ask("project", path="alone.ipynb")).body)
        assert alone["name"] == "shared"
        near = json.loads((await ask("project", path="flights/a.ipynb")).body)
        assert near["name"] == "flights"


def test_the_root_of_the_server_may_be_the_project(tmp_path: Path) -> None:
    project = init(tmp_path)
    place = Place(project.root, None)
    assert place.find("") == place.find("deep/in/it/a.ipynb") == project.root
    assert place.name(project.root) == ""


def test_the_server_starts_without_our_heavy_parts() -> None:
    script = (
        "import sys, mlops_jupyter.server.app;"
        "print(*sorted({'mlflow', 'pandas', 'papermill', 'sklearn', 'pyarrow'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert done.stdout.strip() == ""
