"""A real cluster: a scheduler and two workers, each a process with a folder of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SECONDS = 240


@dataclass
class Cluster:
    """A scheduler and its workers."""

    folder: Path
    address: str = ""
    scheduler: subprocess.Popen[bytes] | None = None
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        command = ["scheduler", "--host", "127.0.0.1", "--port", "0"]
        self.scheduler, line = _started(command, self.folder / "scheduler.log", "Scheduler at:")
        self.address = line.split("Scheduler at:")[1].strip()

    def add_worker(self, name: str, *options: str) -> Path:
        """Start a worker; return its folder."""
        folder = self.folder / name
        command = ["worker", self.address, "--nthreads", "1", "--no-nanny", "--name", name]
        command += ["--local-directory", str(folder), *options]
        log = self.folder / f"{name}.log"
        self.workers[name], _ = _started(command, log, "Registered to:")
        return folder

    def kill(self, name: str) -> None:
        """Kill a worker."""
        worker = self.workers.pop(name)
        worker.kill()
        worker.wait()

    def stop(self) -> None:
        for process in [*self.workers.values(), self.scheduler]:
            if process is not None:
                process.kill()
                process.wait()


def _started(command: list[str], log: Path, sign: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start a process of the cluster; return it, and the line that says that it is there."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *command, "--no-dashboard"], stderr=file
        )
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        for line in log.read_text().splitlines(keepends=True):
            if sign in line and line.endswith("\n"):
                return process, line
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster of two workers, `one` and `two`."""
    made = Cluster(tmp_path_factory.mktemp("workers"))
    try:
        made.start()
        made.add_worker("one")
        made.add_worker("two")
        yield made
    finally:
        made.stop()
