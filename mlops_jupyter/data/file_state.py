"""What files hold, as digests: each file is read in full once, and again when it has changed.

A file counts as unchanged when its size, inode and times are what they were when it was read.
A time says little when it is as young as the reading itself: a file may change twice within one
tick of the clock. Git calls such an entry racily clean
(https://git-scm.com/docs/racy-git); here it is not kept, and the file is read again.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import blake3
import msgspec

from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import digest_of

RACY_NS = 2 * 10**9
"""The coarsest clock of a file system in use ticks every two seconds (FAT)."""

_FINE_RACY_NS = 10**8
"""Where times have more digits than milliseconds, the kernel's clock ticks every 10 ms or less."""

PIECE_BYTES = 8 * 2**20

_THREADS_FROM = 2**20
"""Content of this size is hashed on all cores; below, to start threads costs more."""

_AT_ONCE = 500


class FileState(msgspec.Struct, frozen=True):
    """What a file holds.

    Attributes
    ----------
    size_bytes : int or None
        None: it is not there, or no regular file.
    digest : str or None
        BLAKE3 of its bytes, the same as of a data version of it. None: not there, may not be
        read, changed while it was read, no regular file, or no time was left to read it.
    """

    size_bytes: int | None = None
    digest: str | None = None


class Mark(msgspec.Struct, frozen=True):
    """What tells that a file is still the same."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def digests(
    project: Project, paths: Iterable[str], *, seconds: float | None = None
) -> dict[str, FileState]:
    """Return what files hold now. Never raises for a file, and never waits for one.

    Parameters
    ----------
    project : Project
        Its catalog remembers digests.
    paths : iterable of str
        Absolute.
    seconds : float, optional
        How long to read. Files that do not get their turn have no digest.
    """
    until = None if seconds is None else time.monotonic() + seconds
    marks = {path: mark_at(path) for path in paths}
    states = {p: FileState(m.size if m else None) for p, m in marks.items()}
    read_before = _remembered(project, [path for path, mark in marks.items() if mark])
    fresh: list[tuple[str, Mark, str]] = []
    for path, mark in marks.items():
        if mark is None:
            continue
        remembered = read_before.get(path)
        if remembered is not None and remembered[0] == mark:
            states[path] = FileState(mark.size, remembered[1])
            continue
        began = time.time_ns()
        digest = _digest(path, mark, until)
        states[path] = FileState(mark.size, digest)
        if digest is not None and is_settled(mark, began):
            fresh.append((path, mark, digest))
    remember(project, fresh)
    return states


def known(project: Project, path: str) -> tuple[Mark, str] | None:
    """Return a file's mark and digest as they were when it was last read, if it was."""
    return _remembered(project, [path]).get(path)


def known_below(project: Project, folder: str) -> dict[str, tuple[Mark, str]]:
    """Return the same of all files that lie in a folder or below it, in one question."""
    if not _is_text(folder):
        return {}
    start = folder.rstrip("/")
    rows = project.catalog.rows(
        "SELECT path, size, mtime_ns, ctime_ns, inode, digest FROM file_digest"
        " WHERE path > ? AND path < ?",
        (start + "/", start + "0"),  # the character after '/'
    )
    return {row[0]: (Mark(*row[1:5]), row[5]) for row in rows}


def remember(project: Project, fresh: Iterable[tuple[str, Mark, str]]) -> None:
    """Remember the digests of files that are settled: `is_settled`."""
    rows = [
        (path, m.size, m.mtime_ns, m.ctime_ns, m.inode, digest)
        for path, m, digest in fresh
        if _is_text(path)
    ]
    if not rows:
        return
    with project.catalog.transaction() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO file_digest (path, size, mtime_ns, ctime_ns, inode, digest)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )


def is_settled(mark: Mark, began: int) -> bool:
    """Tell whether a file's times are older than the clock can err, when its reading began."""
    # the time of change is the kernel's own, nobody can set it: it has the digits that there are
    wait = min(RACY_NS, _FINE_RACY_NS) if mark.ctime_ns % 10**6 else RACY_NS
    return max(mark.mtime_ns, mark.ctime_ns) < began - wait


def folder_digest(folder: str, states: Mapping[str, FileState]) -> str | None:
    """Return the digest of what was read in a folder.

    Of the sorted pairs of path, from the folder, and digest of those of the files that lie in
    it or below it. None when there is none, or one of them has no digest. A file that was not
    read does not count: neither when it is added nor when it goes.
    """
    start = folder.rstrip("/") + "/"
    inside = sorted((path[len(start) :], state) for path, state in states.items()
                    if path.startswith(start))  # fmt: skip
    if not inside or any(state.digest is None for _, state in inside):
        return None
    lines = (os.fsencode(path) + b"\0" + str(state.digest).encode() for path, state in inside)
    return digest_of(b"\n".join(lines))


def mark_at(path: str) -> Mark | None:
    """Return the mark of the regular file at a path, links followed; None: there is none."""
    try:
        return mark_of(os.stat(path))  # noqa: PTH116 - a thousand of them
    except (OSError, ValueError):
        return None


def mark_of(status: os.stat_result) -> Mark | None:
    """Return the mark of a regular file."""
    if not stat.S_ISREG(status.st_mode):
        return None
    # an inode may have 64 bits, an integer of SQLite has 63 and a sign
    inode = status.st_ino - 2**64 if status.st_ino >= 2**63 else status.st_ino
    return Mark(status.st_size, status.st_mtime_ns, status.st_ctime_ns, inode)


def _digest(path: str, mark: Mark, until: float | None) -> str | None:
    """Read a file that is what it was when it was looked at, and stays so."""
    try:
        # between the look and now it may have become a pipe: that must not wait for a writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123
            if mark_of(os.fstat(descriptor)) != mark:
                return None
            # no mmap: a file that somebody cuts short meanwhile would kill the process
            threads = blake3.blake3.AUTO if mark.size >= _THREADS_FROM else 1
            hasher = blake3.blake3(max_threads=threads)
            piece = memoryview(bytearray(min(mark.size + 1, PIECE_BYTES)))
            while count := file.readinto(piece):
                hasher.update(piece[:count])
                if until is not None and time.monotonic() > until:
                    return None
            if mark_of(os.fstat(descriptor)) != mark or mark_at(path) != mark:
                return None
    except (OSError, ValueError):
        return None
    return "blake3:" + str(hasher.hexdigest())


def _remembered(project: Project, paths: list[str]) -> dict[str, tuple[Mark, str]]:
    found = {}
    for some in _groups(path for path in paths if _is_text(path)):
        rows = project.catalog.rows(
            "SELECT path, size, mtime_ns, ctime_ns, inode, digest FROM file_digest"
            f" WHERE path IN ({','.join('?' * len(some))})",
            some,
        )
        found.update({row[0]: (Mark(*row[1:5]), str(row[5])) for row in rows})
    return found


def _groups(paths: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(paths)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _is_text(path: str) -> bool:
    """Tell whether SQLite can hold a name: its bytes are UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
