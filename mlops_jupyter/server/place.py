"""Which project a path of the browser means, and never one outside the server's root."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mlops_jupyter.config import FILE
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import FOLDER, find_root


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server looks for projects.

    Attributes
    ----------
    root : Path
        The folder that the server serves, with its links resolved.
    project_dir : Path or None
        The project for notebooks that lie in none. The administrator chose it, so it may lie
        anywhere.
    """

    root: Path
    project_dir: Path | None

    def find(self, path: str) -> Path | None:
        """Return the folder of the project around a notebook, or None.

        Parameters
        ----------
        path : str
            From the server's root, with ``/``, as the contents API writes it. It need not
            exist. One that leads out of the root finds nothing, whatever lies there.

        Raises
        ------
        UsageError
            The project keeps its files behind a link that leads out of the root.
        """
        # resolved, not only made absolute: `..` and links end here
        notebook = self._resolved(path)
        if notebook.is_relative_to(self.root):
            for folder in (notebook, *notebook.parents):
                # not Path.is_file: it raises for a name that the disk finds too long
                if os.path.isfile(folder / FILE):  # noqa: PTH113
                    self._check(folder)
                    return folder
                if folder == self.root:
                    break
        return None if self.project_dir is None else find_root(self.project_dir)

    def file(self, path: str) -> Path:
        """Return where a notebook lies.

        Raises
        ------
        NotFoundError
            Its path, or a link, leads out of the root.
        """
        notebook = self._resolved(path)
        if not notebook.is_relative_to(self.root):
            raise NotFoundError("notebook", path)
        return notebook

    def name(self, project: Path) -> str:
        """Return how the browser knows a project: its folder from the root, ``""`` for the root."""
        name = Path(os.path.relpath(project, self.root)).as_posix()
        return "" if name == "." else name

    def _resolved(self, path: str) -> Path:
        return Path(os.path.realpath(self.root / path.lstrip("/")))

    def _check(self, project: Path) -> None:
        for part in (project / FILE, project / FOLDER):
            if not Path(os.path.realpath(part)).is_relative_to(self.root):
                raise UsageError(
                    f"{part.relative_to(self.root)}: a link that leads out of the served folder",
                    hint="start Jupyter in a folder that holds both ends, or set"
                    " MlopsApp.project_dir",
                )
