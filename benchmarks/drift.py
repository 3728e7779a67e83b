"""Drift of a data frame against a stored profile, beside Evidently's default preset.

    python benchmarks/drift.py [--rows 1000000] [--json FILE] [REFERENCE.parquet CURRENT.parquet]

Without files: 15 columns of numbers and 5 of categories, of which one has moved by half a
standard deviation. CPU seconds of the process that compares, imports and reading apart. The
profile of the reference is made once, when it is kept as a data version; what that costs is a
line of its own. Evidently 0.7 needs pandas 3.0, so it has an environment of its own:
``--evidently PYTHON``; without it, it is installed into ``build/evidently-venv``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import report

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.data.statistics import profile
from mlops_jupyter.project import Project, init
from mlops_jupyter.promotion.statistics import drift

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / "build" / "evidently-venv"
PEER = Path(__file__).with_name("drift_peer.py")
NUMBERS, CATEGORIES, ROWS = 15, 5, 1_000_000


def frame(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Return columns of many shapes; `shift` moves one of them, in standard deviations."""
    random = np.random.default_rng(seed)
    makers = [
        lambda: random.normal(size=rows),
        lambda: random.lognormal(size=rows),
        lambda: random.standard_t(4, rows),
        lambda: random.poisson(3, rows).astype(float),
        lambda: random.uniform(size=rows),
    ]
    columns = {f"number{n}": makers[n % len(makers)]() for n in range(NUMBERS)}
    columns["number0"] = columns["number0"] + shift
    words = np.array([f"word{n}" for n in range(40)])
    for n in range(CATEGORIES):
        kinds = 3 + 4 * n
        columns[f"category{n}"] = words[random.integers(0, kinds, rows)]
    return pd.DataFrame(columns)


def ours(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, Any]:
    """Compare with the stored profile: no row of the reference is looked at."""
    with tempfile.TemporaryDirectory() as folder:
        project = init(Path(folder))
        began = time.process_time()
        version = snapshot(project, reference, "reference")
        kept = time.process_time() - began
        against(project, version.ref, current[:1000])  # its own lazy imports
        began = time.process_time()
        found = against(project, version.ref, current)
        return {
            "snapshot with profile": kept,
            "cpu": time.process_time() - began,
            "found": sorted(column.name for column in found),
        }


def against(project: Project, ref: str, current: pd.DataFrame) -> tuple[drift.ColumnDrift, ...]:
    """Return the columns that have moved."""
    columns = profile.of(project, ref).columns
    return drift.alarms(
        drift.adjusted(
            drift.compare(drift.reference_of(column), current[column.name]) for column in columns
        )
    )


def evidently(python: Path, reference: Path, current: Path) -> dict[str, Any]:
    """Run Evidently's default preset on the same frames."""
    done = subprocess.run(
        [str(python), str(PEER), str(reference), str(current)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout.splitlines()[-1]))


def python_with_evidently(given: Path | None) -> Path:
    """Return a Python that has it; install it, apart from the project, when none is given."""
    if given is not None:
        return given.absolute()
    python = VENV / "bin" / "python"
    if not python.exists():
        print(f"installing Evidently into {VENV.relative_to(ROOT)} (once) …")
        venv.create(VENV, with_pip=True, clear=True)
        wanted = ["evidently>=0.7,<0.8", "pandas>=3.0,<3.1", "pyarrow"]
        subprocess.run([VENV / "bin" / "pip", "install", "--quiet", *wanted], check=True)
    return python


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="two Parquet files")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--evidently", type=Path, help="a Python that has it")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if len(options.files) not in (0, 2):
        parser.error("give a reference and a current file, or none")
    python = python_with_evidently(options.evidently)
    with tempfile.TemporaryDirectory() as folder:
        reference, current = options.files or (
            Path(folder) / "a.parquet",
            Path(folder) / "b.parquet",
        )
        if not options.files:
            frame(options.rows, 1).to_parquet(reference)
            frame(options.rows, 2, shift=0.5).to_parquet(current)
        peer = evidently(python, reference, current)
        mine = ours(pd.read_parquet(reference), pd.read_parquet(current))
    ratio = peer["cpu"] / mine["cpu"]
    ours_found, its_found = (", ".join(side["found"]) or "nothing" for side in (mine, peer))
    report.table(
        "drift: CPU seconds",
        ["", "CPU s", "times", "found"],
        [
            ["against the stored profile", mine["cpu"], 1.0, ours_found],
            ["Evidently, DataDriftPreset", peer["cpu"], ratio, its_found],
            ["(once: the reference kept, with its profile)", mine["snapshot with profile"], "", ""],
        ],
    )
    report.write(options.json, {"ours": mine, "evidently": peer, "ratio": ratio})


if __name__ == "__main__":
    main()
