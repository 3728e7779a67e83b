"""What all routes do: find the project, call one verb in a thread, answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from mlops_jupyter import wire
from mlops_jupyter.errors import MlopsError, NotFoundError, UsageError
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.server.place import Place
from mlops_jupyter.server.watch import Watcher

MAKE_ONE = "make a project of this folder: run `mlops init` in a terminal"


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


class Doing(Route):
    """A route that begins or stops something, by ``POST``, for a user who may execute."""

    @web.authenticated
    @authorized("execute", resource="mlops")
    async def post(self, *names: str) -> None:
        """Do it."""
        await self.reply(names)

    def refuse_get(self) -> None:
        """Refuse ``GET``: whoever follows a link must not begin anything."""
        if self.request.method != "POST":
            raise web.HTTPError(405)
