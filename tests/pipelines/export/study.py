"""A small pipeline, and one whose every name means harm."""

from __future__ import annotations

from pathlib import Path

from mlops_jupyter.pipelines import history
from mlops_jupyter.pipelines.export.shape import Input, Shape, Task
from mlops_jupyter.project import Project, init, open_project
from tests.pipelines.notebooks import code, write

PARAMETERS = """
month: int = 7           # of the departures
rate = 0.5
names = ["a", "b"]
label: str | None = None
"""
LOAD = "rows = [month, len(names)]"
FIT = "score = sum(rows) * rate"
REPORT = 'final = score + len(label or "")\nopen("reported.txt", "w").write(f"{final} {label}")'

SETTINGS = """version: 1
remote: {{url: {url}, trust: true}}
pipelines:
  train:
    notebook: train.ipynb
    timeout: {{load: 5m, fit: 5m, report: 5m}}
"""


ONCE = [
    ["finished", "queued", "queued"],
    ["cached", "finished", "queued"],
    ["cached", "cached", "finished"],
]
"""The states of the steps, where each task ran up to its own: none was run twice."""


def states(project: Project) -> list[list[str]]:
    """Return the states of the steps in all runs of the pipeline, the first run first."""
    runs = history.summaries(project)[0].runs
    return [[step.status for step in run.steps] for run in reversed(runs)]


def write_study(root: Path, url: str = "../store") -> Project:
    """Write the pipeline `train` of three steps into a new project."""
    project = init(root)
    write(root / "train.ipynb", code(PARAMETERS, "parameters"), code(LOAD, "step:load"),
          code(FIT, "step:fit"), code(REPORT, "step:report"))  # fmt: skip
    (root / "mlops.yaml").write_text(SETTINGS.format(url=url))
    return open_project(project.root)


EVIL = (
    '\'; touch harmed; """ $(touch harmed) `touch harmed`'
    " {{ params }} ${{ x }} %s \\ \n- x: y\u2028😀"
)
"""Ends a string, a line, an expression or a document, wherever it is not written with care."""

QUOTES = EVIL.partition("\n")[0]
"""The same, on one line."""

HOSTILE = Shape(
    "train.x-1",
    Path("/tmp/a b'c\"d$e`f%g"),
    (
        Task("load"),
        Task("a.b", ("load",), retries=2, limit_seconds=90, cpu=0.5, memory_bytes=2**30, gpu=1),
        Task("a_b", ("load",)),
        Task("2-end", ("a.b", "a_b")),
        Task("import", ("load",)),
    ),
    (
        Input("month", {"type": "integer", "default": 7, "minimum": 1, "description": EVIL}),
        Input("rate", {"type": "number", "default": 1}),
        Input("name", {"type": "string", "default": EVIL}),
        Input("label", {"type": "string", "default": QUOTES}),
        Input("json", {"type": "array", "items": {"type": "string"}, "default": ["a", EVIL]}),
        Input("file", {"enum": ["fast", EVIL], "default": EVIL}),
        Input("method", {"enum": ["fast", "exact"], "default": "exact"}),
        Input("depth", {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}),
        Input("since", {"type": "string", "format": "date", "default": "2024-01-01"}),
        Input("at", {"type": "string", "format": "date-time", "default": "2024-01-01T00:00"}),
        Input("token", {"type": "string", "format": "secret", "default": "env:TOKEN"}),
        Input("password", {"type": "string"}),
        Input("limits", {"type": "object", "default": {EVIL: EVIL}}),
        Input("pair", {"type": "array", "prefixItems": [{"type": "integer"}], "items": False,
                       "default": [1]}),
        Input("_hidden", {"type": "boolean", "default": True}),
        Input("größe", {"type": "integer", "default": 1}),
        Input("IMAGE", {"type": "integer", "default": 1}),
        Input("run_step", {"type": "integer", "default": 1}),
        Input("NAME", {"type": "integer", "default": 1}),
    ),
    python="3.11.7",
    variables=("TOKEN", "odd name"),
    store="s3://bucket/path",
    is_trusted=True,
)  # fmt: skip
