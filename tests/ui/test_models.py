"""Gates in the panel: what was found, and deciding on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from mlops_jupyter.project import Project, init
from tests.ui.lab_server import Lab
from tests.ui.story import tell
from tests.ui.test_panel import CELLS, SETTINGS, open_panel

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


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_the_report_of_a_gate(
    page: Page, models: Locator, shoot: Callable[[str], None], width: int
) -> None:
    make_wide(page, width)
    delays = models.get_by_role("region", name="delays")
    expect(delays.get_by_text("undecided", exact=True).first).to_be_visible()
    picture = delays.get_by_role(
        "img", name="difference −0.0026, between −0.0071 and +0.0019; limit −0.005"
    )
    expect(picture).to_be_visible()
    expect(delays.get_by_text("About 48,000 rows would settle it.")).to_be_visible()
    shoot(f"gate-{width}")
    taxi = models.get_by_role("region", name="taxi_out")
    taxi.scroll_into_view_if_needed()
    worst = taxi.get_by_role("list", name="Last gate report").get_by_role("listitem").first
    expect(worst).to_contain_text("carrier = 'HA'")
    taxi.get_by_role("button", name="Show more checks: 13 passed, 1 not judged").click()
    worst.locator("summary").click()
    expect(worst).to_contain_text("paired t, Holm")
    section = page.locator("#mlops-models")
    assert section.evaluate("node => node.scrollWidth <= node.clientWidth")
    section.evaluate("(node, y) => node.scrollTo(0, y)", taxi.evaluate("node => node.offsetTop"))
    shoot(f"gate-slices-{width}")
