"""A snapshot against DVC: the same frame, the same files, first and unchanged.

    python benchmarks/snapshot.py --rows 1300000 --file-mb 100 --json build/bench/snapshot.json
    python benchmarks/snapshot.py --file my.csv --file my.parquet

DVC is taken from ``--dvc PATH``; without it, it is installed into ``build/bench-venv``, apart
from the project's own packages.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import report

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project, init

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / "build" / "bench-venv"


@dataclass(frozen=True)
class Cost:
    """Seconds, and bytes added to the store."""

    wall: float
    cpu: float
    stored: int


# --- the peers -------------------------------------------------------------------------------


class Dvc:
    """A fresh DVC repository."""

    name = "dvc add"

    def __init__(self, folder: Path, dvc: Path) -> None:
        self.folder, self.dvc = folder, dvc
        folder.mkdir()
        self.environment = dict(
            os.environ, DVC_NO_ANALYTICS="1", DVC_SITE_CACHE_DIR=str(folder / ".site")
        )
        self.run("init", "--no-scm", "--quiet")

    def run(self, *arguments: str) -> None:
        """Run one command of DVC."""
        subprocess.run(
            [str(self.dvc), *arguments], cwd=self.folder, env=self.environment, check=True
        )

    def file(self, path: Path) -> None:
        """Keep a file."""
        self.run("add", "--quiet", path.name)

    def frame(self, frame: pd.DataFrame) -> None:
        """Keep a frame."""
        frame.to_parquet(self.folder / "frame.parquet")
        self.run("add", "--quiet", "frame.parquet")

    def stored(self) -> int:
        """Return the bytes in the store."""
        return size(self.folder / ".dvc" / "cache")


class Ours:
    """A fresh project, used from a kernel that runs already."""

    name = "snapshot in a kernel"

    def __init__(self, folder: Path) -> None:
        self.project: Project = init(folder)
        self.folder = folder

    def file(self, path: Path) -> None:
        """Keep a file."""
        snapshot(self.project, path, "data")

    def frame(self, frame: pd.DataFrame) -> None:
        """Keep a frame."""
        snapshot(self.project, frame, "data")

    def stored(self) -> int:
        """Return the bytes in the store."""
        return size(self.folder / ".mlops" / "objects")


class OurCommand(Ours):
    """The same as a command, its start included."""

    name = "mlops snapshot"

    def file(self, path: Path) -> None:
        """Keep a file."""
        command = [sys.executable, "-m", "mlops_jupyter.cli.main", "snapshot", path.name]
        subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)


# --- measuring -------------------------------------------------------------------------------


def measured(verb: Callable[[], None], stored: Callable[[], int]) -> Cost:
    """Run a verb; its CPU is that of this process and of the processes that it started."""
    before, start, cpu = stored(), time.perf_counter(), cpu_seconds()
    verb()
    return Cost(time.perf_counter() - start, cpu_seconds() - cpu, stored() - before)


def cpu_seconds() -> float:
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(c.wall for c in costs),
        statistics.median(c.cpu for c in costs),
        int(statistics.median(c.stored for c in costs)),
    )


def case(makers: list[Callable[[Path], Dvc | Ours]], thing: Path | pd.DataFrame, rounds: int):
    """Return first and unchanged for each peer; the peers take turns."""
    first: dict[str, list[Cost]] = {}
    again: dict[str, list[Cost]] = {}
    for _ in range(rounds):
        for make in makers:
            with tempfile.TemporaryDirectory(dir=ROOT / "build") as scratch:
                peer = make(Path(scratch) / "project")
                if isinstance(thing, Path):
                    path = Path(shutil.copy(thing, peer.folder))
                    verb = lambda: peer.file(path)  # noqa: B023, E731
                else:
                    verb = lambda: peer.frame(thing)  # noqa: B023, E731
                os.sync()  # what the rounds before left to write is not this one's cost
                first.setdefault(peer.name, []).append(measured(verb, peer.stored))
                again.setdefault(peer.name, []).append(measured(verb, peer.stored))
    return {
        name: {"first": median(first[name]), "unchanged": median(again[name])} for name in first
    }


def rows_of(what: str, found: dict[str, dict[str, Cost]]) -> list[list[object]]:
    """Return the rows of the table: each peer beside DVC."""
    rows: list[list[object]] = []
    for when in ("first", "unchanged"):
        peer = found[Dvc.name][when]
        for name, costs in found.items():
            cost = costs[when]
            ratio = f"{cost.wall / peer.wall:.2f}", f"{cost.cpu / peer.cpu:.2f}"
            bytes_ratio = f"{cost.stored / peer.stored:.2f}" if peer.stored else "-"
            stored = f"{cost.stored / 1e6:.1f}"
            rows.append(
                [f"{what}, {when}: {name}", cost.wall, cost.cpu, stored, *ratio, bytes_ratio]
            )
    return rows


# --- cases -----------------------------------------------------------------------------------


def mixed_frame(rows: int) -> pd.DataFrame:
    """Return ids, floats, prices, two columns of text, times, flags: 77 bytes a row."""
    random = np.random.default_rng(0)
    kinds = np.array(["north", "south", "east", "west", "centre"])
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "x": random.random(rows),
            "y": random.random(rows),
            "price": random.integers(0, 100_000, rows) / 100,
            "weight": random.random(rows).astype("float32"),
            "region": kinds[random.integers(0, 5, rows)],
            "key": [f"key-{n}" for n in range(rows)],
            "at": pd.date_range("2024", periods=rows, freq="s"),
            "ok": random.random(rows) > 0.5,
            "count": random.integers(0, 1000, rows).astype("int32"),
        }
    )


def text_file(path: Path, megabytes: float) -> Path:
    """Write a CSV of about this size."""
    frame = mixed_frame(20_000)
    content = frame.to_csv(index=False).encode()
    with path.open("wb") as file:
        for turn in range(max(1, round(megabytes * 1e6 / len(content)))):
            frame["x"] = np.random.default_rng(turn).random(len(frame))
            file.write(frame.to_csv(index=False, header=turn == 0).encode())
    return path


def random_file(path: Path, megabytes: float) -> Path:
    """Write bytes that nothing compresses."""
    path.write_bytes(np.random.default_rng(0).bytes(int(megabytes * 1e6)))
    return path


def dvc_command(given: Path | None) -> Path:
    """Return a DVC; install one when none is given."""
    if given is not None:
        return given.absolute()
    command = VENV / "bin" / "dvc"
    if not command.exists():
        print(f"installing DVC into {VENV.relative_to(ROOT)} (once; not into the project) …")
        venv.create(VENV, with_pip=True, clear=True)
        subprocess.run([VENV / "bin" / "pip", "install", "--quiet", "dvc>=3.60"], check=True)
    return command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_300_000, help="of the frame; 77 bytes each")
    parser.add_argument("--file-mb", type=float, default=100, help="size of the files made")
    parser.add_argument("--file", type=Path, action="append", help="a file of yours instead")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dvc", type=Path, help="the dvc command of a venv of yours")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    (ROOT / "build").mkdir(exist_ok=True)
    dvc = dvc_command(options.dvc)
    said = subprocess.run([dvc, "--version"], capture_output=True, text=True, check=True)
    print(f"DVC {said.stdout.strip()}: {dvc}")

    def repository(folder: Path) -> Dvc:
        return Dvc(folder, dvc)

    figures: dict[str, dict[str, dict[str, Cost]]] = {}
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as scratch:
        folder = Path(scratch)
        files = options.file or [
            text_file(folder / "table.csv", options.file_mb),
            random_file(folder / "random.bin", options.file_mb),
        ]
        frame = mixed_frame(options.rows)
        snapshot(init(folder / "warm"), frame[:100], "warm")  # imports are not what is measured
        frame[:100].to_parquet(folder / "warm.parquet")
        megabytes = frame.memory_usage(deep=True).sum() / 1e6
        figures[f"frame {megabytes:.0f} MB"] = case([repository, Ours], frame, options.rounds)
        for path in files:
            what = f"{path.name} {path.stat().st_size / 1e6:.0f} MB"
            figures[what] = case([repository, Ours, OurCommand], path, options.rounds)
    headers = ["", "wall s", "CPU s", "MB kept", "wall / dvc", "CPU / dvc", "kept / dvc"]
    rows = [row for what, found in figures.items() for row in rows_of(what, found)]
    report.table(f"snapshot against DVC, median of {options.rounds}", headers, rows)
    print("frame, dvc add: DataFrame.to_parquet, then dvc add of the file")
    report.write(
        options.json,
        {
            "dvc": said.stdout.strip(),
            "rounds": options.rounds,
            "cases": {
                what: {n: {w: vars(c) for w, c in costs.items()} for n, costs in found.items()}
                for what, found in figures.items()
            },
        },
    )


if __name__ == "__main__":
    main()
