"""Which files, folders, URLs and queries a cell read and wrote.

`FileWatch` is told when a cell begins and ends. In between Python's audit events (`events`) and
the wrappers of libraries that open files natively (`loaders`) are noted; at the end the paths
are made absolute, sorted out, and given back as `Accesses`.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec

from mlops_jupyter.kernel import events, loaders, places, texts
from mlops_jupyter.kernel.events import Access, Events, How
from mlops_jupyter.kernel.paths import Paths

Kind = Literal["file", "folder", "url", "query"]

MOST_DATABASES = 32
"""Databases that are looked at after each cell once one has opened them."""

_CLOCK_TICK_NS = 10**7
"""A file's time of change may lie that much before the clock's time of it."""


class FileAccess(msgspec.Struct, frozen=True):
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


class Accesses(msgspec.Struct, frozen=True):
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
        The project: what lies around it counts, even where Python's own folders are. Default:
        the working directory at `start`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root
        self._outside: tuple[str, ...] = ()
        self._events: Events | None = None
        self._databases: dict[str, object] = {}

    def start(self) -> None:
        """Put the hooks in place; nothing is noted before `begin`."""
        root = os.path.realpath(self.root or ".") + "/"
        self._outside = tuple(p for p in places.outside() if not root.startswith(p))
        events.install()
        loaders.install()

    def stop(self) -> None:
        """Note nothing any more, and put the functions of libraries back."""
        self._events = events.current = None
        loaders.uninstall()

    def begin(self) -> None:
        """Note from now on: a cell begins."""
        for path in self._databases:
            self._databases[path] = _database_state(path)
        self._events = events.current = Events(self._outside)

    def end(self, constants: Iterable[str] = ()) -> Accesses:
        """Say what was read and written since `begin`: the cell has ended.

        Parameters
        ----------
        constants : iterable of str
            The string constants of the cell: URLs and SQL, and the names of files for libraries
            that open them in ways that cannot be seen.
        """
        noted = self._events
        self._events = events.current = None
        if noted is None:
            return NOTHING
        resolved = _Resolved(noted, self._outside)
        resolved.add_texts(constants)
        accesses = resolved.accesses(self._databases)
        for path in resolved.databases[: MOST_DATABASES - len(self._databases)]:
            self._databases[path] = None
        return accesses


class _Resolved:
    """What was noted, as absolute paths of files that exist."""

    def __init__(self, noted: Events, outside: tuple[str, ...]) -> None:
        self._noted = noted
        self._paths = Paths(outside, noted.folders)
        self._found: dict[tuple[str, Kind], list[Access]] = {}
        self._unsure: dict[str, None] = {}
        self._removed = self._find_removed()
        self.databases: list[str] = []

    def add_texts(self, given: Iterable[str]) -> None:
        """Look into the text constants of the cell."""
        noted = self._noted
        chosen = tuple(islice(given, texts.MOST_TEXTS))
        had_queries = bool(noted.queries)
        for text in chosen:
            for url in texts.urls_in(text):
                noted.note_text(noted.urls, url)
            if not had_queries and texts.is_query(text):
                noted.note_text(noted.queries, text.strip()[: texts.LONGEST])
        library = texts.has_native()
        if library is not None:
            self._add_names(library, chosen)

    def _add_names(self, library: str, chosen: tuple[str, ...]) -> None:
        """Take files that the cell names, for a library that cannot be watched."""
        before = set(self._noted.opened)
        for name in texts.names_in(chosen):
            self._noted.note(os.path.expanduser(name), "read", "named")  # noqa: PTH111 - text
        for path, _, stay, _ in list(self._noted.opened)[len(before) :]:
            real = self._paths.real(path, stay)
            if real and os.path.isfile(real):  # noqa: PTH113
                self._unsure[f"{library} may have read {name_of(real)}: the cell names it"] = None

    def accesses(self, databases: Mapping[str, object]) -> Accesses:
        """Return what was read and written.

        `databases` are those that earlier cells opened, and their states at the beginning: what
        goes through a connection that is open raises no event.
        """
        noted = self._noted
        for path, access, stay, how in noted.opened:
            real = self._paths.real(path, stay)
            if real is not None and self._paths.counts(real):
                _WAYS[how](self, real, access, (path, stay))
        for database, before in databases.items():
            if (database, "file") not in self._found and _database_state(database) != before:
                self._opened(database, "append", ("", 0))
        for path, stay in noted.listed:
            real = self._paths.real(path, stay)
            if real and self._paths.counts(real + "/") and os.path.isdir(real):  # noqa: PTH112
                self._found[real, "folder"] = ["read"]
        for url in noted.urls:
            self._found[texts.clean(url), "url"] = ["read"]
        for query in noted.queries:
            self._found[query, "query"] = ["read"]
        if noted.too_many:
            self._unsure[f"it opened more than {events.MOST_NOTED:,} files"] = None
        return Accesses(
            accesses=tuple(
                FileAccess(path, access, kind)
                for (path, kind), all_ in self._found.items()
                for access in _that_count(all_)
            ),
            removed=tuple(self._removed),
            starts_process=noted.starts_process or _has_workers(),
            starts_thread=noted.starts_thread,
            connects=noted.connects,
            unsure=tuple(self._unsure),
        )

    def _opened(self, path: str, access: Access, _: tuple[str, int]) -> None:
        mode = _mode_of(path)
        if mode is None:
            if access == "read" and path in self._removed:
                self._add(path, access)
        elif stat.S_ISREG(mode):
            self._add(path, access)
        elif stat.S_ISFIFO(mode) and access == "read":
            self._add(path, access)
            self._unsure[f"it read from a pipe: {name_of(path)}"] = None

    def _relative(self, path: str, access: Access, noted: tuple[str, int]) -> None:
        if _mode_of(path) is None and path not in self._removed:
            self._unsure["it opened a file from a folder that it holds open"] = None
        else:
            self._opened(path, access, noted)

    def _loaded(self, path: str, access: Access, noted: tuple[str, int]) -> None:
        mode = _mode_of(path)
        if mode is not None and stat.S_ISDIR(mode):
            self._add_all(self._paths.within(path, events.MOST_NOTED), access)
            if access == "read":
                self._found[path, "folder"] = ["read"]
        elif mode is None and access == "read" and path not in self._removed:
            self._add_all(self._paths.matching(path, events.MOST_NOTED), access)
        else:
            self._opened(path, access, noted)

    def _named(self, path: str, _: Access, noted: tuple[str, int]) -> None:
        for one in (path, *self._paths.matching(path, events.MOST_NOTED)):
            mode = _mode_of(one)
            if mode is not None and stat.S_ISREG(mode):
                self._add(one, "write" if self._is_new(one) else "read")
            elif mode is not None and stat.S_ISDIR(mode):
                self._loaded(one, "read", noted)

    def _database(self, path: str, _: Access, noted: tuple[str, int]) -> None:
        self.databases.append(path)
        before = self._noted.databases.get(noted)
        log = events.state_of(path + "-wal")
        if before is None:
            self._opened(path, "write", noted)
        elif before != events.state_of(path) or (log and log[0]):
            self._opened(path, "append", noted)
        else:
            self._opened(path, "read", noted)

    def _add(self, path: str, access: Access) -> None:
        self._found.setdefault((path, "file"), []).append(access)

    def _add_all(self, paths: list[str], access: Access) -> None:
        """Add the files of a folder: of one that was written, the new ones."""
        if len(paths) >= events.MOST_NOTED:
            self._noted.too_many = True
        for path in paths:
            if access == "read" or self._is_new(path):
                self._add(os.path.realpath(path), access)

    def _is_new(self, path: str) -> bool:
        state = events.state_of(path)
        return state is not None and state[1] >= self._noted.began_ns - _CLOCK_TICK_NS

    def _find_removed(self) -> dict[str, None]:
        found: dict[str, None] = {}
        for path, stay in self._noted.removed:
            real = self._paths.real(path, stay)
            if real and self._paths.counts(real) and not os.path.lexists(real):
                found[real] = None
        return found


_WAYS: dict[How, Callable[[_Resolved, str, Access, tuple[str, int]], None]] = {
    "opened": _Resolved._opened,  # noqa: SLF001
    "relative": _Resolved._relative,  # noqa: SLF001
    "loaded": _Resolved._loaded,  # noqa: SLF001
    "named": _Resolved._named,  # noqa: SLF001
    "database": _Resolved._database,  # noqa: SLF001
}


def _database_state(path: str) -> object:
    """Return what tells that a database was written to: SQLite and DuckDB write a log first."""
    return [events.state_of(path + end) for end in ("", "-wal", ".wal")]


def _mode_of(path: str) -> int | None:
    try:
        return os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError):
        return None


def name_of(path: str) -> str:
    """Return the last part of a path, as it can be shown."""
    return os.path.basename(path).encode("utf-8", "replace").decode()[:100]  # noqa: PTH119


def _that_count(accesses: list[Access]) -> list[Access]:
    """Leave out what follows from the first: what was written here is not read from outside."""
    first = accesses[0]
    if first != "read":
        return [first]
    return list(dict.fromkeys(accesses))


def _has_workers() -> bool:
    """Tell whether multiprocessing or joblib hold processes that work for this one."""
    module = sys.modules.get("multiprocessing.process")
    return bool(getattr(module, "_children", None))
