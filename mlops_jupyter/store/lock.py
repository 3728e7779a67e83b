"""A lock between processes: a file that one of them at a time holds.

The system frees it when its holder dies, so that nothing stale is ever left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from mlops_jupyter.errors import ConflictError, refused_by_disk

POLL_SECONDS = 0.05


@contextlib.contextmanager
def exclusive(path: Path, timeout_seconds: float, what: str) -> Iterator[None]:
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
    try:
        file = path.open("ab")
    except OSError as error:
        raise refused_by_disk(path, error) from error
    with file:
        _wait(file.fileno(), time.monotonic() + timeout_seconds, what)
        yield


def _wait(file: int, until: float, what: str) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise ConflictError(
                    f"another process is about to {what}", hint="wait until it ends, or stop it"
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return
