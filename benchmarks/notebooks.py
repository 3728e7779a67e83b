"""Real notebooks: the same outputs with capture and without, what it costs, and their slices.

Each notebook runs twice in a bare kernel (what differs between the two is left out of the
comparison: addresses, timings, randomness without a seed) and once in a kernel that records.
Then the slice of its last figure, or of its last result, runs alone in a fresh kernel, and has
to show the same.

    python benchmarks/notebooks.py study.ipynb other.ipynb --json figures.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import report
from real_kernel import Kernel

from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.runs.trace import closure

CELL_SECONDS = 600.0

_NOISE = re.compile(
    r"0x[0-9a-fA-F]+|\d+(\.\d+)?\s*(ns|[µu]s|ms|s|sec|seconds|min)\b|\d\d:\d\d:\d\d"
    r"|ipykernel_\d+/\d+\.py|id=\"[^\"]*\"|#[\w-]+ "
    # scikit-learn numbers what it shows, from 1 in each process
    r"|sk-(container|estimator)-id-\d+"
)
_SOURCE_OF_IMAGE = ("image/png", "image/svg+xml", "image/jpeg")


@dataclass
class Executed:
    """What the cells of a notebook did in one kernel."""

    outputs: list[tuple[str, ...]] = field(default_factory=list)
    has_figure: list[bool] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


_SAID = {True: "right", False: "DIFFERS", None: "unstable itself"}


def cells_of(path: Path) -> list[str]:
    """Return the sources of the code cells."""
    content = json.loads(path.read_text(encoding="utf-8"))
    cells = (c for c in content["cells"] if c["cell_type"] == "code")
    return [source for c in cells if (source := "".join(c["source"])).strip()]


def execute(kernel: Kernel, cells: Sequence[str]) -> Executed:
    """Execute cells one after the other, and keep what each shows."""
    found = Executed()
    cpu, wall = kernel.cpu_seconds(), time.perf_counter()
    for source in cells:
        messages: list[tuple[str, dict[str, Any]]] = []

        def take(message: dict[str, Any]) -> None:
            messages.append((message["msg_type"], message["content"]))  # noqa: B023

        reply = kernel.client.execute_interactive(
            source, timeout=CELL_SECONDS, output_hook=take, stop_on_error=False, allow_stdin=False
        )
        found.outputs.append(shown_by(messages))
        figures = [kind in content["data"] for _, content in messages if "data" in content
                   for kind in _SOURCE_OF_IMAGE]  # fmt: skip
        found.has_figure.append(any(figures))
        found.failed.append(reply["content"]["status"] != "ok")
    found.wall_seconds = time.perf_counter() - wall
    found.cpu_seconds = kernel.cpu_seconds() - cpu
    return found


def shown_by(messages: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """Return what the messages of a cell show, each as its type and its content."""
    shown: list[str] = []
    for kind, content in messages:
        if kind == "stream":
            shown.append(content["name"] + _masked(content["text"]))
        elif kind in {"display_data", "execute_result"}:
            shown.append(_digest(content["data"]))
        elif kind == "error":
            shown.append(f"{content['ename']}: {_masked(content['evalue'])}")
    return tuple(_joined(shown))


def _joined(shown: Sequence[str]) -> list[str]:
    """Join pieces of one stream: where they are cut is chance."""
    joined: list[str] = []
    for text in shown:
        for stream in ("stdout", "stderr"):
            if text.startswith(stream) and joined and joined[-1].startswith(stream):
                joined[-1] += text.removeprefix(stream)
                break
        else:
            joined.append(text)
    return joined


def _masked(text: str) -> str:
    return _NOISE.sub("…", text)


def _digest(data: Mapping[str, Any]) -> str:
    text = json.dumps({k: _masked(str(v)) for k, v in data.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def place_for(path: Path, folder: Path) -> Path:
    """Return a project with what lies beside the notebook."""
    beside = folder / "place"
    ignore = shutil.ignore_patterns("*.ipynb", ".mlops", "__pycache__")
    shutil.copytree(path.parent, beside, ignore=ignore)
    init(beside)
    return beside


def run(place: Path, cells: Sequence[str], *, records: bool) -> Executed:
    """Execute cells in a fresh kernel."""
    kernel = Kernel(place, timeout_seconds=CELL_SECONDS)
    try:
        if records:
            kernel.run("%load_ext mlops_jupyter")
        else:
            kernel.run("pass")  # so that the cells have the same numbers
        return execute(kernel, cells)
    finally:
        kernel.close()


def slice_of(project: Project, position: int) -> tuple[list[int], list[str]]:
    """Return the positions on which one stands, and why they may be too few."""
    rows = project.catalog.rows("SELECT position, parents, unsure FROM cell_execution")
    kept = closure({row["position"]: json.loads(row["parents"]) for row in rows}, position)
    doubts = {row["position"]: json.loads(row["unsure"]) for row in rows}
    return kept, [reason for p in kept for reason in doubts[p]]


def measure(path: Path) -> dict[str, Any]:
    """Return the figures of one notebook."""
    cells = cells_of(path)
    with tempfile.TemporaryDirectory() as folder:
        place = place_for(path, Path(folder))
        first = run(place, cells, records=False)
        second = run(place, cells, records=False)
        recorded = run(place, cells, records=True)
        project = open_project(place)
        stable = [a == b for a, b in zip(first.outputs, second.outputs, strict=True)]
        differ = [
            number
            for number, (a, c, is_stable) in enumerate(
                zip(first.outputs, recorded.outputs, stable, strict=True), 1
            )
            if is_stable and a != c
        ]
        target = _target(recorded, stable)
        kept, doubts = slice_of(project, target + 1)
        again = run(place, [cells[p - 2] for p in kept if p > 1], records=False)
    same = again.outputs[-1] == recorded.outputs[target - 1] if stable[target - 1] else None
    bare = min(first.cpu_seconds, second.cpu_seconds)
    return {
        "cells": len(cells),
        "unstable": stable.count(False),
        "outputs_differ": differ,
        "failed": [n for n, failed in enumerate(recorded.failed, 1) if failed],
        "bare_cpu_seconds": bare,
        "cpu_ratio": recorded.cpu_seconds / bare,
        "target": target,
        "kept": len([p for p in kept if p > 1]),
        "kept_cells": [p - 1 for p in kept if p > 1],
        "kept_share": len([p for p in kept if p > 1]) / target,
        "slice_is_right": same,
        "unsure": doubts,
    }


def _target(recorded: Executed, stable: Sequence[bool]) -> int:
    """Return the last cell that showed a figure, else the last that showed anything."""
    for wanted in (recorded.has_figure, [bool(o) for o in recorded.outputs]):
        for number in range(len(wanted), 0, -1):
            good = wanted[number - 1] and not recorded.failed[number - 1]
            if good and stable[number - 1]:
                return number
    return len(recorded.outputs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebook", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    for path in arguments.notebook:
        figures[path.name] = measure(path)
    rows = [
        [
            name, f["cells"], f["unstable"], str(f["outputs_differ"] or "none"),
            f["bare_cpu_seconds"], f["cpu_ratio"], f"{f['kept']} of {f['target']}",
            _SAID[f["slice_is_right"]], "; ".join(f["unsure"])[:80],
        ]
        for name, f in figures.items()
    ]  # fmt: skip
    headers = ["notebook", "cells", "unstable", "changed by capture", "CPU s", "CPU ratio",
               "slice", "slice alone", "unsure"]  # fmt: skip
    report.table("Real notebooks, captured", headers, rows)
    shares = [f["kept_share"] for f in figures.values()]
    changed = sum(bool(f["outputs_differ"]) for f in figures.values())
    said = [f["slice_is_right"] for f in figures.values()]
    doubted = sum(f["slice_is_right"] is False and bool(f["unsure"]) for f in figures.values())
    report.table(
        "Totals",
        ["figure", "value"],
        [
            ["notebooks", len(figures)],
            ["outputs changed by capture", changed],
            ["slices right", said.count(True)],
            ["slices wrong", said.count(False)],
            ["slices wrong, and we said that they may be", doubted],
            ["not to be compared: the cell differs from run to run", said.count(None)],
            ["average share of cells kept", sum(shares) / len(shares)],
        ],
    )  # fmt: skip
    report.write(arguments.json, {"notebooks": figures})


if __name__ == "__main__":
    main()
