"""What a pipeline run costs, against bare papermill on the same notebook.

Both are started as commands, one after the other, as often as asked; CPU seconds are those of
the command with all its children, kernels too.

    python benchmarks/pipeline.py                         # notebooks made here
    python benchmarks/pipeline.py study.ipynb --repeat 5  # yours, with tagged cells
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
from pathlib import Path

import report

from mlops_jupyter.pipelines.build import build
from mlops_jupyter.project import init
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive

SETUP = "import numpy as np\nimport pandas as pd\nfrom sklearn.linear_model import LinearRegression"
STEPS = {
    "load": "rng = np.random.default_rng(seed)\n"
    "data = pd.DataFrame(rng.normal(size=(rows, 8)), columns=list('abcdefgh'))",
    "train": "model = LinearRegression().fit(data[['a', 'b', 'c']], data['h'])",
    "score": "error = float(((model.predict(data[['a', 'b', 'c']]) - data['h']) ** 2).mean())",
}


def code(source: str, *tags: str) -> dict:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": list(tags)},
        "outputs": [],
        "source": source,
    }


def notebook(cells: list[dict]) -> str:
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    numbered = [{"id": f"cell-{n}", **cell} for n, cell in enumerate(cells)]
    return json.dumps({"cells": numbered, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def generated(folder: Path, counts: list[int]) -> list[Path]:
    """Write notebooks of trivial cells, and a real one of three steps."""
    parameters = code("rows = 20_000\nseed = 1", "parameters")
    made = []
    for count in counts:
        cells = [code("x = 0", "step:only"), *(code(f"x = {n}") for n in range(1, count))]
        made.append(folder / f"trivial-{count}.ipynb")
        made[-1].write_text(notebook([parameters, *cells]))
    steps = [code(source, f"step:{name}") for name, source in STEPS.items()]
    made.append(folder / "three-steps.ipynb")
    made[-1].write_text(notebook([parameters, code(SETUP), *steps]))
    return made


def measured(command: list[str], folder: Path, log: Path) -> tuple[float, float]:
    """Run a command, and return its wall and CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with log.open("wb") as output:
        ended = subprocess.run(command, cwd=folder, stdout=output, stderr=output, check=False)
    wall = time.perf_counter() - began
    if ended.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {ended.returncode}:\n{log.read_text()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(path: Path, repeat: int, root: Path) -> dict[str, float | str]:
    """Run a notebook by both, in turn."""
    project = init(root)
    copy = root / path.name
    copy.write_bytes(path.read_bytes())
    pipeline = build(project, copy)
    commands = {
        "papermill": [sys.executable, "-m", "papermill", str(copy), str(root / "out.ipynb"),
                      "--no-progress-bar"],
        "mlops": [sys.executable, "-m", "mlops_jupyter.cli.main", "pipeline", "run", pipeline.name],
    }  # fmt: skip
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    # the copy to MLflow goes on when a command has ended, and would slow the next one
    with exclusive(project.folder / mirror.ALIVE, 0, "copy runs to MLflow"):
        for number in range(repeat):
            order = list(commands) if number % 2 else list(reversed(commands))
            for name in order:
                taken[name].append(measured(commands[name], root, root / "log.txt"))
    wall = {name: statistics.median(w for w, _ in pairs) for name, pairs in taken.items()}
    cpu = {name: statistics.median(c for _, c in pairs) for name, pairs in taken.items()}
    return {
        "notebook": path.stem,
        "steps": len(pipeline.steps),
        "papermill_wall_s": wall["papermill"],
        "mlops_wall_s": wall["mlops"],
        "wall_ratio": wall["mlops"] / wall["papermill"],
        "papermill_cpu_s": cpu["papermill"],
        "mlops_cpu_s": cpu["mlops"],
        "cpu_ratio": cpu["mlops"] / cpu["papermill"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="with tagged cells; default: made")
    parser.add_argument("--cells", type=int, nargs="*", default=[1, 50, 200],
                        help="sizes of the notebooks that are made")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        paths = arguments.notebooks or generated(Path(folder), arguments.cells)
        figures = [
            compare(path, arguments.repeat, Path(folder) / f"project-{number}")
            for number, path in enumerate(paths)
        ]
    headers = list(figures[0])
    rows = [list(row.values()) for row in figures]
    report.table("A pipeline run against bare papermill", headers, rows)
    report.write(arguments.json, {"pipeline": figures})


if __name__ == "__main__":
    main()
