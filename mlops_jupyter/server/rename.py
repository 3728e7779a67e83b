"""Notebooks that are renamed in the browser while their kernel runs.

The kernel is not told: ``JPY_SESSION_NAME`` is of its start. The server is, by the event of its
contents service, and writes it to the row of the kernel's session.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import open_project
from mlops_jupyter.server.place import Place

CONTENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"


class Renames:
    """Follows renames of notebooks and folders.

    Parameters
    ----------
    place : Place
    log : logging.Logger
        The server's.
    """

    def __init__(self, place: Place, log: Any) -> None:
        self.place = place
        self.log = log

    async def listen(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        """Take an event of the contents service."""
        if data.get("action") == "rename":
            try:
                await asyncio.to_thread(self.follow, data["source_path"], data["path"])
            except MlopsError as error:
                self.log.warning("mlops: a rename is not recorded: %s", error)

    def follow(self, old: str, new: str) -> None:
        """Write a rename down; paths are from the server's root."""
        from mlops_jupyter.runs.session import move_notebook

        root = self.place.find(new)
        if root is None:
            return
        project = open_project(root)
        try:
            move_notebook(project, self._absolute(old), self._absolute(new))
        finally:
            project.catalog.close()

    def _absolute(self, path: str) -> Path:
        return Path(os.path.realpath(self.place.root / path.lstrip("/")))
