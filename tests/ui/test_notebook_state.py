"""The state of a notebook, in its toolbar and beside its cells."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from mlops_jupyter.project import init
from tests.ui.lab_server import Lab
from tests.ui.test_panel import execute

LOAD = "%load_ext mlops_jupyter"
ANY = re.compile("")
CELLS = (LOAD, "base = 2", "double = base * 2", "print(double)")


def open_notebook(page: Page, lab: Lab, notebook: str) -> Locator:
    """Open a notebook; return its badge."""
    page.goto(lab.address(notebook))
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    return page.get_by_role("button", name="State of the notebook")


def edit(page: Page, cell: int, text: str) -> None:
    """Write a cell anew, without executing it."""
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").nth(cell).click()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def expect_marks(page: Page, *states: str | None) -> None:
    """Wait until these signs are beside the cells."""
    for number, state in enumerate(states):
        cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
        if state is None:
            expect(cell).not_to_have_attribute("data-mlops-state", ANY)
        else:
            expect(cell).to_have_attribute("data-mlops-state", state)


@pytest.fixture
def badge(lab: Lab, page: Page, request: pytest.FixtureRequest) -> Locator:
    """Return the badge of a notebook whose cells have been executed in order."""
    notebook = f"state/{request.node.name}.ipynb"
    root = lab.root / "state"
    if not root.exists():
        init(root)
    shown = open_notebook(page, lab, lab.write_notebook(notebook, *CELLS))
    expect(shown).to_have_text("unknown")
    for cell in range(len(CELLS)):
        execute(page, cell)
    expect(shown).to_have_text("reproducible")
    return shown


def test_from_executed_to_edited_and_back(
    page: Page, badge: Locator, shoot: Callable[[str], None]
) -> None:
    shoot("state-reproducible")
    edit(page, 1, "base = 3")
    expect(badge).to_have_text("stale")
    expect_marks(page, None, "stale", "stale", "stale")
    expect(badge).to_have_attribute(
        "title",
        "Cell 2, stale: edited after it was executed\n"
        "Cell 3, stale: cell 2, on which it stands, was edited\n"
        "Cell 4, stale: cell 2, on which it stands, was edited",
    )
    shoot("state-stale")
    edit(page, 1, "base = 2  # as it was")
    expect(badge).to_have_text("reproducible")
    expect_marks(page, None, None, None, None)
    edit(page, 1, "base = 5")
    for cell in (1, 2, 3):
        execute(page, cell)
    expect(badge).to_have_text("reproducible")


def test_a_deleted_cell(page: Page, badge: Locator, shoot: Callable[[str], None]) -> None:
    page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").nth(1).click()
    page.keyboard.press("d")
    page.keyboard.press("d")
    expect(badge).to_have_text("not reproducible")
    expect(badge).to_have_attribute(
        "title",
        "Cell 2, not reproducible: stands on a cell that was deleted (it bound `base`)\n"
        "Cell 3, not reproducible: stands on a cell that was deleted (it bound `base`)\n"
        "Hidden state: base, bound by a cell that was deleted",
    )
    shoot("state-not-reproducible")
    page.get_by_text("print(double)").click()
    badge.click()
    active = page.locator(".jp-Notebook .jp-mod-active")
    expect(active).to_contain_text("double = base * 2")


def test_a_restarted_kernel_holds_nothing(page: Page, badge: Locator) -> None:
    page.evaluate(
        "jupyterapp.serviceManager.sessions.running().next().value.kernel.id"
        " && jupyterapp.shell.currentWidget.sessionContext.restartKernel()"
    )
    expect(badge).to_have_text("unknown")


def test_outside_of_a_project_there_is_no_badge(lab: Lab, page: Page) -> None:
    badge = open_notebook(page, lab, lab.write_notebook("nowhere/b.ipynb", "a = 1"))
    execute(page, 0)
    page.locator(".jp-CodeCell .jp-InputPrompt", has_text="[1]").wait_for()
    expect(badge).to_have_count(0)
