"""The routes under ``/mlops/api/``: find the project, call one verb in a thread, answer.

Each answers ``GET`` for a user who is logged in and may read the resource ``mlops``; those that
begin, stop or decide something answer ``POST`` for a user who may execute it.
``?path=`` is the active notebook, from the server's root; the project around it is meant.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from tornado import web

from mlops_jupyter import wire
from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.project import Project
from mlops_jupyter.server import models, pipelines
from mlops_jupyter.server.route import MAKE_ONE, Route

MOST_RUNS = 500

SHOWN_INLINE = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "image/avif"}
)


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
    *((f"{API}/{pattern}", route) for pattern, route in (*pipelines.ROUTES, *models.ROUTES)),
    (f"{API}/notebook-state", NotebookStateRoute),
)
