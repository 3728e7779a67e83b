"""The routes of pipelines: what there is, beginning and stopping runs, and looking at them."""

from __future__ import annotations

from typing import Any

from mlops_jupyter import wire
from mlops_jupyter.project import Project
from mlops_jupyter.server.route import Doing, Route


class PipelinesRoute(Route):
    """``pipelines``: all pipelines and their last runs."""

    def answer(self, project: Project, *names: str) -> wire.Pipelines:
        """List pipelines."""
        from mlops_jupyter.pipelines import history

        return wire.Pipelines(pipelines=history.summaries(project))


class ParametersRoute(Route):
    """``pipelines/NAME/parameters``: the JSON Schema of the parameters of a pipeline."""

    def answer(self, project: Project, *names: str) -> Any:
        """Read the contract."""
        from mlops_jupyter.pipelines.form import form

        return form(project, names[0])


class PictureRoute(Route):
    """``pipelines/NAME/picture``: the steps as a Mermaid flowchart."""

    def answer(self, project: Project, *names: str) -> wire.PipelinePicture:
        """Draw the steps."""
        from mlops_jupyter.pipelines.declared import read_graph
        from mlops_jupyter.pipelines.picture import mermaid

        return wire.PipelinePicture(names[0], mermaid(read_graph(project, names[0])))


class LaunchRoute(Doing):
    """``pipelines/NAME/launch``: begin a run, with the parameters that are sent."""

    def answer(self, project: Project, *names: str) -> Any:
        """Begin it, and say that it has begun."""
        from mlops_jupyter.pipelines.launch import launch

        self.refuse_get()
        asked = wire.decode_launch(self.request.body)
        return launch(project, names[0], asked.parameters, force=asked.force)


class CancelRoute(Doing):
    """``pipeline-runs/ID/cancel``: stop a run."""

    def answer(self, project: Project, *names: str) -> Any:
        """Stop it, and say how it stands."""
        from mlops_jupyter.pipelines import history
        from mlops_jupyter.pipelines.cancel import cancel
        from mlops_jupyter.promotion import actor

        self.refuse_get()
        run = history.get(project, names[0])  # its whole id, not the beginning of one
        return cancel(project, run.id, actor.current(project.root))


class LogRoute(Route):
    """``pipeline-runs/ID/steps/STEP/log``: what its cells printed, from ``?offset=`` on."""

    def answer(self, project: Project, *names: str) -> Any:
        """Read a part of the log; without an offset its end."""
        from mlops_jupyter.pipelines.log import log

        run, step = names
        given = self.get_query_argument("offset", None)
        offset = None if given is None else self.number("offset", 0, least=0, most=999_999_999)
        return log(project, run, step, offset)


class ExecutedRoute(Route):
    """``pipeline-runs/ID/steps/STEP/notebook``: its notebook as executed so far."""

    def answer(self, project: Project, *names: str) -> bytes:
        """Read it. It lies in a hidden folder, of which the server's own routes show nothing."""
        from mlops_jupyter.pipelines.log import executed

        run, step = names
        return executed(project, run, step)

    def send(self, answer: bytes) -> None:
        """Send the notebook as it is."""
        self.finish(answer, set_content_type="application/json")


ROUTES: tuple[tuple[str, type[Route]], ...] = (
    ("pipelines", PipelinesRoute),
    ("pipelines/([^/]+)/parameters", ParametersRoute),
    ("pipelines/([^/]+)/picture", PictureRoute),
    ("pipelines/([^/]+)/launch", LaunchRoute),
    ("pipeline-runs/([^/]+)/cancel", CancelRoute),
    ("pipeline-runs/([^/]+)/steps/([^/]+)/log", LogRoute),
    ("pipeline-runs/([^/]+)/steps/([^/]+)/notebook", ExecutedRoute),
)
