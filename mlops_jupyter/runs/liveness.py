"""Whether the process that wrote a row still runs: rows of dead processes are reconciled."""

from __future__ import annotations

import os
import socket
from datetime import datetime

HOST = socket.gethostname()


def is_alive(host: str, pid: int, since: str) -> bool:
    """Tell whether a process still runs.

    Parameters
    ----------
    host : str
        Where it ran. Of other hosts we know nothing, and say that it runs.
    pid : int
    since : str
        ISO 8601 time at which it ran: a process that is younger has only taken its number.
    """
    if host != HOST:
        return True
    if pid == os.getpid():
        return True
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # the kernel counts in ticks of 10 ms from a boot time that it knows to the second
        return bool(process.create_time() <= datetime.fromisoformat(since).timestamp() + 2)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
