"""Real notebooks cut into steps show what they show from top to bottom.

Each notebook runs twice from top to bottom in a bare kernel (what differs between the two is
left out of the comparison: addresses, timings, randomness without a seed). Then it is cut as it
is, by its tags or headings, and run as a pipeline, each step in a kernel of its own; every cell
has to show the same. At last it is run again, which has to take all from the cache.

    python benchmarks/cuts.py study.ipynb other.ipynb --json figures.json
    python benchmarks/cuts.py study.ipynb --by headings
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import notebooks
import report

from mlops_jupyter.errors import CellFailedError, MlopsError, UsageError
from mlops_jupyter.pipelines.build import building
from mlops_jupyter.pipelines.execute import folder_of, run_pipeline
from mlops_jupyter.pipelines.pipeline import Pipeline, PipelineRun
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive

LEAST_STEPS = 3
"""Notebooks of fewer are told, and not counted."""

SHOWN = 3
"""Cells that differ which the table names."""


def code_cells(path: Path) -> dict[int, str]:
    """Return the sources of the code cells that hold anything, by their positions."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = {n: "".join(c["source"]) for n, c in enumerate(cells) if c["cell_type"] == "code"}
    return {position: source for position, source in sources.items() if source.strip()}


def executed_outputs(project: Project, run: PipelineRun) -> dict[int, tuple[str, ...]]:
    """Return what the cells of a pipeline run showed, by their positions in the source."""
    found: dict[int, tuple[str, ...]] = {}
    folder = folder_of(project, run.pipeline, run.id)
    for file in sorted(folder.glob("*.ipynb")):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            part = cell["metadata"].get("mlops", {})
            if cell["cell_type"] == "code" and "cell" in part:
                shown = notebooks.shown_by(_messages(cell["outputs"]))
                found.setdefault(part["cell"], shown)
    return found


def _messages(outputs: Sequence[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return outputs as they are in a file as a kernel sends them."""
    for output in outputs:
        content = dict(output)
        if "text" in content:
            content["text"] = "".join(content["text"])
        if "data" in content:
            content["data"] = {kind: _whole(value) for kind, value in content["data"].items()}
        yield output["output_type"], content


def _whole(value: Any) -> Any:
    is_lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return "".join(value) if is_lines else value


def built(project: Project, notebook: Path, by: Any) -> tuple[Pipeline, tuple[int, ...], bool]:
    """Cut a notebook; one that asks for its parameters is told that it has none."""
    try:
        made, asked = building(project, notebook, by=by), False
    except UsageError as error:
        if "parameters" not in error.message:
            raise
        made, asked = building(project, notebook, by=by, parameters_cell=0), True
    return made.pipeline, made.setup, asked


def measure(path: Path, by: str | None) -> dict[str, Any]:
    """Return what became of one notebook."""
    figures: dict[str, Any] = {"steps": 0, "passed": 0, "result": ""}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = notebooks.place_for(path, Path(folder))
        project = open_project(place)
        copy = Path(shutil.copy(path, place))
        try:
            pipeline, setup, asked = built(project, copy, by)
        except MlopsError as error:
            return {**figures, "result": f"not cut: {error.message.partition(': ')[2]}"}
        named = {name for step in pipeline.steps for name in step.passes}
        figures |= {
            "steps": len(pipeline.steps),
            "names": [step.name for step in pipeline.steps],
            "setup_cells": len(setup),
            "passed": len(named),
            "passes": {step.name: list(step.passes) for step in pipeline.steps},
            "asked": asked,
        }
        if len(pipeline.steps) < LEAST_STEPS:
            return {**figures, "result": "fewer than three steps"}
        sources = code_cells(copy)
        first, second = (
            notebooks.run(place, list(sources.values()), records=False) for _ in range(2)
        )
        figures["whole_wall_s"] = min(first.wall_seconds, second.wall_seconds)
        if any(first.failed):
            failed = [n + 1 for n, bad in zip(sources, first.failed, strict=True) if bad]
            return {**figures, "result": f"does not run as a whole: cell {failed[0]}"}
        whole = dict(zip(sources, zip(first.outputs, second.outputs, strict=True), strict=True))
        return {**figures, **_compared(open_project(place), pipeline.name, whole)}


def _compared(
    project: Project, name: str, whole: dict[int, tuple[tuple[str, ...], tuple[str, ...]]]
) -> dict[str, Any]:
    """Run the pipeline twice, and compare what its cells showed with the whole notebook."""
    stable = {position for position, (a, b) in whole.items() if a == b}
    found: dict[str, Any] = {"cells": len(whole), "unstable": len(whole) - len(stable)}
    # the copy to MLflow would go on beside what is measured
    with exclusive(project.folder / mirror.ALIVE, 0, "copy runs to MLflow"):
        try:
            began = time.perf_counter()
            run = run_pipeline(project, name)
            found["wall_s"] = time.perf_counter() - began
            outputs = executed_outputs(project, run)
            began = time.perf_counter()
            again = run_pipeline(project, name)
            found["again_wall_s"] = time.perf_counter() - began
        except MlopsError as error:
            reason = error.error if isinstance(error, CellFailedError) else error.message
            where = f"{error.cell}: " if isinstance(error, CellFailedError) else ""
            return {**found, "result": f"failed: {where}{reason}"}
    differ = [
        position + 1
        for position in whole
        if position in stable and outputs.get(position, ()) != whole[position][0]
    ]
    found["differ"] = differ
    found["details"] = {str(p): [whole[p - 1][0], outputs.get(p - 1)] for p in differ}
    found["cached"] = sum(step.status == "cached" for step in again.steps)
    found["again_differ"] = executed_outputs(project, again) != outputs
    if differ:
        shown = ", ".join(map(str, differ[:SHOWN]))
        return {**found, "result": f"DIFFERS: cell {shown}{' …' if differ[SHOWN:] else ''}"}
    return {**found, "result": "CACHE DIFFERS" if found["again_differ"] else "same"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebook", nargs="+", type=Path)
    parser.add_argument(
        "--by", choices=["tags", "headings", "text"], help="default: as each says itself"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    for path in arguments.notebook:
        figures[str(path)] = measure(path, arguments.by)
        print(f"{path.name}: {figures[str(path)]['result']}", file=sys.stderr, flush=True)
    rows = [
        [
            Path(name).stem[:44], f["steps"], f["passed"], f.get("cells", ""),
            f.get("unstable", ""), f.get("whole_wall_s", ""), f.get("wall_s", ""),
            f.get("again_wall_s", ""), f.get("cached", ""), f["result"][:90],
        ]
        for name, f in figures.items()
    ]  # fmt: skip
    headers = ["notebook", "steps", "passed values", "cells", "unstable", "whole s", "steps s",
               "again s", "cached", "result"]  # fmt: skip
    report.table("Real notebooks, cut into steps", headers, rows)
    counted = [f for f in figures.values() if "cells" in f]
    same = sum(f["result"] == "same" for f in counted)
    print(f"{same} of {len(counted)} that have three steps and run as a whole: the same outputs")
    report.write(arguments.json, {"cuts": figures})
    return 0 if same == len(counted) else 1


if __name__ == "__main__":
    sys.exit(main())
