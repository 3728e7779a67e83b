"""A file, into objects and back, byte for byte."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import stat
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import blake3
import msgspec

from mlops_jupyter.errors import (
    ConflictError,
    IntegrityError,
    NotFoundError,
    UsageError,
    refused_by_disk,
)
from mlops_jupyter.store.objects import Objects

FORMAT = 1
PIECE_BYTES = 8 * 2**20
"""A file is kept in pieces of this size, so that memory stays small for any file."""

_WAITING = 4


class Kept(msgspec.Struct, frozen=True):
    """A file whose bytes are in the object store; `digest` is the BLAKE3 of the whole file."""

    digest: str
    manifest: str
    size_bytes: int


def write(objects: Objects, path: Path) -> Kept:
    """Keep a file.

    Raises
    ------
    NotFoundError
        There is no such file.
    UsageError
        It is a folder or a device, or may not be read.
    ConflictError
        It changed while it was read.
    ExternalError
        The disk is full.
    """
    if "\0" in str(path):
        raise UsageError(f"not the name of a file: {str(path)[:80]!r}")
    with _read_errors(path):
        # asked before it is opened: to open a pipe would wait for its writer
        before = _regular(path, path.stat())
        with path.open("rb") as file:
            hasher = blake3.blake3()
            pieces: list[str] = []
            size = 0
            for piece, name in _written(objects, _read(file, hasher)):
                pieces.append(name)
                size += piece
            after = (_mark(os.fstat(file.fileno())), _mark(path.stat()))
    if after != (before, before) or size != before[0]:
        raise ConflictError(
            f"{path}: changed while it was read", hint="take it again when nothing writes to it"
        )
    manifest = {
        "format": FORMAT,
        "kind": "file",
        "name": path.name,
        "size_bytes": size,
        "digest": "blake3:" + hasher.hexdigest(),
        "pieces": pieces,
    }
    content = json.dumps(manifest, separators=(",", ":")).encode("ascii")
    return Kept(str(manifest["digest"]), objects.write(content), size)


def read(objects: Objects, manifest: str, folder: Path) -> Path:
    """Return a read-only copy of a kept file, under its own name.

    Parameters
    ----------
    objects : Objects
    manifest : str
        Digest of the manifest.
    folder : Path
        Copies lie there as ``<digest>/<name>``; one that is there and unchanged is used again.

    Raises
    ------
    IntegrityError
        An object is missing or damaged.
    ExternalError, UsageError
        The disk is full, or may not be written.
    """
    content = json.loads(objects.read(manifest))
    if content["format"] > FORMAT:
        raise UsageError(
            f"this version of the data has format {content['format']}, newer than {FORMAT}",
            hint="upgrade mlops-jupyter",
        )
    home = folder / content["digest"].removeprefix("blake3:")
    path: Path = home / _plain(content["name"])
    try:
        if _digest_of_file(path) == content["digest"]:
            return path
        _copy(objects, content, home)
    except OSError as error:
        raise refused_by_disk(path, error) from error
    return path


Mark = tuple[int, int, int, int]
"""What tells that a file is still the same: size, time of change, inode, device."""


def _mark(status: os.stat_result) -> Mark:
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev


@contextlib.contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """Say in our words why a file cannot be read."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError("file", str(path), _beside(path)) from None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENAMETOOLONG}:
            raise UsageError(f"{str(path)[:80]}: {error.strerror}") from None
        raise refused_by_disk(path, error) from error


def _regular(path: Path, status: os.stat_result) -> Mark:
    if stat.S_ISDIR(status.st_mode):
        raise UsageError(
            f"{path}: is a folder; only files and frames can be kept",
            hint="pack it first, e.g. `tar -cf data.tar FOLDER`",
        )
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{path}: not a regular file", hint="copy what it gives to a file first")
    return _mark(status)


def _beside(path: Path) -> list[str]:
    try:
        return [str(path.with_name(other.name)) for other in path.parent.iterdir()]
    except OSError:
        return []


def _read(file: Any, hasher: Any) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        hasher.update(piece)
        yield piece


def _written(objects: Objects, pieces: Iterator[bytes]) -> Iterator[tuple[int, str]]:
    """Write pieces on a few threads, with a few of them in memory; give sizes and digests."""
    waiting: deque[tuple[int, Future[str]]] = deque()
    with ThreadPoolExecutor(min(_WAITING, os.cpu_count() or 1)) as pool:
        for piece in pieces:
            waiting.append((len(piece), pool.submit(objects.write, piece)))
            if len(waiting) >= _WAITING:
                size, name = waiting.popleft()
                yield size, name.result()
        for size, name in waiting:
            yield size, name.result()


def _plain(name: str) -> str:
    """Refuse a name that would lead out of its folder: a manifest may come from elsewhere."""
    if name in {"", ".."} or Path(name).name != name or "\0" in name:
        raise IntegrityError(f"the stored file name {name[:80]!r} is not a plain name")
    return name


def _digest_of_file(path: Path) -> str | None:
    hasher = blake3.blake3()
    try:
        with path.open("rb") as file:
            for _ in _read(file, hasher):
                pass
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    return "blake3:" + hasher.hexdigest()


def _copy(objects: Objects, content: dict[str, Any], home: Path) -> None:
    """Build the copy aside and put it in place in one step."""
    home.parent.mkdir(parents=True, exist_ok=True)
    aside = home.with_name(f".writing-{secrets.token_hex(8)}")
    aside.mkdir()
    try:
        path = aside / content["name"]
        hasher = blake3.blake3()
        with path.open("xb") as file:
            for name in content["pieces"]:
                piece = objects.read(name)
                hasher.update(piece)
                file.write(piece)
        if "blake3:" + hasher.hexdigest() != content["digest"]:
            raise IntegrityError(f"{home.name}: its pieces do not make the file they should")
        path.chmod(0o444)
        _put_in_place(aside, home, path.name, content["digest"])
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _put_in_place(aside: Path, home: Path, name: str, digest: str) -> None:
    with contextlib.suppress(OSError):
        aside.rename(home)
        return
    if _digest_of_file(home / name) == digest:
        return  # another process was faster
    edited = home.with_name(f".edited-{secrets.token_hex(8)}")
    home.rename(edited)
    try:
        aside.rename(home)
    finally:
        shutil.rmtree(edited, ignore_errors=True)
