"""Kernels that track without pause, killed at random moments, and what is left.

A real kernel executes tracked cells in a real project. At a random moment it is killed, and
the next one goes on; now and then the mirror is killed too, while it copies to MLflow. A run
is *acknowledged* when the kernel has answered its cell, or has shown the line that a block
prints after its end. In the end every acknowledged run must be in the catalog with all that it
recorded, and every ended run exactly once in MLflow.

    python benchmarks/kills.py                    # 200 kills, some minutes
    python benchmarks/kills.py --kills 20 --seed 7
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import queue
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil
import report
from ready_kernel import ForkedKernel, Nursery

from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.runs import history, mirror
from mlops_jupyter.runs.run import Run

CELLS_AHEAD = 24
"""Cells that a kernel has to do when it is killed."""

LONGEST_SECONDS = 0.6
"""From the first cell to the kill."""

USUAL_SECONDS = 0.1
"""What loading the extension takes on a quiet machine: on a slower one a kernel lives longer."""

WHILE_LOADING = 0.1
"""Of the kills: already while the extension is loaded."""

LONGEST_MIRROR_SECONDS = 20.0
"""From the start of a mirror to its end; it begins to copy after some seconds."""

PRELOADED = ("sklearn.linear_model", "matplotlib.figure", "matplotlib.backends.backend_agg",
             "IPython.core.completer", "psutil", "msgspec", "xxhash", "blake3")  # fmt: skip

FIGURE = """
from matplotlib.figure import Figure
figure = Figure(figsize=(2, 2)); figure.subplots().plot([{n}, 2, 3])
mlops_jupyter.log_figure(figure, "curve")"""

MODEL = """
from sklearn.linear_model import LinearRegression
model = LinearRegression().fit([[0.0], [1.0]], [0.0, {n}.5])"""

CELL = """%%track {name}
depth = {n}
auc = float("0.{n}")
error = 1 - auc
import mlops_jupyter
for step in range(3):
    mlops_jupyter.log_metric("loss", {n} / (step + 1))"""

BLOCKS = """import mlops_jupyter
with mlops_jupyter.track("{name}") as outer:
    outer.log_param("depth", {n})
    for step in range(3):
        outer.log_metric("loss", {n} / (step + 1))
    with mlops_jupyter.track("{name}-inner") as inner:
        inner.log_params({{"depth": {n}, "inside": True}})
        inner.log_metric("auc", float("0.{n}"))
    print("ended {name}-inner", flush=True)
print("ended {name}", flush=True)"""


@dataclass(frozen=True)
class Expected:
    """What an acknowledged run must hold."""

    name: str
    parameters: dict[str, Any]
    metrics: dict[str, float]
    has_figure: bool = False
    has_model: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell, what its answer acknowledges, and what the lines that it prints do."""

    source: str
    answered: tuple[Expected, ...] = ()
    printed: tuple[Expected, ...] = ()


@dataclass
class Report:
    """What was found."""

    kills: int = 0
    mirrors_killed: int = 0
    acknowledged: int = 0
    in_catalog: int = 0
    in_mlflow: int = 0
    interrupted: int = 0
    doubles: int = 0
    missing: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


def cells() -> Iterator[Cell]:
    """Yield the cells of a session that tracks without pause."""
    for n in itertools.count(1):
        name = f"run-{n}"
        own = {"depth": n}
        loss = {"loss": n / 3}
        auc = float(f"0.{n}")
        if n % 5 == 4:
            inner = Expected(f"{name}-inner", {**own, "inside": True}, {"auc": auc})
            yield Cell(BLOCKS.format(name=name, n=n), (), (inner, Expected(name, own, loss)))
        elif n % 5 == 0:
            yield Cell(f"%mlops start {name}")
            yield Cell(f"depth = {n}")
            yield Cell(f'auc = float("0.{n}")')
            yield Cell("%mlops stop", (Expected(name, own, {"auc": auc}),))
        else:
            more = {3: FIGURE, 6: MODEL}.get(n % 9, "").format(n=n)
            found = {"auc": auc, "error": 1 - auc, **loss}
            expected = Expected(name, own, found, more[:8] == FIGURE[:8], more[:8] == MODEL[:8])
            yield Cell((CELL + more).format(name=name, n=n), (expected,))


def executed(
    kernel: ForkedKernel, ahead: Sequence[Cell], seconds: float, *, while_loading: bool
) -> list[Expected]:
    """Let a kernel execute cells, kill it after a while, and return what it has acknowledged."""
    loading = kernel.send("%load_ext mlops_jupyter")
    waiting = {kernel.send(cell.source): cell for cell in ahead}
    told: dict[str, Expected] = {}
    began = time.monotonic()
    if not while_loading:
        while kernel.client.get_shell_msg(timeout=240)["parent_header"].get("msg_id") != loading:
            pass
        seconds *= max(1.0, (time.monotonic() - began) / USUAL_SECONDS)
    deadline, is_killed = time.monotonic() + seconds, False
    while not is_killed or _is_heard(kernel, waiting, told):
        left = deadline - time.monotonic()
        if left <= 0 and not is_killed:
            kernel.kill()
            is_killed = True
        elif not is_killed and not _is_heard(kernel, waiting, told):
            time.sleep(min(0.001, left))
    return list(told.values())


def _is_heard(kernel: ForkedKernel, waiting: dict[str, Cell], told: dict[str, Expected]) -> bool:
    """Take what has come from the kernel; return whether anything had."""
    heard = False
    for receive in (kernel.client.get_iopub_msg, kernel.client.get_shell_msg):
        with contextlib.suppress(queue.Empty):
            message = receive(timeout=0.005)
            heard = True
            identity = message["parent_header"].get("msg_id", "")
            cell = waiting.get(identity)
            if cell is not None and _is_late(message):
                _not_yet(identity, waiting, told)
            elif cell is not None:
                told.update((run.name, run) for run in _acknowledged(cell, message))
    return heard


def _is_late(message: dict[str, Any]) -> bool:
    """Return whether it says that the catalog is held, by a mirror that hardly gets to run."""
    return (
        message["msg_type"] == "stream"
        and "another program holds it" in (message["content"]["text"])
    )


def _not_yet(identity: str, waiting: dict[str, Cell], told: dict[str, Expected]) -> None:
    """Forget a cell that is kept in memory for now, and those after it: a kill may take them."""
    sent = list(waiting)
    for late in sent[sent.index(identity) :]:
        cell = waiting.pop(late)
        for run in (*cell.answered, *cell.printed):
            told.pop(run.name, None)


def _acknowledged(cell: Cell, message: dict[str, Any]) -> Sequence[Expected]:
    content = message["content"]
    if message["msg_type"] == "execute_reply":
        if content["status"] != "ok":
            raise RuntimeError(f"{cell.source}\n" + "\n".join(content.get("traceback", [])))
        return cell.answered
    if message["msg_type"] != "stream":
        return ()
    if "not recorded" in content["text"]:
        raise RuntimeError(f"{cell.source}\n{content['text']}")
    ended = {line.removeprefix("ended ") for line in content["text"].splitlines()}
    return [run for run in cell.printed if run.name in ended]


class Mirrors:
    """The mirrors of a project, each of which is killed at a random moment.

    Parameters
    ----------
    project : Project
    moments : Random
    """

    def __init__(self, project: Project, moments: random.Random) -> None:
        self.command = ["-m", "mlops_jupyter.runs.mirror", str(project.root)]
        self.moments = moments
        self.ends: dict[int, float] = {}
        self.killed = 0

    def visit(self) -> None:
        """Kill those whose moment has come."""
        for process in self._running():
            seconds = self.moments.uniform(0, LONGEST_MIRROR_SECONDS)
            if time.time() >= self.ends.setdefault(process.pid, process.create_time() + seconds):
                self.killed += _is_killed(process)

    def end(self) -> None:
        """Kill all of them."""
        for process in self._running():
            _is_killed(process)

    def _running(self) -> list[psutil.Process]:
        found = psutil.process_iter(["cmdline"])
        return [p for p in found if (p.info["cmdline"] or [])[1:] == self.command]


def _is_killed(process: psutil.Process) -> bool:
    try:
        process.send_signal(signal.SIGKILL)
        process.wait(240)
    except psutil.NoSuchProcess:
        return False
    return True


def torment(project: Project, kills: int, seed: int) -> tuple[list[Expected], int]:
    """Kill kernels; return what they have acknowledged, and how many mirrors were killed."""
    moments = random.Random(seed)
    mirrors, work = Mirrors(project, moments), cells()
    acknowledged: list[Expected] = []
    environment = {"MLOPS_MIRROR_IDLE_SECONDS": "20"}
    nursery = Nursery(project.root, *PRELOADED, environment=environment)
    try:
        upcoming = nursery.kernel()
        for number in range(kills):
            kernel = upcoming
            kernel.wait()
            upcoming = nursery.kernel()
            ahead = list(itertools.islice(work, CELLS_AHEAD))
            seconds = moments.uniform(0, LONGEST_SECONDS)
            early = moments.random() < WHILE_LOADING
            acknowledged += executed(kernel, ahead, seconds, while_loading=early)
            kernel.close()
            mirrors.visit()
            if sys.stderr.isatty() and number % 10 == 0:
                print(f"{number} kills, {len(acknowledged)} runs", file=sys.stderr)
    finally:
        nursery.close()
        mirrors.end()
    return acknowledged, mirrors.killed


def examine(project: Project, acknowledged: Sequence[Expected]) -> Report:
    """Compare the catalog and MLflow with what was acknowledged."""
    found = Report(acknowledged=len(acknowledged))
    runs = history.page(project, limit=10_000).runs
    found.in_catalog = len(runs)
    found.interrupted = sum(run.status == "interrupted" for run in runs)
    found.wrong += [f"{run.name}: left running" for run in runs if run.status == "running"]
    named: dict[str, list[Run]] = {}
    for run in runs:
        named.setdefault(run.name, []).append(run)
    for expected in acknowledged:
        found.wrong += _lost(expected, named.get(expected.name, []))
    found.wrong += _damage(project)
    _compare_mlflow(project, runs, found)
    return found


def _lost(expected: Expected, runs: Sequence[Run]) -> Iterator[str]:
    """Yield what an acknowledged run lacks in the catalog."""
    if len(runs) != 1:
        yield f"{expected.name}: {len(runs)} times in the catalog"
        return
    (run,) = runs
    if run.status != "finished":
        yield f"{run.name}: {run.status}"
    if not expected.parameters.items() <= run.parameters.items():
        yield f"{run.name}: parameters {run.parameters}, not {expected.parameters}"
    if not expected.metrics.items() <= run.metrics.items():
        yield f"{run.name}: metrics {run.metrics}, not {expected.metrics}"
    if expected.has_figure and not run.artifacts:
        yield f"{run.name}: its figure is missing"
    if expected.has_model and run.model_digest is None:
        yield f"{run.name}: its model is missing"


def _damage(project: Project) -> Iterator[str]:
    """Yield what is broken in the catalog, and the objects that are not what rows say."""
    for pragma in ("integrity_check", "foreign_key_check"):
        yield from (f"{pragma}: {tuple(r)}" for r in project.catalog.rows(f"PRAGMA {pragma}")
                    if tuple(r) != ("ok",))  # fmt: skip
    named = project.catalog.rows(
        "SELECT digest FROM artifact UNION SELECT digest FROM output"
        " UNION SELECT environment_digest FROM run UNION SELECT model_digest FROM run"
        " UNION SELECT model_example FROM run"
    )
    for (digest,) in named:
        if digest is not None:
            try:
                project.objects.read(digest)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                yield f"{digest}: {error}"


def _compare_mlflow(project: Project, runs: Sequence[Run], found: Report) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=project.tracking_uri)
    experiment = client.get_experiment_by_name(project.experiment)
    theirs: dict[str, list[Any]] = {}
    token: str | None = None
    while True:
        page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
        for run in page:
            theirs.setdefault(run.data.tags.get("mlops.run_id", "none"), []).append(run)
        token = page.token
        if not token:
            break
    found.in_mlflow = sum(map(len, theirs.values()))
    found.doubles = sum(len(copies) - 1 for copies in theirs.values())
    found.missing = sum(run.id not in theirs for run in runs)
    found.wrong += [f"MLflow has {len(copies)} of {key}" for key, copies in theirs.items()
                    if len(copies) > 1]  # fmt: skip
    known = {run.id for run in runs}
    found.wrong += [f"MLflow has an unknown run {key}" for key in theirs.keys() - known]
    for run in runs:
        found.wrong += _differs(project, client, run, theirs.get(run.id, []))


def _differs(project: Project, client: Any, run: Run, copies: Sequence[Any]) -> Iterator[str]:
    """Yield in what the copy of a run in MLflow is not that run."""
    if not copies:
        yield f"{run.name}: {run.status}, not in MLflow"
        return
    copy = copies[0]
    status = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}[run.status]
    if copy.info.status != status:
        yield f"{run.name}: {copy.info.status} in MLflow, not {status}"
    if not run.metrics.items() <= copy.data.metrics.items():
        yield f"{run.name}: metrics {copy.data.metrics} in MLflow, not {run.metrics}"
    told_params = {
        n: v if isinstance(v, str) else msgspec.json.encode(v).decode()
        for n, v in run.parameters.items()
    }
    if not told_params.items() <= copy.data.params.items():
        yield f"{run.name}: parameters {copy.data.params} in MLflow, not {run.parameters}"
    steps = project.catalog.rows(
        "SELECT step, value FROM metric WHERE run_id = ? AND name = 'loss' ORDER BY step",
        (run.id,),
    )
    if steps:
        told = sorted(
            (m.step, m.value) for m in client.get_metric_history(copy.info.run_id, "loss")
        )
        if told != [tuple(row) for row in steps]:
            yield f"{run.name}: steps {told} in MLflow"
    files = {Path(file.path).name for file in client.list_artifacts(copy.info.run_id, "figures")}
    lost = {artifact.name for artifact in run.artifacts} - files
    if lost:
        yield f"{run.name}: {sorted(lost)} not in MLflow, which has {sorted(files)}"
    if run.model_digest and not copy.outputs.model_outputs:
        yield f"{run.name}: its model is not in MLflow"


def kill(folder: Path, kills: int, seed: int) -> Report:
    """Make a project, kill kernels in it, and say what is left."""
    began = time.monotonic()
    project = init(folder)
    acknowledged, mirrors_killed = torment(project, kills, seed)
    project = open_project(folder)
    mirror.drain(project)
    found = examine(project, acknowledged)
    found.kills, found.mirrors_killed = kills, mirrors_killed
    found.seconds = time.monotonic() - began
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the project is made, and kept")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name) / "study"
        found = kill(folder, arguments.kills, arguments.seed)
    rows = [(name.replace("_", " "), value) for name, value in asdict(found).items()
            if name != "wrong"]  # fmt: skip
    report.table("kernels killed while they track", ["", "count"], rows)
    for line in found.wrong[:50]:
        print(line)
    report.write(arguments.json, asdict(found))
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
