"""Paths as they were noted in a cell, made absolute when it has ended."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from mlops_jupyter.kernel import places

_MAGIC = re.compile(r"[*?\[{]")


class Paths:
    """Finds out where the paths of one cell lead.

    Parameters
    ----------
    outside : tuple of str
        Beginnings of paths that do not count.
    folders : sequence of str
        The working directories of the cell that it left, in their order.
    """

    def __init__(self, outside: tuple[str, ...], folders: Sequence[str]) -> None:
        self._outside = outside
        self._folders = folders
        self._here: str | None = None
        self._real: dict[str, str] = {}

    def real(self, path: str, stay: int) -> str | None:
        """Return where a path led in the working directory of that number."""
        if path[:1] != "/":
            folders = self._folders
            here = folders[stay] if stay < len(folders) else self._working_directory()
            path = f"{here}/{path}"
        folder, name = os.path.split(path)
        try:
            real = self._real.get(folder)
            if real is None:
                real = self._real[folder] = os.path.realpath(folder)
            if name in {"", ".", ".."}:
                return os.path.realpath(path)
            whole = f"{real}/{name}" if real != "/" else f"/{name}"
            return os.path.realpath(whole) if os.path.islink(whole) else whole  # noqa: PTH114
        except (OSError, ValueError):
            return None

    def counts(self, path: str) -> bool:
        """Tell whether a path is one that the user would say the cell reads or writes."""
        within = path + "/"
        return not (path.startswith(self._outside) or places.OURS in within or places.GIT in within)

    def matching(self, pattern: str, most: int) -> list[str]:
        """Return the files that a pattern means, as libraries read it."""
        if not _MAGIC.search(pattern):
            return []
        found: dict[str, None] = {}
        for plain in _without_braces(pattern):
            for path in islice(glob.iglob(plain, recursive=True), most):  # noqa: PTH207 - text
                found[path] = None
        return sorted(found)[:most]

    def within(self, folder: str, most: int) -> list[str]:
        """Return the files of a folder that a library reads as a whole; hidden ones are not."""
        return sorted(islice(_walk(folder), most))

    def _working_directory(self) -> str:
        if self._here is None:
            try:
                self._here = os.getcwd()  # noqa: PTH109
            except OSError:  # it was removed
                self._here = "/"
        return self._here


def _walk(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        yield from (f"{place}/{name}" for name in names if not name.startswith((".", "_")))


def _without_braces(pattern: str) -> list[str]:
    """Return the patterns that ``{a,b}`` stands for."""
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if braces is None or "," not in braces[1]:
        return [pattern]
    start, end = pattern[: braces.start()], pattern[braces.end() :]
    return [f"{start}{one}{end}" for one in braces[1].split(",")[:100]]
