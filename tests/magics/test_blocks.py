"""Runs of blocks: `with mlops_jupyter.track(...)`, in loops, threads, tasks, child processes."""

from __future__ import annotations

import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, mirror
from tests.kernel import Kernel
from tests.magics.tracked import DATA, last_line, ok, runs, steps


def test_a_loop_of_blocks_is_a_run_each(project: Project, kernel: Kernel) -> None:
    ok(kernel, DATA + "import matplotlib.pyplot as plt\n%matplotlib inline")
    answer = ok(
        kernel,
        "for alpha in [0.1, 1.0, 10.0]:\n"
        "    with mlops_jupyter.track('ridge', params='alpha') as run:\n"
        "        kind = 'ridge'\n"
        "        run.log_params({'alpha': alpha, 'what': Ridge})\n"
        "        model = Ridge(alpha=alpha).fit(X, y)\n"
        "        r2 = model.score(X, y)\n"
        "        plt.plot([alpha]); plt.show()",
    )
    found = history.page(project).runs[::-1]
    assert [run.parameters["model.alpha"] for run in found] == [0.1, 1.0, 10.0]
    assert [run.parameters["alpha"] for run in found] == [0.1, 1.0, 10.0]
    assert all(run.parameters["what"] == "Ridge" for run in found)
    assert not any("kind" in run.parameters for run in found)
    assert found[0].metrics["r2"] > found[2].metrics["r2"]  # type: ignore[operator]
    assert all(run.model_kind == "Ridge" and run.status == "finished" for run in found)
    assert [len(run.artifacts) for run in found] == [1, 1, 1]
    assert len({run.artifacts[0].digest for run in found}) == 3, "each has its own figure"
    assert all(len(history.detail(project, run.id).cells) == 2 for run in found)
    assert len({run.code_digest for run in found}) == 1
    lines = last_line(answer).splitlines()
    assert [line.split(" · ")[0] for line in lines] == ["run ridge"] * 3
    assert "to the best)" in lines[2]


def test_many_blocks_show_only_the_last_lines(project: Project, kernel: Kernel) -> None:
    ok(kernel, "import mlops_jupyter")
    answer = ok(kernel, "for i in range(12):\n    with mlops_jupyter.track(f'r{i}'): pass")
    lines = last_line(answer).splitlines()
    assert lines[0] == "… 7 more runs"
    assert [line.split(" · ")[0] for line in lines[1:]] == [f"run r{i}" for i in range(7, 12)]


def test_runs_nest(project: Project, kernel: Kernel) -> None:
    ok(kernel, "import mlops_jupyter\n%mlops start outer")
    ok(
        kernel,
        "%%track cell\n"
        "def fold(i):\n"
        "    with mlops_jupyter.track(f'fold{i}'):\n"
        "        score = i * 2.0\n"
        "        mlops_jupyter.log_metric('m', i)\n"
        "with mlops_jupyter.track('grid') as grid:\n"
        "    for i in range(2): fold(i)\n"
        "    mlops_jupyter.log_metric('m', 10)\n"
        "mlops_jupyter.log_metric('m', 20)",
    )
    ok(kernel, "%mlops stop")
    found = runs(project)
    parents = {run.name: run.parent_run_id for run in found.values()}
    assert parents == {
        "outer": None,
        "cell": found["outer"].id,
        "grid": found["cell"].id,
        "fold0": found["grid"].id,
        "fold1": found["grid"].id,
    }
    assert {name: run.metrics.get("m") for name, run in found.items()} == {
        "outer": None, "cell": 20, "grid": 10, "fold0": 0, "fold1": 1,
    }  # fmt: skip
    assert found["fold1"].metrics["score"] == 2.0, "names of a function count too"


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        ("1 / 0", "failed"),
        ("raise KeyboardInterrupt", "interrupted"),
        ("raise SystemExit(3)", "failed"),
        ("raise SystemExit", "finished"),
        ("import asyncio; raise asyncio.CancelledError", "interrupted"),
    ],
)
def test_what_a_block_raises_ends_its_run_and_goes_on(
    shared_project: Project, shared_kernel: Kernel, raised: str, status: str
) -> None:
    before = history.page(shared_project).total
    ok(
        shared_kernel,
        "import mlops_jupyter\n"
        "try:\n"
        "    with mlops_jupyter.track('t') as run:\n"
        "        mlops_jupyter.log_metric('m', 1)\n"
        f"        {raised}\n"
        "except BaseException as error:\n"
        "    caught = type(error).__name__\n"
        "assert run.status != 'running' and caught",
    )
    assert history.page(shared_project).total == before + 1
    run = runs(shared_project)["t"]
    assert (run.status, run.metrics["m"]) == (status, 1)
    assert (run.error is None) == (status == "finished")
    said = shared_kernel.run("run.log_metric('m', 2)").error
    assert "run t has ended" in said
    assert f"track(resume='{run.id[:8]}')" in said


def test_threads_and_tasks_log_to_their_own_runs(project: Project, kernel: Kernel) -> None:
    ok(
        kernel,
        "import asyncio, mlops_jupyter\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from threading import Barrier\n"
        "together = Barrier(3)\n"
        "def work(i):\n"
        "    with mlops_jupyter.track(f'thread{i}'):\n"
        "        together.wait()\n"
        "        for step in range(3): mlops_jupyter.log_metric('m', i * 10 + step)\n"
        "        together.wait()\n"
        "async def task(i):\n"
        "    with mlops_jupyter.track(f'task{i}'):\n"
        "        for step in range(3):\n"
        "            await asyncio.sleep(0)\n"
        "            mlops_jupyter.log_metric('m', i * 10 + step)",
    )
    ok(
        kernel,
        "with mlops_jupyter.track('grid'), ThreadPoolExecutor(3) as pool:\n"
        "    list(pool.map(work, range(3)))\n"
        "    pool.submit(mlops_jupyter.log_metric, 'm', 99).result()\n"
        "await asyncio.gather(*map(task, range(3)))",
    )
    found = runs(project)
    for i in range(3):
        for kind, parent in (("thread", found["grid"].id), ("task", None)):
            run = found[f"{kind}{i}"]
            assert steps(project, run.id) == {"m": [i * 10.0, i * 10.0 + 1, i * 10.0 + 2]}
            assert run.parent_run_id == parent
    assert found["grid"].metrics == {"m": 99}, "a thread without a run logs to the one around it"


@pytest.mark.parametrize(
    "call",
    [
        "mp.get_context('fork').Pool(1).map({}, [0])[0]",
        "joblib.Parallel(2)(joblib.delayed({})(i) for i in range(2))[0]",
    ],
)
def test_a_child_process_has_runs_of_its_own(project: Project, kernel: Kernel, call: str) -> None:
    ok(
        kernel,
        "import joblib, mlops_jupyter, multiprocessing as mp\n"
        "def logs(i):\n"
        "    try: mlops_jupyter.log_metric('m', i)\n"
        "    except Exception as error: return str(error)\n"
        "def tracks(i):\n"
        "    with mlops_jupyter.track(f'child{i}') as run: run.log_metric('m', i)\n"
        "    return run.id",
    )
    answer = ok(kernel, f"with mlops_jupyter.track('parent'):\n    print({call.format('logs')})")
    assert "this is a child process, and the run is open in its parent" in answer.text
    ok(kernel, "def given(i, run):\n    try: run.log_metric('m', i)\n"
       "    except Exception as error: return run.id, str(error)")  # fmt: skip
    answer = ok(
        kernel,
        "from functools import partial\n"
        "with mlops_jupyter.track('parent') as run:\n"
        "    there = partial(given, run=run)\n"
        f"    found, said = {call.format('there')}\n"
        "assert found == run.id and 'this is a child process' in said, said",
    )
    answer = ok(kernel, f"with mlops_jupyter.track('parent'):\n    print({call.format('tracks')})")
    run = history.get(project, answer.text.strip())
    assert (run.name, run.status, run.metrics) == ("child0", "finished", {"m": 0})


def test_an_ended_run_goes_on_and_is_one_run_in_mlflow(project: Project, kernel: Kernel) -> None:
    from mlflow import MlflowClient

    ok(kernel, "import mlops_jupyter")
    ok(kernel, "with mlops_jupyter.track('t') as run:\n    run.log_metric('m', 1)\nprint(run.id)")
    mirror.drain(project)
    ok(
        kernel,
        "with mlops_jupyter.track(resume=run.id[:8]) as same:\n"
        "    assert (same.id, same.name) == (run.id, 't')\n"
        "    mlops_jupyter.log_metric('m', 2)\n"
        "    mlops_jupyter.log_param('late', True)",
    )
    found = history.get(project, runs(project)["t"].id)
    assert (found.status, found.parameters, history.page(project).total) == (
        "finished", {"late": True}, 1,
    )  # fmt: skip
    assert steps(project, found.id) == {"m": [1.0, 2.0]}
    mirror.drain(project)
    client = MlflowClient(tracking_uri=project.tracking_uri)
    experiment = client.get_experiment_by_name(project.experiment)
    assert len(client.search_runs([experiment.experiment_id])) == 1
    copied = client.get_metric_history(history.get(project, found.id).mlflow_run_id, "m")
    assert sorted((point.step, point.value) for point in copied) == [(0, 1.0), (1, 2.0)]

    ok(kernel, "%mlops start other")
    answer = kernel.run(
        "other = mlops_jupyter.open_project().catalog.row("
        "\"SELECT id FROM run WHERE name = 'other'\")[0]\n"
        "with mlops_jupyter.track(resume=other): pass"
    )
    assert "cannot be resumed: it is running" in answer.error
