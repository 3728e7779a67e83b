"""A step on a worker: in a project of the worker's own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlops_jupyter import config
from mlops_jupyter.cluster.job import Job, Outcome
from mlops_jupyter.errors import ConflictError, MlopsError, NotFoundError
from mlops_jupyter.pipelines import cache, parameters
from mlops_jupyter.pipelines.cancel import cancel
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.declared import read_graph
from mlops_jupyter.pipelines.execute import failure_of, run_pipeline
from mlops_jupyter.pipelines.key import Keys
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.sharing.pull import pull
from mlops_jupyter.sharing.push import push
from mlops_jupyter.store.lock import exclusive
from mlops_jupyter.store.objects import digest_of, replace_file

if TYPE_CHECKING:
    from distributed import Worker

LOCK = "worker.lock"
LOCK_SECONDS = 600.0
POLL_SECONDS = 0.5
SHARE_ATTEMPTS = 5


def work(content: bytes) -> bytes:
    """Run one step; called by Dask, with a `Job`, and returns an `Outcome`, both as JSON."""
    from distributed import get_worker

    worker = get_worker()
    job = msgspec.json.decode(content, type=Job)
    try:
        outcome = _work(worker, job)
    except MlopsError as error:
        outcome = Outcome(worker.address, failure=failure_of(error))
    return msgspec.json.encode(outcome)


def _work(worker: Worker, job: Job) -> Outcome:
    project = _project(Path(worker.local_directory), job)
    # one at a time in one project: files of one step must not be those of another
    with exclusive(project.folder / LOCK, LOCK_SECONDS, "run a step on this worker"):
        for path, content in job.files.items():
            file = project.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, content)
        differs = _differences(project, job)
        if differs:
            return Outcome(worker.address, differs=tuple(differs))
        with contextlib.suppress(NotFoundError):  # nobody has shared anything yet
            pull(project)
        with _ends_with_its_task(worker, project):
            run = run_pipeline(
                project,
                job.pipeline,
                job.given,
                hand_over=False,
                choice=Choice(only=job.step, known=job.known, part_of=job.part_of),
                workers=1,
                limits=job.limits,
            )
        _share(project)
    return _outcome(project, worker.address, run, job.step)


def _project(folder: Path, job: Job) -> Project:
    """Return the worker's own project: with its own MLflow, for runs are copied there once."""
    import yaml

    settings = yaml.safe_load(job.settings) or {}
    settings.pop("mlflow", None)
    text = yaml.safe_dump(settings, sort_keys=False).encode()
    root = folder / "mlops" / digest_of(text).rpartition(":")[2][:16]
    if not (root / config.FILE).exists():
        root.mkdir(parents=True, exist_ok=True)
        replace_file(root / config.FILE, text)
        init(root)
    return open_project(root)


def _differences(project: Project, job: Job) -> list[str]:
    """Say in what the step would be another here."""
    graph = read_graph(project, job.pipeline)
    bound = parameters.bind(graph.pipeline.parameters, job.given)
    position = graph.names.index(job.step)
    here = Keys(project, graph, bound.recorded).of(position)
    if [(p.kind, p.digest) for p in here.parts] == [(p.kind, p.digest) for p in job.parts]:
        return []
    return cache.changes(job.parts, here.parts)


def _share(project: Project) -> None:
    """Push; another host may meanwhile have given a number to another version, so pull first."""
    for attempt in range(SHARE_ATTEMPTS):
        with contextlib.suppress(NotFoundError):
            pull(project)
        try:
            push(project)
        except ConflictError:
            if attempt + 1 == SHARE_ATTEMPTS:
                raise
        else:
            return


@contextlib.contextmanager
def _ends_with_its_task(worker: Worker, project: Project) -> Iterator[None]:
    """End the run of the pipeline when nobody waits for it any more."""
    key, done = worker.get_current_task(), threading.Event()

    def watch() -> None:
        while not done.wait(POLL_SECONDS):
            task = worker.state.tasks.get(key)
            if task is None or task.state == "cancelled":
                with contextlib.suppress(MlopsError):
                    cancel(open_project(project.root), None, "the cluster: nobody waits for it")
                return

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()


def _outcome(project: Project, where: str, run: PipelineRun, step: str) -> Outcome:
    row = project.catalog.row(
        "SELECT step_entry.id, why_not, executed FROM step_run"
        " LEFT JOIN step_entry ON step_run_id = step_run.id"
        " WHERE pipeline_run_id = ? AND step_run.step = ?",
        (run.id, step),
    )
    assert row is not None, "the step was run"
    notebook = (project.root / row["executed"]).read_bytes()
    if row["id"] is None or row["why_not"]:
        (told,) = (one.why or "" for one in run.steps if one.step == step)
        return Outcome(where, why_not=row["why_not"] or told, notebook=notebook)
    return Outcome(where, row["id"], notebook=notebook)
