"""Which steps of a run go to the cluster, and how what they gave comes back."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from mlops_jupyter import config
from mlops_jupyter.cluster.job import Job, Outcome
from mlops_jupyter.cluster.scheduler import Scheduler
from mlops_jupyter.errors import ExternalError, UsageError
from mlops_jupyter.pipelines import entry
from mlops_jupyter.pipelines.checks import paths
from mlops_jupyter.pipelines.entry import Entry
from mlops_jupyter.pipelines.execute import Request, error_of
from mlops_jupyter.pipelines.graph import Graph, Node
from mlops_jupyter.pipelines.key import VALUES, Key
from mlops_jupyter.pipelines.record import Opened
from mlops_jupyter.project import Project
from mlops_jupyter.sharing.pull import pull
from mlops_jupyter.sharing.push import push
from mlops_jupyter.store.objects import replace_file

MOST_BYTES = 64 * 2**20
"""Files of the project that are sent along with a step are smaller than this, together."""


class Elsewhere:
    """Runs the steps of one pipeline run on a cluster.

    Parameters
    ----------
    project : Project
    request : Request
    graph : Graph
    opened : Opened
    scheduler : Scheduler

    Raises
    ------
    UsageError
        There is no shared store, or what comes from it is not trusted.
    """

    def __init__(
        self,
        project: Project,
        request: Request,
        graph: Graph,
        opened: Opened,
        scheduler: Scheduler,
    ) -> None:
        check(project, request)
        self._project, self._request, self._graph = project, request, graph
        self._opened, self._scheduler = opened, scheduler
        self._stayed: set[int] = set()
        self._sharing = threading.Lock()
        push(project)

    def stays(self, position: int, key: Key) -> str:
        """Say why a step has to be run here; empty: it has not."""
        before = sorted(self._stayed & self._graph.ancestors(position))
        reason = key.why_not
        if before and not reason:
            reason = f"the step {self._graph.names[before[0]]} is"
        if reason:
            self._stayed.add(position)
        return reason

    def run(self, position: int, key: Key) -> tuple[Entry, str]:
        """Run a step on a worker; return what it gave, which is here by then, and where.

        Raises
        ------
        UsageError
            The worker has another environment, or what the step gave cannot be handed over.
        MlopsError
            What ended the step there.
        """
        node = self._graph.nodes[position]
        name = node.step.name
        declared = self._project.settings.pipelines[self._graph.pipeline.name]
        job = msgspec.json.encode(self._job(position, key))
        answer = self._scheduler.run(name, job, declared.resources.get(name))
        outcome = msgspec.json.decode(answer, type=Outcome)
        if outcome.notebook is not None:
            replace_file(Path(f"{position + 1:02}-{name}.ipynb"), outcome.notebook)
        if outcome.failure is not None:
            raise error_of(outcome.failure)
        if outcome.differs:
            raise UsageError(
                f"the worker {outcome.where} has another environment for the step {name}:"
                f" {', '.join(outcome.differs)}",
                hint="give all workers the environment that you have here",
            )
        if outcome.entry is None:
            raise UsageError(
                f"the step {name} was run on {outcome.where}, but what it gave cannot be handed"
                f" over: {outcome.why_not}",
                hint=f"give it a time, `max_age: {{{name}: 1d}}`, or run the pipeline here",
            )
        with self._sharing:
            pull(self._project)
        return entry.get(self._project, outcome.entry), outcome.where

    def cancel(self) -> None:
        """Let the steps that run on workers end."""
        self._scheduler.cancel()

    def _job(self, position: int, key: Key) -> Job:
        node = self._graph.nodes[position]
        known = {}
        for before in self._graph.ancestors(position):
            row = self._project.catalog.row(
                "SELECT entry_id FROM step_run WHERE id = ?", (self._opened.steps[before],)
            )
            if row is None or row["entry_id"] is None:
                raise ExternalError(f"what the step {self._graph.names[before]} gave is not known")
            known[self._graph.names[before]] = row["entry_id"]
        return Job(
            pipeline=self._graph.pipeline.name,
            step=node.step.name,
            given=self._request.given,
            settings=(self._project.root / config.FILE).read_text(encoding="utf-8"),
            files=self._files(node, key),
            parts=tuple(part for part in key.parts if part.kind != VALUES),
            known=known,
            part_of=self._opened.id,
            limits=self._request.limits,
        )

    def _files(self, node: Node, key: Key) -> dict[str, bytes]:
        """Read what is sent along: notebooks, modules, and the files that the step names."""
        root, source = self._project.root, node.cut.source
        cells = (*source.setup, *node.source.code)
        wanted = [root / file.path for file in self._request.files]
        wanted += [root / part.name for part in key.parts if part.kind == "module"]
        wanted += paths.inputs(cells, source.path.parent, paths.texts_of(cells))
        found: dict[str, bytes] = {}
        for path in dict.fromkeys(one.resolve() for one in wanted):
            if not path.is_relative_to(root.resolve()):
                continue  # it has to be there, as it is here
            found[path.relative_to(root.resolve()).as_posix()] = path.read_bytes()
            if sum(map(len, found.values())) > MOST_BYTES:
                raise UsageError(
                    f"the step {node.step.name} reads more than {MOST_BYTES >> 20} MB of files",
                    hint="snapshot them, and read them by `mlops_jupyter.load`",
                )
        return found


def check(project: Project, request: Request) -> None:
    """Refuse a run that could not be handed to a cluster.

    Raises
    ------
    UsageError
        There is no shared store, what comes from it is not trusted, or nothing is to be kept.
    """
    remote = project.settings.remote
    if remote.url is None:
        raise UsageError(
            "machines that share no disk need a shared store",
            hint="name one in mlops.yaml: `remote: {url: s3://bucket/path, trust: true}`",
        )
    if not remote.trust:
        raise UsageError(
            f"what workers hand over comes through {remote.url}, which is not trusted",
            hint="if you trust those who write there, say so in mlops.yaml:"
            " `remote: {trust: true}`",
        )
    if not request.choice.cache:
        raise UsageError(
            "--no-cache and a cluster do not go together: what a step gives is handed over by it"
        )
