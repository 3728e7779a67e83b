"""The profile of a data version below a cell, in both themes."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from mlops_jupyter.project import init
from tests.ui.lab_server import Lab
from tests.ui.test_panel import HOSTILE, execute

LOAD = f"""\
%load_ext mlops_jupyter
import numpy as np
import pandas as pd
draw = np.random.default_rng(0)
rows = 3000
df = pd.DataFrame({{
    "delay": np.where(draw.random(rows) < 0.03, np.nan, draw.gamma(2, 20, rows) - 25),
    "month": draw.integers(1, 13, rows),
    "carrier": draw.choice(["UA", "DL", "AA", "B6", "WN"], rows, p=[0.4, 0.3, 0.15, 0.1, 0.05]),
    "tail": [f"N{{n % 700}}" for n in range(rows)],
    "departure": pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 10**7, rows), "s"),
    "late": draw.random(rows) < 0.2,
    "email": [f"person{{n}}@example.org" for n in range(rows)],
    "{HOSTILE}": ["{HOSTILE}", "</svg>"] * (rows // 2),
    "nothing": np.nan,
}})
%snapshot df --name flights"""


def test_a_profile_is_drawn_below_its_cell(
    lab: Lab, page: Page, shoot: Callable[[str], None]
) -> None:
    init(lab.root / "profile")
    notebook = lab.write_notebook("profile/study.ipynb", LOAD, "%mlops profile flights")
    page.goto(lab.address(notebook))
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    execute(page, 0)
    execute(page, 1)
    output = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")
    expect(output).to_contain_text("flights@1 · 3,000 rows × 9 columns")
    expect(output.get_by_role("img", name="distribution from 1 to 12")).to_be_visible()
    months = output.locator("tr", has_text="month")
    assert months.locator("rect").count() == 12
    expect(output.locator("tr", has_text="email")).to_contain_text("‹e-mail› (looks personal)")
    expect(output).to_contain_text(HOSTILE)
    assert output.locator("img[src]").count() == 0
    assert page.title() != "hacked"
    shoot("profile")
