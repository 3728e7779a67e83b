"""Runs over a cell, over cells, over blocks: in real kernels."""

from __future__ import annotations

import html
import re
import time
from typing import Any

import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, mirror, monitor, series
from mlops_jupyter.runs.run import Run
from tests.kernel import Answer, Kernel

DATA = """
import mlops_jupyter
import numpy as np
from sklearn.linear_model import Ridge
X = np.arange(20.0).reshape(-1, 1)
y = X[:, 0] * 2 + np.sin(X[:, 0])
"""


def ok(kernel: Kernel, source: str, **more: Any) -> Answer:
    answer = kernel.run(source, **more)
    assert answer.status == "ok", answer.error
    assert "not recorded" not in answer.text
    return answer


def runs(project: Project) -> dict[str, Run]:
    """Return the runs by name; of one name the newest."""
    return {run.name: run for run in reversed(history.page(project, 100).runs)}


def steps(project: Project, run_id: str) -> dict[str, list[float | None]]:
    found = series.series(project, run_id).series
    return {one.name: list(one.values) for one in found}


def last_line(answer: Answer) -> str:
    return str(answer.data[-1]["text/plain"])


# One cell


def test_patterns_narrow_what_is_found_and_not_what_is_logged(
    project: Project, kernel: Kernel
) -> None:
    ok(kernel, DATA + "import matplotlib.pyplot as plt\n%matplotlib inline")
    ok(
        kernel,
        "%%track narrow --metrics 'val_*' --metrics=r2 --params alpha,depth --no-figures\n"
        "alpha, scratch = 0.5, 17\n"
        "model = Ridge(alpha=alpha).fit(X, y)\n"
        "r2 = val_r2 = model.score(X, y)\n"
        "mae = abs(model.predict(X) - y).mean()\n"
        "mlops_jupyter.log_metric('mine', 1)\n"
        "plt.plot([1, 2]);",
    )
    run = runs(project)["narrow"]
    assert set(run.metrics) == {"r2", "val_r2", "mine"}
    assert run.parameters == {"alpha": 0.5, "model.alpha": 0.5}
    assert run.artifacts == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%%track a --metrics", "--metrics needs a value"),
        ("%%track a --metric 'v*'", "did you mean '--metrics'?"),
        ("%%track a --no-figures=1", "--no-figures takes no value"),
        ("%%track a --resume feed", "unknown option --resume"),
        ("%mlops start", "no name is given"),
        ("%mlops start a --resume feed", "has its name already"),
        ("%mlops start --resume feed", "there is no run 'feed'"),
        ("%mlops stop", "no run is open"),
        ("%mlops stop --status great", "--status is one of finished, failed, interrupted"),
        ("%mlops runs --sort", "requires an argument"),
        ("mlops_jupyter.track()", "give a name, or a run to resume"),
        ("mlops_jupyter.track(17)", "not a name: 17"),
    ],
)
def test_a_wrong_line_is_one_line_of_error(
    project: Project, kernel: Kernel, line: str, said: str
) -> None:
    kernel.run("import mlops_jupyter")
    answer = kernel.run(line + ("\nx = 1" if line.startswith("%%") else ""))
    assert answer.status == "error"
    assert said in answer.error
    assert "Traceback" not in answer.error
    assert len(answer.error.splitlines()) <= 2
    assert history.page(project).total == 0


def test_parameters_are_those_that_the_run_stands_on(project: Project, kernel: Kernel) -> None:
    ok(kernel, "share = 0.2\nunused = 1\nseed = 7\nfactor = 3", tags=["parameters"])
    ok(kernel, "other = 5\ntrain = list(range(int(10 * share)))")
    ok(kernel, "def scaled(x): return x * factor")
    ok(
        kernel,
        "%%track t\n"
        "depth = 3\n"
        "columns = []\n"
        "for name in 'ab': columns.append(name)\n"
        "size = len(train) + other + scaled(2)",
    )
    assert runs(project)["t"].parameters == {"depth": 3, "share": 0.2, "factor": 3}


def test_curves_of_models_and_lists_that_were_filled_are_steps(
    project: Project, kernel: Kernel
) -> None:
    ok(
        kernel,
        DATA + "import lightgbm, xgboost\nfrom sklearn.neural_network import MLPRegressor\n"
        "import warnings; warnings.simplefilter('ignore')",
    )
    ok(
        kernel,
        "%%track curves\n"
        "losses, evals = [], {}\n"
        "for i in range(3): losses.append(1 / (i + 1))\n"
        "net = MLPRegressor(max_iter=4).fit(X, y)\n"
        "light = lightgbm.LGBMRegressor(n_estimators=5, min_child_samples=2, verbose=-1)\n"
        "light.fit(X, y, eval_set=[(X, y)], eval_names=['train'])\n"
        "boost = xgboost.XGBRegressor(n_estimators=6).fit(X, y, eval_set=[(X, y)], verbose=False)\n"
        "raw = xgboost.train({'max_depth': 2}, xgboost.DMatrix(X, y), 7,\n"
        "    evals=[(xgboost.DMatrix(X, y), 'all')], evals_result=evals, verbose_eval=False)",
    )
    run = runs(project)["curves"]
    lengths = {name: len(values) for name, values in steps(project, run.id).items()}
    assert lengths == {
        "losses": 3,
        "evals.all.rmse": 7,
        "net.loss_curve": 4,
        "light.train.l2": 5,
        "boost.validation_0.rmse": 6,
    }
    assert "losses" not in run.parameters, "a list that was filled is no setting"
    assert run.parameters["light.n_estimators"] == 5
    assert (run.parameters["raw"], run.parameters["raw.max_depth"]) == ("Booster", 2)
    assert run.parameters["raw.rounds"] == 7
    assert run.model_kind == "Booster", "the last one"


def test_a_model_fitted_again_in_place_is_the_model_of_the_run(
    project: Project, kernel: Kernel
) -> None:
    ok(kernel, DATA + "old = Ridge().fit(X, y)\nmodel = Ridge(alpha=2).fit(X, y)")
    ok(kernel, "%%track again\nmodel.fit(X, -y)\nscore = old.score(X, y)")
    run = runs(project)["again"]
    assert run.parameters["model.alpha"] == 2
    assert "old.alpha" not in run.parameters, "it was only read"
    ok(kernel, "%%track scored\nscore = old.score(X, y)")
    assert runs(project)["scored"].parameters["old.alpha"] == 1.0, "it is what the run is about"


def test_a_model_that_cannot_be_kept_is_said(project: Project, kernel: Kernel) -> None:
    ok(kernel, DATA)
    answer = ok(
        kernel,
        "%%track t\n"
        "class Stubborn(Ridge):\n"
        "    def __reduce__(self): raise RuntimeError('no')\n"
        "model = Stubborn().fit(X, y)\n"
        "r2 = model.score(X, y)",
    )
    assert "Stubborn is not kept: RuntimeError: no" in last_line(answer)
    assert runs(project)["t"].model_digest is None
    assert "r2" in runs(project)["t"].metrics


# Over several cells


def test_a_run_over_several_cells(project: Project, kernel: Kernel) -> None:
    ok(kernel, DATA)
    answer = ok(kernel, "%mlops start long --params 'model.*'")
    assert re.fullmatch(r"run long · has begun · [0-9a-f]{8}", last_line(answer))
    assert runs(project)["long"].status == "running"
    assert "run long is open" in kernel.run("%mlops start other").error
    ok(kernel, "depth = 3\nmodel = Ridge().fit(X, y)")
    assert kernel.run("1 / 0").status == "error", "which leaves the run open"
    ok(kernel, "mlops_jupyter.log_metric('m', 1)")
    answer = ok(kernel, "r2 = model.score(X, y)\nmlops_jupyter.log_metric('m', 2)\n%mlops stop")
    assert last_line(answer).startswith("run long · finished · m 2 · r2 0.99")
    run = runs(project)["long"]
    assert (run.status, run.error) == ("finished", None)
    assert steps(project, run.id)["m"] == [1.0, 2.0]
    assert run.model_kind == "Ridge"
    assert "depth" not in run.parameters
    sources = [cell.source for cell in history.detail(project, run.id).cells]
    assert [s.splitlines()[0] for s in sources[1:]] == [
        "%mlops start long --params 'model.*'",
        "%mlops start other",
        "depth = 3",
        "1 / 0",
        "mlops_jupyter.log_metric('m', 1)",
        "r2 = model.score(X, y)",
    ]

    ok(kernel, "%mlops start next")
    ok(kernel, "%mlops stop --status failed")
    assert runs(project)["next"].status == "failed"
    assert "no run is open" in kernel.run("mlops_jupyter.log_metric('m', 1)").error


def test_a_run_that_its_kernel_leaves_open_is_interrupted(project: Project, kernel: Kernel) -> None:
    ok(kernel, "%mlops start left")
    kernel.close()
    other = Kernel(project.root)
    try:
        ok(other, "%load_ext mlops_jupyter\nimport mlops_jupyter")
        left = runs(project)["left"]
        assert left.status == "interrupted"
        answer = ok(other, f"%mlops start --resume {left.id[:6]}")
        assert "run left · goes on" in last_line(answer)
        ok(other, "%mlops stop")
        assert runs(project)["left"].status == "finished"
        ok(other, "%mlops start again")
        ok(other, "%unload_ext mlops_jupyter")
        assert runs(project)["again"].status == "interrupted"
    finally:
        other.close()


# Blocks


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
    project: Project, kernel: Kernel, raised: str, status: str
) -> None:
    ok(
        kernel,
        "import mlops_jupyter\n"
        "try:\n"
        "    with mlops_jupyter.track('t') as run:\n"
        "        mlops_jupyter.log_metric('m', 1)\n"
        f"        {raised}\n"
        "except BaseException as error:\n"
        "    caught = type(error).__name__\n"
        "assert run.status != 'running' and caught",
    )
    run = runs(project)["t"]
    assert (run.status, run.metrics["m"]) == (status, 1)
    assert (run.error is None) == (status == "finished")
    said = kernel.run("run.log_metric('m', 2)").error
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


# What is logged


def test_figures_and_files_are_kept_under_their_names(project: Project, kernel: Kernel) -> None:
    ok(kernel, "import mlops_jupyter, matplotlib.pyplot as plt\n%matplotlib inline")
    (project.root / "notes.txt").write_text("dry run")
    ok(
        kernel,
        "%%track t\n"
        "fig, axes = plt.subplots()\n"
        "plt.close(fig)\n"
        "mlops_jupyter.log_figure(fig, 'roc')\n"
        "mlops_jupyter.log_figure(axes, 'figure-1.png')\n"
        "mlops_jupyter.log_artifact('notes.txt')\n"
        "mlops_jupyter.log_artifact(b'a,b', 'table.csv')\n"
        "plt.plot([1]);",
    )
    found = {a.name: a for a in runs(project)["t"].artifacts}
    kinds = {name: artifact.media_type for name, artifact in found.items()}
    assert kinds == {
        "roc.png": "image/png",
        "figure-1.png": "image/png",
        "figure-2.png": "image/png",
        "notes.txt": "text/plain",
        "table.csv": "text/csv",
    }
    assert project.objects.read(found["notes.txt"].digest) == b"dry run"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("log_metric('m', 'high')", "not a number: 'high'"),
        ("log_metric('m', 1, step=0.5)", "not a step: 0.5"),
        ("log_metric('m', 1, step=2**80)", "not a step"),
        ("log_metric(17, 1)", "not a name: 17"),
        ("log_metric('x' * 201, 1)", "not a name"),
        ("log_artifact('nothing.txt')", "there is no file nothing.txt"),
        ("log_artifact('.')", "is a folder"),
        ("log_artifact(b'x')", "bytes need a name"),
        ("log_artifact(b'x', '../up')", "not the name of a file: '../up'"),
        ("log_artifact(b'x', '..')", "not the name of a file"),
        ("log_figure('text', 'f')", "not a figure: str"),
    ],
)
def test_what_cannot_be_logged_is_one_line(
    project: Project, kernel: Kernel, call: str, said: str
) -> None:
    answer = kernel.run(f"%%track t\nimport mlops_jupyter\nmlops_jupyter.{call}")
    assert said in answer.error
    assert "Traceback" not in answer.error
    assert runs(project)["t"].status == "failed"


def test_metrics_are_seen_while_the_cell_runs(project: Project, kernel: Kernel) -> None:
    ok(kernel, "import mlops_jupyter, os, time")
    kernel.client.execute(
        "%%track live\n"
        "while not os.path.exists('stop'):\n"
        "    mlops_jupyter.log_metric('loss', 1.5)\n"
        "    time.sleep(0.01)"
    )
    deadline = time.monotonic() + 60
    seen: list[float | None] = []
    while len(seen) < 2 and time.monotonic() < deadline:
        found = runs(project)
        seen = steps(project, found["live"].id).get("loss", []) if found else []
        time.sleep(0.05)
    assert len(seen) >= 2
    assert runs(project)["live"].status == "running"
    times = [at for one in series.series(project, runs(project)["live"].id).series
             for at in one.times]  # fmt: skip
    assert times == sorted(set(times), key=str), "each has the time at which it was logged"
    (project.root / "stop").touch()


def test_logging_goes_on_while_another_program_holds_the_catalog(
    project: Project, kernel: Kernel
) -> None:
    ok(kernel, "import mlops_jupyter, time\nfrom mlops_jupyter.store import catalog")
    ok(kernel, "%mlops start t")
    ok(kernel, "mlops_jupyter.open_project().catalog.close()")
    answer = kernel.run(
        "import sqlite3\n"
        "held = sqlite3.connect('.mlops/catalog.sqlite', isolation_level=None)\n"
        "from mlops_jupyter.runs import live\n"
        "live.place.project.catalog._connection().execute('PRAGMA busy_timeout = 50')\n"
        "held.execute('BEGIN IMMEDIATE')\n"
        "begin = time.time()\n"
        "while time.time() < begin + 0.8: mlops_jupyter.log_metric('m', 1)\n"
        "held.execute('ROLLBACK')\n"
        "count = live.place.around.logged['m'] + 1\n"
        "print(count)"
    )
    assert answer.status == "ok", answer.error
    assert answer.text.count("not recorded") == 1, "said once"
    ok(kernel, "%mlops stop")
    assert len(steps_of_all(project, runs(project)["t"].id)) == int(answer.text.split()[-1])


def test_a_block_that_ends_while_the_catalog_is_held_is_written_with_its_cell(
    project: Project, kernel: Kernel
) -> None:
    ok(kernel, "import mlops_jupyter, sqlite3\nfrom mlops_jupyter.runs import live")
    answer = kernel.run(
        "held = sqlite3.connect('.mlops/catalog.sqlite', isolation_level=None)\n"
        "live.place.project.catalog._connection().execute('PRAGMA busy_timeout = 50')\n"
        "with mlops_jupyter.track('t'):\n"
        "    mlops_jupyter.log_metric('m', 1)\n"
        "    depth = 3\n"
        "    _ = held.execute('BEGIN IMMEDIATE')\n"
        "held.execute('ROLLBACK');"
    )
    assert "not recorded" in answer.text
    run = runs(project)["t"]
    assert (run.status, run.metrics, run.parameters) == ("finished", {"m": 1}, {"depth": 3})


def steps_of_all(project: Project, run_id: str) -> list[float]:
    sql = "SELECT value FROM metric WHERE run_id = ? AND name = 'm'"
    return [row[0] for row in project.catalog.rows(sql, (run_id,))]


# By itself


def test_a_fit_becomes_a_run_when_the_settings_say_so(project: Project, kernel: Kernel) -> None:
    settings = project.root / "mlops.yaml"
    settings.write_text(settings.read_text() + "capture:\n  track_fits: true\n")
    kernel.run("%unload_ext mlops_jupyter")
    ok(kernel, "%load_ext mlops_jupyter")
    ok(kernel, DATA + "from sklearn.preprocessing import StandardScaler")
    ok(kernel, "scaler = StandardScaler().fit(X)")
    assert runs(project) == {}, "it predicts nothing"
    answer = ok(kernel, "model = Ridge(alpha=3).fit(X, y)\nr2 = model.score(X, y)")
    assert last_line(answer).startswith("run Ridge · finished · r2 0.99")
    assert runs(project)["Ridge"].parameters["model.alpha"] == 3
    assert history.page(project).total == 1
    ok(kernel, "same = model\nscore = same.score(X, y)")
    assert history.page(project).total == 1, "nothing was fitted"
    ok(kernel, "model.fit(X, -y)")
    assert history.page(project).total == 2
    ok(kernel, "%%track named\nmodel = Ridge().fit(X, y)")
    assert history.page(project).total == 3, "it has its run"
    kernel.run("model = Ridge().fit(X, y)\n1 / 0")
    assert history.page(project).runs[0].status == "failed"


def test_a_run_that_lasts_has_system_metrics(project: Project) -> None:
    kernel = Kernel(project.root)
    try:
        ok(kernel, "%load_ext mlops_jupyter\nfrom mlops_jupyter.runs import monitor")
        ok(kernel, "monitor.AFTER_SECONDS = 0.3\n%mlops start t")
        ok(kernel, "block = bytearray(200_000_000)\nimport time\ntime.sleep(0.4)")
        name = "system/memory_mb"
        deadline = time.monotonic() + 60
        run_id = runs(project)["t"].id
        while name not in steps(project, run_id) and time.monotonic() < deadline:
            kernel.run("for _ in range(1_000_000): pass")
        found = steps(project, run_id)
        assert set(found) >= {"system/cpu_percent", name}
        assert all(value is not None and value > 200 for value in found[name])
        answer = ok(kernel, "%mlops stop")
        assert "system/" not in last_line(answer)
        assert monitor.SYSTEM == "system/"
    finally:
        kernel.close()


# What is shown


def test_the_line_below_a_cell_links_and_says_how_far_the_best_is(
    project: Project, kernel: Kernel
) -> None:
    for value in ("0.5", "0.75", "0.7"):
        answer = ok(kernel, f"%%track '<b>t</b>'\nauc = loss = float('{value}')")
    run_id = history.page(project).runs[0].id
    assert last_line(answer) == (
        "run <b>t</b> · finished · auc 0.7 (−0.05 to the best) · loss 0.7 (+0.2 to the best)"
        f" · {run_id[:8]}"
    )
    page = answer.data[-1]["text/html"]
    assert "<b>" not in page
    assert 'data-commandlinker-command="mlops:open-run"' in page
    arguments = re.search(r'data-commandlinker-args="([^"]*)"', page)
    assert arguments
    assert html.unescape(arguments[1]) == f'{{"id": "{run_id}", "name": "<b>t</b>"}}'


def test_runs_are_a_table_with_sparklines(project: Project, kernel: Kernel) -> None:
    answer = ok(kernel, "%mlops runs")
    assert answer.text.startswith("no runs yet")
    ok(kernel, "import mlops_jupyter")
    for i in range(3):
        ok(
            kernel,
            f"%%track '<i>run {i}</i>'\n"
            f"for step in range(4): mlops_jupyter.log_metric('loss', 1 / (step + 1) + {i})\n"
            f"auc = float(5 + {i}) / 10",
        )
    widget, shown = ok(kernel, "%mlops runs --limit 2").data
    assert "application/vnd.jupyter.widget-view+json" in widget, "the page has widgets"
    text = shown["text/plain"]
    assert "█▃▂▁" in text
    assert re.search(r"run 2.* 0\.7 ★", text), text
    assert re.search(r"run 1.* 1\.25 ★", text), text
    assert "2 of 3 runs" in text
    assert "run 0" not in text
    page = shown["text/html"]
    assert "<i>" not in page
    assert "<script" not in page
    assert page.count("<svg") == 2
    assert page.count("★") == 2
    order = "%mlops runs --sort loss --ascending"
    text = ok(kernel, order).data[-1]["text/plain"]
    assert re.findall(r"run (\d)", text) == ["0", "1", "2"]
    assert '"runs":' in ok(kernel, "%mlops runs --json").text
