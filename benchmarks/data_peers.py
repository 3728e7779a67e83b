"""What data versions are measured beside: DVC, and our own verbs, each in a fresh project."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mlops_jupyter.data import versions
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

    def path(self, path: Path) -> None:
        """Keep a file or a folder."""
        self.run("add", "--quiet", path.name)

    def frame(self, frame: pd.DataFrame) -> None:
        """Keep a frame."""
        frame.to_parquet(self.folder / "frame.parquet")
        self.run("add", "--quiet", "frame.parquet")

    def restore(self) -> object:
        """Return the frame kept last."""
        return pd.read_parquet(self.folder / "frame.parquet")

    def stored(self) -> int:
        """Return the bytes in the store."""
        return size(self.folder / ".dvc" / "cache")


class Ours:
    """A fresh project, used from a kernel that runs already."""

    name = "snapshot in a kernel"

    def __init__(self, folder: Path) -> None:
        self.project: Project = init(folder)
        self.folder = folder

    def path(self, path: Path) -> None:
        """Keep a file or a folder."""
        snapshot(self.project, path, "data")

    def frame(self, frame: pd.DataFrame) -> None:
        """Keep a frame."""
        snapshot(self.project, frame, "data")

    def restore(self) -> object:
        """Return the frame kept last."""
        return versions.load(self.project, "data")

    def stored(self) -> int:
        """Return the bytes in the store."""
        return size(self.folder / ".mlops" / "objects")


class OurCommand(Ours):
    """The same as a command, its start included."""

    name = "mlops snapshot"

    def path(self, path: Path) -> None:
        """Keep a file or a folder."""
        command = [sys.executable, "-m", "mlops_jupyter.cli.main", "snapshot", path.name]
        subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)


Peer = Dvc | Ours


def measured(verb: Callable[[], object], stored: Callable[[], int]) -> Cost:
    """Run a verb; its CPU is that of this process and of the processes that it started."""
    os.sync()  # what was left to write before is not this one's cost
    before, start, cpu = stored(), time.perf_counter(), cpu_seconds()
    verb()
    return Cost(time.perf_counter() - start, cpu_seconds() - cpu, stored() - before)


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of those that it waited for."""
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def median(costs: list[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(
        statistics.median(c.wall for c in costs),
        statistics.median(c.cpu for c in costs),
        int(statistics.median(c.stored for c in costs)),
    )


def dvc_command(given: Path | None) -> Path:
    """Return a DVC; install one, apart from the project's own packages, when none is given."""
    if given is not None:
        return given.absolute()
    command = VENV / "bin" / "dvc"
    if not command.exists():
        print(f"installing DVC into {VENV.relative_to(ROOT)} (once; not into the project) …")
        venv.create(VENV, with_pip=True, clear=True)
        subprocess.run([VENV / "bin" / "pip", "install", "--quiet", "dvc>=3.60"], check=True)
    return command
