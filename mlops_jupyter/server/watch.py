"""Tells the browser that a project has changed, whichever process changed it.

Ten times a second each project in use is asked for its catalog's ``data_version`` (15 µs).
The event says only *that* something changed; the data always comes from the routes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tornado.ioloop import IOLoop, PeriodicCallback

from mlops_jupyter.config import FILE
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import FOLDER
from mlops_jupyter.store.catalog import Catalog

INTERVAL_SECONDS = 0.1

IDLE_SECONDS = 120.0
"""A project that nobody asked for in this time is let go; its next request takes it up."""

CHANGED = "urn:mlops-jupyter:changed"

SCHEMA: dict[str, Any] = {
    "$id": CHANGED,
    "version": "1",
    "title": "A project changed",
    "description": "Something was written to the catalog or to mlops.yaml of a project.",
    "type": "object",
    "properties": {
        "project": {
            "type": "string",
            "description": "The project's folder, from the server's root.",
        },
    },
    "required": ["project"],
    "additionalProperties": False,
}


@dataclass
class _Followed:
    name: str
    asked_at: float
    catalog: Catalog | None = None
    state: tuple[int, ...] | None = None


class Watcher:
    """Follows projects and reports their changes. Lives on the server's event loop.

    Parameters
    ----------
    changed : callable
        Called with the project's name when it changed.
    """

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._followed: dict[Path, _Followed] = {}
        self._clock: PeriodicCallback | None = None

    @property
    def followed(self) -> frozenset[Path]:
        """The projects that are watched now."""
        return frozenset(self._followed)

    def follow(self, project: Path, name: str) -> None:
        """Watch a project from now on, or go on watching it.

        The first look always reports a change, so that nothing written between the answer
        to a request and that look is missed.
        """
        now = IOLoop.current().time()
        self._followed.setdefault(project, _Followed(name, now)).asked_at = now
        if self._clock is None:
            self._clock = PeriodicCallback(self.look, INTERVAL_SECONDS * 1000)
            self._clock.start()

    def look(self) -> None:
        """Look at each project once, report those that changed, let go of those not in use."""
        now = IOLoop.current().time()
        for project, followed in list(self._followed.items()):
            if now - followed.asked_at > IDLE_SECONDS:
                self._let_go(project)
                continue
            try:
                state = self._state(project, followed)
            except (OSError, MlopsError):
                # moved, removed or damaged: the next request says so, in words
                self._let_go(project)
                state = None
            if state != followed.state:
                followed.state = state
                self._changed(followed.name)

    def stop(self) -> None:
        """Let go of everything; safe when nothing was ever followed."""
        for project in list(self._followed):
            self._let_go(project)

    def _state(self, project: Path, followed: _Followed) -> tuple[int, ...]:
        path = project / FOLDER / "catalog.sqlite"
        file = path.stat()
        if followed.catalog and followed.state and followed.state[0] != file.st_ino:
            # another file under the same name: an open connection would watch the old one
            followed.catalog.close()
            followed.catalog = None
        if followed.catalog is None:
            followed.catalog = Catalog(path)
        settings = (project / FILE).stat().st_mtime_ns
        return (file.st_ino, followed.catalog.data_version(), settings)

    def _let_go(self, project: Path) -> None:
        followed = self._followed.pop(project)
        if followed.catalog is not None:
            followed.catalog.close()
        if not self._followed and self._clock is not None:
            self._clock.stop()
            self._clock = None
