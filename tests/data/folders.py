"""Folders of all sorts, and what is in them."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_jupyter.project import Project

LONG_AGO = (10**9, 10**9)


def tree(root: Path) -> dict[str, tuple[str, bytes]]:
    """Return everything in a folder: what it is, and what it holds."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = ("link", os.fsencode(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder", b"")
        else:
            found[name] = ("program" if os.access(path, os.X_OK) else "file", path.read_bytes())
    return found


def make(root: Path, contents: dict[str, bytes | str]) -> Path:
    """Write files; a text is what a link leads to, a name that ends with / is a folder."""
    root.mkdir(exist_ok=True)
    for name, content in contents.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.symlink_to(content)
        else:
            path.write_bytes(content)
    return root


def object_count(project: Project) -> int:
    """Return how many objects there are."""
    return sum(path.is_file() for path in project.objects.root.rglob("*"))
