"""Values of a pipeline in data versions: a kill, a full disk, erased rows, real kernels."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_jupyter import lineage
from mlops_jupyter.cli.main import main
from mlops_jupyter.config import Keep
from mlops_jupyter.data import reach, versions
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.pipelines import damage, record
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.pipelines.notebook import cut_source
from mlops_jupyter.pipelines.source import read_notebook
from mlops_jupyter.pipelines.values import restore_values, store_values
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history
from mlops_jupyter.upkeep import gc, retention
from mlops_jupyter.upkeep.erase import erase
from mlops_jupyter.upkeep.verify import verify
from tests.pipelines.notebooks import (
    PARAMETERS,
    begin,
    code,
    declare,
    fresh_namespace,
    steps,
    write,
)
from tests.same_frame import assert_same
from tests.upkeep.store import flip, frame, keeping, objects

ROOT = Path(__file__).parents[2]
ROWS = 20_000

DIES = """
import os, resource, signal, sys
import numpy, pandas, pyarrow
from mlops_jupyter.errors import ExternalError
from mlops_jupyter.pipelines.values import store_values
from mlops_jupyter.project import open_project
from mlops_jupyter.store.objects import Objects
from tests.upkeep.store import frame

def dying_at(number):
    add = Objects.add
    def counted(self, content):
        nonlocal number
        number -= 1
        if not number:
            os.kill(os.getpid(), signal.SIGKILL)
        return add(self, content)
    Objects.add = counted

def run(what):
    project = open_project(sys.argv[1])
    if what == "full":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))
    else:
        dying_at(int(what))
    try:
        store_values(project, sys.argv[2], {"data": frame(1, 20_000)}, ["data"])
    except ExternalError as error:
        return "File too large" in error.message
    return False

for what in sys.argv[3:]:
    child = os.fork()
    if not child:
        os._exit(0 if run(what) else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_kill_or_a_full_disk_leaves_only_garbage(project: Project) -> None:
    opened = begin(project, two_steps(project))
    first = record.begin_step(project, opened, 0)
    before = objects(project)
    done = subprocess.run(
        [sys.executable, "-c", DIES, str(project.root), first, "full", "1", "3", "4"],
        capture_output=True, text=True, check=True, cwd=ROOT, timeout=300,
    )  # fmt: skip
    assert done.stdout.split() == ["0", "-9", "-9", "-9"], done.stderr
    assert versions.datasets(project) == ()
    assert not record.has_passed(project, first)
    assert verify(project, deep=True).is_clean
    gc.collect(project, gc.plan(project))
    assert objects(project) == before
    store_values(project, first, {"data": frame(1, ROWS)}, ["data"])
    assert verify(project, deep=True).is_clean
    gc.collect(project, gc.plan(project))
    assert_same(received(project, opened)["data"], frame(1, ROWS))


def two_steps(project: Project) -> Any:
    return cut_source(read_notebook(steps(project.root / "study.ipynb", "", "n", "n")))


def received(project: Project, opened: record.Opened) -> dict[str, Any]:
    arrived = fresh_namespace()
    restore_values(project, record.begin_step(project, opened, 1), arrived)
    return arrived


def test_what_a_step_passed_on_is_kept_whatever_the_rule(project: Project) -> None:
    opened = begin(project, two_steps(project))
    for seed in (1, 2):
        first = record.begin_step(project, opened, 0)
        store_values(project, first, {"data": frame(seed, ROWS)}, ["data"])
    assert retention.outdated(keeping(project, default=Keep(versions=1))) == ()


def test_erased_rows_do_not_come_back(project: Project) -> None:
    opened = begin(project, two_steps(project))
    first = record.begin_step(project, opened, 0)
    store_values(project, first, {"data": frame(1, ROWS)}, ["data"])
    passes, _ = record.passed(project, first)
    assert damage.are_there(project, passes)
    erase(project, "study.s1.data", "n < 576460752303423488", "for law")
    assert not damage.are_there(project, passes)
    with pytest.raises(Exception, match=r"the variable 'data' .* rows were erased"):
        received(project, opened)


LOAD = f"""
import pandas as pd
data = pd.read_csv("data.csv").loc[lambda one: one.index.repeat({ROWS})].reset_index(drop=True)
split = {{"train": data, "notes": ["a"]}}
"""
FIT = """
assert split["train"] is data
total = int(data["x"].sum())
"""


def study(project: Project, fit: str) -> None:
    parts = code(LOAD, "step:load"), code(fit, "step:fit")
    write(project.root / "study.ipynb", code("n = 1", PARAMETERS), *parts)
    declare(project, study="study.ipynb")


def test_a_pipeline_shows_what_passed_between_its_steps(
    offline: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.DataFrame({"x": [1, 2]}).to_csv("data.csv", index=False)
    study(offline, FIT)
    project = open_project(offline.root)
    sure = Choice(audit=False)
    done = run_pipeline(project, "study", {}, choice=sure)
    assert [step.status for step in done.steps] == ["finished", "finished"]

    # people see it when they ask
    for option, is_shown in (("--json", False), ("--steps", True)):
        with contextlib.suppress(SystemExit):
            main(["data", option])
        assert ("study.load.data" in capsys.readouterr().out) is is_shown
    (run,) = history.page(project).runs
    assert run.data == ()
    found = lineage("study.load.data@1")
    texts = {node.id: node.text for node in found.nodes}
    assert any("pass_on" in texts[e.source] for e in found.up if e.how == "took")
    assert any(node.ref == "data.csv" for node in found.nodes)
    assert any("receive" in texts[e.target] for e in found.down if e.how == "loaded")

    # known steps are taken; one whose values turn out to be damaged is run again
    manifest = versions.resolve(project, "study.load.data@1").manifest
    for digest in reach.objects_of(project.objects, manifest) - {manifest}:
        flip(project.objects.path(digest))
    study(project, FIT + "twice = 2 * total")
    with pytest.raises(IntegrityError, match=r"step fit: the variable 'data' cannot be"):
        run_pipeline(project, "study", {}, choice=sure)
    again = run_pipeline(project, "study", {}, choice=sure)
    assert [step.status for step in again.steps] == ["finished", "finished"]
    assert [step.status for step in run_pipeline(project, "study", {}, choice=sure).steps] == [
        "cached",
        "cached",
    ]
