"""What is run in any case, what is never kept, and what people say about it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from mlops_jupyter.cli.main import cli
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import ConflictError, NotFoundError, UsageError
from mlops_jupyter.pipelines import cache
from mlops_jupyter.pipelines import plan as plans
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.pipelines.key import Part
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.upkeep import gc
from tests.pipelines.notebooks import PARAMETERS, code, steps, write

SURE = Choice(audit=False)


def declare(project: Project, more: str = "") -> Project:
    (project.root / "mlops.yaml").write_text(
        f"version: 1\npipelines:\n  study:\n    notebook: study.ipynb\n{more}"
    )
    return open_project(project.root)


def run(project: Project, choice: Choice = SURE, **given: Any) -> PipelineRun:
    return run_pipeline(project, "study", given, choice=choice)


def run_again(found: PipelineRun) -> list[str]:
    return [step.step for step in found.steps if step.status == "finished"]


def actions(project: Project, **given: Any) -> list[str]:
    return [step.action for step in plans.plan(project, "study", given).steps]


def whys(project: Project) -> list[str]:
    return [", ".join(step.why) for step in plans.plan(project, "study").steps]


def test_what_cannot_be_known_is_always_run(offline: Project, tmp_path: Path) -> None:
    write(
        offline.root / "study.ipynb",
        code("n = 1", PARAMETERS),
        code(f"import pathlib\nwritten = pathlib.Path({str(tmp_path / 'out.txt')!r})"),
        code("a = n", "step:plain"),
        code("b = a", "step:tagged", "no-cache"),
        code("c = b", "step:held"),
        code("written.write_text('x')", "step:outside"),
        code("exec('d = 1')", "step:opaque"),
    )
    project = declare(offline, "    cache: {held: off}\n")
    run(project)
    assert run_again(run(project)) == ["tagged", "held", "outside", "opaque"]
    said = whys(project)
    assert said[1:3] == ["cannot be known: it is tagged `no-cache`", "`cache: off` in mlops.yaml"]
    assert said[3] == f"not kept: it writes outside of the project: {tmp_path / 'out.txt'}"
    assert "can do anything" in said[4]


def test_the_cache_can_be_switched_off(offline: Project) -> None:
    steps(offline.root / "study.ipynb", "", "a = n", "b = a")
    run(declare(offline))
    assert actions(declare(offline, "    cache: off\n")) == ["run", "run"]
    assert actions(declare(offline, "    max_age: {s1: 1d}\n")) == ["cached", "cached"]
    with offline.catalog.transaction() as rows:
        rows.execute("UPDATE step_entry SET made_at = '2026-01-01T00:00:00.000000+00:00'")
    assert actions(declare(offline, "    max_age: {s1: 1d}\n"))[0] == "run"
    assert actions(declare(offline, "    max_age: {s1: 36500d}\n")) == ["cached", "cached"]
    with pytest.raises(UsageError, match="not a time: 'soon'"):
        declare(offline, "    max_age: {s1: soon}\n")


def test_people_choose_what_is_run(offline: Project) -> None:
    steps(offline.root / "study.ipynb", "", "a = n", "b = a", "c = b")
    project = declare(offline)
    with pytest.raises(UsageError, match="the step s1 before s2 would have to be run: never ran"):
        run(project, Choice(only="s2"))
    with pytest.raises(NotFoundError, match="no step 'S2'"):
        run(project, Choice(only="S2"))
    with pytest.raises(UsageError, match="--force and --from do not go together"):
        run(project, Choice(force=True, from_="s2"))
    run(project, Choice(cache=False))
    assert actions(project) == ["run", "run", "run"]  # none was kept
    part = run(project, Choice(to="s2", audit=False))
    assert [step.status for step in part.steps] == ["finished", "finished", "queued"]
    run(project)
    only = run(project, Choice(only="s2", audit=False))
    assert [step.status for step in only.steps] == ["cached", "finished", "queued"]
    assert run_again(run(project, Choice(from_="s2", audit=False))) == ["s2", "s3"]
    assert run_again(run(project, Choice(force=True))) == ["s1", "s2", "s3"]
    assert actions(project, n=2) == ["run", "perhaps", "perhaps"]


def test_another_version_of_the_data_is_told(offline: Project) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3]})
    snapshot(offline, frame, "train")
    setup = "import mlops_jupyter as mlops"
    steps(offline.root / "study.ipynb", setup,
          "frame = mlops.load('train@latest')\nfirst = mlops.load('train@1')",
          "size = len(frame)", "last = size + len(first)")  # fmt: skip
    project = declare(offline)
    run(project)
    assert actions(project) == ["cached"] * 3
    snapshot(project, frame.head(2), "train")
    assert whys(project)[0] == "data train@2 replaces train@1"
    assert run_again(run(project)) == ["s1", "s2", "s3"]


def test_a_step_is_fresh_when_somebody_says_so(offline: Project) -> None:
    path = offline.root / "study.ipynb"
    steps(path, "", "a = n", "b = a + 1", "c = b")
    project = declare(offline)
    run(project)
    steps(path, "", "a = n + 0", "b = 1 + a", "c = b")
    with pytest.raises(ConflictError, match="the step s1 before s2 would be run"):
        plans.touch(project, "study", "s2", "the same", "Ada")
    with pytest.raises(UsageError, match="a reason is needed"):
        plans.touch(project, "study", "s1", " ", "Ada")
    for step in ("s1", "s2"):
        planned = plans.touch(project, "study", step, "only rewritten", "Ada")
        assert (planned.action, planned.why) == ("cached", ("touched: only rewritten",))
    assert run_again(run(project)) == []
    row = project.catalog.row("SELECT step, reason, actor FROM step_touch WHERE step = 's2'")
    assert row is not None
    assert tuple(row) == ("s2", "only rewritten", "Ada")
    steps(path, "", "a = n + 0", "b = 2 + a", "c = b")
    assert actions(project) == ["cached", "run", "perhaps"]


def test_each_fiftieth_time_a_step_is_audited(offline: Project) -> None:
    steps(offline.root / "study.ipynb", "", "a = n", "b = a", "c = b")
    project = declare(offline)
    run(project)
    first = run(project, Choice())
    assert run_again(first) == []
    with project.catalog.transaction() as rows:  # the second step has been taken 48 times more
        rows.executemany(
            "INSERT INTO step_run (id, pipeline_run_id, step, position, status, entry_id)"
            " SELECT id || ?, pipeline_run_id, step || ?, position, status, entry_id FROM step_run"
            " WHERE pipeline_run_id = ? AND step = 's2'",
            [(f"-{n}", f"-{n}", first.id) for n in range(48)],
        )
    found = run(project, Choice())
    assert run_again(found) == ["s2"]
    assert found.steps[1].why == "audit: the same again"
    assert run_again(run(project, Choice())) == []


def test_an_audit_finds_what_is_not_the_same_again(offline: Project) -> None:
    steps(offline.root / "study.ipynb", "import time", "a = n", "b = time.time_ns()", "c = b")
    project = declare(offline)
    run(project)
    audited = run(project, Choice(audit=True))
    assert run_again(audited) == ["s1", "s2", "s3"]
    assert audited.steps[0].why == "audit: the same again"
    said = str(audited.steps[1].why)
    assert said.startswith("audit: run again it gave something else: the values that it passes on")
    marked = project.catalog.rows("SELECT step FROM step_entry WHERE why_not IS NOT NULL")
    assert [row["step"] for row in marked] == ["s2"]


def test_what_is_damaged_is_run_again(offline: Project) -> None:
    path = offline.root / "study.ipynb"
    steps(path, "", "a = [n]", "b = a * 2", "c = len(b)")
    project = declare(offline)
    first = run(project)
    row = project.catalog.row("SELECT passes FROM step_run WHERE step = 's2'")
    assert row is not None
    project.objects.path(row["passes"]).write_bytes(b"broken")
    steps(path, "", "a = [n]", "b = a * 2", "c = len(b) + 1")
    again = run(project)
    assert (first.status, again.status) == ("finished", "finished")
    assert run_again(again) == ["s2", "s3"]
    project.objects.path(row["passes"]).unlink()
    assert actions(project)[1] == "run"


def test_gc_keeps_what_may_be_taken(offline: Project) -> None:
    write_ = "import pathlib\n_ = pathlib.Path('out.txt').write_text('x' * 100)\na = n"
    steps(offline.root / "study.ipynb", "", write_, "print(a)")
    project = declare(offline)
    run(project)
    (project.root / "out.txt").unlink()
    gc.collect(project, gc.plan(project))
    assert run_again(run(project)) == []
    assert (project.root / "out.txt").read_text() == "x" * 100


def test_aliases_hold_over_a_step_that_was_not_run(offline: Project) -> None:
    path = offline.root / "study.ipynb"
    made = """
import pandas as pd, numpy as np
frame = pd.DataFrame({"a": [1, 2]})
holder = {"frame": frame}
other = frame
memory = np.zeros(4)
view = memory[1:]
np.random.seed(1)
drawn = np.random.random()
"""
    used = """
frame["b"] = 1
view[0] = 5
assert holder["frame"] is frame is other and "b" in other
assert memory[1] == 5
score = float(np.random.random())
"""
    steps(path, "", made, used)
    project = declare(offline)
    first = run(project)
    steps(path, "", made, used + "more = 1")
    again = run(project)
    assert run_again(again) == ["s2"]
    metrics = [
        project.catalog.rows("SELECT name, value FROM metric WHERE run_id = ? AND name = 'score'",
                             (found.run_id,)) for found in (first, again)
    ]  # fmt: skip
    assert tuple(metrics[0][0]) == tuple(metrics[1][0])


def test_a_variable_of_the_environment_counts(
    offline: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLIGHTS_REGION", "north")
    steps(offline.root / "study.ipynb", "import os", "a = os.environ['FLIGHTS_REGION']", "b = a")
    project = declare(offline)
    run(project)
    assert actions(project) == ["cached", "cached"]
    monkeypatch.setenv("FLIGHTS_REGION", "south")
    assert whys(project)[0] == "variable FLIGHTS_REGION changed"
    everything = project.catalog.rows("SELECT parts FROM step_entry")
    assert not any("north" in row["parts"] for row in everything)


@pytest.mark.parametrize(
    ("kind", "name", "was", "now", "words"),
    [
        ("package", "pandas", "3.0.1", "3.1.0", "pandas 3.0.1 to 3.1.0"),
        ("environment", "Python", "3.11.4", "3.12.0", "Python 3.11.4 to 3.12.0"),
        ("parameter", "depth", "4", "6", "parameter depth: 4 to 6"),
        ("values", "the values of the step before", "", "", "the step before gives other values"),
        ("module", "features.py", "", "", "module features.py changed"),
        ("cell", "cell 7", "", "", "cell 7 changed"),
    ],
)
def test_changes_in_words(kind: str, name: str, was: str, now: str, words: str) -> None:
    assert cache.changes([Part(kind, name, "1", was)], [Part(kind, name, "2", now)]) == [words]


def test_the_commands(offline: Project) -> None:
    path = offline.root / "study.ipynb"
    steps(path, "", "a = n", "b = a")
    project = declare(offline)
    invoke = CliRunner().invoke
    assert invoke(cli, ["pipeline", "plan", "study", "--check"]).exit_code == 1
    run(project)
    checked = invoke(cli, ["pipeline", "plan", "study", "--check"])
    assert checked.exit_code == 0
    assert re.search(r"s1 .*cached .*nothing changed since", checked.output)
    planned = json.loads(invoke(cli, ["pipeline", "plan", "study", "-p", "n=2", "--json"]).output)
    assert planned["steps"][0] == {
        "step": "s1", "action": "run", "why": ["parameter n: 1 to 2"],
    }  # fmt: skip
    why = invoke(cli, ["pipeline", "why", "study", "s1", "-p", "n", "2"])
    assert "s1: run: parameter n: 1 to 2" in why.output
    assert re.search(r"parameter +n +1 +2", why.output)
    touched = invoke(
        cli, ["pipeline", "touch", "study", "s1", "-p", "n=2", "--reason", "no matter"]
    )
    assert touched.output == "s1: cached: touched: no matter\n"
