"""Gates in the panel: what was found, and deciding on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from mlops_jupyter.models import registry
from mlops_jupyter.project import Project, init
from mlops_jupyter.promotion import history, promote
from tests.models.training import keep_run
from tests.promotion.passed import judged
from tests.promotion.training import good_model
from tests.ui.lab_server import Lab
from tests.ui.story import tell
from tests.ui.test_panel import CELLS, SETTINGS, execute, open_panel

NARROW, WIDE = 250, 420


@pytest.fixture(scope="module")
def told(lab: Lab) -> Project:
    """A project with two models that have a past."""
    project = init(lab.root / "told")
    (project.root / "mlops.yaml").write_text(SETTINGS)
    tell(project)
    return project


@pytest.fixture
def models(lab: Lab, page: Page, told: Project) -> Locator:
    """The section of the models, and nothing else beside it."""
    panel = open_panel(page, lab, lab.write_notebook("told/look.ipynb", *CELLS))
    for closed in ("Runs", "Data", "Pipelines"):
        panel.get_by_role("button", name=f"{closed} Section").click()
    panel.get_by_role("region", name="delays").get_by_role("button", name="older").click()
    return panel


def make_wide(page: Page, pixels: int) -> None:
    """Give the panel a width, by its handle."""
    handle = page.locator("#jp-left-stack").bounding_box()
    assert handle is not None
    edge = handle["x"] + handle["width"] + 1
    page.mouse.move(edge, 500)
    page.mouse.down()
    page.mouse.move(edge + pixels - handle["width"], 500, steps=4)
    page.mouse.up()


def test_the_report_of_a_gate(page: Page, models: Locator, shoot: Callable[[str], None]) -> None:
    section = page.locator("#mlops-models")
    delays = models.get_by_role("region", name="delays")
    expect(delays.get_by_text("undecided", exact=True).first).to_be_visible()
    picture = delays.get_by_role(
        "img", name="difference −0.0026, between −0.0071 and +0.0019; limit −0.005"
    )
    expect(delays.get_by_text("About 48,000 rows would settle it.")).to_be_visible()
    taxi = models.get_by_role("region", name="taxi_out")
    worst = taxi.get_by_role("list", name="Last gate report").get_by_role("listitem").first
    expect(worst).to_contain_text("carrier = 'HA'")
    taxi.get_by_role("button", name="Show more checks: 1 not judged, 13 passed").click()
    worst.locator("summary").click()
    expect(worst).to_contain_text("paired t, Holm")
    for width in (NARROW, WIDE):
        make_wide(page, width)
        assert section.evaluate("node => node.scrollWidth <= node.clientWidth")
        section.evaluate("node => node.scrollTo(0, 0)")
        expect(picture).to_be_visible()
        shoot(f"gate-{width}")
        for name, what in (
            ("decisions", delays.get_by_role("list", name="Decisions")),
            ("slices", taxi),
        ):
            place = what.evaluate("node => node.offsetTop")
            section.evaluate("(node, y) => node.scrollTo(0, y)", place)
            shoot(f"gate-{name}-{width}")


@pytest.fixture(scope="module")
def released(lab: Lab) -> Project:
    """A project whose model `late` has three versions in a real MLflow."""
    project = init(lab.root / "released")
    runs = [keep_run(project, good_model(), copy=is_last) for is_last in (False, False, True)]
    for run in runs:
        registry.register(project, "late", run)
    return project


@pytest.fixture
def late(lab: Lab, page: Page, released: Project) -> Locator:
    """The model `late` in the panel."""
    panel = open_panel(page, lab, lab.write_notebook("released/look.ipynb", "1"))
    for closed in ("Runs", "Data", "Pipelines"):
        panel.get_by_role("button", name=f"{closed} Section").click()
    return panel.get_by_role("region", name="late")


def test_approved_promoted_and_rolled_back_by_dialogs(
    page: Page, late: Locator, released: Project, shoot: Callable[[str], None]
) -> None:
    for version, champion in ((1, None), (2, 1)):
        judged(released, version, champion)
        waits = late.get_by_role("group", name=f"v{version} waits")
        waits.get_by_role("button", name="Approve…").click()
        dialog = page.get_by_role("dialog", name=f"Approve late v{version}?")
        dialog.get_by_label("Comment (optional)").fill("looks good")
        dialog.get_by_role("button", name="Approve").click()
        expect(dialog).to_be_hidden()
        expect(waits).to_contain_text("looks good")
        waits.get_by_role("button", name="Promote…").click()
        dialog = page.get_by_role("dialog", name=f"Promote late v{version}?")
        expect(dialog).to_contain_text("Everybody who loads models:/late@champion gets it.")
        if champion:
            expect(dialog).to_contain_text("v2 becomes champion of late in place of v1.")
            shoot("dialog-promote")
        dialog.get_by_role("button", name="Promote").click()
        expect(dialog).to_be_hidden()
        expect(late).to_contain_text(f"champion v{version}")
        expect(waits).to_be_hidden()
    assert registry.champion(released, "late") == 2

    late.get_by_role("button", name="Roll late back to v1 …").click()
    dialog = page.get_by_role("dialog", name="Roll late back to v1?")
    dialog.get_by_label("Why (for the record)").fill("<b>complaints</b>")
    shoot("dialog-rollback")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert registry.champion(released, "late") == 2
    late.get_by_role("button", name="Roll late back to v1 …").click()
    dialog.get_by_label("Why (for the record)").fill("<b>complaints</b>")
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog).to_be_hidden()
    expect(late).to_contain_text("champion v1")
    expect(late.get_by_role("list", name="Decisions")).to_contain_text("<b>complaints</b>")
    assert registry.champion(released, "late") == 1


def test_who_was_too_late_is_told(
    page: Page, late: Locator, released: Project, shoot: Callable[[str], None]
) -> None:
    champion = history.champion_of(history.decisions(released, "late"))
    judged(released, 3, champion)
    late.get_by_role("button", name="Approve…").click()
    dialog = page.get_by_role("dialog", name="Approve late v3?")
    expect(dialog.get_by_role("button", name="Approve")).to_be_enabled()
    promote.promote(released, "late", override="somebody was faster")
    dialog.get_by_role("button", name="Approve").click()
    expect(dialog.get_by_role("alert")).to_contain_text("is not so any more")
    expect(dialog.get_by_role("button", name="Approve")).to_be_hidden()
    shoot("dialog-conflict")
    dialog.get_by_role("button", name="Close").click()
    expect(late).to_contain_text("champion v3")
    expect(late).to_contain_text("Overridden: it was not approved")
    shoot("decisions")


SHOW = """\
from mlops_jupyter.project import open_project
from mlops_jupyter.promotion import history

delays = history.decisions(open_project(), "delays")
delays[0]"""


def test_a_decision_is_a_card_below_its_cell(
    lab: Lab, page: Page, told: Project, shoot: Callable[[str], None]
) -> None:
    notebook = lab.write_notebook(
        "told/gate.ipynb", SHOW, 'history.decisions(open_project(), "taxi_out")[0]'
    )
    page.goto(lab.address(notebook))
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    for cell in range(2):
        execute(page, cell)
    card = page.locator(".jp-CodeCell").first.locator(".jp-OutputArea-output")
    picture = card.get_by_role(
        "img", name="difference −0.0026 (−0.0071 to +0.0019); limit ≥ −0.005"
    )
    expect(picture).to_be_visible()
    expect(card).to_contain_text("about 48,000 rows would settle it")
    slices = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")
    folded = slices.get_by_text("14 more that did not fail")
    folded.scroll_into_view_if_needed()
    shoot("gate-card")
    folded.click()
    expect(slices.get_by_role("img")).to_have_count(15)
    shoot("gate-card-open")
