"""Which files of two folders differ."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.diff.difference import Finding, PathChange
from mlops_jupyter.data.diff.words import counted, finding
from mlops_jupyter.data.files import folder
from mlops_jupyter.data.storage import manifest
from mlops_jupyter.project import Project


def digests(project: Project, version: DatasetVersion) -> dict[str, str]:
    """Return what each file, link and empty folder is, by its path: nothing is copied for it."""
    content = manifest.read(project.objects, version.manifest)
    return {
        entry.path.decode("utf-8", "backslashreplace"): f"{entry.kind!r} {entry.value!r}"
        for entry in folder.entries_of(project.objects, content)
    }


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[PathChange, ...]:
    """Say what happened to the files; one that lies elsewhere with the same content is renamed."""
    removed = {path: digest for path, digest in before.items() if path not in after}
    added = {path: digest for path, digest in after.items() if path not in before}
    found = [
        PathChange("changed", path, path)
        for path in sorted(before.keys() & after.keys())
        if before[path] != after[path]
    ]
    homes: dict[str, list[str]] = {}
    for path in sorted(removed, reverse=True):
        homes.setdefault(removed[path], []).append(path)
    for path in sorted(added):
        olds = homes.get(added[path])
        if olds:
            found.append(PathChange("renamed", olds.pop(), path))
        else:
            found.append(PathChange("added", None, path))
    gone = sorted(path for olds in homes.values() for path in olds)
    return (*found, *(PathChange("removed", path, None) for path in gone))


def said(changed: tuple[PathChange, ...], count: int) -> list[Finding]:
    """Say it in one sentence."""
    if not changed:
        return []
    kinds = [one.kind for one in changed]
    words = [
        f"{kinds.count(kind):,} {word}"
        for kind, word in (("changed", "changed"), ("added", "new"), ("removed", "gone"),
                           ("renamed", "renamed"))
        if kind in kinds
    ]  # fmt: skip
    text = f"of {counted(count, 'file')}: {', '.join(words)}"
    return [finding("paths", text, count=len(changed))]
