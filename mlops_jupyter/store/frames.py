"""Objects on their way between stores: as the compressed files that they are, never unpacked.

`ObjectStore` is the seam: `LocalFrames` are the objects of a project, `RemoteObjects` those of
a shared store (`mlops_jupyter.store.remote`). Whoever lends a frame has verified it, whoever
keeps one writes it in one step.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import blake3
import zstandard

from mlops_jupyter.errors import IntegrityError, refused_by_disk
from mlops_jupyter.store.objects import Objects

HEADER_BYTES = 18
"""No header of a zstd frame is longer (RFC 8878, section 3.1.1.1)."""

PIECE_BYTES = 2**20


class ObjectStore(Protocol):
    """Somewhere that objects lie, by their digests."""

    def present(self, digests: Collection[str]) -> dict[str, int]:
        """Return those of the digests that are there, and the bytes that each takes."""

    def lend(self, digest: str, aside: Path) -> AbstractContextManager[Path]:
        """Give an object's frame as a file for the length of a `with` block, verified.

        Parameters
        ----------
        digest : str
        aside : Path
            A folder for what must be brought first.

        Raises
        ------
        IntegrityError
            It is missing or damaged.
        """

    def keep(self, digest: str, frame: Path) -> None:
        """Take a copy of a verified frame, in one step."""


class LocalFrames:
    """The objects of a project, as an `ObjectStore`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def present(self, digests: Collection[str]) -> dict[str, int]:
        """Return those of the digests that are there, and the bytes that each takes."""
        found = {}
        for digest in digests:
            with contextlib.suppress(OSError):
                found[digest] = self._objects.path(digest).stat().st_size
        return found

    @contextlib.contextmanager
    def lend(self, digest: str, aside: Path) -> Iterator[Path]:
        """Give the file itself, verified.

        Raises
        ------
        IntegrityError
            It is missing or damaged.
        """
        path = self._objects.path(digest)
        try:
            whole = is_whole(path, digest)
        except FileNotFoundError:
            raise IntegrityError(f"{path}: missing") from None
        except OSError as error:
            raise refused_by_disk(path, error) from error
        if not whole:
            raise IntegrityError(f"{path}: damaged, its content is not what its name says")
        yield path

    def keep(self, digest: str, frame: Path) -> None:
        """Take a copy of a verified frame, in one step.

        Raises
        ------
        ExternalError, UsageError
            The disk is full, or may not be written.
        """
        path = self._objects.path(digest)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            put_file(frame, path)
        except OSError as error:
            raise refused_by_disk(path, error) from error


def is_whole(frame: Path, digest: str) -> bool:
    """Tell whether a file is the frame of an object: its content is what the digest says.

    However large it is, and whatever it says of itself, this takes little memory.
    """
    with frame.open("rb") as file:
        size = _content_size(file.read(HEADER_BYTES))
        # zstd makes at most 128 KiB of 4 bytes; beyond that is damage, or a trap
        if size is None or size > os.fstat(file.fileno()).st_size * 2**15:
            return False
        file.seek(0)
        hasher = blake3.blake3()
        read = 0
        try:
            with zstandard.ZstdDecompressor().stream_reader(file) as content:
                while read <= size and (piece := content.read(PIECE_BYTES)):
                    hasher.update(piece)
                    read += len(piece)
        except zstandard.ZstdError:
            return False
    return read == size and "blake3:" + hasher.hexdigest() == digest


def put_file(source: Path, target: Path, *, link: bool = True) -> None:
    """Copy a file in one step: readers see all of it or nothing; the bytes are on the disk.

    With `link` the copy may be the same file under a second name.
    """
    temporary = target.with_name(f".writing-{secrets.token_hex(8)}")
    try:
        if not (link and _linked(source, temporary)):
            shutil.copyfile(source, temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that has no links
        return False
    return True


def _content_size(header: bytes) -> int | None:
    try:
        size = int(zstandard.frame_content_size(header))
    except zstandard.ZstdError:
        return None
    return None if size < 0 else size
