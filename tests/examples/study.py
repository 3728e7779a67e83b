"""Where the example lies, and how a person runs it: by the commands, in a copy of the folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "example_notebooks"
NOTEBOOKS = sorted(EXAMPLE.glob("*.ipynb"))

STORY = ["promote v1", "promote v2", "promote v3", "rollback v2", "reject v4"]


def copied_to(folder: Path) -> Path:
    """Return a copy of the example without anything that was made in it."""
    ignored = shutil.ignore_patterns(".mlops", ".ipynb_checkpoints", "__pycache__", "executed")
    return Path(shutil.copytree(EXAMPLE, folder, ignore=ignored))


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run this Python with arguments, and return what it said."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def papermill(notebook: str, *arguments: str, cwd: Path) -> Path:
    """Execute a notebook by stock papermill, and return where it was written to."""
    done = python("-m", "papermill", notebook, f"executed-{notebook}", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr[-3000:]
    return cwd / f"executed-{notebook}"
