"""A pipeline as a picture."""

from __future__ import annotations

from mlops_jupyter.pipelines.graph import of_one
from mlops_jupyter.pipelines.notebook import cut_source
from mlops_jupyter.pipelines.picture import drawing, mermaid
from mlops_jupyter.pipelines.source import read_notebook
from mlops_jupyter.project import Project
from tests.pipelines.notebooks import PARAMETERS, code, write


def test_the_steps_and_what_goes_from_which_to_which(project: Project) -> None:
    path = write(
        project.root / "study.ipynb",
        code("n = 1", PARAMETERS),
        code("import os"),
        code("a, b = [n], [n]", "step:load"),
        code("b = [*b, 2]", "step:clean"),
        code("b[0]"),
        code("c = a + b", "step:train"),
        code("print('done')", "step:tell"),
    )
    made = of_one(cut_source(read_notebook(path), "study"))
    assert drawing(made).splitlines() == [
        "┌─ setup ───────────────┐",
        "│  cell 2, in each step │",
        "└───────────────────────┘",
        "┌─ load ──┐",
        "│  cell 3 │",
        "└─────────┘",
        "   │ a, b",
        "   ▼",
        "┌─ clean ───────┐",
        "│  cells 4 to 5 │",
        "│  from load: b │",
        "└───────────────┘",
        "   │ a, b",
        "   ▼",
        "┌─ train ────────┐",
        "│  cell 6        │",
        "│  from load: a  │",
        "│  from clean: b │",
        "└────────────────┘",
        "   │ nothing",
        "   ▼",
        "┌─ tell ──┐",
        "│  cell 7 │",
        "└─────────┘",
    ]
    assert mermaid(made).splitlines() == [
        "flowchart TD",
        '  s0["load<br/><small>cell 3</small>"]',
        '  s1["clean<br/><small>cells 4 to 5</small>"]',
        '  s2["train<br/><small>cell 6</small>"]',
        '  s3["tell<br/><small>cell 7</small>"]',
        '  s0 -->|"b"| s1',
        '  s0 -->|"a"| s2',
        '  s1 -->|"b"| s2',
        "  s2 -.-> s3",
    ]
