"""Where objects lie while they come."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from mlops_jupyter.project import Project

OLD_SECONDS = 7 * 86_400.0
"""Nothing takes that long: what is older was left by a process that was killed."""


def aside(project: Project) -> Path:
    """Return the folder for objects that are not verified yet, on the disk of the others."""
    folder = project.folder / "incoming"
    with contextlib.suppress(OSError):
        for left in folder.iterdir():
            if left.stat().st_mtime < time.time() - OLD_SECONDS:
                left.unlink()
    return folder
