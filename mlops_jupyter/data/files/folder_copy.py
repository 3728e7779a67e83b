"""A kept folder, out of objects again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import blake3

from mlops_jupyter.data.files import copies, file, listing, pieces
from mlops_jupyter.data.files.folder import entries_of
from mlops_jupyter.data.files.listing import EMPTY_FOLDER, LINK, PROGRAM, Entry
from mlops_jupyter.data.files.walk import walk
from mlops_jupyter.errors import IntegrityError, MlopsError
from mlops_jupyter.store.objects import Objects


def read(objects: Objects, content: Mapping[str, Any], folder: Path) -> Path:
    """Return a copy of a kept folder, under its own name, whose files are read-only.

    Parameters
    ----------
    objects : Objects
    content : dict
        Its manifest.
    folder : Path
        Copies lie there as ``<digest>/<name>``; one that is there and unchanged is used again,
        of one that was changed the files that were not.

    Raises
    ------
    IntegrityError
        An object is missing or damaged.
    ExternalError, UsageError
        The disk is full, or may not be written.
    """
    there: list[Entry] = []

    def is_right(path: Path) -> bool:
        there[:] = on_disk(path)
        return path.is_dir() and listing.digest(there) == content["digest"]

    def build(path: Path) -> None:
        right = folder / content["digest"].removeprefix("blake3:") / content["name"]
        _build(objects, content, path, _Files(right, {e.path: e.value for e in there}))

    return copies.copy(folder, content["digest"], content["name"], is_right, build)


def on_disk(path: Path) -> list[Entry]:
    """Return what lies in a folder, every file read; nothing, where that cannot be."""
    try:
        found = walk(path) if path.is_dir() and not path.is_symlink() else []
    except MlopsError:
        return []  # somebody has put a pipe there, or taken away the right to read
    return [
        entry._replace(value=_value_at(path / os.fsdecode(entry.path))) if mark else entry
        for entry, mark in found
    ]


class _Files:
    """Files of a copy that was changed; some of them are still what they should be."""

    def __init__(self, folder: Path, values: Mapping[bytes, bytes]) -> None:
        self._folder = folder
        self._values = values

    def give(self, entry: Entry, path: Path) -> bool:
        """Link a file to its new place, if it is right."""
        if not entry.size or self._values.get(entry.path) != entry.value:
            return False
        try:
            os.link(self._folder / os.fsdecode(entry.path), path, follow_symlinks=False)
        except OSError:
            return False
        path.chmod(_mode(entry))
        return True


def _build(objects: Objects, content: Mapping[str, Any], root: Path, right: _Files) -> None:
    entries = entries_of(objects, content)
    if listing.digest(entries) != content["digest"]:
        raise IntegrityError(f"{root.name}: its listing is not that of the folder it should be")
    root.mkdir()
    parents = {e.path if e.kind == EMPTY_FOLDER else e.path.rpartition(b"/")[0] for e in entries}
    for parent in sorted(parents):
        (root / os.fsdecode(parent)).mkdir(parents=True, exist_ok=True)
    missing = [e for e in entries if e.is_file and not right.give(e, root / os.fsdecode(e.path))]
    by_content = sorted(missing, key=lambda e: -1 if e.content is None else e.content)
    for number, some in groupby(by_content, key=lambda e: e.content):
        _write_files(objects, _pieces(content, number), list(some), root)
    for entry in entries:
        if entry.kind == LINK:
            (root / os.fsdecode(entry.path)).symlink_to(os.fsdecode(entry.value))


def _pieces(content: Mapping[str, Any], number: int | None) -> tuple[pieces.Piece, ...]:
    contents = content["contents"]
    if number is None:
        return ()
    if number >= len(contents):
        raise IntegrityError(f"{content['name']}: its listing names a content that it has not")
    return pieces.of_json(contents[number])


def _write_files(
    objects: Objects, kept: tuple[pieces.Piece, ...], entries: list[Entry], root: Path
) -> None:
    """Write all files whose bytes lie in one content."""
    pack = b""
    if any(entry.is_packed for entry in entries):
        pack = b"".join(pieces.read(objects, kept))
    for entry in entries:
        path = root / os.fsdecode(entry.path)
        chunks: Iterable[bytes] = (
            [pack[entry.span()]] if entry.is_packed else pieces.read(objects, kept)
        )
        _write(path, entry, iter(chunks))


def _write(path: Path, entry: Entry, chunks: Iterator[bytes]) -> None:
    hasher = blake3.blake3()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _mode(entry))
    with open(descriptor, "wb") as made:  # noqa: PTH123
        made.writelines(file.hashed(chunks, hasher))
    if hasher.hexdigest().encode() != entry.value:
        raise IntegrityError(f"{path.name}: its pieces do not make the file they should")


def _mode(entry: Entry) -> int:
    return copies.PROGRAM_MODE if entry.kind == PROGRAM else copies.FILE_MODE


def _value_at(path: Path) -> bytes:
    return str(file.digest_of_file(path)).removeprefix("blake3:").encode()
