"""What it costs that values cross from one step to the next, against one pickle of all of them.

A frame is passed on and received; then the same once more, as a second run of the pipeline does
it, and with one column, one row, or nothing changed. The peer is what was done before: the same
values in one pickle, kept in the same object store, with the same digest of the values.

    python benchmarks/pipeline_values.py                       # 1,000,000 x 20 numbers
    python benchmarks/pipeline_values.py texts array --rows 200000
"""

from __future__ import annotations

import argparse
import io
import os
import pickle
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import report

from mlops_jupyter.config import JoinedNotebook
from mlops_jupyter.pipelines import record, values
from mlops_jupyter.pipelines.declared import NotebookFile
from mlops_jupyter.pipelines.digest import digest_of_values
from mlops_jupyter.pipelines.graph import of_one
from mlops_jupyter.pipelines.notebook import cut_source
from mlops_jupyter.pipelines.source import read_notebook
from mlops_jupyter.project import Project, init

NOTEBOOK = """{"cells": [
 {"cell_type": "code", "id": "p", "execution_count": null, "metadata": {"tags": ["parameters"]},
  "outputs": [], "source": "n = 1"},
 {"cell_type": "code", "id": "a", "execution_count": null, "metadata": {"tags": ["step:load"]},
  "outputs": [], "source": "data = 1"},
 {"cell_type": "code", "id": "b", "execution_count": null, "metadata": {"tags": ["step:fit"]},
  "outputs": [], "source": "data"}],
 "metadata": {}, "nbformat": 4, "nbformat_minor": 5}"""


def numbers(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(rng.normal(size=(rows, 20)), columns=[f"c{n}" for n in range(20)])


def mixed(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    made = pd.DataFrame({f"i{n}": rng.integers(0, 1000, rows) for n in range(8)})
    return made.assign(**{f"f{n}": rng.normal(size=rows) for n in range(12)})


def texts(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({f"t{n}": rng.integers(0, 10**6, rows).astype(str) for n in range(5)})


def array(rows: int) -> Any:
    return np.random.default_rng(1).normal(size=(rows, 20))


CASES: dict[str, Callable[[int], Any]] = {
    "numbers": numbers, "mixed": mixed, "texts": texts, "array": array,
}  # fmt: skip


def column_changed(value: Any) -> Any:
    made = value.copy()
    if isinstance(made, np.ndarray):
        made[:, 3] += 1
    else:
        made.isetitem(3, made.iloc[:, 3] + ("x" if made.dtypes.iloc[3].kind == "O" else 1))
    return made


def row_changed(value: Any) -> Any:
    made = value.copy()
    if isinstance(made, np.ndarray):
        made[len(made) // 2] = 0
    else:
        made.iloc[len(made) // 2, 0] = made.iloc[0, 0]
    return made


class Ours:
    """What the magics of a step call."""

    def __init__(self, project: Project) -> None:
        self._project = project
        (project.root / "study.ipynb").write_text(NOTEBOOK)
        self._made = cut_source(read_notebook(project.root / "study.ipynb"))
        self._count = 0

    def pass_on(self, value: Any) -> Any:
        self._count += 1
        path = "study.ipynb"
        file = NotebookFile("", path, self._made.source.content, JoinedNotebook(path))
        opened = record.begin(
            self._project, of_one(self._made), [file], pipeline_run_id=f"{self._count:016x}",
            parameters={}, executed=["1", "2"],
        )  # fmt: skip
        values.store_values(
            self._project, record.begin_step(self._project, opened, 0), {"data": value}, ["data"]
        )
        return record.begin_step(self._project, opened, 1)

    def receive(self, handle: Any) -> Any:
        arrived: dict[str, Any] = {}
        values.restore_values(self._project, handle, arrived, ["data"])
        return arrived["data"]


class Pickled:
    """One pickle in the object store."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def pass_on(self, value: Any) -> Any:
        file = io.BytesIO()
        cloudpickle.Pickler(file, protocol=5).dump({"data": value})
        digest_of_values({"data": value}, lambda _: False)
        return self._project.objects.write(file.getbuffer())

    def receive(self, handle: Any) -> Any:
        return pickle.load(io.BytesIO(self._project.objects.read(handle)))["data"]


def stored_bytes(project: Project) -> int:
    return sum(path.stat().st_size for path in project.objects.root.rglob("*") if path.is_file())


def clocked(verb: Callable[[], Any]) -> tuple[Any, float, float]:
    wall, times = time.perf_counter(), os.times()
    found = verb()
    now = os.times()
    return found, time.perf_counter() - wall, now[0] + now[1] - times[0] - times[1]


def measure(name: str, rows: int) -> list[dict[str, Any]]:
    first = CASES[name](rows)
    turns = {"first": first, "unchanged": first.copy(), "one row": row_changed(first),
             "one column": column_changed(first)}  # fmt: skip
    found = []
    for way in (Pickled, Ours):
        with tempfile.TemporaryDirectory() as folder:
            project = init(Path(folder) / "study")
            one = way(project)
            for turn, value in turns.items():
                before = stored_bytes(project)
                handle, wall, cpu = clocked(lambda one=one, value=value: one.pass_on(value))
                added = stored_bytes(project) - before
                back, back_wall, back_cpu = clocked(lambda one=one, h=handle: one.receive(h))
                assert np.array_equal(np.asarray(back), np.asarray(value))
                found.append({
                    "case": name, "turn": turn, "way": way.__name__.lower(),
                    "pass_on_s": wall, "pass_on_cpu_s": cpu, "receive_s": back_wall,
                    "receive_cpu_s": back_cpu, "added_mb": added / 1e6,
                })  # fmt: skip
    return found


def main() -> None:
    """Measure the cases that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", default=["numbers"], help=", ".join(CASES))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = [row for case in given.cases for row in measure(case, given.rows)]
    report.table(
        f"{given.rows:,} rows, from step to step",
        ["case", "turn", "way", "pass_on s", "cpu s", "receive s", "cpu s", "added MB"],
        [list(row.values()) for row in found],
    )
    report.write(given.json, {"rows": given.rows, "found": found})


if __name__ == "__main__":
    main()
