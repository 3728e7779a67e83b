"""Running a pipeline many times, with other parameters, some of the runs at once.

Each trial is an ordinary run of the pipeline, so what is known is not run again: steps that read
no parameter that is varied are run by the first trial alone, and taken by all others. It runs to
its end before others begin, unless it is known that its steps write no files: trials work in one
folder, and those that write the same file must not run at the same time.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_jupyter.errors import (
    CellFailedError,
    MlopsError,
    StoppedError,
    UsageError,
    did_you_mean,
)
from mlops_jupyter.pipelines import cache, parameters, process, trial
from mlops_jupyter.pipelines.axis import Axis, explicit
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.declared import declared, read_graph
from mlops_jupyter.pipelines.entry import from_row
from mlops_jupyter.pipelines.execute import Member, StepProgress, run_pipeline
from mlops_jupyter.pipelines.graph import Graph
from mlops_jupyter.pipelines.key import Keys
from mlops_jupyter.pipelines.limits import Limits
from mlops_jupyter.pipelines.search import Search, search
from mlops_jupyter.pipelines.trial import Status, Sweep, Trial
from mlops_jupyter.project import Project
from mlops_jupyter.runs import mirror
from mlops_jupyter.runs.metric import greater_is_better


@dataclass(frozen=True, slots=True)
class SweepProgress:
    """A trial that begins or has ended, or something to say of the whole.

    Attributes
    ----------
    trials : int
        How many there will be.
    trial : Trial or None
    note : str
        In words.
    """

    trials: int
    trial: Trial | None = None
    note: str = ""


Progress = Callable[[SweepProgress], None]


def sweep(
    project: Project,
    name: str,
    vary: Mapping[str, Any],
    given: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    *,
    trials: int | None = None,
    optimize: str | None = None,
    direction: str | None = None,
    seed: int = 0,
    workers: int | None = None,
    hand_over: bool = True,
    choice: Choice | None = None,
    limits: Limits | None = None,
) -> Sweep:
    """Run a pipeline with each combination of some parameters, or with some of them.

    A trial that fails ends no other. Running the same sweep again takes what has finished from
    the cache.

    Parameters
    ----------
    project : Project
    name : str
        Of the pipeline.
    vary : mapping of str to values
        By parameter: a list of values, a `range`, or text such as ``"0.1,0.01"``, ``"2..8"``,
        ``"0..1:0.25"``, ``"1e-4..1e-1:log"``.
    given : mapping of str to value, optional
        Parameters that are the same in all trials.
    progress : callable, optional
        Called when a trial begins, and when it has ended; in the thread that called this.
    trials : int, optional
        So many combinations, by chance, or chosen by Optuna. Default: all.
    optimize : str, optional
        The metric by which the trials are ordered. With `trials`, Optuna chooses the values.
    direction : {"minimize", "maximize"}, optional
        Which value of it is the best. Default: judged by its name.
    seed : int
        The same one gives the same trials; with Optuna, for the same number of workers.
    workers : int, optional
        Trials that run at once. Default: the number of cores.
    hand_over : bool
        Start the mirror to MLflow at the end.
    choice : Choice, optional
        Which steps are run in any case.
    limits : Limits, optional
        As `mlops_jupyter.pipelines.execute.run_pipeline`.

    Returns
    -------
    Sweep
        The best trial first; that some have failed is not raised.

    Raises
    ------
    NotFoundError, UsageError
        There is no such pipeline or parameter, a value does not fit, nothing is varied, or the
        first trial recorded no such metric.
    CellFailedError
        A step failed that is the same in all trials.
    """
    trial.reconcile(project)
    count = _workers(workers)
    minimize = _minimize(optimize, direction)
    graph = read_graph(project, name)
    axes = _axes(graph, _mapping(vary), given or {})
    bound = parameters.bind(graph.pipeline.parameters, given or {})
    chosen = search(
        axes,
        trials=trials,
        minimize=minimize if optimize is not None else None,
        seed=seed,
        batch=count,
    )
    notebook = ", ".join(declared(project, name).files)
    sweep_id, run_id = trial.begin(
        project, name, notebook, axes, optimize, minimize=minimize, parameters=bound.given
    )
    plan = Plan(
        project,
        graph,
        dict(given or {}),
        axes,
        choice or Choice(),
        optimize,
        bound.recorded,
        limits,
    )
    try:
        Running(plan, sweep_id, run_id, chosen, count, progress or (lambda _: None)).run()
    except BaseException as error:
        told = error.message if isinstance(error, MlopsError) else "interrupted"
        status: Status = "failed" if isinstance(error, MlopsError) else "interrupted"
        trial.end(project, sweep_id, status, told)
        mirror.start(project)
        raise
    result = trial.get(project, sweep_id)
    failed = sum(one.status != "finished" for one in result.trials)
    said = f"{failed} of {len(result.trials)} trials failed" if failed else None
    trial.end(project, sweep_id, "failed" if failed else "finished", said)
    if hand_over:
        mirror.start(project)
    return trial.get(project, sweep_id)


def _axes(graph: Graph, vary: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[Axis, ...]:
    """Read what is varied by the contract of the pipeline."""
    contract = {parameter.name: parameter for parameter in graph.pipeline.parameters}
    axes = tuple(explicit(contract, one, values) for one, values in vary.items())
    if not axes:
        raise UsageError("no parameter is varied", hint="e.g. `-p depth=2..8`, `-p lr=0.1,0.01`")
    both = sorted(set(vary) & set(given))
    if both:
        raise UsageError(f"parameter {both[0]!r} is varied, and given too")
    return axes


@dataclass(frozen=True, slots=True)
class Plan:
    """What all trials of a sweep share."""

    project: Project
    graph: Graph
    given: dict[str, Any]
    axes: tuple[Axis, ...]
    choice: Choice
    metric: str | None
    recorded: dict[str, Any]
    limits: Limits | None = None

    @property
    def name(self) -> str:
        """The pipeline's."""
        return self.graph.pipeline.name

    def shared(self) -> tuple[str, ...]:
        """Return the steps that are the same in all trials, as far as they can be known."""
        varied = {axis.name for axis in self.axes}
        keys = Keys(self.project, self.graph, self.recorded)
        differ: set[int] = set()
        for position, node in enumerate(self.graph.nodes):
            read = {part.name for part in keys.of(position).parts if part.kind == "parameter"}
            if read & varied or not differ.isdisjoint(node.before):
                differ.add(position)
        return tuple(name for at, name in enumerate(self.graph.names) if at not in differ)

    def written(self, done: Trial, shared: Sequence[str]) -> set[str]:
        """Return the files that the steps of a trial wrote, but for those that all share."""
        project = self.project
        rows = project.catalog.rows(
            "SELECT step_run.step, step_entry.* FROM step_run JOIN step_entry"
            " ON step_entry.id = step_run.entry_id WHERE pipeline_run_id = ?1"
            " UNION ALL SELECT step_run.step, step_entry.* FROM step_run JOIN step_entry"
            " ON step_entry.step_run_id = step_run.id WHERE pipeline_run_id = ?1",
            (done.pipeline_run_id,),
        )
        entries = [from_row(row) for row in rows if row["step"] not in shared]
        cells = {cell for entry in entries for cell in entry.records.cells}
        if not self.choice.cache:  # then nothing is shared, and there are no entries
            sql = "SELECT execution_id FROM run_cell WHERE run_id = ?"
            cells |= {row[0] for row in project.catalog.rows(sql, (done.run_id,))}
        return _written(project, cells)

    def writes_nothing(self, shared: Sequence[str]) -> bool:
        """Return whether all other steps have run before, and wrote no files."""
        for step in self.graph.names:
            if step not in shared:
                known = cache.newest(self.project, self.name, step)
                if known is None or _written(self.project, known.records.cells):
                    return False
        return True


def _written(project: Project, cells: Iterable[int]) -> set[str]:
    rows = project.catalog.rows(
        "SELECT DISTINCT execution_file.path FROM execution_file"
        " JOIN json_each(?) ON value = execution_id WHERE access = 'write'",
        (json.dumps(list(cells)),),
    )
    return {row["path"] for row in rows if not row["path"].startswith(".mlops/")}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trial ended, told by its thread; `shared`: it only has the shared steps behind it."""

    number: int
    error: BaseException | None = None
    shared: bool = False


@dataclass
class Running:
    """The trials of one sweep, while they run.

    Each is followed by a thread, and executed by a process of its own. Whatever ends this one
    ends those: by an interrupt we end them, and else they see that nobody listens any more.
    """

    plan: Plan
    sweep_id: str
    run_id: str
    search: Search
    workers: int
    progress: Progress
    running: dict[int, Trial] = field(default_factory=dict)
    ended: list[Trial] = field(default_factory=list)
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)
    wrote: list[set[str]] = field(default_factory=list)
    shared: tuple[str, ...] = ()
    left: set[str] = field(default_factory=set)
    is_released: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)
    told: queue.SimpleQueue[Ended] = field(default_factory=queue.SimpleQueue)

    def run(self) -> None:
        """Run all of them."""
        self.shared = self.plan.shared()
        self.left = set(self.shared)
        self.is_released = not self.shared and self.plan.writes_nothing(())
        try:
            self._fill()
            while self.running:
                self._take(self.told.get())
                self._fill()
        except BaseException:
            self._stop()
            raise
        finally:
            for thread in self.threads:
                thread.join()

    def _fill(self) -> None:
        """Begin as many trials as may run now."""
        while len(self.running) < self._width():
            values = self.search.ask()
            if values is None:
                return
            self._begin(values)

    def _width(self) -> int:
        """Return how many trials may run at once."""
        if self.is_released:
            return self.workers
        if len(self.wrote) < 2 and not (self.wrote and not self.wrote[0]):
            return 1  # what trials write is not known yet
        both = set.intersection(*self.wrote[:2]) if len(self.wrote) > 1 else set()
        if both and self.workers > 1:
            file = min(both)
            self._say(f"each trial writes {file}: they run one after the other")
            self.workers = 1
        self.is_released = True
        return self.workers

    def _begin(self, values: dict[str, Any]) -> None:
        number = len(self.running) + len(self.ended) + 1
        shown = {name: parameters.recorded(name, value) for name, value in values.items()}
        run_id = trial.begin_trial(self.plan.project, self.sweep_id, number, shown)
        self.running[number] = Trial(number, shown, "running", run_id)
        self.progress(SweepProgress(self.search.count, self.running[number]))
        # not a daemon: it writes rows, and ends with the process that it follows
        thread = threading.Thread(target=self._follow, args=(number, values, run_id))
        self.threads.append(thread)
        thread.start()

    def _follow(self, number: int, values: dict[str, Any], pipeline_run_id: str) -> None:
        """Run one trial, in a thread of its own."""
        plan = self.plan
        member = Member(pipeline_run_id, self.run_id, lambda p: self._started(number, p))
        left = set(self.shared)

        def follow(place: StepProgress) -> None:
            if place.status in {"finished", "cached"} and place.step in left:
                left.discard(place.step)
                if not left:
                    self.told.put(Ended(number, shared=True))

        failure: BaseException | None = None
        try:
            if not self.stopping.is_set():
                run_pipeline(
                    plan.project, plan.name, {**plan.given, **values}, follow,
                    hand_over=False, choice=plan.choice, member=member,
                    workers=max(1, cores() // self.workers), limits=plan.limits,
                )  # fmt: skip
        except BaseException as error:  # noqa: BLE001 - the main thread decides what it means
            failure = error
        finally:
            plan.project.catalog.close()
        self.told.put(Ended(number, failure))

    def _started(self, number: int, started: subprocess.Popen[bytes]) -> None:
        self.processes[number] = started
        if self.stopping.is_set():
            started.terminate()

    def _take(self, ended: Ended) -> None:
        """Go on after a trial has ended, or has the steps behind it that all share."""
        if ended.shared:
            self.left.clear()
            if self.plan.writes_nothing(self.shared):
                self.is_released = True
            return
        if ended.error is not None and not isinstance(ended.error, MlopsError):
            raise ended.error
        self.running.pop(ended.number)
        self.processes.pop(ended.number, None)
        status: Status = "finished" if ended.error is None else "failed"
        if isinstance(ended.error, StoppedError):  # somebody cancelled this one
            status = "interrupted"
        error = None if ended.error is None else ended.error.message
        code = 0 if ended.error is None else ended.error.exit_code
        trial.end_trial(self.plan.project, self.sweep_id, ended.number, status, error, code)
        done = trial.get_trial(self.plan.project, self.sweep_id, ended.number)
        self.ended.append(done)
        self.progress(SweepProgress(self.search.count, done))
        self._judge(done, ended.error)

    def _judge(self, done: Trial, error: MlopsError | None) -> None:
        """Tell the search what a trial gave; end a sweep in which no trial can succeed."""
        is_same_in_all = self.left and isinstance(error, CellFailedError | UsageError)
        if error is not None and is_same_in_all:
            self._say("it failed in a step that is the same in all trials: no other is begun")
            raise error
        metric = self.plan.metric
        value = None if metric is None else done.metrics.get(metric)
        self.search.tell(done.number, value if done.status == "finished" else None)
        if done.status != "finished":
            return
        if metric is not None and metric not in done.metrics and len(self.ended) == 1:
            raise UsageError(
                f"trial {done.number} recorded no metric {metric!r}",
                hint=did_you_mean(metric, done.metrics) or "it recorded none at all",
            )
        if not self.is_released:
            self.wrote.append(self.plan.written(done, self.shared))

    def _say(self, note: str) -> None:
        self.progress(SweepProgress(self.search.count, note=note))

    def _stop(self) -> None:
        """End all processes, at the same time; a second interrupt kills them at once."""
        self.stopping.set()
        processes = list(self.processes.values())
        enders = [threading.Thread(target=process.stop, args=(one,)) for one in processes]
        for ender in enders:
            ender.start()
        try:
            for ender in enders:
                ender.join()
        except BaseException:
            for one in processes:
                one.terminate()
            raise


def cores() -> int:
    """Return how many cores this process may use."""
    may_use = getattr(os, "sched_getaffinity", None)
    return len(may_use(0)) if may_use is not None else os.cpu_count() or 1


def _workers(workers: int | None) -> int:
    if workers is None:
        return cores()
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise UsageError(f"{workers!r} workers", hint="a whole number, from 1")
    return workers


def _mapping(vary: Any) -> dict[str, Any]:
    if isinstance(vary, Mapping):
        return dict(vary)
    hint = "e.g. {'depth': [3, 5], 'lr': '0.1,0.01'}"
    raise UsageError(f"what is varied is a {type(vary).__name__}, no mapping", hint=hint)


def _minimize(metric: str | None, direction: str | None) -> bool:
    if metric is not None and not isinstance(metric, str):
        raise UsageError(f"no metric: {metric!r:.40}", hint="give its name")
    if direction not in {None, "minimize", "maximize"}:
        hint = did_you_mean(str(direction), ["minimize", "maximize"])
        raise UsageError(f"no direction: {direction!r:.40}", hint=hint)
    if direction is not None and metric is None:
        raise UsageError("a direction of what?", hint="name the metric: `--optimize METRIC`")
    return direction == "minimize" if direction else not greater_is_better(metric or "")
