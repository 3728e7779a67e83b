"""Which files, folders, URLs and queries a cell read and wrote.

`FileWatch` is told when a cell begins and ends. In between Python's audit events (`events`) and
the wrappers of libraries that open files natively (`loaders`) are noted; at the end the paths
are made absolute, sorted out, and given back as `Accesses`.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlops_jupyter.kernel import events, places
from mlops_jupyter.kernel.events import Access, Events

Kind = Literal["file", "folder", "url", "query"]


@dataclass(frozen=True, slots=True)
class FileAccess:
    """One thing that a cell read or wrote.

    Attributes
    ----------
    path : str
        Of a file or a folder: absolute, symbolic links followed. Of a name that is not UTF-8 the
        odd bytes are surrogates, as `os.fsdecode` makes them. Else the URL without credentials,
        or the SQL text.
    access : str
        ``write``: nothing of what was there before counts. ``append``: the file was changed, and
        what was there before counts.
    kind : str
    """

    path: str
    access: Access
    kind: Kind


@dataclass(frozen=True, slots=True)
class Accesses:
    """What one cell did to the world around it.

    Attributes
    ----------
    accesses : tuple of FileAccess
        In the order of the first access. What a cell writes and then reads is only written; what
        it opens in vain, or makes and removes again, is left out.
    removed : tuple of str
        Paths that were removed or moved away, and are gone at the end.
    starts_process : bool
        It started another process, or workers that an earlier cell started are alive.
    starts_thread : bool
    connects : bool
        It opened a network connection.
    unsure : tuple of str
        Reasons, in words, why this may not be all.
    """

    accesses: tuple[FileAccess, ...] = ()
    removed: tuple[str, ...] = ()
    starts_process: bool = False
    starts_thread: bool = False
    connects: bool = False
    unsure: tuple[str, ...] = ()


NOTHING = Accesses()


class FileWatch:
    """Sees what the cells of this process read and write; one at a time is active.

    Parameters
    ----------
    root : Path, optional
        The project: what lies around it counts, even where Python's own folders are.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root
        self._outside: tuple[str, ...] = ()
        self._events: Events | None = None

    def start(self) -> None:
        """Put the hooks in place; nothing is noted before `begin`."""
        self._outside = places.outside()
        if self.root is not None:
            root = os.path.realpath(self.root) + "/"
            self._outside = tuple(p for p in self._outside if not root.startswith(p))
        events.install()

    def stop(self) -> None:
        """Note nothing any more."""
        self._events = events.current = None

    def begin(self) -> None:
        """Note from now on: a cell begins."""
        self._events = events.current = Events(self._outside)

    def end(self, texts: Iterable[str] = ()) -> Accesses:
        """Say what was read and written since `begin`: the cell has ended.

        Parameters
        ----------
        texts : iterable of str
            The string constants of the cell: URLs and SQL, and the names of files for libraries
            that open them in ways that cannot be seen.
        """
        noted = self._events
        self._events = events.current = None
        if noted is None:
            return NOTHING
        return _Resolved(noted, self._outside).accesses()


class _Resolved:
    """Turns what was noted into absolute paths that exist."""

    def __init__(self, noted: Events, outside: tuple[str, ...]) -> None:
        self._noted = noted
        self._outside = outside
        self._real_folders: dict[str, str] = {}
        self._here: str | None = None
        self._unsure: dict[str, None] = {}
        self._removed = self._find_removed()

    def accesses(self) -> Accesses:
        """Return what was read and written."""
        noted = self._noted
        found: dict[tuple[str, Kind], list[Access]] = {}
        for (path, access, stay), sure in noted.opened.items():
            self._add_file(found, self._real(path, stay), access, sure=sure)
        for (path, stay), before in noted.databases.items():
            self._add_database(found, self._real(path, stay), before)
        for path, stay in noted.listed:
            real = self._real(path, stay)
            if real and self._counts(real + "/") and os.path.isdir(real):  # noqa: PTH112
                found[real, "folder"] = ["read"]
        for url in noted.urls:
            found[url, "url"] = ["read"]
        for query in noted.queries:
            found[query, "query"] = ["read"]
        if noted.too_many:
            self._unsure[f"it opened more than {events.MOST_NOTED:,} files"] = None
        return Accesses(
            accesses=tuple(
                FileAccess(path, access, kind)
                for (path, kind), all_ in found.items()
                for access in _that_count(all_)
            ),
            removed=tuple(self._removed),
            starts_process=noted.starts_process or _has_workers(),
            starts_thread=noted.starts_thread,
            connects=noted.connects,
            unsure=tuple(self._unsure),
        )

    def _add_file(
        self,
        found: dict[tuple[str, Kind], list[Access]],
        path: str | None,
        access: Access,
        *,
        sure: bool,
    ) -> None:
        if path is None or not self._counts(path):
            return
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116
        except (OSError, ValueError):
            if not sure:
                self._unsure["it opened a file from a folder that it holds open"] = None
            elif access == "read" and path in self._removed:
                found.setdefault((path, "file"), []).append(access)
            return
        if stat.S_ISREG(mode):
            found.setdefault((path, "file"), []).append(access)
        elif stat.S_ISFIFO(mode) and access == "read":
            found.setdefault((path, "file"), []).append(access)
            self._unsure[f"it read from a pipe: {os.path.basename(path)}"] = None  # noqa: PTH119

    def _add_database(
        self,
        found: dict[tuple[str, Kind], list[Access]],
        path: str | None,
        before: tuple[int, int] | None,
    ) -> None:
        if path is None:
            return
        after = events.state_of(path)
        log = events.state_of(path + "-wal")
        if before is None:
            access: Access = "write"
        else:
            access = "read" if before == after and not (log and log[0]) else "append"
        self._add_file(found, path, access, sure=True)

    def _counts(self, path: str) -> bool:
        return not (path.startswith(self._outside) or places.OURS in path or places.GIT in path)

    def _real(self, path: str, stay: int) -> str | None:
        """Return where a path leads, as it was meant when it was noted."""
        if path[:1] != "/":
            folders = self._noted.folders
            here = folders[stay] if stay < len(folders) else self._working_directory()
            path = f"{here}/{path}"
        folder, name = os.path.split(path)
        real = self._real_folders.get(folder)
        try:
            if real is None:
                real = self._real_folders[folder] = os.path.realpath(folder)
            if name in {"", ".", ".."}:
                return os.path.realpath(path)
            whole = f"{real}/{name}" if real != "/" else f"/{name}"
            return os.path.realpath(whole) if os.path.islink(whole) else whole  # noqa: PTH114
        except (OSError, ValueError):
            return None

    def _working_directory(self) -> str:
        if self._here is None:
            try:
                self._here = os.getcwd()  # noqa: PTH109
            except OSError:  # it was removed
                self._here = "/"
        return self._here

    def _find_removed(self) -> dict[str, None]:
        found: dict[str, None] = {}
        for path, stay in self._noted.removed:
            real = self._real(path, stay)
            if real and self._counts(real) and not os.path.lexists(real):
                found[real] = None
        return found


def _that_count(accesses: list[Access]) -> list[Access]:
    """Leave out what follows from the first: what was written here is not read from outside."""
    first = accesses[0]
    if first == "write":
        return ["write"]
    if first == "append":
        return ["append"]
    return list(dict.fromkeys(accesses))


def _has_workers() -> bool:
    """Tell whether multiprocessing or joblib hold processes that work for this one."""
    module = sys.modules.get("multiprocessing.process")
    return bool(getattr(module, "_children", None))
