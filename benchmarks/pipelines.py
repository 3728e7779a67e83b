# ruff: noqa: ISC004 - sources of several lines
"""What a pipeline costs that has nothing to run (cached, planned, checked), or runs side by side.

`cached` runs a pipeline whose steps are all known, as a command and in this process. `plan` plans
one that never ran, and again. `check` looks at a notebook; CPU seconds are those after the
imports. `side` runs notebooks that sleep for a second, one after the other and on two workers.

    python benchmarks/pipelines.py                              # all, on notebooks made here
    python benchmarks/pipelines.py cached plan --steps 10 1000
    python benchmarks/pipelines.py check study.ipynb
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
from pipeline import code, measured, notebook

from mlops_jupyter.pipelines.build import build
from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.pipelines.plan import plan
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive

IMPORTS = """%matplotlib inline
import json
from pathlib import Path
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression"""

CASES = ("cached", "plan", "check", "side")

CHECK = """
import sys, time
import IPython.core.inputtransformer2
from mlops_jupyter.pipelines.check import check
from mlops_jupyter.project import open_project
project = open_project(sys.argv[1])
began = time.process_time()
found = check(project)
print(time.process_time() - began, sum(len(one.findings) for one in found))
"""


def chain(steps: int) -> str:
    """Return a notebook of so many steps, each of which reads what the one before made."""
    cells = [code("rows = 2000\nseed = 1", "parameters"),
             code("import numpy as np\nimport pandas as pd")]  # fmt: skip
    for n in range(steps):
        source = "frame = pd.DataFrame({'a': np.random.default_rng(seed).normal(size=rows)})"
        if n:
            last = f"score_{n - 1}" if n > 1 else "0"
            source = f"part_{n} = frame['a'] * {n} + {last}\nscore_{n} = float(part_{n}.mean())"
        cells.append(code(source, f"step:s{n}"))
    return notebook(cells)


def long(count: int) -> str:
    """Return a notebook of so many cells, as people write them."""
    made = [code("rows = 2000\nseed = 1", "parameters"), code(IMPORTS)]
    kinds = (
        "rng = np.random.default_rng(seed)\n"
        "frame_{n} = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list('abc'))\n"
        "frame_{n}['k'] = frame_{n}['a'] + frame_{n}.groupby('b')['c'].transform('mean')",
        "def score_{n}(frame, column='c'):\n"
        "    model = LinearRegression().fit(frame[['a', 'b']], frame[column])\n"
        "    return model, float(((model.predict(frame[['a', 'b']]) - frame[column]) ** 2).mean())",
        "model_{n}, error_{n} = score_{one}(frame_{two})\nprint(f'error {{error_{n}:.1%}}')",
        "means_{n} = {{c: float(frame_{three}[c].mean()) for c in 'abc' if c != 'k'}}\n"
        "for key, value in means_{n}.items():\n    if value > 0:\n        print(key, value)",
    )
    for n in range(count - 2):
        kind = kinds[n % 4] if n >= n % 4 else "x = 1"
        source = kind.format(n=n, one=n - 1, two=n - 2, three=n - 3)
        made.append(code(source, *([f"step:s{n}"] if n % 20 == 0 else [])))
    return notebook(made)


def project_of(root: Path, content: str) -> Project:
    project = init(root)
    (root / "study.ipynb").write_text(content)
    build(project, root / "study.ipynb")
    return open_project(root)


def timed(work: object) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()  # type: ignore[operator]
    return time.perf_counter() - wall, time.process_time() - cpu


def cached(root: Path, content: str, repeat: int) -> list[list[object]]:
    """Run a pipeline whose steps are all known."""
    project = project_of(root, content)
    command = [sys.executable, "-m", "mlops_jupyter.cli.main", "pipeline", "run", "study"]
    with exclusive(project.folder / mirror.ALIVE, 0, "copy runs to MLflow"):
        first = timed(lambda: run_pipeline(project, "study"))
        inside = min(timed(lambda: run_pipeline(project, "study")) for _ in range(repeat))
        outside = min(measured(command, root, root / "log.txt") for _ in range(repeat))
    assert not plan(project, "study").runs
    return [["first run, in this process", *first], ["again, in this process", *inside],
            ["again, as a command", *outside]]  # fmt: skip


def planned(root: Path, content: str) -> list[list[object]]:
    """Plan a pipeline that never ran."""
    project = project_of(root, content)
    source = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import pipelines"
    source += f"; pipelines.plan_again({str(root)!r})"
    told = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    again = timed(lambda: plan(project, "study"))
    wall, cpu = map(float, told.stdout.split())
    return [["plan, in a new process, after imports", wall, cpu], ["plan, again", *again]]


def plan_again(root: str) -> None:
    project = open_project(root)
    print(*timed(lambda: plan(project, "study")))


def checked(root: Path, content: str) -> list[list[object]]:
    """Check a notebook."""
    project_of(root, content)
    began = time.perf_counter()
    told = subprocess.run([sys.executable, "-c", CHECK, str(root)], capture_output=True, text=True,
                          check=True)  # fmt: skip
    wall = time.perf_counter() - began
    cpu, findings = told.stdout.split()
    return [[f"check, {findings} findings (wall: with the imports)", wall, float(cpu)]]


def side_by_side(root: Path, count: int) -> list[list[object]]:
    """Run notebooks that do not follow each other, on one worker and on two."""
    rows: list[list[object]] = []
    for workers in (1, 2):
        folder = root / str(workers)
        init(folder)
        entries = ""
        for n in range(count):
            content = notebook([code(f"import time\ntime.sleep(1)\nx{n} = {n}")])
            (folder / f"n{n}.ipynb").write_text(content)
            entries += f"      n{n}: n{n}.ipynb\n"
        text = f"version: 1\npipelines:\n  study:\n    notebooks:\n{entries}"
        (folder / "mlops.yaml").write_text(text)
        project = open_project(folder)
        command = [sys.executable, "-m", "mlops_jupyter.cli.main", "pipeline", "run", "study"]
        command += ["--workers", str(workers)]
        with exclusive(project.folder / mirror.ALIVE, 0, "copy runs to MLflow"):
            found = measured(command, folder, folder / "log.txt")
        rows.append([f"{count} notebooks of a second, {workers} at once", *found])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; or notebooks to check")
    parser.add_argument("--steps", type=int, nargs=2, default=[10, 1000],
                        metavar=("CACHED", "PLANNED"))  # fmt: skip
    parser.add_argument("--notebooks", type=int, default=50)
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    files = [Path(case) for case in arguments.cases if case not in CASES]
    cases = [case for case in arguments.cases if case in CASES] or ["check"] * bool(files)
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for case in cases or CASES:
            if case == "cached":
                few = arguments.steps[0]
                found = cached(folder / case, chain(few), arguments.repeat)
                rows += [[f"{few} steps: {row[0]}", *row[1:]] for row in found]
            elif case == "plan":
                many = arguments.steps[1]
                found = planned(folder / case, chain(many))
                rows += [[f"{many} steps: {row[0]}", *row[1:]] for row in found]
            elif case == "side":
                rows += side_by_side(folder / case, arguments.notebooks)
            else:
                contents = {f.name: f.read_text() for f in files} or {
                    f"{arguments.cells} cells": long(arguments.cells)
                }
                for number, (title, content) in enumerate(contents.items()):
                    found = checked(folder / f"check-{number}", content)
                    rows += [[f"{title}: {row[0]}", *row[1:]] for row in found]
    report.table("Pipelines", ["", "wall s", "CPU s"], rows)
    names = ("what", "wall_s", "cpu_s")
    figures = [dict(zip(names, row, strict=True)) for row in rows]
    report.write(arguments.json, {"pipelines": figures})


if __name__ == "__main__":
    main()
