"""One tracked cell, by us and by others: the CPU time that each takes of the kernel.

The same work in all: ten parameters, twenty metrics, one figure that the cell also shows. Each
is measured in turn with a second kernel of the same interpreter that does the work untracked.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from real_kernel import Kernel

from mlops_jupyter.project import init

VENV = Path(__file__).parent.parent / "build" / "bench-venv" / "bin" / "python"
"""An interpreter that may have what this one lacks: rivals whose needs clash with ours."""

IMPORTS = "import matplotlib.pyplot as plt\n%matplotlib inline\n"
WORK = "".join(f"p{n} = {n / 8}\n" for n in range(10)) + (
    "scores = {f'm{n}': p3 * n for n in range(20)}\n"
    "figure, axes = plt.subplots(figsize=(4, 3))\n"
    "line = axes.plot(list(scores.values()))\n"
    "display(figure)\n"
)
OURS = "mlops-jupyter"
CLOSE = "plt.close(figure)"  # else it is shown once more, except by dvclive, which closes it
PARAMETERS = f"dict({', '.join(f'p{n}=p{n}' for n in range(10))})"


MLFLOW = "import mlflow\nmlflow.set_tracking_uri(TRACKING_URI)\nmlflow.set_experiment('bench')"


@dataclass(frozen=True, slots=True)
class Rival:
    """How one tool records the work: what is done once, and in each cell."""

    name: str
    needs: tuple[str, ...]
    setup: str
    cell: str


RIVALS = (
    Rival(
        OURS,
        ("mlops_jupyter",),
        "%load_ext mlops_jupyter\nimport mlops_jupyter",
        f"%%track run\n{WORK}for pair in scores.items():\n    mlops_jupyter.log_metric(*pair)\n",
    ),
    Rival(
        "mlflow, sync calls",
        ("mlflow",),
        MLFLOW,
        f"{WORK}with mlflow.start_run(run_name='run'):\n"
        f"    for pair in {PARAMETERS}.items():\n"
        "        mlflow.log_param(*pair)\n"
        "    for pair in scores.items():\n"
        "        mlflow.log_metric(*pair)\n"
        "    mlflow.log_figure(figure, 'figure.png')\n",
    ),
    Rival(
        "mlflow, sync calls in batches",
        ("mlflow",),
        MLFLOW,
        f"{WORK}with mlflow.start_run(run_name='run'):\n"
        f"    mlflow.log_params({PARAMETERS})\n"
        "    mlflow.log_metrics(scores)\n"
        "    mlflow.log_figure(figure, 'figure.png')\n",
    ),
    Rival(
        "wandb, offline",
        ("wandb", "matplotlib"),
        "import os\nos.environ.update(WANDB_MODE='offline', WANDB_SILENT='true')\nimport wandb",
        f"{WORK}with wandb.init(project='bench', name='run', config={PARAMETERS}) as run:\n"
        "    run.log(scores | {'figure': wandb.Image(figure)})\n",
    ),
    Rival(
        "dvclive",
        ("dvclive", "matplotlib"),
        "from dvclive import Live",
        f"{WORK}with Live(save_dvc_exp=False) as live:\n"
        f"    live.log_params({PARAMETERS})\n"
        "    for pair in scores.items():\n"
        "        live.log_metric(*pair)\n"
        "    live.log_image('figure.png', figure)\n",
    ),
)


def interpreter(needs: tuple[str, ...]) -> str | None:
    """Return an interpreter that can import all these modules, or None."""
    code = f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {needs!r})))"
    for python in (sys.executable, str(VENV)):
        if (
            Path(python).exists()
            and subprocess.run([python, "-c", code], check=False).returncode == 0
        ):
            return python
    return None


def measure(rival: Rival, repeat: int) -> list[float] | None:
    """Return what the setup with the first cell takes, a cell, and tracking alone, in ms."""
    python = interpreter(rival.needs)
    if python is None:
        return None
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        project = init(folder)
        bare, tracked = (
            stack.enter_context(closing(Kernel(project.root, python))) for _ in range(2)
        )
        for kernel in (bare, tracked):
            kernel.must(IMPORTS + WORK + CLOSE)
        before = tracked.cpu_seconds()
        tracked.must(f"TRACKING_URI = {project.tracking_uri!r}\n{rival.setup}")
        _cpu_ms(tracked, rival.cell)
        first = 1000 * (tracked.cpu_seconds() - before)
        pairs = [(_cpu_ms(bare, WORK), _cpu_ms(tracked, rival.cell)) for _ in range(repeat)]
    whole = statistics.median(taken for _, taken in pairs)
    return [first, whole, statistics.median(taken - work for work, taken in pairs)]


def _cpu_ms(kernel: Kernel, cell: str) -> float:
    before = kernel.cpu_seconds()
    reply = kernel.run(cell + CLOSE)
    if reply["status"] != "ok":
        raise RuntimeError(f"{reply['ename']}: {reply['evalue']}\n{cell}")
    return 1000 * (kernel.cpu_seconds() - before)


def compare(repeat: int) -> tuple[list[list[Any]], dict[str, float]]:
    """Measure all; return a table, and what tracking alone takes with each, in ms of CPU."""
    found = {rival.name: measure(rival, repeat) for rival in RIVALS}
    extra = {name: cost[2] for name, cost in found.items() if cost is not None}
    rows: list[list[Any]] = [
        [name, "not installed", "", "", ""]
        if cost is None
        else [name, *cost, extra[name] / extra[OURS]]
        for name, cost in found.items()
    ]
    return rows, extra
