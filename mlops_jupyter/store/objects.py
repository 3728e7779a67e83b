"""The object store: immutable bytes, named by the BLAKE3 digest of their content.

An object is kept as ``objects/<first two hex digits>/<hex digest>``, as one zstd frame.
The name is the digest of the bytes *before* compression, so that content that is already
there is found without compressing it again, and whoever reads can verify it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from contextlib import AbstractContextManager
from pathlib import Path

import blake3
import zstandard

from mlops_jupyter.errors import IntegrityError, UsageError, refused_by_disk

HELD_SECONDS = 600.0
"""How long a writer waits for whoever removes objects: longer than any sweep takes."""

ALONE_SECONDS = 60.0
"""How long whoever removes objects waits for writers: one may be at it for hours."""

LEVEL = 1
"""zstd level. On this data 0.2 to 0.4 GB/s; level 3 is 2 times slower and 5 % smaller."""

_DIGEST = re.compile(r"blake3:[0-9a-f]{64}")


def digest_of(content: bytes | memoryview) -> str:
    """Return the digest of `content`, written ``blake3:<64 hex digits>``.

    BLAKE3: https://github.com/BLAKE3-team/BLAKE3-specs
    """
    return "blake3:" + blake3.blake3(content).hexdigest()


class Objects:
    """A folder of content-addressed bytes.

    Parameters
    ----------
    root : Path
        The folder; made at the first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, content: bytes | memoryview) -> str:
        """Keep `content` and return its digest; nothing is written if it is there.

        Raises
        ------
        ExternalError
            The disk is full. Nothing half-written stays.
        UsageError
            The folder may not be written.
        """
        return self.add(content)[0]

    def add(self, content: bytes | memoryview) -> tuple[str, int]:
        """Keep `content` as `write` does; return its digest and the bytes that this added."""
        digest = digest_of(content)
        path = self.path(digest)
        if path.exists():
            return digest, 0
        frame = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True).compress(content)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, frame)
        except OSError as error:
            raise refused_by_disk(path, error) from error
        return digest, len(frame)

    def read(self, digest: str) -> bytes:
        """Return the content of an object, verified against its digest.

        Raises
        ------
        IntegrityError
            The object is missing or its bytes are not those that were written.
        """
        path = self.path(digest)
        try:
            frame = path.read_bytes()
        except FileNotFoundError:
            raise IntegrityError(
                f"{path}: missing",
                hint="`mlops verify --repair` fetches it from the shared store; or restore"
                " .mlops/objects from a backup",
            ) from None
        except OSError as error:
            raise refused_by_disk(path, error) from error
        content = _decompressed(frame)
        if content is None or digest_of(content) != digest:
            raise IntegrityError(
                f"{path}: damaged, its content is not what its name says",
                hint="`mlops verify` says who suffers; with `--repair` it fetches a good copy",
            )
        return content

    def held(self) -> AbstractContextManager[None]:
        """Keep objects from being removed, from the first `write` until a row names them.

        Whatever is written outside of such a block may be gone before its row is there. Any
        number of writers hold it at once, also one inside another.

        Raises
        ------
        ConflictError
            Objects are being removed, for longer than that should take.
        """
        from mlops_jupyter.store import lock  # a cell that keeps nothing need not import it

        return lock.shared(self._lock, HELD_SECONDS, "remove objects")

    def alone(self) -> AbstractContextManager[None]:
        """Wait until nobody writes, and let nobody begin: for whoever removes objects.

        Raises
        ------
        ConflictError
            Somebody writes all the time.
        """
        from mlops_jupyter.store import lock

        return lock.exclusive(self._lock, ALONE_SECONDS, "keep something in this project")

    @property
    def _lock(self) -> Path:
        return self.root.with_suffix(".lock")

    def path(self, digest: str) -> Path:
        """Return where an object lies; refuses whatever is not a digest."""
        if not _DIGEST.fullmatch(digest):
            raise UsageError(f"not a digest: {digest[:80]!r}")
        name = digest.removeprefix("blake3:")
        return self.root / name[:2] / name


def _decompressed(frame: bytes) -> bytes | None:
    try:
        # zstd makes at most 128 KiB of 4 bytes: a size beyond that is a flipped bit, and would
        # be asked of the memory before the damage shows
        if zstandard.frame_content_size(frame) > len(frame) * 2**15:
            return None
        content: bytes = zstandard.ZstdDecompressor().decompress(frame)
    except zstandard.ZstdError:
        return None
    return content


def replace_file(path: Path, content: bytes) -> None:
    """Write `path` in one step: readers see the old file or the new one, never a part.

    The bytes are on the disk before the name is, so that a power cut cannot leave a name
    without its content.
    """
    temporary = path.with_name(f".writing-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
