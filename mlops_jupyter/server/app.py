"""The extension: gives the server its routes and the event that says "changed"."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Unicode

from mlops_jupyter.server.handlers import ROUTES
from mlops_jupyter.server.place import Place
from mlops_jupyter.server.rename import CONTENTS, Renames
from mlops_jupyter.server.watch import CHANGED, SCHEMA, Watcher


class MlopsApp(ExtensionApp):
    """Serves the projects under the server's root to the side panel."""

    name = "mlops_jupyter"

    project_dir = Unicode(
        "",
        help="The project to show for notebooks that lie in none: a folder, from the server's"
        " root or absolute.",
        config=True,
    )

    auto_load = Bool(
        False,
        help="Record in every kernel that this server starts in a project, without %load_ext."
        " `capture: {auto_load: true}` in mlops.yaml does the same for one project.",
        config=True,
    )

    def initialize_settings(self) -> None:
        """Tell the kernels to come: they inherit the server's environment."""
        if self.auto_load:
            os.environ["MLOPS_CAPTURE_AUTO_LOAD"] = "true"

    def initialize_handlers(self) -> None:
        """Add the routes. The watcher begins with the first request of a project."""
        assert self.serverapp is not None
        self.serverapp.event_logger.register_event_schema(SCHEMA)
        root = Path(os.path.realpath(self.serverapp.root_dir))
        place = Place(root, root / self.project_dir if self.project_dir else None)
        self.watcher = Watcher(self._emit)
        renames = Renames(place, self.log)
        self.serverapp.event_logger.add_listener(schema_id=CONTENTS, listener=renames.listen)
        given = {"place": place, "watcher": self.watcher}
        self.handlers.extend((pattern, handler, given) for pattern, handler in ROUTES)

    async def stop_extension(self) -> None:
        """Let go of the catalogs."""
        self.watcher.stop()

    def _emit(self, project: str) -> None:
        assert self.serverapp is not None
        self.serverapp.event_logger.emit(schema_id=CHANGED, data={"project": project})
