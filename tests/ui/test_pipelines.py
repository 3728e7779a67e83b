"""Pipelines in the panel: run from a form, watched, stopped, and looked at."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from mlops_jupyter.project import Project, init
from tests.pipelines.notebooks import PARAMETERS, code, declare, write
from tests.ui.lab_server import Lab
from tests.ui.test_panel import open_panel

STUDY = """\
from typing import Annotated, Literal
month: Annotated[int, "1..12"] = 1  # of the departures
method: Literal["fast", "exact"] = "fast"
features = ["hour", "distance"]
balanced = True
"""

WAIT = """\
from pathlib import Path
from time import sleep
print("waits for", method, "<b>bold</b>")
while not Path("go").exists():
    sleep(0.05)
"""


@pytest.fixture(scope="module")
def delays(lab: Lab) -> Project:
    """A project with a pipeline of three steps; the second waits for the file `go`."""
    project = init(lab.root / "delays")
    write(
        project.root / "train.ipynb",
        code(STUDY, PARAMETERS),
        code("rows = [month] * 3", "step:load"),
        code("total = sum(rows)", "step:fit"),
        code(WAIT),
        code("score = total / 40"),
        code("print(score)", "step:report"),
    )
    declare(project, train="train.ipynb")
    return project


@pytest.fixture
def pipeline(lab: Lab, page: Page, delays: Project) -> Locator:
    """The pipeline in the panel."""
    panel = open_panel(page, lab, lab.write_notebook("delays/look.ipynb", "1"))
    for closed in ("Runs", "Data", "Models"):
        panel.get_by_role("button", name=f"{closed} Section").click()
    return panel.get_by_role("region", name="train")


def test_run_from_a_form_and_watched(
    page: Page, delays: Project, pipeline: Locator, shoot: Callable[[str], None]
) -> None:
    pipeline.get_by_role("button", name="Run train …").click()
    form = pipeline.get_by_role("form", name="Parameters")
    month = form.get_by_label("month")
    expect(month).to_have_value("1")
    expect(form).to_contain_text("of the departures; at least 1, at most 12")
    month.fill("13")
    form.get_by_label("method").select_option("exact")
    form.get_by_role("button", name="Run").click()
    expect(form.get_by_role("alert")).to_contain_text("parameter 'month' is a whole number")
    shoot("pipeline-form")
    month.fill("4")
    form.get_by_role("button", name="Run").click()
    expect(form).to_be_hidden()

    bar = pipeline.get_by_role("progressbar", name="cell 2 of 3")
    expect(bar).to_be_visible()
    pipeline.get_by_role("button", name="fit").click()
    log = page.get_by_role("log", name="Output")
    expect(log).to_contain_text("waits for exact <b>bold</b>")
    shoot("pipeline-running")

    (delays.root / "go").touch()
    expect(page.get_by_role("article")).to_contain_text("finished")
    row = pipeline.get_by_role("button", name="month 4")
    expect(row.get_by_role("img", name="finished")).to_be_visible()
    page.get_by_role("button", name="Executed notebook").click()
    executed = page.locator(".jp-Mlops-executed")
    expect(executed).to_contain_text("waits for exact")
    expect(executed.locator(".jp-CodeCell").first).to_be_visible()
    shoot("pipeline-notebook")


def test_stopped_by_the_button(page: Page, delays: Project, pipeline: Locator) -> None:
    (delays.root / "go").unlink(missing_ok=True)
    pipeline.get_by_role("button", name="Run train …").click()
    form = pipeline.get_by_role("form", name="Parameters")
    form.get_by_label("all steps, also known ones").check()
    form.get_by_role("button", name="Run").click()
    bar = pipeline.get_by_role("progressbar", name="cell 2 of 3")
    expect(bar).to_be_visible()
    pipeline.get_by_role("button", name="Stop this run").click()
    stopped = pipeline.get_by_role("img", name="interrupted").first
    expect(stopped).to_be_visible()
    expect(pipeline.get_by_role("button", name="Stop this run")).to_be_hidden()


def test_the_steps_as_a_picture(
    page: Page, pipeline: Locator, shoot: Callable[[str], None]
) -> None:
    pipeline.get_by_role("button", name="Show the steps of train as a picture").click()
    picture = page.locator(".jp-Mlops-picture")
    expect(picture.locator("img, svg").first).to_be_visible()
    shoot("pipeline-picture")
