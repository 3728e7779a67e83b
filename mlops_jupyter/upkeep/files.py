"""The files under ``.mlops/`` that care is taken of: found, counted, removed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from mlops_jupyter.errors import refused_by_disk
from mlops_jupyter.store.objects import Objects

UNFINISHED = (".writing-", ".edited-")
"""How the names begin of files and folders that are being made."""

_NAME = re.compile(r"[0-9a-f]{64}")


class Heap(msgspec.Struct, frozen=True):
    """Some files, counted."""

    count: int = 0
    size_bytes: int = 0

    def __add__(self, other: Heap) -> Heap:
        return Heap(self.count + other.count, self.size_bytes + other.size_bytes)

    @staticmethod
    def of(paths: Iterable[Path]) -> Heap:
        """Count files, and folders with all that is in them."""
        total = Heap()
        for path in paths:
            total += Heap(1, _size(path))
        return total


def objects_in(objects: Objects) -> Iterator[Path]:
    """Walk the files of an object store that are named as objects are."""
    return (path for path in _all_in(objects) if _is_object(path))


def unfinished_in(objects: Objects) -> list[Path]:
    """Return what processes have not finished: right only while nobody writes."""
    return [path for path in _all_in(objects) if path.name.startswith(UNFINISHED)]


def strangers_in(objects: Objects) -> list[Path]:
    """Return what lies in an object store and is no object."""
    return sorted(
        path
        for path in _all_in(objects)
        if not _is_object(path) and not path.name.startswith(UNFINISHED)
    )


def named_by_digest(folder: Path) -> list[Path]:
    """Return what lies in a folder under a digest."""
    return [path for path in entries(folder) if _NAME.fullmatch(path.name)]


def digest_of(path: Path) -> str:
    """Return the digest that a file is named by."""
    return f"blake3:{path.name}"


def entries(folder: Path) -> list[Path]:
    """Return what lies in a folder; nothing when it is none, or was removed meanwhile."""
    try:
        with os.scandir(folder) as found:
            return [Path(entry.path) for entry in found]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise refused_by_disk(folder, error) from error


def remove(paths: Iterable[Path]) -> Heap:
    """Remove files and folders, and return how many there were.

    Raises
    ------
    UsageError, ExternalError
        The disk refuses it.
    """
    total = Heap()
    for path in paths:
        found = Heap(1, _size(path))
        try:
            if path.is_dir() and not path.is_symlink():
                _remove_folder(path)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # another process was faster
        except OSError as error:
            raise refused_by_disk(path, error) from error
        total += found
    return total


def _all_in(objects: Objects) -> Iterator[Path]:
    for folder in entries(objects.root):
        yield from entries(folder)


def _is_object(path: Path) -> bool:
    return _NAME.fullmatch(path.name) is not None and path.name[:2] == path.parent.name


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            return sum(_size(inside) for inside in entries(path))
        return path.lstat().st_size
    return 0


def _remove_folder(folder: Path) -> None:
    # copies of folders may not be written in; their owner may change that
    for place, _, _ in os.walk(folder):
        Path(place).chmod(0o700)
    shutil.rmtree(folder)
