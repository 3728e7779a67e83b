"""The state of a notebook, asked for by an editor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPResponse
from traitlets.config import Config

from mlops_jupyter.cells.analysis import analyse
from mlops_jupyter.project import Project, init, now
from mlops_jupyter.runs import recorder

NOTEBOOK = "flights/study.ipynb"


@pytest.fixture
def post(jp_fetch: Any) -> Any:
    """Send cells; also answers that are errors are returned."""

    async def send(*sources: str, path: str = NOTEBOOK, body: str | None = None) -> HTTPResponse:
        cells = [{"id": str(i), "source": s, "may_raise": False} for i, s in enumerate(sources)]
        try:
            return await jp_fetch(
                "mlops/api/notebook-state",
                method="POST",
                params={"path": path},
                body=json.dumps({"cells": cells}) if body is None else body,
            )
        except HTTPClientError as error:
            return error.response

    return send


def record(project: Project, *sources: str) -> None:
    """Record cells that bind one name each, as this process's kernel."""
    session = recorder.open_session(project, str(project.root / "study.ipynb"))
    for number, source in enumerate(sources):
        analysis = analyse(source)
        cell = recorder.Execution(
            session_id=session,
            position=number + 1,
            cell_id=str(number),
            source=source,
            source_digest=analysis.digest,
            code_digest=analysis.code_digest,
            reads=tuple(analysis.reads),
            writes=analysis.writes,
            parents=(number,) if number else (),
            started_at=now(),
            duration_seconds=0.1,
            error=None,
        )
        recorder.record(project, cell)


async def test_cells_as_an_editor_holds_them(post: Any, flights: Project) -> None:
    record(flights, "a = 1", "b = a")
    answer = await post("a = 1", "b = a")
    assert answer.code == 200
    state = json.loads(answer.body)
    assert (state["verdict"], state["basis"]) == ("reproducible", "recorded")
    assert state["notebook"] == "study.ipynb"
    edited = json.loads((await post("a = 2", "b = a")).body)
    assert edited["cells"][1] == {
        "number": 2,
        "cell_id": "1",
        "state": "stale",
        "why": "cell 1, on which it stands, was edited",
    }


async def test_nothing_was_executed(post: Any, flights: Project) -> None:
    state = json.loads((await post("a = 1")).body)
    assert (state["verdict"], state["session_id"]) == ("unknown", None)


async def test_the_file_as_it_was_saved(ask: Any, flights: Project) -> None:
    cell = {"cell_type": "code", "source": "a = 1", "execution_count": 1, "outputs": []}
    (flights.root / "study.ipynb").write_text(json.dumps({"cells": [cell], "nbformat": 4}))
    state = json.loads((await ask("notebook-state", path=NOTEBOOK)).body)
    assert (state["verdict"], state["basis"]) == ("reproducible", "file")


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"cells": 1}', '{"cells": [{"id": "a"}]}', "\x00", "[" * 10_000]
)
async def test_something_else_is_sent(post: Any, flights: Project, body: str) -> None:
    answer = await post(body=body)
    assert answer.code == 400
    assert "not the cells of a notebook" in json.loads(answer.body)["message"]


async def test_without_a_project(post: Any) -> None:
    assert (await post("a = 1", path="alone.ipynb")).code == 404


async def test_without_token(jp_fetch: Any, flights: Project) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch(
            "mlops/api/notebook-state",
            method="POST",
            body="{}",
            params={"path": NOTEBOOK},
            headers={"Authorization": ""},
        )
    assert refused.value.code == 403


class TestOutsideOfTheRoot:
    """Even where one project serves all notebooks that lie in none."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config, tmp_path: Path) -> Config:
        init(tmp_path / "shared")
        jp_server_config.MlopsApp.project_dir = str(tmp_path / "shared")
        return jp_server_config

    @pytest.mark.parametrize("path", ["../shared/secret.ipynb", "link/secret.ipynb"])
    async def test_no_file_is_read(
        self, ask: Any, jp_root_dir: Path, tmp_path: Path, path: str
    ) -> None:
        (tmp_path / "shared" / "secret.ipynb").write_text('{"cells": []}')
        (jp_root_dir / "link").symlink_to(tmp_path / "shared")
        answer = await ask("notebook-state", path=path)
        assert answer.code == 404
        assert json.loads(answer.body)["message"] == f"there is no notebook {path!r}"
