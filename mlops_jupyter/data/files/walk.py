"""What lies in a folder, without reading any file."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mlops_jupyter.data.file_state import Mark, mark_of
from mlops_jupyter.data.files.file import changed
from mlops_jupyter.data.files.listing import EMPTY_FOLDER, FILE, LINK, PROGRAM, Entry
from mlops_jupyter.errors import UsageError, refused_by_disk

LEFT_OUT = frozenset({b".git", b".mlops"})
"""They are no data, and change with every look at the rest."""

_OF_GIT = 0o100  # git, too, knows of the permissions only whether the owner may execute


Memory = Mapping[str, tuple[Mark, str]]
"""By absolute path what a file was when it was last read, and its digest."""


class Found(NamedTuple):
    """An entry; `mark` tells of a file whether it is still the same."""

    entry: Entry
    mark: Mark | None


def walk(folder: Path, memory: Memory | None = None) -> list[Found]:
    """Return all that lies in a folder and below it, sorted by path.

    Parameters
    ----------
    folder : Path
    memory : dict, optional
        What is remembered. A file that is the same has its value from there, others have none.

    Raises
    ------
    UsageError
        Something in it may not be read, is no file, folder or link, or links lead in a circle.
    ConflictError
        Something vanished meanwhile.
    """
    found: list[Found] = []
    root = os.fsencode(folder)
    rest = [b""]
    while rest:
        below = rest.pop()
        names = _listed(root, below)
        if not names and below:
            found.append(Found(Entry(below[:-1], EMPTY_FOLDER), None))
        for one in names:
            path = below + one.name
            if one.is_dir(follow_symlinks=False):
                rest.append(path + b"/")
            else:
                found.append(_looked_at(one, path, memory or {}))
    found.sort(key=lambda one: one.entry.path)
    return found


def _listed(root: bytes, below: bytes) -> list[os.DirEntry[bytes]]:
    path = os.path.join(root, below)  # noqa: PTH118 - bytes, ten thousand times
    try:
        with os.scandir(path) as names:
            return [one for one in names if one.name not in LEFT_OUT]
    except OSError as error:
        raise refused_by_disk(os.fsdecode(path).rstrip("/"), error) from error


def _looked_at(one: os.DirEntry[bytes], path: bytes, memory: Memory) -> Found:
    try:
        if one.is_symlink():
            return Found(Entry(path, LINK, _target(one.path)), None)
        status = one.stat(follow_symlinks=False)
    except FileNotFoundError:
        raise changed(Path(os.fsdecode(one.path))) from None
    except OSError as error:
        raise refused_by_disk(os.fsdecode(one.path), error) from error
    mark = mark_of(status)
    if mark is None:
        raise UsageError(
            f"{os.fsdecode(one.path)}: not a regular file, but a pipe, a socket or a device",
            hint="take it out of the folder",
        )
    kind = PROGRAM if status.st_mode & _OF_GIT else FILE
    remembered = memory.get(os.fsdecode(one.path)) if memory else None
    value = b""
    if remembered is not None and remembered[0] == mark:
        value = remembered[1].removeprefix("blake3:").encode()
    return Found(Entry(path, kind, value, mark.size), mark)


def _target(path: bytes) -> bytes:
    try:
        os.stat(path)  # noqa: PTH116
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UsageError(
                f"{os.fsdecode(path)}: symbolic links that lead in a circle",
                hint="take them out of the folder",
            ) from None
    return os.readlink(path)  # noqa: PTH115
