"""Small stores to take care of, and what lies in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import zstandard
from msgspec.structs import replace

from mlops_jupyter.config import DataSettings, Keep
from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.project import Project
from mlops_jupyter.runs import recorder
from mlops_jupyter.runs.recorder import Execution, Figure, Findings, RunPart
from tests.runs.test_recorder import executed

ADA = "Ada Lovelace, born in Marylebone"
WHY = "asked for by the customer"


def frame(seed: int, rows: int = 6000) -> pd.DataFrame:
    """Return a frame that shares nothing with one of another seed, in objects of its own."""
    random = np.random.default_rng(seed)
    return pd.DataFrame({"x": random.normal(size=rows), "n": random.integers(0, 2**60, rows)})


def objects(project: Project) -> set[str]:
    """Return the names of all files in the object store."""
    return {path.name for path in project.objects.root.rglob("*") if path.is_file()}


def flip(path: Path, position: int = -1) -> None:
    """Change one bit in the middle of a file, or at a position."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if position < 0 else position] ^= 1
    path.write_bytes(content)


def made_at(project: Project, version: DatasetVersion, time: str) -> None:
    """Let a version be as old as a test needs it."""
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE dataset_version SET created_at = ? WHERE id = ?",
            (time, versions.row_id(project, version)),
        )


def run_with(
    project: Project, *used: DatasetVersion, figure: bytes | None = None, finished: bool = True
) -> str:
    """Record a run whose one cell loaded versions, and perhaps drew a figure."""
    session = recorder.open_session(project, "study.ipynb")
    run = recorder.open_run(project, "fit", session_id=session)
    cell = cell_with(project, session, 1, *used)
    figures = () if figure is None else (Figure("image/png", figure),)
    part = RunPart(run, Findings(figures=figures), "finished" if finished else None)
    recorder.record(project, cell, [part])
    return run


def cell_with(project: Project, session: str, position: int, *used: DatasetVersion) -> Execution:
    """Return a cell that loaded versions."""
    ids = tuple(versions.row_id(project, version) for version in used)
    return replace(executed(session, position, f"cell {position}"), versions=ids)


def keeping(project: Project, **keep: Keep | str) -> Project:
    """Return the project as if ``mlops.yaml`` said ``data: {keep: …}``."""
    return replace(project, settings=replace(project.settings, data=DataSettings(keep)))


def people(*names: str, start: int = 0) -> pd.DataFrame:
    """Return a row for each name."""
    ids = range(start, start + len(names))
    return pd.DataFrame({"customer_id": ids, "name": names, "paid": [n * 1.5 for n in ids]})


def bytes_hold(project: Project, text: str) -> bool:
    """Tell whether some byte under ``.mlops/`` still says a word, compressed or not."""
    word = text.encode()
    for path in project.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.is_relative_to(project.objects.root):
                content = zstandard.ZstdDecompressor().decompress(content)
            if word in content:
                return True
    return False
