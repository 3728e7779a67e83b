"""Snapshots and collections of garbage at once, killed at random moments, and what is left.

Two processes take versions of frames and files without pause, under names of their own and under
one that both use; a third collects garbage, also versions that retention lets go. At a random
moment one of them is killed with SIGKILL, and another one takes its place. A version is
*acknowledged* when its process has told of it, after `snapshot` has returned. In the end `mlops
verify` must find nothing, and every acknowledged version must be there and equal.

    python benchmarks/data_kills.py                    # 200 kills, some minutes
    python benchmarks/data_kills.py --kills 20 --seed 7
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import report

from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import ConflictError, UsageError
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.upkeep import gc
from mlops_jupyter.upkeep.verify import verify

NAMES = ("shared", "mine-{who}", "files-{who}")

LONGEST_SECONDS = 0.5
"""From one kill to the next."""

KEEP = "version: 1\ndata: {keep: {shared: {versions: 5}}}\n"
"""Retention gives versions up while the others work."""


@dataclass
class Report:
    """What was found."""

    kills: int = 0
    killed: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    given_up: int = 0
    collected: int = 0
    damages: int = 0
    lost: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


def value(seed: int) -> pd.DataFrame:
    """Return the frame of a seed: near seeds share most of their rows."""
    whole = np.random.default_rng(seed // 8)
    rows = 3000 + 40 * (seed % 5)
    made = pd.DataFrame(
        {
            "x": whole.normal(size=4000)[:rows],
            "n": whole.integers(0, 2**40, 4000)[:rows],
            "word": [f"word {n}" for n in whole.integers(0, 99, 4000)[:rows]],
        }
    )
    made.loc[seed % 3000, "x"] = seed
    return made


def text(seed: int) -> bytes:
    """Return the bytes of a file."""
    return value(seed).to_csv(index=False).encode()


def take(root: Path, who: str, seed: int) -> None:
    """Take versions for ever, and tell of each when it is taken."""
    project = open_project(root)
    moments = random.Random(seed)
    while True:
        one = moments.randrange(1000)
        name = moments.choice(NAMES).format(who=who)
        if name.startswith("files"):
            path = root / f"{who}.csv"
            path.write_bytes(text(one))
            version = snapshot(project, path, name)
        else:
            version = snapshot(project, value(one), name)
        print(json.dumps([version.dataset, version.number, one]), flush=True)


def collect(root: Path) -> None:
    """Collect garbage for ever."""
    project = open_project(root)
    while True:
        with contextlib.suppress(ConflictError):  # the others write all the time
            done = gc.collect(project, gc.plan(project))
            print(json.dumps(["gc", done.removed.count, list(done.versions)]), flush=True)


class Worker:
    """One of the processes; a new one takes the place of one that was killed."""

    def __init__(self, root: Path, who: str, moments: random.Random) -> None:
        self.root, self.who, self.moments = root, who, moments
        self.lines: list[bytes] = []
        self.start()

    def start(self) -> None:
        """Begin."""
        seed = str(self.moments.randrange(2**30))
        command = [sys.executable, __file__, "--work", self.who, "--seed", seed, str(self.root)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self.rest = b""

    def listen(self) -> bool:
        """Take what it has told; return whether it told anything."""
        assert self.process.stdout is not None
        content = self.process.stdout.read() or b""
        *whole, self.rest = (self.rest + content).split(b"\n")
        self.lines += whole
        return bool(content)

    def kill(self) -> str | None:
        """Kill it; return what was wrong with it, if it had ended by itself."""
        ended = self.process.poll()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.listen()  # what it told before counts
        assert self.process.stderr is not None
        error = self.process.stderr.read().decode(errors="replace")
        self.process.stderr.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return None if ended is None else f"{self.who} ended with {ended}: {error[-300:]}"


def run(root: Path, kills: int, seed: int) -> Report:
    """Let processes work on a project, and kill them."""
    began = time.monotonic()
    moments = random.Random(seed)
    init(root)
    (root / "mlops.yaml").write_text(KEEP)
    found = Report()
    workers = [Worker(root, who, moments) for who in ("a", "b", "gc")]
    first = {worker.who: 0 for worker in workers}
    while found.kills < kills:
        _wait(workers, moments.uniform(0, LONGEST_SECONDS))
        # a process that has done nothing yet would be killed while it imports
        ready = [w for w in workers if len(w.lines) > first[w.who] or w.process.poll() is not None]
        if not ready:
            continue
        worker = moments.choice(ready)
        wrong = worker.kill()
        found.wrong += [wrong] if wrong else []
        found.kills += 1
        found.killed[worker.who] = found.killed.get(worker.who, 0) + 1
        worker.start()
        first[worker.who] = len(worker.lines)
    for worker in workers:
        wrong = worker.kill()
        found.wrong += [wrong] if wrong else []
    examine(open_project(root), [json.loads(x) for w in workers for x in w.lines], found)
    found.seconds = time.monotonic() - began
    return found


def _wait(workers: list[Worker], seconds: float) -> None:
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            assert worker.process.stdout is not None
            selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        while (left := until - time.monotonic()) > 0 and selector.get_map():
            for key, _ in selector.select(left):
                if not key.data.listen() and key.data.process.poll() is not None:
                    selector.unregister(key.fileobj)  # it has ended by itself


def examine(project: Project, told: list[Any], found: Report) -> None:
    """Compare what is there with what was acknowledged."""
    clean = verify(project, deep=True)
    found.damages = len(clean.damages)
    found.wrong += [f"{damage.what}: {damage.why}" for damage in clean.damages]
    for name, number, seed in told:
        if name == "gc":
            found.collected += number
            continue
        found.acknowledged += 1
        version = versions.resolve(project, f"{name}@{number}")
        if version.gone_at is not None and name == "shared":
            found.given_up += 1  # retention may
            continue
        try:
            loaded = versions.load(project, version.ref)
        except UsageError as error:
            found.lost += 1
            found.wrong.append(str(error))
            continue
        if version.kind == "file":
            same = loaded.read_bytes() == text(seed)
        else:
            same = loaded.equals(value(seed))
        if not same:
            found.lost += 1
            found.wrong.append(f"{version.ref} is not what was taken")


def main() -> int:
    """Run."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--json", type=Path, metavar="FILE")
    options.add_argument("--work", help=argparse.SUPPRESS)
    options.add_argument("root", nargs="?", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.work == "gc":
        collect(chosen.root)
    elif chosen.work:
        take(chosen.root, chosen.work, chosen.seed)
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder) / "study", chosen.kills, chosen.seed)
    figures = asdict(found)
    rows = [(name, figure) for name, figure in figures.items() if name not in {"wrong", "killed"}]
    rows += [(f"killed: {who}", count) for who, count in sorted(found.killed.items())]
    report.table("Snapshots and collections, killed", ("", ""), rows)
    for line in found.wrong:
        print(line)
    report.write(chosen.json, figures)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
