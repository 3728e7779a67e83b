"""What recording costs a cell, against the same kernel without it, and what others cost.

All figures are CPU time of the kernel's process. Of trivial cells it is taken inside of the
kernel, around the recording's own callbacks; of the whole kernel, and of notebooks, against a
second kernel that executes the same in turn.

    python benchmarks/capture.py                         # all of it, some minutes
    python benchmarks/capture.py --cells 10000 --only session
    python benchmarks/capture.py --only notebook --notebook study.ipynb --repeat 5
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import report
import rivals
from real_kernel import CPU, Kernel

import mlops_jupyter
from mlops_jupyter.project import open_project

PARTS = ("session", "load", "tracked", "notebook")
LOAD = f"_began = {CPU}\n%load_ext mlops_jupyter\n_load = {CPU} - _began"

PROBE = """
import sys, time, types

def mark(event):
    at = time.process_time()
    if event == "pre, first":
        probe.marks.clear()
    probe.marks.append(at)
    if len(probe.marks) == 4:
        first, second, third, fourth = probe.marks
        probe.costs.append((second - first) + (fourth - third))

probe = sys.modules["probe"] = types.ModuleType("probe")
probe.marks, probe.costs, probe.mark = [], [], mark
"""
PROBES = """
import sys
for _event in ("pre", "post"):
    get_ipython().events.register(
        _event + "_run_cell",
        lambda *_, _said=_event + ", {when}", _mark=sys.modules["probe"].mark: _mark(_said),
    )
"""

STUDY = """
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
%matplotlib inline
# %%
rng = np.random.default_rng(0)
flights = pd.DataFrame(rng.normal(size=(300_000, 8)), columns=list("abcdefgh"))
flights["carrier"] = rng.choice(["AA", "DL", "UA", "WN"], len(flights))
# %%
flights["late"] = flights["a"] + flights["b"] * flights["c"] > 0.5
flights.describe()
# %%
flights.groupby("carrier")[["a", "b", "late"]].mean()
# %%
figure, axes = plt.subplots()
flights["a"].hist(bins=50, ax=axes);
# %%
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_score, train_test_split
# %%
train, test = train_test_split(flights, random_state=0)
columns = list("abcdefgh")
# %%
model = HistGradientBoostingClassifier(max_iter=60, random_state=0)
model.fit(train[columns], train["late"])
# %%
test = test.assign(chance=model.predict_proba(test[columns])[:, 1])
# %%
score = model.score(test[columns], test["late"])
score
# %%
cross_val_score(model, train[columns][:50_000], train["late"][:50_000], cv=3)
# %%
worst = test.sort_values("chance").tail(10)
worst
"""
"""A notebook of real work, for when none is given."""


def recording(folder: Path, **where: Path) -> Kernel:
    """Return a kernel whose recording is on, between the two ends of a probe."""
    kernel = Kernel(folder, timeout_seconds=1800, **{n: str(p) for n, p in where.items()})
    kernel.must(PROBE)
    kernel.must(PROBES.format(when="first"))
    kernel.must(LOAD)
    kernel.must(PROBES.format(when="last"))
    return kernel


def costs(kernel: Kernel) -> list[float]:
    """Return what recording took of each cell, in ms of CPU."""
    taken = kernel.ask("__import__('json').dumps(__import__('sys').modules['probe'].costs)")
    return [1000 * seconds for seconds in json.loads(taken or "[]")]


def new_project(folder: Path) -> Path:
    (folder / "mlops.yaml").write_text("version: 1\n")
    open_project(folder).catalog.close()
    return folder


def late(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def trivial(number: int) -> str:
    """Return one of the cells of a session: each new in its text, one name more every second."""
    return f"x = v{number - 1}[0] + 1" if number % 2 else f"v{number} = [{number}]"


def session(cells: Sequence[str]) -> dict[str, float]:
    """Execute cells in a bare and in a recording kernel, in turn."""
    with ExitStack() as stack:
        folder = new_project(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        recorded = stack.enter_context(closing(recording(folder)))
        bare = stack.enter_context(closing(Kernel(folder)))
        kernels = (bare, recorded)
        before = [kernel.cpu_seconds() for kernel in kernels]
        for number, cell in enumerate(cells):
            for kernel in kernels if number % 2 else reversed(kernels):
                kernel.run(cell, cell_id=str(number % 50))
        whole = [k.cpu_seconds() - at for k, at in zip(kernels, before, strict=True)]
        taken = costs(recorded)
    if len(taken) != len(cells):
        raise RuntimeError(f"{len(cells)} cells were executed, {len(taken)} were measured")
    tenth = max(1, len(taken) // 10)
    return {
        "cells": len(cells),
        "extra_cpu_ms_median": statistics.median(taken),
        "extra_cpu_ms_p95": late(taken),
        "extra_cpu_ms_max": max(taken),
        "extra_cpu_ms_whole_kernel": 1000 * (whole[1] - whole[0]) / len(cells),
        "bare_cpu_ms_whole_kernel": 1000 * whole[0] / len(cells),
        "first_tenth_ms": statistics.median(taken[:tenth]),
        "last_tenth_ms": statistics.median(taken[-tenth:]),
        "last_to_first": statistics.median(taken[-tenth:]) / statistics.median(taken[:tenth]),
    }


def load(repeat: int) -> float:
    """Return the CPU time of ``%load_ext mlops_jupyter`` in a fresh kernel, in ms."""
    taken = []
    for package in mlops_jupyter.__path__:  # as pip does when it installs
        compileall.compile_dir(package, quiet=1)
    with tempfile.TemporaryDirectory() as name:
        folder = new_project(Path(name))
        for _ in range(repeat):
            with closing(Kernel(folder)) as kernel:
                kernel.must(LOAD)
                taken.append(1000 * float(kernel.ask("_load") or "nan"))
    return statistics.median(taken)


def cells_of(path: Path) -> list[str]:
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(c["source"]) for c in found if c["cell_type"] == "code"]


def executed(kernel: Kernel, cells: Sequence[str]) -> float:
    """Execute cells, and return the CPU seconds of the kernel; one that fails is passed over."""
    before = kernel.cpu_seconds()
    for number, cell in enumerate(cells):
        kernel.run(cell, cell_id=f"cell-{number}")
    return kernel.cpu_seconds() - before


def notebook(cells: Sequence[str], place: Path | None, repeat: int) -> dict[str, float]:
    """Execute a notebook in fresh kernels, bare and recording in turn."""
    bare, recorded, inside = [], [], []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        project = new_project(Path(name))
        at = place or project
        for number in range(2 * repeat):
            if number % 4 in (0, 3):  # not always the same first
                with closing(Kernel(at, timeout_seconds=1800)) as kernel:
                    bare.append(executed(kernel, cells))
            else:
                with closing(recording(at, MLOPS_PROJECT=project)) as kernel:
                    recorded.append(executed(kernel, cells))
                    inside.append(sum(costs(kernel)) / 1000)
    cpu = statistics.median(bare)
    return {
        "cells": len(cells),
        "bare_cpu_s": cpu,
        "recorded_cpu_s": statistics.median(recorded),
        "overhead_percent": 100 * (statistics.median(recorded) / cpu - 1),
        "callbacks_percent": 100 * statistics.median(inside) / cpu,
    }


def notebooks(paths: Sequence[Path], repeat: int) -> dict[str, dict[str, float]]:
    """Measure notebooks, or the study above when none is given."""
    if not paths:
        return {"a study, made here": notebook(STUDY.strip().split("\n# %%\n"), None, repeat)}
    return {p.stem: notebook(cells_of(p), p.parent.resolve(), repeat) for p in paths}


def measure(arguments: argparse.Namespace) -> tuple[list[list[Any]], dict[str, Any]]:
    """Measure the parts that are wanted; return rows of figure, target, measured, and all."""
    rows: list[list[Any]] = []
    figures: dict[str, Any] = {}
    if "session" in arguments.only:
        cells = [trivial(n) for n in range(arguments.cells)]
        if arguments.cell:
            cells = (arguments.cell * arguments.cells)[: arguments.cells]
        figures["session"] = found = session(cells)
        rows += [
            ["trivial cell, extra CPU, median", "< 0.3 ms", found["extra_cpu_ms_median"]],
            ["trivial cell, extra CPU, 95th percentile", "< 1 ms", found["extra_cpu_ms_p95"]],
            ["trivial cell, extra CPU of the whole kernel, mean", "",
             found["extra_cpu_ms_whole_kernel"]],
            [f"{len(cells):,} executions, last tenth to first", "<= 1", found["last_to_first"]],
        ]  # fmt: skip
    if "load" in arguments.only:
        figures["load_ext_cpu_ms"] = load(5)
        rows.append(["%load_ext, CPU", "< 50 ms", figures["load_ext_cpu_ms"]])
    if "tracked" in arguments.only:
        table, extra = rivals.compare(arguments.repeat)
        headers = [
            "tracked cell, ms of CPU",
            "first, with setup",
            "each",
            "tracking adds",
            "to ours",
        ]
        report.table("10 parameters, 20 metrics, one figure", headers, table)
        figures["tracked_cell_extra_cpu_ms"] = extra
        ours = extra[rivals.OURS]
        wanted = {"mlflow, sync calls": ">= 20", "wandb, offline": "> 1", "dvclive": "> 1"}
        rows += [
            [f"tracked cell: {name} to ours", target,
             extra[name] / ours if name in extra else "not installed"]
            for name, target in wanted.items()
        ]  # fmt: skip
    if "notebook" in arguments.only:
        figures["notebooks"] = found_ = notebooks(arguments.notebook, min(arguments.repeat, 5))
        headers = ["notebook", *next(iter(found_.values()))]
        table = [[name, *values.values()] for name, values in found_.items()]
        report.table("Notebooks, bare and recorded", headers, table)
        worst = statistics.fmean(values["overhead_percent"] for values in found_.values())
        rows.append(["notebook of real work, slower by", "< 2 %", worst])
    return rows, figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", choices=PARTS, help="default: all parts")
    parser.add_argument("--cells", type=int, default=2000, help="of the session")
    parser.add_argument("--cell", action="append", default=[], help="in place of trivial ones")
    parser.add_argument("--notebook", action="append", default=[], type=Path)
    parser.add_argument("--repeat", type=int, default=20, help="tracked cells; notebooks: up to 5")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arguments.only = arguments.only or PARTS
    # several threads of one sum would be counted by how long they wait for each other
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    rows, figures = measure(arguments)
    report.table("Recording", ["CPU time of the kernel", "target", "measured"], rows)
    report.write(arguments.json, {"capture": figures})


if __name__ == "__main__":
    main()
