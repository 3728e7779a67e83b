"""Pipelines through a real server: begun, watched, stopped."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPResponse
from traitlets.config import Config

from mlops_jupyter.project import Project
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive
from tests.pipelines.notebooks import PARAMETERS, code, declare, write
from tests.server.conftest import PATIENT
from tests.server.readers_only import ReadersOnly

AROUND = {"path": "flights/a.ipynb"}

WAIT = "import time\nprint('it waits')\nwhile month:\n    time.sleep(0.05)"


@pytest.fixture
def train(flights: Project) -> Project:
    """A project with the pipeline `train`, whose second step does not end."""
    month = "from typing import Annotated\nmonth: Annotated[int, '1..12'] = 1"
    cells = code(month, PARAMETERS), code("x = month", "step:load"), code(WAIT, "step:fit")
    write(flights.root / "train.ipynb", *cells)
    declare(flights, train="train.ipynb")
    return flights


@pytest.fixture
def post(jp_fetch: Any) -> Any:
    """Send something to a route; also answers that are errors are returned."""

    async def send(*route: str, body: str = "{}") -> HTTPResponse:
        try:
            return await jp_fetch(
                "mlops", "api", *route, method="POST", body=body, params=AROUND, **PATIENT
            )
        except HTTPClientError as error:
            return error.response

    return send


def said(answer: HTTPResponse) -> Any:
    return json.loads(answer.body)


async def test_begun_watched_and_stopped(ask: Any, post: Any, train: Project) -> None:
    with exclusive(train.folder / mirror.ALIVE, 0, mirror.WHAT):
        begun = await post("pipelines", "train", "launch", body='{"parameters": {"month": "7"}}')
        assert begun.code == 200, begun.body
        run = said(begun)
        assert (run["status"], run["parameters"]) == ("running", {"month": 7})
        steps = ("pipeline-runs", run["id"], "steps")

        async def printed() -> str:
            return said(await ask(*steps, "fit", "log", **AROUND))["text"]

        end = time.monotonic() + 240
        while "it waits" not in (text := await printed()):
            assert time.monotonic() < end, text
            await asyncio.sleep(0.1)
        part = said(await ask(*steps, "fit", "log", offset=0, **AROUND))
        assert part["text"] == text == "── cell 3 (step:fit)\nit waits\n"
        assert (part["step"]["status"], part["is_ended"]) == ("running", False)
        assert (part["step"]["cell"], part["step"]["cells"]) == (1, 1)
        executed = said(await ask(*steps, "load", "notebook", **AROUND))
        assert "x = month" in ["".join(cell["source"]) for cell in executed["cells"]]

        stopped = await post("pipeline-runs", run["id"], "cancel")
        assert (stopped.code, said(stopped)["status"]) == (200, "interrupted")
        again = await post("pipeline-runs", run["id"], "cancel")
        assert (again.code, "has ended" in said(again)["message"]) == (409, True)


async def test_the_picture(ask: Any, train: Project) -> None:
    picture = said(await ask("pipelines", "train", "picture", **AROUND))["mermaid"]
    assert picture.startswith("flowchart TD\n")
    assert "load" in picture
    assert (await ask("pipelines", "trian", "picture", **AROUND)).code == 404


@pytest.mark.parametrize(
    ("pipeline", "body", "status", "message"),
    [
        ("trian", '{"parameters": {}}', 404, "there is no pipeline 'trian'"),
        ("train", '{"parameters": {"mnth": 1}}', 404, "there is no parameter 'mnth'"),
        ("train", '{"parameters": {"month": 13}}', 400, "parameter 'month' is a whole number"),
        ("train", '{"parameters": {"month": [{}]}}', 400, "parameter 'month' is a whole number"),
        ("train", '{"parameters": []}', 400, "not the parameters of a run"),
        ("train", "{", 400, "not the parameters of a run"),
        ("train", "\xff", 400, "not the parameters of a run"),
        ("train", '{"parameters": {"a":' + "[" * 5000, 400, "not the parameters of a run"),
    ],
)
async def test_a_mistake_begins_nothing(
    post: Any, train: Project, pipeline: str, body: str, status: int, message: str
) -> None:
    answer = await post("pipelines", pipeline, "launch", body=body)
    assert answer.code == status
    assert message in said(answer)["message"]
    assert train.catalog.rows("SELECT id FROM pipeline_run") == []


@pytest.mark.parametrize("run_id", ["0123456789abcdef", "..", "%", "' OR 1=1 --", "\x00"])
async def test_no_such_run(ask: Any, post: Any, train: Project, run_id: str) -> None:
    assert (await post("pipeline-runs", run_id, "cancel")).code == 404
    for what in ("log", "notebook"):
        answer = await ask("pipeline-runs", run_id, "steps", "fit", what, **AROUND)
        assert answer.code == 404


async def test_following_a_link_begins_nothing(ask: Any, train: Project) -> None:
    assert (await ask("pipelines", "train", "launch", **AROUND)).code == 405
    assert (await ask("pipeline-runs", "0123456789abcdef", "cancel", **AROUND)).code == 405
    assert train.catalog.rows("SELECT id FROM pipeline_run") == []


DOING = ("mlops/api/pipelines/train/launch", "mlops/api/pipeline-runs/0123456789abcdef/cancel")


@pytest.mark.parametrize("route", DOING)
async def test_not_without_a_token(jp_fetch: Any, train: Project, route: str) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch(
            route, method="POST", body="{}", params=AROUND, headers={"Authorization": ""}
        )
    assert refused.value.code == 403


class TestWhoMayOnlyRead:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        jp_server_config.ServerApp.authorizer_class = ReadersOnly
        return jp_server_config

    @pytest.mark.parametrize("route", DOING)
    async def test_begins_and_stops_nothing(
        self, jp_fetch: Any, train: Project, route: str
    ) -> None:
        with pytest.raises(HTTPClientError) as refused:
            await jp_fetch(route, method="POST", body="{}", params=AROUND)
        assert refused.value.code == 403
        assert train.catalog.rows("SELECT id FROM pipeline_run") == []
