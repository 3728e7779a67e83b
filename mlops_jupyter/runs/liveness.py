"""Whether the process that wrote a row still runs: rows of dead processes are reconciled."""

from __future__ import annotations

import contextlib
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

HOST = socket.gethostname()

BEAT_SECONDS = 15.0
"""How often a process says that it runs, where others cannot look for it."""

LOST_SECONDS = 120.0
"""It is taken for dead when it has not said so for that long. Clocks have to agree to a minute."""


def _machine() -> str:
    with contextlib.suppress(OSError):
        # containers have names and process numbers of their own, and the same boot
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116
    return ""


MACHINE = _machine()
"""What process numbers belong to, beside the name of the host: a boot, and a container."""


def is_here(host: str, machine: str | None = None) -> bool:
    """Tell whether process numbers that were written down there mean the same here."""
    return host == HOST and (machine is None or machine == MACHINE)


def is_alive(
    host: str, pid: int, since: str, machine: str | None = None, beat_at: str | None = None
) -> bool:
    """Tell whether a process still runs.

    Parameters
    ----------
    host : str
        Where it ran.
    pid : int
    since : str
        ISO 8601 time at which it ran: a process that is younger has only taken its number.
    machine : str, optional
        `MACHINE` of that process: two hosts or containers may have one name.
    beat_at : str, optional
        When it last said that it runs. That is what counts where process numbers are others;
        without it we know nothing, and say that it runs.
    """
    if not is_here(host, machine):
        return beat_at is None or _age_seconds(beat_at) < LOST_SECONDS
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


def _age_seconds(at: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()
