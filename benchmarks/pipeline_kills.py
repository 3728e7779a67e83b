"""Pipelines killed at random moments, and what is left of them and goes on.

A pipeline of three notebooks, two of them side by side, is run by the command line. At a random
moment one of its processes is killed by ``kill -9``: the command, its guardian, the coordinator,
a kernel, a worker process of a kernel, or all of them. It is run again, and killed again, until a
run has come to its end; then the next round begins, with another parameter. A step is
*acknowledged* when the catalog says that it has finished. Each step writes a line to a file when
it begins to work, in a way that its cache cannot see.

No step that was acknowledged may work again in its round; each round has to end with the outputs,
metrics and values of an undisturbed run; and nothing that was started may outlive the command:
all processes are looked through for a mark in their environment.

    python benchmarks/pipeline_kills.py                    # 50 kills, some minutes
    python benchmarks/pipeline_kills.py --kills 5 --seed 7
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
import report
from pipeline import code, notebook

from mlops_jupyter.pipelines import history
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.runs import history as runs
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive

LONGEST_ROUND_KILLS = 4
"""Kills after which a run is let to its end."""

GONE_SECONDS = 120.0
"""After this, a process that is still there counts as left behind."""

RUN_SECONDS = 600.0

MARK = "MLOPS_BENCHMARK_MARK"

SETUP = """
import ctypes, os, time
from concurrent.futures import ProcessPoolExecutor

def work(step):
    # not by Python: what is opened there would be an output of the step
    libc = ctypes.CDLL(None)
    file = libc.open(f"worked/{step}".encode(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    line = f"{turn}\\n".encode()
    libc.write(file, line, len(line))
    libc.close(file)
    time.sleep(PAUSE)
"""

SPREAD = """
work('right')
with ProcessPoolExecutor(2) as pool:
    squares = list(pool.map(abs, rows))
print(sum(squares))
"""

CELLS = {
    "first": [("load", "work('load')\nrows = [n * n for n in range(100)]\nsame = rows"),
              ("clean", "work('clean')\nsame.append(7)\nprint(len(rows), rows is same)")],
    "left": [("fit", "work('fit')\nslope = sum(rows) / len(rows)"),
             ("score", "work('score')\nscore = slope * 2\nprint(score)")],
    "right": [("right", SPREAD)],
    "last": [("last", "work('last')\nresult = score + len(squares)\nprint(result)")],
}  # fmt: skip
STEPS = tuple(step for cells in CELLS.values() for step, _ in cells)

VICTIMS = ("coordinator", "kernel", "worker", "command", "guardian", "all", "coordinator", "kernel")


@dataclass
class Report:
    """What was found."""

    kills: int = 0
    by_victim: dict[str, int] = field(default_factory=dict)
    rounds: int = 0
    attempts: int = 0
    acknowledged: int = 0
    worked: int = 0
    taken: int = 0
    repeated: int = 0
    left_behind: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Attempt:
    """One command that is running."""

    process: subprocess.Popen[bytes]
    mark: str


def made(folder: Path, pause_seconds: float) -> Project:
    """Make a project with the pipeline ``study``."""
    project = init(folder)
    (folder / "worked").mkdir()
    setup = SETUP.replace("PAUSE", str(pause_seconds))
    for name, cells in CELLS.items():
        steps = [code(source, f"step:{step}") for step, source in cells]
        whole = notebook([code("turn = 0", "parameters"), code(setup), *steps])
        (folder / f"{name}.ipynb").write_text(whole)
    joined = "".join(f"      {name}: {name}.ipynb\n" for name in CELLS)
    (folder / "mlops.yaml").write_text(
        f"version: 1\npipelines:\n  study:\n    notebooks:\n{joined}"
    )
    return open_project(project.root)


def start(project: Project, turn: int) -> Attempt:
    """Start the command."""
    mark = secrets.token_hex(8)
    command = [sys.executable, "-m", "mlops_jupyter.cli.main", "pipeline", "run", "study",
               "-p", f"turn={turn}", "--workers", "2"]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=project.root, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**os.environ, MARK: mark}, start_new_session=True,
    )  # fmt: skip
    return Attempt(process, mark)


def family(attempt: Attempt) -> dict[str, list[int]]:
    """Return the processes of a command, by what they are."""
    found: dict[str, list[int]] = {}
    for process in marked(attempt.mark):
        try:
            line = " ".join(process.cmdline())
            parent = " ".join(process.parent().cmdline()) if process.parent() else ""
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        found.setdefault(_kind(process.pid == attempt.process.pid, line, parent), []).append(
            process.pid
        )
    return found


def _kind(is_command: bool, line: str, parent: str) -> str:
    if is_command:
        return "command"
    if "guardian" in line:
        return "guardian"
    if "ipykernel" in line:
        # a forked worker has the command line of its kernel
        return "worker" if "ipykernel" in parent else "kernel"
    return "coordinator" if "mlops_jupyter.pipelines" in line else "worker"


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that have a mark in their environment, wherever they have gone."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(psutil.Process(int(folder.name)))
        except (OSError, psutil.NoSuchProcess):
            continue
    return [process for process in found if _lives(process)]


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill(attempt: Attempt, chance: random.Random) -> str:
    """Kill one of the processes that are there, and return what it was."""
    there = family(attempt)
    wanted = chance.choice(VICTIMS)
    if wanted == "all":
        victims = [pid for kind, pids in there.items() if kind != "kernel" for pid in pids]
    else:
        kinds = [wanted, "coordinator", "command"]
        wanted = next((kind for kind in kinds if kind in there), "command")
        victims = there.get(wanted, [])
        victims = [chance.choice(victims)] if wanted in {"kernel", "worker"} else victims
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return wanted


def wait_for_end(attempt: Attempt, found: Report, said: str) -> None:
    """Wait until nothing of a command is left; what stays is told, and ended."""
    attempt.process.wait(RUN_SECONDS)
    deadline = time.monotonic() + GONE_SECONDS
    while (left := marked(attempt.mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in left:
        found.left_behind += 1
        found.wrong.append(f"{said}: left behind: {' '.join(process.cmdline())[:200]}")
        process.kill()


def finished(project: Project, turn: int) -> dict[str, int]:
    """Return how often each step was run to its end in a round."""
    rows = project.catalog.rows(
        "SELECT step, count(*) AS often FROM step_run"
        " JOIN pipeline_run ON pipeline_run.id = pipeline_run_id"
        " WHERE step_run.status = 'finished' AND json_extract(parameters, '$.turn') = ?"
        " GROUP BY step",
        (turn,),
    )
    return {row["step"].rpartition(".")[2]: row["often"] for row in rows}


def worked(project: Project, turn: int) -> dict[str, int]:
    """Return how often each step has begun to work in a round."""
    found = {}
    for step in STEPS:
        file = project.root / "worked" / step
        lines = file.read_text().split() if file.exists() else []
        found[step] = lines.count(str(turn))
    return found


def shown(project: Project, run: PipelineRun) -> dict[str, Any]:
    """Return what a run gave: what its cells printed, its metrics, the digests of its values."""
    printed: dict[str, list[str]] = {}
    for step in run.steps:
        cells = json.loads((project.root / str(step.executed)).read_text())["cells"]
        texts = ("".join(o.get("text", [])) for c in cells for o in c.get("outputs", []))
        printed[step.step] = [text for text in texts if text]
    assert run.run_id is not None
    rows = project.catalog.rows(
        "SELECT step, passes_digest FROM step_run WHERE pipeline_run_id = ?", (run.id,)
    )
    return {
        "statuses": {run.status, *(step.status for step in run.steps)} - {"cached"},
        "printed": printed,
        "metrics": dict(runs.get(project, run.run_id).metrics),
        "values": {row["step"]: row["passes_digest"] for row in rows},
    }


def newest(project: Project) -> PipelineRun:
    row = project.catalog.row("SELECT id FROM pipeline_run ORDER BY started_at DESC LIMIT 1")
    assert row is not None
    return history.get(project, row["id"])


def run_round(
    project: Project, turn: int, kills: int, seconds: float, chance: random.Random, found: Report
) -> None:
    """Run the pipeline with one parameter to its end, and kill it so many times before that."""
    while True:
        acknowledged, before = finished(project, turn), worked(project, turn)
        attempt = start(project, turn)
        found.attempts += 1
        said = f"round {turn}, attempt {found.attempts}"
        if kills:
            try:
                attempt.process.wait(chance.uniform(0.3, seconds))
            except subprocess.TimeoutExpired:
                kills -= 1
                victim = kill(attempt, chance)
                found.kills += 1
                found.by_victim[victim] = found.by_victim.get(victim, 0) + 1
                said += f" ({victim} killed)"
        wait_for_end(attempt, found, said)
        after = worked(project, turn)
        for step in acknowledged:
            if after[step] != before[step]:
                found.repeated += 1
                found.wrong.append(f"{said}: {step} worked again, and was acknowledged before")
        if attempt.process.returncode == 0:
            break
        if not kills and attempt.process.returncode not in {-9, 5, 7}:
            found.wrong.append(f"{said}: ended with {attempt.process.returncode}")
            break
    found.rounds += 1
    found.acknowledged += sum(finished(project, turn).values())
    found.worked += sum(worked(project, turn).values())


def torment(folder: Path, kills: int, seed: int, pause_seconds: float = 0.3) -> Report:
    """Make a pipeline, kill it again and again, and say what was found."""
    began = time.monotonic()
    chance = random.Random(seed)
    found = Report()
    project = made(folder, pause_seconds)
    # the copy to MLflow outlives its command, as it should
    with exclusive(project.folder / mirror.ALIVE, 0, "copy runs to MLflow"):
        undisturbed = time.monotonic()
        run_round(project, 0, 0, 0.0, chance, found)
        seconds = time.monotonic() - undisturbed
        expected = shown(project, newest(project))
        turn = 0
        while found.kills < kills and not found.wrong[20:]:
            turn += 1
            wanted = min(kills - found.kills, chance.randint(1, LONGEST_ROUND_KILLS))
            run_round(project, turn, wanted, seconds, chance, found)
            run = newest(project)
            found.taken += sum(step.status == "cached" for step in run.steps)
            got = shown(project, run)
            found.wrong += [f"round {turn}: {what}: {got[what]}, not {expected[what]}"
                            for what in expected if got[what] != expected[what]]  # fmt: skip
    running = project.catalog.rows("SELECT id FROM run WHERE status = 'running'")
    found.wrong += [f"the run {row['id']} is still said to be running" for row in running]
    found.seconds = time.monotonic() - began
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.3, help="seconds that a step works")
    parser.add_argument("--folder", type=Path, help="where the project is made, and kept")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = arguments.folder or Path(name) / "study"
        found = torment(folder, arguments.kills, arguments.seed, arguments.pause)
    rows = [(name.replace("_", " "), value if name != "by_victim" else
             ", ".join(f"{who} {often}" for who, often in sorted(value.items())))
            for name, value in asdict(found).items() if name != "wrong"]  # fmt: skip
    report.table("Pipelines killed while they run", ["", "count"], rows)
    for line in found.wrong[:50]:
        print(line)
    report.write(arguments.json, asdict(found))
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
