"""A file, into objects and back, byte for byte."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import blake3
import msgspec

from mlops_jupyter.data.dataset import Kind, Source
from mlops_jupyter.data.files import copies, pieces
from mlops_jupyter.errors import (
    ConflictError,
    IntegrityError,
    NotFoundError,
    UsageError,
    refused_by_disk,
)
from mlops_jupyter.store.objects import Objects

FORMAT = 2


class Kept(msgspec.Struct, frozen=True):
    """A file or a folder whose bytes are in the object store.

    Attributes
    ----------
    kind : str
    digest : str
        Of a file: the BLAKE3 of its bytes.
    manifest : str
        Digest of the object that says how to build it again.
    size_bytes : int
    stored_bytes : int
        What it added to the store.
    source : Source or None
        What it was made of.
    """

    kind: Kind
    digest: str
    manifest: str
    size_bytes: int
    stored_bytes: int
    source: Source | None = None


def write(objects: Objects, path: Path, before: Mapping[str, Any] | None = None) -> Kept:
    """Keep a file.

    Parameters
    ----------
    objects : Objects
    path : Path
    before : dict, optional
        The manifest of the version before: what has not changed is not kept again.

    Raises
    ------
    NotFoundError
        There is no such file.
    UsageError
        It is a device or a pipe, or may not be read.
    ConflictError
        It changed while it was read.
    ExternalError
        The disk is full.
    """
    if "\0" in str(path):
        raise UsageError(f"not the name of a file: {str(path)[:80]!r}")
    with read_errors(path):
        # asked before it is opened: to open a pipe would wait for its writer
        mark = regular(path, path.stat())
        with path.open("rb") as file:
            kept = write_stream(objects, _read(file), path.name, mark[0], before)
            after = (_mark(os.fstat(file.fileno())), _mark(path.stat()))
    if after != (mark, mark) or kept.size_bytes != mark[0]:
        raise changed(path)
    return kept


def write_stream(
    objects: Objects,
    chunks: Iterator[bytes],
    name: str,
    size: int | None,
    before: Mapping[str, Any] | None = None,
) -> Kept:
    """Keep a file that comes as chunks of `pieces.PIECE_BYTES`, the last shorter.

    Parameters
    ----------
    objects, before
        As of `write`.
    chunks : iterator of bytes
    name : str
        What the file is called.
    size : int or None
        What it will be, as far as one knows.
    """
    hasher = blake3.blake3()
    known = pieces.of_json(before["pieces"]) if before else ()
    cut = pieces.lined_up(known, before["size_bytes"], size) if before else None
    written = pieces.Writer(objects, known).all_of(hashed(chunks, hasher), cut)
    digest = "blake3:" + hasher.hexdigest()
    manifest, added = write_manifest(
        objects,
        {
            "kind": "file",
            "name": name,
            "size_bytes": written.size_bytes,
            "digest": digest,
            "pieces": msgspec.to_builtins(written.pieces),
        },
    )
    return Kept("file", digest, manifest, written.size_bytes, written.added_bytes + added)


def read(objects: Objects, manifest: str, folder: Path) -> Path:
    """Return a read-only copy of a kept file or folder, under its own name.

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
    content = read_manifest(objects, manifest)
    if content["kind"] == "folder":
        from mlops_jupyter.data.files import folder_copy

        return folder_copy.read(objects, content, folder)
    return copies.copy(
        folder,
        content["digest"],
        content["name"],
        lambda path: digest_of_file(path) == content["digest"],
        lambda path: _build(objects, content, path),
    )


def write_manifest(objects: Objects, content: dict[str, Any]) -> tuple[str, int]:
    """Keep the manifest of a file or a folder; return its digest and the bytes it added."""
    # names that are no UTF-8 hold surrogates, which only ASCII can carry
    text = json.dumps({"format": FORMAT, **content}, separators=(",", ":"))
    return objects.add(text.encode("ascii"))


def read_manifest(objects: Objects, digest: str) -> dict[str, Any]:
    """Return the manifest of a file or a folder.

    Raises
    ------
    IntegrityError
        The object is missing or damaged.
    UsageError
        A newer version of this package wrote it.
    """
    try:
        content: dict[str, Any] = json.loads(objects.read(digest))
        told = msgspec.convert(content, _Format).format
        if told <= FORMAT:
            msgspec.convert(content, _File | _Folder)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise IntegrityError(f"the object {digest} is no manifest of a file: {error}") from None
    if told > FORMAT:
        raise UsageError(
            f"this version of the data has format {told}, newer than {FORMAT}",
            hint="upgrade mlops-jupyter",
        )
    return content


class _Format(msgspec.Struct):
    format: int


class _File(msgspec.Struct, tag_field="kind", tag="file"):
    """What the manifest of a file must say."""

    name: str
    size_bytes: int
    digest: str
    pieces: list[Any]


class _Folder(msgspec.Struct, tag_field="kind", tag="folder"):
    """What the manifest of a folder must say."""

    name: str
    size_bytes: int
    digest: str
    listing: list[Any]
    contents: list[list[Any]]


Mark = tuple[int, int, int, int]
"""What tells that a file is still the same: size, time of change, inode, device."""


def _mark(status: os.stat_result) -> Mark:
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev


def changed(path: Path) -> ConflictError:
    """Return what to say of a file that changed while it was read."""
    return ConflictError(
        f"{path}: changed while it was read", hint="take it again when nothing writes to it"
    )


@contextlib.contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Say in our words why a file cannot be read."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError("file", str(path), _beside(path)) from None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENAMETOOLONG}:
            raise UsageError(f"{str(path)[:80]}: {error.strerror}") from None
        raise refused_by_disk(path, error) from error


def regular(path: Path, status: os.stat_result) -> Mark:
    """Refuse what is no regular file.

    Raises
    ------
    UsageError
        It is a folder, a device, a pipe or a socket.
    """
    if stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{path}: is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{path}: not a regular file", hint="copy what it gives to a file first")
    return _mark(status)


def hashed(chunks: Iterator[bytes], hasher: Any) -> Iterator[bytes]:
    """Give chunks on, and tell them to a hasher."""
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk


def digest_of_file(path: Path) -> str | None:
    """Return the digest of the file at a path; None: there is none, or it is a link."""
    hasher = blake3.blake3()
    try:
        if path.is_symlink():
            return None
        with path.open("rb") as file:
            for chunk in _read(file):
                hasher.update(chunk)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    return "blake3:" + str(hasher.hexdigest())


def _beside(path: Path) -> list[str]:
    """Return what may have been meant; what is hidden only when that was asked for."""
    is_hidden = path.name.startswith(".")
    try:
        return [
            str(path.with_name(other.name))
            for other in path.parent.iterdir()
            if is_hidden or not other.name.startswith(".")
        ]
    except OSError:
        return []


def _read(file: Any) -> Iterator[bytes]:
    while piece := file.read(pieces.PIECE_BYTES):
        yield piece


def _build(objects: Objects, content: Mapping[str, Any], path: Path) -> None:
    hasher = blake3.blake3()
    with path.open("xb") as file:
        for piece in pieces.read(objects, pieces.of_json(content["pieces"])):
            hasher.update(piece)
            file.write(piece)
    if "blake3:" + hasher.hexdigest() != content["digest"]:
        raise IntegrityError(f"{path.name}: its pieces do not make the file they should")
    path.chmod(copies.FILE_MODE)
