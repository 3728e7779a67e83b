"""Steps that are made of the same are not run again, and nobody can tell by the results."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.pipelines import plan as plans
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.runs import history as runs
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive
from tests.pipelines.notebooks import PARAMETERS, code, text, write

SURE = Choice(audit=False)

SETUP = "import random, pathlib\nimport helper\nlog = []"
LOAD = """
random.seed(3)
rows = [int(line) for line in pathlib.Path("rows.txt").read_text().split()]
same = rows
holder = {"rows": rows}
def centre(values): return sum(values) / len(values)
"""
CLEAN = """
same.append(month)
clean = [helper.twice(row) for row in rows if row > 1]
draw = random.random()
"""
TRAIN = """
score = centre(clean) * rate
pathlib.Path("model.txt").write_text(f"{score} {draw}")
print("trained with", len(clean))
"""
REPORT = """
assert holder["rows"] is rows is same
total = score + len(rows) + random.random()
kept = len(pathlib.Path("model.txt").read_text())
"""


class Study:
    """A notebook of four steps, and what it reads."""

    def __init__(self, project: Project) -> None:
        self.root = project.root
        self.setup, self.parameters = SETUP, "month = 1\nrate = 2.0"
        self.cells = {"load": [LOAD], "clean": [CLEAN], "train": [TRAIN], "report": [REPORT]}
        self.more = ""
        (self.root / "helper.py").write_text("from deeper import FACTOR\ndef twice(x):\n"
                                             "    return FACTOR * x\n")  # fmt: skip
        (self.root / "deeper.py").write_text("FACTOR = 2\n")
        (self.root / "rows.txt").write_text("1\n2\n3\n")
        self.write()

    def write(self) -> None:
        steps = [
            code(source, f"step:{name}") if n == 0 else code(source)
            for name, sources in self.cells.items()
            for n, source in enumerate(sources)
        ]
        write(self.root / "study.ipynb", code(self.setup), code(self.parameters, PARAMETERS),
              text("# Study"), *steps)  # fmt: skip
        (self.root / "mlops.yaml").write_text(
            f"version: 1\npipelines:\n  study:\n    notebook: study.ipynb\n{self.more}"
        )

    def project(self) -> Project:
        self.write()
        return open_project(self.root)

    def run(self, choice: Choice = SURE, **given: Any) -> PipelineRun:
        return run_pipeline(self.project(), "study", given, choice=choice)

    def plan(self, choice: Choice | None = None, **given: Any) -> dict[str, tuple[str, str]]:
        made = plans.plan(self.project(), "study", given, choice)
        return {step.step: (step.action, ", ".join(step.why)) for step in made.steps}

    def change(self, step: str, old: str, new: str) -> None:
        self.cells[step] = [source.replace(old, new) for source in self.cells[step]]


@pytest.fixture
def study(offline: Project) -> Study:
    return Study(offline)


@contextmanager
def alone_in(project: Project) -> Iterator[Study]:
    """Work in the project's folder, and hold its mirror."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        patch.delenv("CI", raising=False)
        with exclusive(project.folder / mirror.ALIVE, 0, mirror.WHAT):
            yield Study(project)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of a project as it was when the study had been run once."""
    project = init(tmp_path_factory.mktemp("study") / "flights")
    with alone_in(project) as study:
        study.run()
    project.catalog.close()
    return Path(shutil.copytree(project.root, project.root.with_name("kept")))


@pytest.fixture
def ran(kept: Path) -> Iterator[Study]:
    """Return the study when it was run once: at its old place, for the catalog knows that."""
    root = kept.with_name("flights")
    shutil.rmtree(root)
    shutil.copytree(kept, root)
    with alone_in(open_project(root)) as study:
        yield study


def run_again(run: PipelineRun) -> list[str]:
    """Return the steps of a run that were run."""
    assert run.status == "finished"
    return [step.step for step in run.steps if step.status == "finished"]


def results(project: Project, run: PipelineRun) -> dict[str, Any]:
    """Return what a run shows to people, MLflow and gates."""
    assert run.run_id is not None
    detail = runs.detail(project, run.run_id)
    printed = []
    for step in run.steps:
        notebook = json.loads((project.root / str(step.executed)).read_text())
        printed += [o["text"] for c in notebook["cells"] for o in c.get("outputs", [])]
    return {
        "metrics": detail.run.metrics,
        "parameters": detail.run.parameters,
        "code": detail.run.code_digest,
        "artifacts": [(a.name, a.digest) for a in detail.run.artifacts],
        "cells": [cell.source for cell in detail.cells],
        "printed": printed,
        "model": (project.root / "model.txt").read_text(),
    }


def test_nothing_is_run_again(study: Study) -> None:
    first = study.run()
    assert run_again(first) == ["load", "clean", "train", "report"]
    assert first.steps[0].why == "never ran"
    known = results(study.project(), first)
    (study.root / "model.txt").unlink()
    assert {action for action, _ in study.plan().values()} == {"cached"}
    again = study.run()
    assert run_again(again) == []
    assert {step.status for step in again.steps} == {"cached"}
    assert str(again.steps[0].why).startswith("nothing changed since ")
    assert results(study.project(), again) == known  # model.txt is back, too


def edit(step: str, old: str, new: str) -> Callable[[Study], None]:
    return lambda study: study.change(step, old, new)


def module(study: Study) -> None:
    (study.root / "deeper.py").write_text("FACTOR = 3\n")


def module_comment(study: Study) -> None:
    (study.root / "deeper.py").write_text("# as it was\nFACTOR = 2\n")


def rows(study: Study) -> None:
    (study.root / "rows.txt").write_text("1\n2\n4\n")


def setup(study: Study) -> None:
    study.setup += "\nimport math"


def model_file(study: Study) -> None:
    (study.root / "model.txt").write_text("somebody else's")


def new_cell(study: Study) -> None:
    study.cells["train"].append("extra = score + 1")


def default(study: Study) -> None:
    study.parameters = "month = 1\nrate = 3.0"


EDITS: dict[str, tuple[Callable[[Study], None], list[str], str, str]] = {
    "comment": (edit("load", "same = rows", "same   = rows  # an alias"), [], "load", ""),
    "module comment": (module_comment, [], "clean", ""),
    "last": (edit("report", "total = score", "total = 2 * score"), ["report"], "report",
             "cell 7 changed"),
    "middle": (edit("train", "* rate", "* rate + 1"), ["train", "report"], "train",
               "cell 6 changed"),
    "cut off": (edit("clean", "if row > 1", "if row >= 2"), ["clean"], "clean", "cell 5 changed"),
    "new cell": (new_cell, ["train"], "train", "cell 7 is new"),
    "default": (default, ["train", "report"], "train", "parameter rate: 2.0 to 3.0"),
    "file": (rows, ["load", "clean", "train", "report"], "load", "file rows.txt changed"),
    "their file": (model_file, [], "train", ""),
    "setup": (setup, ["load", "clean", "train", "report"], "load", "cell 1 (setup) changed"),
    "module": (module, ["load", "clean", "train", "report"], "clean", "module deeper.py changed"),
}  # fmt: skip
"""Edits, the steps that they cause to be run, and what the plan says of one step."""


@pytest.mark.parametrize("name", EDITS)
def test_a_run_after_an_edit_is_as_a_fresh_one(ran: Study, name: str) -> None:
    change, expected, step, words = EDITS[name]
    study = ran
    change(study)
    planned = study.plan()
    assert words in planned[step][1], planned
    again = study.run()
    assert run_again(again) == expected, [s.why for s in again.steps]
    must = [s for s, (action, _) in planned.items() if action == "run"]
    may = [s for s, (action, _) in planned.items() if action != "cached"]
    assert set(must) <= set(expected) <= set(may)
    known, fresh = (results(study.project(), run) for run in (again, study.run(Choice(force=True))))
    if name == "default":  # a step that does not read a parameter was run with its old default
        assert (known.pop("code"), known.pop("cells")) != (fresh.pop("code"), fresh.pop("cells"))
    if name == "comment":
        known.pop("cells"), fresh.pop("cells")
    assert known == fresh
