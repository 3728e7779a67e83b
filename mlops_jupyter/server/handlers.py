"""The routes under ``/mlops/api/``: find the project, call one verb in a thread, answer.

Each answers ``GET`` for a user who is logged in and may read the resource ``mlops``.
``?path=`` is the active notebook, from the server's root; the project around it is meant.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from mlops_jupyter import wire
from mlops_jupyter.errors import MlopsError, NotFoundError, UsageError
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.server.place import Place
from mlops_jupyter.server.watch import Watcher

MAKE_ONE = "make a project of this folder: run `mlops init` in a terminal"

MOST_RUNS = 500

SHOWN_INLINE = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "image/avif"}
)


class Route(APIHandler):
    """A route that answers with a noun of the wire."""

    auth_resource = "mlops"

    def initialize(self, place: Place, watcher: Watcher) -> None:
        """Take what the extension gives each handler."""
        self.place = place
        self.watcher = watcher

    @web.authenticated
    @authorized
    async def get(self, *names: str) -> None:
        """Answer."""
        await self.reply(names)

    async def reply(self, names: tuple[str, ...]) -> None:
        """Answer, or say in words why not."""
        try:
            await self.respond(names)
        except MlopsError as error:
            self.set_status(error.http_status)
            self.finish(wire.encode({"message": error.message, "hint": error.hint}))

    async def respond(self, names: tuple[str, ...]) -> None:
        """Find the project, ask in a thread, send."""
        path = self.get_query_argument("path", "", strip=False)
        root = await asyncio.to_thread(self.place.find, path)
        if root is None:
            self.send(self.without_project(path))
            return
        answer = await asyncio.to_thread(self.ask, root, names)
        self.watcher.follow(root, self.place.name(root))
        self.send(answer)

    def ask(self, root: Path, names: tuple[str, ...]) -> Any:
        """Open the project, ask it, close it: SQLite connections stay in their thread."""
        project = open_project(root)
        try:
            return self.answer(project, *names)
        finally:
            project.catalog.close()

    def answer(self, project: Project, *names: str) -> Any:
        """Call the verb of this route. Runs in a thread."""
        raise NotImplementedError

    def without_project(self, path: str) -> Any:
        """Answer when there is no project."""
        raise NotFoundError("project around", path or "/", hint=MAKE_ONE)

    def send(self, answer: Any) -> None:
        """Send the answer as JSON."""
        self.finish(wire.encode(answer))

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a number of the query."""
        text = self.get_query_argument(name, str(default))
        if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
            return int(text)
        raise UsageError(f"{name}={text[:80]!r}: not a number of runs", hint=f"{least} to {most}")


class ProjectRoute(Route):
    """``project``: which project it is, and how far MLflow is behind."""

    def answer(self, project: Project, *names: str) -> wire.ProjectInfo:
        """Describe the project."""
        from mlops_jupyter.runs import history

        waiting, error = history.waiting(project)
        return wire.ProjectInfo(
            name=project.root.name,
            root=self.place.name(project.root),
            hint=None,
            waiting=waiting,
            mirror_error=error,
        )

    def without_project(self, path: str) -> wire.ProjectInfo:
        """Say what to do to have one."""
        return wire.ProjectInfo(name=None, root=None, hint=MAKE_ONE, waiting=0, mirror_error=None)


class RunsRoute(Route):
    """``runs``: a page of runs, newest first."""

    def answer(self, project: Project, *names: str) -> Any:
        """List runs."""
        from mlops_jupyter.runs import history

        limit = self.number("limit", 50, least=1, most=MOST_RUNS)
        return history.page(project, limit, self.number("offset", 0, least=0, most=999_999_999))


class RunRoute(Route):
    """``runs/ID``: one run, with the cells that made it."""

    def answer(self, project: Project, *names: str) -> Any:
        """Describe one run."""
        from mlops_jupyter.runs import history

        return history.detail(project, names[0])


class SeriesRoute(Route):
    """``runs/ID/series``: the steps of its metrics; ``?name=`` of one of them."""

    def answer(self, project: Project, *names: str) -> Any:
        """List the steps."""
        from mlops_jupyter.runs import series

        name = self.get_query_argument("name", None, strip=False)
        return series.series(project, names[0], name)


class ArtifactRoute(Route):
    """``runs/ID/artifacts/NAME``: the bytes of a figure, or of another file that a run shows."""

    def answer(self, project: Project, *names: str) -> tuple[str, str, bytes]:
        """Read one artifact: its name, its media type, its verified content."""
        from mlops_jupyter.runs import history

        run_id, name = names
        artifacts = {a.name: a for a in history.detail(project, run_id).run.artifacts}
        if name not in artifacts:
            raise NotFoundError("artifact", name, artifacts)
        found = artifacts[name]
        return name, found.media_type, project.objects.read(found.digest)

    def send(self, answer: tuple[str, str, bytes]) -> None:
        """Send the bytes: images to be shown, all else to be saved."""
        name, media_type, content = answer
        inline = media_type in SHOWN_INLINE
        self.set_header(
            "Content-Disposition",
            f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(name, safe='')}",
        )
        self.finish(content, set_content_type=media_type if inline else "application/octet-stream")

    @property
    def content_security_policy(self) -> str:
        """An SVG opened by itself may not run its scripts in the server's name."""
        return f"{super().content_security_policy}; style-src 'unsafe-inline'; sandbox"


class DatasetsRoute(Route):
    """``datasets``: all datasets and their versions."""

    def answer(self, project: Project, *names: str) -> wire.Datasets:
        """List datasets."""
        from mlops_jupyter.data import versions

        return wire.Datasets(datasets=versions.datasets(project, passed=False))


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


class ModelsRoute(Route):
    """``models``: all models, their champions and the decisions on them."""

    def answer(self, project: Project, *names: str) -> wire.Models:
        """List models."""
        from mlops_jupyter.promotion import history

        return wire.Models(models=history.summaries(project))


class NotebookStateRoute(Route):
    """``notebook-state``: whether running all cells again gives what the notebook shows.

    ``GET`` speaks of the file as it was saved; ``POST`` of the cells that are sent along, which
    an editor holds, beside the kernel that runs now. Both only read.
    """

    @web.authenticated
    @authorized("read", resource="mlops")
    async def post(self) -> None:
        """Answer for the cells that are sent."""
        await self.reply(())

    def answer(self, project: Project, *names: str) -> Any:
        """Judge the notebook."""
        from mlops_jupyter.runs.status import notebook_state

        path = self.place.file(self.get_query_argument("path", "", strip=False))
        is_live = self.request.method == "POST"
        cells = wire.decode_notebook(self.request.body) if is_live else None
        return notebook_state(project, path, cells)


API = "/mlops/api"

ROUTES: tuple[tuple[str, type[Route]], ...] = (
    (f"{API}/project", ProjectRoute),
    (f"{API}/runs", RunsRoute),
    (f"{API}/runs/([^/]+)", RunRoute),
    (f"{API}/runs/([^/]+)/series", SeriesRoute),
    (f"{API}/runs/([^/]+)/artifacts/(.+)", ArtifactRoute),
    (f"{API}/datasets", DatasetsRoute),
    (f"{API}/pipelines", PipelinesRoute),
    (f"{API}/pipelines/([^/]+)/parameters", ParametersRoute),
    (f"{API}/models", ModelsRoute),
    (f"{API}/notebook-state", NotebookStateRoute),
)
