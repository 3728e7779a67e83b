"""What ``papermill --engine mlops`` costs, against papermill's own engine on the same notebooks.

Each is started as a command, in turn, as often as asked. CPU seconds are those of the command
with all its children, kernels too; beside them those of the command's own process.

    papermill            as it comes: the notebook is saved twice per cell
    papermill, no saves  --no-request-save-on-cell-execute
    mlops                outside of any project; progress is saved
    mlops, tracked       in a project: a Run with its cells, parameters and metrics

    python benchmarks/engine.py                         # notebooks made here
    python benchmarks/engine.py study.ipynb --repeat 5  # yours
    python benchmarks/engine.py --jobs 5 --cells 1      # from Python, where all is imported
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import report

from mlops_jupyter.project import init
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive

PAPERMILL, NO_SAVES, MLOPS, TRACKED = "papermill", "papermill, no saves", "mlops", "mlops, tracked"
OPTIONS = {
    PAPERMILL: [],
    NO_SAVES: ["--no-request-save-on-cell-execute"],
    MLOPS: ["--engine", "mlops"],
    TRACKED: ["--engine", "mlops"],
}

# papermill, and on the last line of its standard error the CPU seconds of its own process
COMMAND = """
import atexit, resource, sys
def tell():
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, file=sys.stderr)
atexit.register(tell)
from papermill.cli import papermill
papermill()
"""

METADATA = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}


def notebook(count: int) -> str:
    """Return a notebook of trivial cells."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{n}",
            "metadata": {"tags": [] if n else ["parameters"]},
            "outputs": [],
            "source": f"x = {n}",
        }
        for n in range(count)
    ]
    return json.dumps({"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5})


def cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def measured(name: str, path: Path, folder: Path) -> tuple[float, float, float]:
    """Run a command; return its wall and CPU seconds, and the CPU seconds of its own process."""
    given = [str(path), "out.ipynb", "--no-progress-bar", "-p", "x", "1", *OPTIONS[name]]
    before, began = cpu(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND, *given],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    wall = time.perf_counter() - began
    if ended.returncode != 0:
        raise SystemExit(f"{name} ended with {ended.returncode}:\n{ended.stderr}")
    return wall, cpu(resource.RUSAGE_CHILDREN) - before, float(ended.stderr.split()[-1])


def compare(path: Path, repeat: int, root: Path) -> list[dict[str, Any]]:
    """Run a notebook by all, in turn; ratios are to papermill without saves."""
    project = init(root / "project")
    bare = root / "bare"
    bare.mkdir(parents=True)
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in OPTIONS}
    # the copy to MLflow goes on when a command has ended, and would slow the next one
    with exclusive(project.folder / mirror.ALIVE, 0, "copy runs to MLflow"):
        for number in range(repeat):
            for name in list(OPTIONS) if number % 2 else reversed(OPTIONS):
                folder = project.root if name == TRACKED else bare
                taken[name].append(measured(name, path, folder))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in taken.items()
    }
    base_wall, base_cpu, base_own = medians[NO_SAVES]
    return [
        {
            "notebook": path.stem,
            "engine": name,
            "wall_s": wall,
            "cpu_s": total,
            "own_cpu_s": own,
            "wall_ratio": wall / base_wall,
            "cpu_ratio": total / base_cpu,
            "own_cpu_ratio": own / base_own,
        }
        for name, (wall, total, own) in medians.items()
    ]


def jobs(count: int, cells: int, root: Path) -> list[dict[str, Any]]:
    """Return the CPU seconds of a notebook of some cells, in a process that has imported all."""
    import papermill
    from jupyter_client.manager import start_new_kernel
    from papermill.engines import papermill_engines

    from mlops_jupyter.pipelines.engine import MlopsEngine

    papermill_engines.register("mlops", MlopsEngine)
    root.mkdir()
    warming, measured = root / "one.ipynb", root / f"{cells}.ipynb"
    warming.write_text(notebook(1))
    measured.write_text(notebook(cells))
    project = init(root / "jobs")

    def kernel(_: Path) -> None:
        manager, client = start_new_kernel()
        client.stop_channels()
        manager.shutdown_kernel()

    def job(engine: str, folder: Path, *, saves: bool = True) -> Callable[[Path], object]:
        return lambda path: papermill.execute_notebook(
            path, folder / "out.ipynb", {"x": 1}, engine_name=engine, progress_bar=False,
            request_save_on_cell_execute=saves, cwd=folder,
        )  # fmt: skip

    cases = {
        "the kernel alone": kernel,
        PAPERMILL: job("nbclient", root),
        NO_SAVES: job("nbclient", root, saves=False),
        MLOPS: job("mlops", root),
        TRACKED: job("mlops", project.root),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    with exclusive(project.folder / mirror.ALIVE, 0, "copy runs to MLflow"):
        for case in cases.values():  # which imports what is left
            case(warming)
        for name in list(cases) * count:
            before = cpu(resource.RUSAGE_SELF), cpu(resource.RUSAGE_CHILDREN)
            cases[name](measured)
            own = cpu(resource.RUSAGE_SELF) - before[0]
            taken[name].append((own, own + cpu(resource.RUSAGE_CHILDREN) - before[1]))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in taken.items()
    }
    alone = medians["the kernel alone"][1]
    return [
        {
            "job": name,
            "cells": cells,
            "cpu_s": total,
            "own_cpu_s": own,
            "beyond_the_kernel_s": total - alone,
            "papermill_times": medians[PAPERMILL][1] / total,
        }
        for name, (own, total) in medians.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: made, of trivial cells")
    parser.add_argument("--cells", type=int, nargs="*", default=[1, 50, 200],
                        help="sizes of the notebooks that are made")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--jobs", type=int, help="from Python, this often, and not as commands")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        if arguments.jobs:
            figures = [
                row
                for cells in arguments.cells
                for row in jobs(arguments.jobs, cells, root / f"{cells}-cells")
            ]
            title = "papermill.execute_notebook, in a process that has imported everything"
        else:
            paths = [path.absolute() for path in arguments.notebooks]
            for count in [] if paths else arguments.cells:
                path = root / f"trivial-{count}.ipynb"
                path.write_text(notebook(count))
                paths.append(path)
            figures = [
                row
                for number, path in enumerate(paths)
                for row in compare(path, arguments.repeat, root / str(number))
            ]
            title = "papermill --engine mlops against papermill; ratios to papermill without saves"
    headers = list(figures[0])
    report.table(title, headers, [list(row.values()) for row in figures])
    report.write(arguments.json, {"engine": figures})


if __name__ == "__main__":
    main()
