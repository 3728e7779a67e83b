"""What the recorder writes is what history reads, and a dead kernel's run is closed."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project, now, open_project
from mlops_jupyter.runs import history, recorder
from mlops_jupyter.runs.recorder import Execution, Figure, Findings, FittedModel, RunPart
from mlops_jupyter.store.objects import digest_of

ROOT = str(Path(__file__).parents[2])


def executed(session_id: str, position: int, source: str) -> Execution:
    return Execution(
        session_id=session_id,
        position=position,
        cell_id=f"cell-{position}",
        source=source,
        source_digest=digest_of(source.encode()),
        code_digest=digest_of(source.encode()),
        reads=(),
        writes=(),
        started_at=now(),
        duration_seconds=0.1,
        error=None,
    )


def track(project: Project, name: str, metrics: dict[tuple[str, int], float]) -> str:
    """Record a run of one cell."""
    session_id = recorder.open_session(project, "study.ipynb")
    run_id = recorder.open_run(project, name, session_id=session_id)
    recorder.record(
        project,
        executed(session_id, 1, f"# {name}"),
        [RunPart(run_id, Findings(metrics=metrics), "finished")],
    )
    return run_id


def test_a_run_is_seen_running_and_then_with_all_that_was_found(project: Project) -> None:
    session_id = recorder.open_session(project, "study.ipynb")
    first = recorder.record(project, executed(session_id, 1, "x = 3"))
    run_id = recorder.open_run(project, "baseline", notebook="study.ipynb", session_id=session_id)
    assert history.get(project, run_id).status == "running"

    recorder.record(
        project,
        executed(session_id, 2, "auc = f(x)"),
        [
            RunPart(
                run_id,
                closes="finished",
                findings=Findings(
                    parameters={"depth": 3, "columns": ["a", "b"]},
                    metrics={
                        ("auc", 0): 0.5,
                        ("loss", 0): 2.0,
                        ("loss", 1): 1.0,
                        ("odd", 0): math.nan,
                    },
                    figures=(Figure("image/png", b"\x89PNG"), Figure("image/svg+xml", b"<svg/>")),
                    model=FittedModel("Ridge", b"a pickle", None),
                    environment=b"{}",
                ),
            )
        ],
        slice_=[first],
    )

    detail = history.detail(project, run_id[:6])
    assert detail.run.status == "finished"
    assert detail.run.parameters == {"depth": 3, "columns": ["a", "b"]}
    assert detail.run.metrics == {"auc": 0.5, "loss": 1.0, "odd": None}
    assert [a.name for a in detail.run.artifacts] == ["figure-1.png", "figure-2.svg"]
    assert detail.run.model_kind == "Ridge"
    assert [cell.source for cell in detail.cells] == ["x = 3", "auc = f(x)"]
    assert history.waiting(project) == (1, None)


def test_a_closed_run_stays_as_it_was(project: Project) -> None:
    run_id = track(project, "once", {})
    recorder.close_run(project, run_id, "failed", "too late")
    assert history.get(project, run_id).status == "finished"
    assert history.waiting(project)[0] == 1


def test_runs_sort_by_a_metric_and_nan_comes_last(project: Project) -> None:
    for name, auc in (("low", 0.1), ("none", math.nan), ("high", 0.9)):
        track(project, name, {("auc", 0): auc})
    track(project, "other", {("loss", 0): 0.0})
    best = history.page(project, sort_by_metric="auc")
    assert [run.name for run in best.runs] == ["high", "low", "none"]
    assert best.total == 3
    worst = history.page(project, sort_by_metric="auc", descending=False)
    assert [run.name for run in worst.runs] == ["low", "high", "none"]


def test_pages_are_newest_first(project: Project) -> None:
    for number in range(5):
        track(project, f"run {number}", {})
    page = history.page(project, limit=2, offset=1)
    assert [run.name for run in page.runs] == ["run 3", "run 2"]
    assert page.total == 5


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (-1, 0), (10_001, 0), (1, -1)])
def test_a_page_out_of_bounds_is_refused(project: Project, limit: int, offset: int) -> None:
    with pytest.raises(UsageError, match="a page has"):
        history.page(project, limit=limit, offset=offset)


@pytest.mark.parametrize("run_id", ["", "zzz", "%", "' OR 1=1 --", "a" * 10_000])
def test_an_unknown_run_is_not_found(project: Project, run_id: str) -> None:
    track(project, "known", {})
    with pytest.raises(NotFoundError):
        history.get(project, run_id)


def test_the_run_of_a_killed_kernel_is_marked_interrupted(project: Project) -> None:
    script = (
        "import os, signal\n"
        "from mlops_jupyter.project import open_project\n"
        "from mlops_jupyter.runs import recorder\n"
        "project = open_project()\n"
        "session = recorder.open_session(project, None)\n"
        "print(recorder.open_run(project, 'doomed', session_id=session), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    run_id = killed.stdout.strip()
    assert history.get(project, run_id).status == "running"

    alive = recorder.open_run(
        project, "alive", session_id=recorder.open_session(project, "other.ipynb")
    )
    assert history.get(project, run_id).status == "interrupted"
    assert history.get(project, alive).status == "running"


def test_two_processes_write_at_once_and_nothing_is_lost(project: Project) -> None:
    script = (
        "from tests.runs.test_recorder import track\n"
        "from mlops_jupyter.project import open_project\n"
        "for number in range(50): track(open_project(), f'run {number}', {('m', 0): number})\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": ROOT})
        for _ in range(2)
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert history.page(open_project()).total == 100


def test_half_of_a_character_is_written_as_its_code(project: Project) -> None:
    session_id = recorder.open_session(project, "study.ipynb")
    odd = replace(
        executed(session_id, 1, "s = 1"),
        source="s = '\ud800'",
        error="ValueError: \ud800",
        notebook="\udcff.ipynb",
    )
    run_id = recorder.open_run(project, "odd", session_id=session_id, parameters={"s": "\ud800"})
    recorder.record(project, odd, [RunPart(run_id, Findings(), "failed")])
    detail = history.detail(project, run_id)
    assert detail.cells[0].source == "s = '\\ud800'"
    assert (detail.run.error, detail.run.parameters) == ("ValueError: \\ud800", {"s": "\\ud800"})
