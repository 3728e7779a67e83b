"""What Python's audit events say while a cell executes: paths opened, listed and removed.

Python calls an audit hook for each event of the whole process, `id()` among them, and a hook can
never be taken away (https://docs.python.org/3/library/sys.html#sys.addaudithook). So there is
one, it does almost nothing between cells, and an event is only noted in a cell: what the path
means is found out when the cell has ended.

A hook that raises would break the user's call: what an event holds is never trusted.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

Access = Literal["read", "write", "append"]

How = Literal["opened", "relative", "loaded", "named", "database"]
"""How a path was met: opened by Python; opened by `os.open`, perhaps from an open folder; given to
a library that opens files, folders of files or patterns natively; named in a query; a database."""

MOST_NOTED = 10_000
"""Paths that are noted of one cell; what comes after is only counted as 'more'."""

LONGEST_PATH = 4096

current: Events | None = None
"""What is noted of the executing cell; None between cells."""

_STDLIB = os.path.dirname(os.__file__)  # noqa: PTH120 - as frames write it

_SEEKS_MODULES = ("<frozen importlib", _STDLIB + "/importlib/", _STDLIB + "/pkgutil.py")
_SEEKS_PACKAGES = re.compile(r"/site-packages/(?:importlib_metadata|pkg_resources)/")
"""Who lists folders in search of modules."""

_WALKS = ("<frozen os>", _STDLIB + "/os.py", _STDLIB + "/shutil.py")
"""Who opens folders from folders that it holds open."""

_OUR_THREADS = ("zmq.", "ipykernel.", "IPython.", "tornado.", "mlops_jupyter.", "mlflow.")
"""Threads that a kernel starts for itself."""


class Events:
    """What is noted of one cell, as the events say it.

    Parameters
    ----------
    outside : tuple of str
        Beginnings of paths that do not count.

    Attributes
    ----------
    opened : dict
        ``(path, access, stay, how)`` of each file, in the order of the first access. `stay`
        numbers the working directories, for relative paths.
    listed, removed : dict
        ``(path, stay)``.
    databases : dict
        ``(path, stay)``, and the file's state before it was opened.
    """

    __slots__ = (
        "began_ns", "connects", "databases", "folders", "listed", "opened", "outside", "queries",
        "removed", "starts_process", "starts_thread", "stay", "too_many", "urls",
    )  # fmt: skip

    def __init__(self, outside: tuple[str, ...]) -> None:
        self.outside = outside
        self.opened: dict[tuple[str, Access, int, How], None] = {}
        self.listed: dict[tuple[str, int], None] = {}
        self.removed: dict[tuple[str, int], None] = {}
        self.databases: dict[tuple[str, int], tuple[int, int] | None] = {}
        self.urls: dict[str, None] = {}
        self.queries: dict[str, None] = {}
        self.folders: list[str] = []
        self.stay = 0
        self.began_ns = time.time_ns()
        self.starts_process = self.starts_thread = self.connects = self.too_many = False

    def note(self, path: str, access: Access, how: How = "opened") -> None:
        """Note that a file is opened."""
        if path.startswith(self.outside):
            return
        key = (path, access, self.stay, how)
        if key not in self.opened and self._has_room(self.opened, path):
            self.opened[key] = None

    def note_listing(self, path: str) -> None:
        """Note that a folder is listed."""
        if path.startswith(self.outside):
            return
        if (path, self.stay) not in self.listed and self._has_room(self.listed, path):
            self.listed[path, self.stay] = None

    def note_removal(self, path: str) -> None:
        """Note that a path is removed, or moved away."""
        if path.startswith(self.outside):
            return
        if (path, self.stay) not in self.removed and self._has_room(self.removed, path):
            self.removed[path, self.stay] = None

    def note_database(self, path: str) -> None:
        """Note that a database is opened, and its state before: that tells later what was done."""
        key = (path, self.stay)
        if key not in self.databases and self._has_room(self.databases, path):
            self.databases[key] = state_of(path)
            self.note(path, "read", "database")

    def note_text(self, into: dict[str, None], text: str) -> None:
        """Note a URL or a query."""
        if len(into) < MOST_NOTED:
            into.setdefault(text)
        else:
            self.too_many = True

    def _has_room(self, noted: dict[Any, Any], path: str) -> bool:
        if len(path) > LONGEST_PATH:
            return False
        if len(noted) >= MOST_NOTED:
            self.too_many = True
            return False
        return True


def state_of(path: str) -> tuple[int, int] | None:
    """Return what tells that a file was written to: size and time of change."""
    try:
        status = os.stat(path)  # noqa: PTH116 - ten times as fast as Path's
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def install() -> None:
    """Put the hook in place, once in a process."""
    global _installed
    if _installed:
        return
    _installed = True
    sys.addaudithook(_hook)
    os.register_at_fork(after_in_child=_forget)
    if sys.version_info < (3, 12):  # no event says that a thread starts
        start = threading._start_new_thread  # type: ignore[attr-defined]  # noqa: SLF001

        def starting(function: Any, *arguments: Any) -> Any:
            if current is not None:
                _on_thread(current, (function,))
            return start(function, *arguments)

        threading._start_new_thread = starting  # type: ignore[attr-defined]  # noqa: SLF001


_installed = False


def _forget() -> None:
    """Note nothing in a forked child."""
    global current
    current = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    noted = current
    if noted is not None:
        handle = _HANDLERS.get(event)
        if handle is not None:
            try:  # noqa: SIM105 - `suppress` would cost as much as all the rest
                handle(noted, arguments)
            except (TypeError, ValueError, LookupError, OSError, AttributeError, RecursionError):
                pass  # anybody may raise an event, with any arguments


def path_of(given: Any) -> str | None:
    """Return a path as exact `str`, or None; never calls the user's code."""
    kind = type(given)
    if kind is str:
        return given  # type: ignore[no-any-return]
    if kind is int:
        return _path_of_descriptor(given)
    if issubclass(kind, str):
        return str.__str__(given)
    if issubclass(kind, bytes):
        return os.fsdecode(bytes.__getitem__(given, slice(None)))
    return None


def _path_of_descriptor(descriptor: int) -> str | None:
    try:
        if sys.platform == "darwin":
            import fcntl

            found = fcntl.fcntl(descriptor, 50, b"\0" * 1024)  # F_GETPATH
            return os.fsdecode(found.partition(b"\0")[0])
        path = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    except OSError:
        return None
    return path if path[:1] == "/" else None  # a pipe or a socket has no path


def _on_open(noted: Events, arguments: tuple[Any, ...]) -> None:
    given, mode, flags = arguments
    path = given if type(given) is str else path_of(given)
    if path is None:
        return
    # os.open() does not say to which open folder a path is relative
    sure = mode is not None or path[:1] == "/"
    if not sure and sys._getframe(2).f_code.co_filename.startswith(_WALKS):  # noqa: SLF001
        return
    access: Access
    if not flags & (os.O_WRONLY | os.O_RDWR):
        access = "read"
    elif type(given) is not int and flags & (os.O_TRUNC | os.O_EXCL):
        access = "write"
    else:
        access = "append"
    if "__pycache__" in path:
        if access != "read" or not path.endswith(".pyc"):
            return
        path = _source_of(path)
    noted.note(path, access, "opened" if sure else "relative")


def _source_of(compiled: str) -> str:
    """Return the module whose compiled form is read; Python then leaves the module closed."""
    folder, _, name = compiled.rpartition("/__pycache__/")
    return f"{folder}/{name.partition('.')[0]}.py"


def _on_listing(noted: Events, arguments: tuple[Any, ...]) -> None:
    lister = sys._getframe(2).f_code.co_filename  # noqa: SLF001
    if lister.startswith(_SEEKS_MODULES) or _SEEKS_PACKAGES.search(lister):
        return
    path = "." if arguments[0] is None else path_of(arguments[0])
    if path is not None:
        noted.note_listing(path)


def _on_removal(noted: Events, arguments: tuple[Any, ...]) -> None:
    path = path_of(arguments[0])
    if path is not None and "__pycache__" not in path:
        noted.note_removal(_joined(path, arguments[1]))


def _on_rename(noted: Events, arguments: tuple[Any, ...]) -> None:
    old, new, old_folder, new_folder = arguments
    old, new = path_of(old), path_of(new)
    if old is not None and new is not None and "__pycache__" not in new:
        noted.note_removal(_joined(old, old_folder))
        noted.note(_joined(new, new_folder), "write")


def _on_link(noted: Events, arguments: tuple[Any, ...]) -> None:
    new = path_of(arguments[1])
    if new is not None:
        noted.note(_joined(new, arguments[-1]), "write")


def _joined(path: str, folder: Any) -> str:
    """Return the path from an open folder, when there is one."""
    if type(folder) is not int or folder < 0 or path[:1] == "/":
        return path
    return f"{_path_of_descriptor(folder) or ''}/{path}"


def _on_truncate(noted: Events, arguments: tuple[Any, ...]) -> None:
    path = path_of(arguments[0])
    if path is not None:
        noted.note(path, "append")


def _on_chdir(noted: Events, _arguments: tuple[Any, ...]) -> None:
    # the event comes before the change: the paths noted so far are from here
    noted.folders.append(os.getcwd())  # noqa: PTH109
    noted.stay += 1


def _on_database(noted: Events, arguments: tuple[Any, ...]) -> None:
    path = path_of(arguments[0])
    if path is None or path in {"", ":memory:"}:
        return
    if path.startswith("file:"):
        from urllib.parse import unquote, urlsplit

        parts = urlsplit(path)
        if "mode=memory" in parts.query:
            return
        path = unquote(parts.path)
    if not path.startswith(noted.outside):
        noted.note_database(path)


def _on_process(noted: Events, _arguments: tuple[Any, ...]) -> None:
    noted.starts_process = True


def _on_thread(noted: Events, arguments: tuple[Any, ...]) -> None:
    thread = getattr(arguments[0], "__self__", None)
    if not f"{type(thread).__module__}.".startswith(_OUR_THREADS):
        noted.starts_thread = True


def _on_connect(noted: Events, _arguments: tuple[Any, ...]) -> None:
    noted.connects = True


def _on_request(noted: Events, arguments: tuple[Any, ...]) -> None:
    url = arguments[0]
    if type(url) is str and not url.startswith(("file:", "data:")):
        noted.connects = True
        noted.note_text(noted.urls, url)


def _on_send(noted: Events, arguments: tuple[Any, ...]) -> None:
    """Note the URL of a request that http.client sends, for requests, urllib3 and boto3."""
    connection, data = arguments
    if type(data) is not bytes:
        return
    words = data[:LONGEST_PATH].split(b"\r\n", 1)[0].split(b" ")
    if len(words) == 3 and words[2].startswith(b"HTTP/"):
        scheme = "https" if connection.default_port == 443 else "http"
        port = "" if connection.port == connection.default_port else f":{connection.port}"
        target = words[1].decode("latin-1")
        url = target if "://" in target else f"{scheme}://{connection.host}{port}{target}"
        noted.note_text(noted.urls, url)


_HANDLERS: dict[str, Callable[[Events, tuple[Any, ...]], None]] = {
    "open": _on_open,
    "os.listdir": _on_listing,
    "os.scandir": _on_listing,
    "os.remove": _on_removal,
    "os.rmdir": _on_removal,
    "shutil.rmtree": _on_removal,
    "os.rename": _on_rename,
    "os.link": _on_link,
    "os.symlink": _on_link,
    "os.truncate": _on_truncate,
    "os.chdir": _on_chdir,
    "sqlite3.connect": _on_database,
    "subprocess.Popen": _on_process,
    "os.system": _on_process,
    "os.fork": _on_process,
    "os.forkpty": _on_process,
    "os.posix_spawn": _on_process,
    "os.spawn": _on_process,
    "os.exec": _on_process,
    "pty.spawn": _on_process,
    "_thread.start_new_thread": _on_thread,
    "_thread.start_joinable_thread": _on_thread,
    "socket.connect": _on_connect,
    "urllib.Request": _on_request,
    "http.client.send": _on_send,
}
