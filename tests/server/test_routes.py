"""What the panel is told, through a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.runs.recorder import Figure
from mlops_jupyter.store.objects import Objects
from tests.pipelines.notebooks import code, declare, write

PNG = b"\x89PNG\r\n\x1a\n, and so on"
NOTEBOOK = "flights/study/delays.ipynb"


async def test_project_around_a_notebook(
    ask: Any, flights: Project, record_run: Callable[..., str]
) -> None:
    record_run(flights, "baseline")
    answer = await ask("project", path=NOTEBOOK)
    assert answer.code == 200
    assert json.loads(answer.body) == {
        "name": "flights",
        "root": "flights",
        "hint": None,
        "waiting": 1,
        "mirror_error": None,
    }


async def test_without_a_project_the_panel_is_told_what_to_do(ask: Any) -> None:
    answer = json.loads((await ask("project", path="alone.ipynb")).body)
    assert answer["name"] is None
    assert "mlops init" in answer["hint"]


@pytest.mark.parametrize("route", ["runs", "runs/0123456789abcdef", "datasets", "models"])
async def test_without_a_project_there_is_nothing_to_list(ask: Any, route: str) -> None:
    answer = await ask(*route.split("/"), path="alone.ipynb")
    assert answer.code == 404
    said = json.loads(answer.body)
    assert said["message"] == "there is no project around 'alone.ipynb'"
    assert "mlops init" in said["hint"]


async def test_runs_come_newest_first_in_pages(
    ask: Any, flights: Project, record_run: Callable[..., str]
) -> None:
    for name in ("one", "two", "three"):
        record_run(flights, name, parameters={"depth": 3}, metrics={("auc", 0): 0.75})
    page = json.loads((await ask("runs", path=NOTEBOOK, limit=2)).body)
    assert [run["name"] for run in page["runs"]] == ["three", "two"]
    assert page["total"] == 3
    assert page["runs"][0]["parameters"] == {"depth": 3}
    assert page["runs"][0]["metrics"] == {"auc": 0.75}
    rest = json.loads((await ask("runs", path=NOTEBOOK, limit=2, offset=2)).body)
    assert [run["name"] for run in rest["runs"]] == ["one"]


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "501"}, {"limit": "-1"}, {"limit": "٣"}, {"offset": "9" * 5000}],
)
async def test_a_page_that_cannot_be(ask: Any, flights: Project, query: dict[str, str]) -> None:
    answer = await ask("runs", path=NOTEBOOK, **query)
    assert answer.code == 400
    assert "not a number of runs" in json.loads(answer.body)["message"]


async def test_nan_is_null(ask: Any, flights: Project, record_run: Callable[..., str]) -> None:
    record_run(flights, "diverged", metrics={("loss", 0): float("nan")})
    page = json.loads((await ask("runs", path=NOTEBOOK)).body)
    assert page["runs"][0]["metrics"] == {"loss": None}


async def test_a_run_with_its_cells(
    ask: Any, flights: Project, record_run: Callable[..., str]
) -> None:
    run_id = record_run(flights, "baseline")
    detail = json.loads((await ask("runs", run_id, path=NOTEBOOK)).body)
    assert detail["run"]["id"] == run_id
    assert [cell["source"] for cell in detail["cells"]] == ["%%track baseline\nmodel.fit(X, y)"]


@pytest.mark.parametrize("run_id", ["0123456789abcdef", "..", "%", "' OR 1=1 --", "a/b", "\x00"])
async def test_no_such_run(
    ask: Any, flights: Project, run_id: str, record_run: Callable[..., str]
) -> None:
    record_run(flights, "baseline")
    assert (await ask("runs", run_id, path=NOTEBOOK)).code == 404


async def test_a_figure_is_shown(
    ask: Any, flights: Project, record_run: Callable[..., str]
) -> None:
    run_id = record_run(flights, "baseline", figures=(Figure("image/png", PNG),))
    answer = await ask("runs", run_id, "artifacts", "figure-1.png", path=NOTEBOOK)
    assert answer.body == PNG
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("inline;")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_html_is_saved_never_shown(
    ask: Any, flights: Project, record_run: Callable[..., str]
) -> None:
    page = b"<script>alert(1)</script>"
    run_id = record_run(flights, "baseline", figures=(Figure("text/html", page),))
    answer = await ask("runs", run_id, "artifacts", "figure-1.html", path=NOTEBOOK)
    assert answer.body == page
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    "name",
    ["nothing.png", "../../../mlops.yaml", "%2e%2e/figure-1.png", "figure-1.png/", "a\r\nX-Y: z"],
)
async def test_no_such_artifact(
    ask: Any, flights: Project, name: str, record_run: Callable[..., str]
) -> None:
    run_id = record_run(flights, "baseline", figures=(Figure("image/png", PNG),))
    assert (await ask("runs", run_id, "artifacts", name, path=NOTEBOOK)).code == 404


async def test_an_artifact_with_a_hostile_name(
    ask: Any, flights: Project, record_run: Callable[..., str]
) -> None:
    run_id = record_run(flights, "baseline")
    name = 'a"; filename=evil.html\r\nSet-Cookie: a=b'
    digest = flights.objects.write(PNG)
    with flights.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO artifact (run_id, name, media_type, digest, size_bytes)"
            " VALUES (?, ?, 'text/html', ?, ?)",
            (run_id, name, digest, len(PNG)),
        )
    answer = await ask("runs", run_id, "artifacts", name, path=NOTEBOOK)
    assert answer.code == 200
    assert "a=b" not in answer.headers.get("Set-Cookie", "")
    assert '"' not in answer.headers["Content-Disposition"]


async def test_a_damaged_figure_is_never_shown(
    ask: Any, flights: Project, record_run: Callable[..., str]
) -> None:
    run_id = record_run(flights, "baseline", figures=(Figure("image/png", PNG),))
    digest = flights.catalog.rows("SELECT digest FROM artifact")[0]["digest"]
    Objects(flights.folder / "objects").path(digest).write_bytes(b"other bytes")
    answer = await ask("runs", run_id, "artifacts", "figure-1.png", path=NOTEBOOK)
    assert answer.code == 500
    assert "damaged" in json.loads(answer.body)["message"]


async def test_a_broken_settings_file_is_said_with_its_line(ask: Any, flights: Project) -> None:
    (flights.root / "mlops.yaml").write_text("version: 1\npipeline: {}\n")
    answer = await ask("project", path=NOTEBOOK)
    assert answer.code == 400
    said = json.loads(answer.body)
    assert "mlops.yaml:2:1" in said["message"]
    assert said["hint"] == "did you mean 'pipelines'?"


@pytest.mark.parametrize("route", ["datasets", "pipelines", "models"])
async def test_a_fresh_project_has_empty_lists(ask: Any, flights: Project, route: str) -> None:
    answer = await ask(route, path=NOTEBOOK)
    assert answer.code == 200
    assert json.loads(answer.body) == {route: []}


async def test_the_form_of_a_pipeline(ask: Any, flights: Project) -> None:
    cells = [code("n: int = 1  # how many", "parameters"), code("x = n", "step:a")]
    write(flights.root / "train.ipynb", *cells)
    declare(flights, train="train.ipynb")
    answer = json.loads((await ask("pipelines", "train", "parameters", path=NOTEBOOK)).body)
    assert (answer["pipeline"], answer["notebook"]) == ("train", "train.ipynb")
    assert answer["schema"]["properties"] == {
        "n": {"type": "integer", "default": 1, "description": "how many"}
    }
    missing = await ask("pipelines", "trian", "parameters", path=NOTEBOOK)
    assert missing.code == 404
    assert json.loads(missing.body)["hint"] == "did you mean 'train'?"


async def test_the_steps_of_metrics(
    ask: Any, flights: Project, record_run: Callable[..., str]
) -> None:
    metrics = {("loss", 0): 2.0, ("loss", 1): float("inf"), ("auc", 0): 0.5}
    run_id = record_run(flights, "epochs", metrics=metrics)
    answer = json.loads((await ask("runs", run_id, "series", path=NOTEBOOK)).body)
    auc, loss = answer["series"]
    assert (auc["name"], auc["steps"], auc["values"]) == ("auc", [0], [0.5])
    assert (loss["steps"], loss["values"], loss["total"]) == ([0, 1], [2.0, None], 2)
    assert all(at.endswith("+00:00") for at in loss["times"])
    only = json.loads((await ask("runs", run_id, "series", path=NOTEBOOK, name="auc")).body)
    assert [series["name"] for series in only["series"]] == ["auc"]
    assert (await ask("runs", "feedfeed", "series", path=NOTEBOOK)).code == 404
