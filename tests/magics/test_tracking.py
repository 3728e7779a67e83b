"""Runs over a cell and over cells: in real kernels."""

from __future__ import annotations

import re
import time

import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, monitor
from tests.kernel import Kernel
from tests.magics.tracked import DATA, last_line, ok, runs, steps

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
    shared_project: Project, shared_kernel: Kernel, line: str, said: str
) -> None:
    shared_kernel.run("import mlops_jupyter")
    answer = shared_kernel.run(line + ("\nx = 1" if line.startswith("%%") else ""))
    assert answer.status == "error"
    assert said in answer.error
    assert "Traceback" not in answer.error
    assert len(answer.error.splitlines()) <= 2
    assert history.page(shared_project).total == 0


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
        # before the run: the first measurement may come before the next cell
        ok(kernel, "block = bytearray(200_000_000)\nmonitor.AFTER_SECONDS = 0.3")
        ok(kernel, "%mlops start t")
        name = "system/memory_mb"
        deadline = time.monotonic() + 240
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
