"""What recording costs a cell, against the same kernel without it.

Two real kernels execute the same cells in turn; CPU seconds are the kernel's own.

    python benchmarks/capture.py                      # trivial cells
    python benchmarks/capture.py --cell 'sum(range(1000))' --cell 'x = [1, 2]' --repeat 500
    python benchmarks/capture.py --notebook study.ipynb
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import psutil
import report
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from mlops_jupyter.project import init

LOAD = """
import time
_began = time.perf_counter(), time.process_time()
get_ipython().run_line_magic("load_ext", "mlops_jupyter")
print(time.perf_counter() - _began[0], time.process_time() - _began[1])
"""


def execute(client: BlockingKernelClient, source: str) -> str:
    """Execute a cell, wait for its end, and return what it printed."""
    printed: list[str] = []

    def take(message: dict) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])
        elif message["msg_type"] == "error":
            raise SystemExit("\n".join(message["content"]["traceback"]))

    client.execute_interactive(source, timeout=600, output_hook=take)
    return "".join(printed)


class Measured:
    """A kernel whose cells are timed."""

    def __init__(self, folder: Path) -> None:
        self.manager, self.client = start_new_kernel(cwd=str(folder))
        self.process = psutil.Process(self.manager.provisioner.pid)
        self.wall_seconds: list[float] = []
        self.cpu_seconds: list[float] = []

    def run(self, source: str) -> None:
        cpu = sum(self.process.cpu_times()[:2])
        wall = time.perf_counter()
        execute(self.client, source)
        self.wall_seconds.append(time.perf_counter() - wall)
        self.cpu_seconds.append(sum(self.process.cpu_times()[:2]) - cpu)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def cells_of(arguments: argparse.Namespace) -> list[str]:
    """Return the cells to time, as often as they are to be repeated."""
    cells = list(arguments.cell)
    for path in arguments.notebook:
        found = json.loads(path.read_text(encoding="utf-8"))["cells"]
        cells += ["".join(c["source"]) for c in found if c["cell_type"] == "code"]
    return (cells or ["x = 1"]) * arguments.repeat


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Run the cells in both kernels, in turn, and return the figures."""
    init(folder)
    bare, recorded = Measured(folder), Measured(folder)
    try:
        wall, cpu = map(float, execute(recorded.client, LOAD).split())
        for number, cell in enumerate(cells_of(arguments)):
            for kernel in (bare, recorded) if number % 2 else (recorded, bare):
                kernel.run(cell)
    finally:
        bare.close()
        recorded.close()

    def extra(of: str, pick: object) -> float:
        return 1000 * (pick(getattr(recorded, of)) - pick(getattr(bare, of)))  # type: ignore

    def late(values: list[float]) -> float:
        return statistics.quantiles(values, n=20)[-1]

    return {
        "load_ext_wall_ms": 1000 * wall,
        "load_ext_cpu_ms": 1000 * cpu,
        "cells": len(bare.wall_seconds),
        "bare_wall_ms": 1000 * statistics.median(bare.wall_seconds),
        "extra_wall_ms_median": extra("wall_seconds", statistics.median),
        "extra_wall_ms_p95": extra("wall_seconds", late),
        "extra_cpu_ms_mean": extra("cpu_seconds", statistics.fmean),
        "cpu_ratio": sum(recorded.cpu_seconds) / sum(bare.cpu_seconds),
        "wall_ratio": statistics.median(recorded.wall_seconds)
        / statistics.median(bare.wall_seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cell", action="append", default=[], help="a cell to time")
    parser.add_argument("--notebook", action="append", default=[], type=Path)
    parser.add_argument("--repeat", type=int, default=300)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(arguments, Path(folder))
    report.table("Capture against the bare kernel", ["figure", "value"], list(figures.items()))
    report.write(arguments.json, {"capture": figures})


if __name__ == "__main__":
    main()
