"""``python -m mlops_jupyter.cluster``: the process that lets a cluster run the steps."""

from __future__ import annotations

import sys

from mlops_jupyter.cluster.elsewhere import Elsewhere
from mlops_jupyter.cluster.scheduler import Scheduler
from mlops_jupyter.pipelines import runner
from mlops_jupyter.pipelines.__main__ import work
from mlops_jupyter.pipelines.execute import Progress, Request
from mlops_jupyter.pipelines.graph import Graph
from mlops_jupyter.pipelines.process import UNUSED, Tell, serve
from mlops_jupyter.pipelines.record import Opened
from mlops_jupyter.project import Project


def run(project: Project, request: Request, progress: Progress) -> None:
    """Run a pipeline with its steps on the cluster."""
    for name in UNUSED:  # shared stores may need them
        sys.modules.pop(name, None)
    assert request.cluster is not None, "it is started for clusters only"
    with Scheduler(request.cluster) as scheduler:

        def make(graph: Graph, opened: Opened) -> Elsewhere:
            return Elsewhere(project, request, graph, opened, scheduler)

        try:
            runner.run(project, request, progress, make)
        except KeyboardInterrupt:
            scheduler.cancel()
            raise


def _work(content: bytes, tell: Tell) -> int:
    return work(content, tell, run)


if __name__ == "__main__":
    sys.exit(serve(_work))
