"""A notebook that is cut by its headings shows, cell by cell, what it shows as a whole."""

from __future__ import annotations

from pathlib import Path

import cuts
import pytest

from tests.pipelines.notebooks import code, text, write

CELLS = [
    text("# Flights"),
    code("%matplotlib inline\nimport random\nimport matplotlib.pyplot as plt"),
    text("## Load"),
    code("random.seed(1)\nrows = [random.random() for _ in range(9)]\nsame = rows\nrows[:2]"),
    text("## Look"),
    code("same.sort()\nfig, ax = plt.subplots(figsize=(2, 1))\nax.plot(rows)"),
    text("## Tell"),
    code("print(rows is same, object())\nrandom.random()"),
    code("fig"),
]


@pytest.mark.slow
def test_each_cell_shows_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)  # there the copy to MLflow is waited for
    found = cuts.measure(write(tmp_path / "flights.ipynb", *CELLS), None)
    assert found["result"] == "same", found
    assert (found["names"], found["setup_cells"]) == (["load", "look", "tell"], 1)
    assert (found["cells"], found["unstable"], found["cached"]) == (5, 0, 3)
