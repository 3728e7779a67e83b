"""A lock between processes: a file that one of them at a time holds.

The system frees it when its holder dies, so that nothing stale is ever left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from mlops_jupyter.errors import ConflictError, refused_by_disk

POLL_SECONDS = 0.01


def exclusive(path: Path, timeout_seconds: float, what: str) -> AbstractContextManager[None]:
    """Hold the lock of a file for the length of a `with` block.

    Also between threads: each holder opens the file for itself. It is not reentrant.

    Parameters
    ----------
    path : Path
        The file; made when it is not there, and left there.
    timeout_seconds : float
        How long to wait for another holder.
    what : str
        What the holders do, for the message: ``"change the models of this project"``.

    Raises
    ------
    ConflictError
        Another process holds it all that time.
    """
    return _held(path, fcntl.LOCK_EX, timeout_seconds, what)


def shared(path: Path, timeout_seconds: float, what: str) -> AbstractContextManager[None]:
    """Hold the lock of a file together with others, and never while one holds it alone.

    Parameters, errors: as `exclusive`. It costs some 10 microseconds when nobody holds it alone.
    """
    return _held(path, fcntl.LOCK_SH, timeout_seconds, what)


@contextlib.contextmanager
def _held(path: Path, mode: int, timeout_seconds: float, what: str) -> Iterator[None]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise refused_by_disk(path, error) from error
    try:
        _wait(file, mode, time.monotonic() + timeout_seconds, what)
        try:
            yield
        finally:
            # a process that was forked meanwhile holds the same lock: closing would not free it
            fcntl.flock(file, fcntl.LOCK_UN)
    finally:
        os.close(file)


def _wait(file: int, mode: int, until: float, what: str) -> None:
    while True:
        try:
            fcntl.flock(file, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise ConflictError(
                    f"another process is about to {what}", hint="wait until it ends, or stop it"
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return
