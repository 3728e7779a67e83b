"""One thing is changed: only what depends on it is run, and the plan says so before."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.pipelines.plan import plan
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive
from tests.pipelines.notebooks import PARAMETERS, code, declare, write

FRAME = pd.DataFrame({"day": [1, 2, 3], "delay": [4.0, 5.0, 6.0]})
SETUP = "import numpy as np, pandas as pd, json"


def changed(frame: pd.DataFrame) -> pd.DataFrame:
    """Change one row; the file stays as long as it was."""
    return frame.assign(delay=[4.0, 5.0, 7.0])


def as_gzip(frame: pd.DataFrame, path: Path) -> None:
    with gzip.open(path, "wt") as file:
        frame.to_csv(file, index=False)


READERS: dict[str, tuple[str, Callable[[pd.DataFrame, Path], object]]] = {
    "flights.csv": ("pd.read_csv('flights.csv')", lambda f, p: f.to_csv(p, index=False)),
    "arrow.csv": (
        "pd.read_csv('arrow.csv', engine='pyarrow')", lambda f, p: f.to_csv(p, index=False)
    ),
    "packed.csv.gz": ("pd.read_csv('packed.csv.gz')", as_gzip),
    "flights.parquet": ("pd.read_parquet('flights.parquet')", lambda f, p: f.to_parquet(p)),
    "pa.parquet": (
        "__import__('pyarrow.parquet').parquet.read_table('pa.parquet').num_rows",
        lambda f, p: f.to_parquet(p),
    ),
    "polars.parquet": (
        "__import__('polars').read_parquet('polars.parquet')",
        lambda f, p: pl.from_pandas(f).write_parquet(p),
    ),
    "lazy.csv": (
        "__import__('polars').scan_csv('lazy.csv').collect()", lambda f, p: f.to_csv(p, index=False)
    ),
    "delays.npy": ("np.load('delays.npy')", lambda f, p: np.save(p, f["delay"].to_numpy())),
    "mapped.npy": (
        "np.load('mapped.npy', mmap_mode='r').sum()", lambda f, p: np.save(p, f["delay"].to_numpy())
    ),
    "text.txt": ("np.loadtxt('text.txt')", lambda f, p: np.savetxt(p, f["delay"].to_numpy())),
    "raw.json": ("json.load(open('raw.json'))", lambda f, p: p.write_text(f.to_json())),
    "flights.feather": ("pd.read_feather('flights.feather')", lambda f, p: f.to_feather(p)),
}  # fmt: skip
"""By file: how a step reads it, and how the file is written."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project whose second of three steps reads all these files; all have run."""
    project = init(tmp_path_factory.mktemp("flights"))
    reads = "import msgspec\nm = msgspec.json.decode(b'1')\n"
    reads += "\n".join(f"read_{n} = {how}" for n, (how, _) in enumerate(READERS.values()))
    for name, (_, save) in READERS.items():
        save(FRAME, project.root / name)
    cells = [code("x = n", "step:first"), code(reads, "step:read"), code("y = x", "step:last")]
    write(project.root / "study.ipynb", code("n = 1", PARAMETERS), code(SETUP), *cells)
    declare(project, study="study.ipynb")
    with exclusive(project.folder / mirror.ALIVE, 0, "copy runs to MLflow"):
        run_pipeline(open_project(project.root), "study")
        yield open_project(project.root)


def test_one_changed_row_is_seen_whatever_reads_it(study: Project) -> None:
    assert actions(study) == ["cached"] * 3
    for name, (_, save) in READERS.items():
        path = study.root / name
        before = path.read_bytes()
        save(changed(FRAME), path)
        assert actions(study) == ["cached", "run", "perhaps"], name
        assert plan(study, "study").steps[1].why == (f"file {name} changed",)
        path.write_bytes(before)
        os.utime(path)  # another time, and the same content
    assert actions(study) == ["cached"] * 3


def test_another_version_of_a_package_is_told(
    study: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = metadata.version("msgspec")
    (tmp_path / "msgspec-99.1.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert actions(study) == ["cached", "run", "perhaps"]
    assert plan(study, "study").steps[1].why == (f"msgspec {was} to 99.1",)


def test_a_changed_comment_and_a_changed_cell(study: Project) -> None:
    file = study.root / "study.ipynb"
    before = file.read_text()
    notebook = json.loads(before)
    *_, first, read, _ = notebook["cells"]
    read["source"] += "  # all of them"
    first["source"] = "x   =  n"
    first["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "7"}]
    file.write_text(json.dumps(notebook))
    assert actions(study) == ["cached"] * 3
    first["source"] = "x = n + 0"
    file.write_text(json.dumps(notebook))
    assert actions(study) == ["run", "perhaps", "perhaps"]
    planned = plan(study, "study").steps
    assert planned[0].why == ("cell 3 changed",)
    assert planned[1].why == ("if first gives other values or files",)
    run = run_pipeline(study, "study")  # the same values: the wave stops there
    assert [step.status for step in run.steps] == ["finished", "cached", "cached"]
    first["source"] = "x = n + 1"
    file.write_text(json.dumps(notebook))
    run = run_pipeline(study, "study")
    assert [step.status for step in run.steps] == ["finished"] * 3
    file.write_text(before)
    assert actions(study) == ["cached"] * 3


def actions(project: Project) -> list[str]:
    return [step.action for step in plan(project, "study").steps]
