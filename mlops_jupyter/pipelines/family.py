"""The processes of a kernel: those below it, and those that have left it but bear its mark."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

MARK = "MLOPS_KERNEL"
"""Variable of the environment of a kernel, handed down to all that it starts."""

STEP_RUN = "MLOPS_STEP_RUN"
"""Variable that names the step that a kernel executes."""

LEFT_ALONE = "MLOPS_OUTLIVES"
"""Variable of processes of ours that may outlive a kernel: they copy runs to MLflow."""

PASSES = 20
"""A process may start another one before it is killed: so often we look again."""

WAIT_SECONDS = 0.005

IS_LINUX = sys.platform == "linux"


def below(pid: int) -> set[int]:
    """Return a process and its descendants, as far as each still has its parent."""
    if not IS_LINUX:
        return _below_elsewhere(pid)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        found.add(one)
        waiting += [child for child in _children(one) if child not in found]
    return found


def marked(*marks: str, variable: str = MARK) -> set[int]:
    """Return the processes of this user whose environment bears a mark; 30 µs for each he has."""
    wanted = {f"{variable}={mark}".encode() for mark in marks}
    found: set[int] = set()
    if not IS_LINUX:
        return found
    own = os.getuid()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if entry.stat().st_uid == own and not wanted.isdisjoint(_environment(int(entry.name))):
                found.add(int(entry.name))
    return found - {os.getpid()}


def kill(pid: int | None, mark: str) -> None:
    """Kill a kernel and all processes that it has started, but for those that may outlive it.

    Without a `pid`, because the kernel has ended, those that bear its mark.
    """
    known: set[int] = set() if pid is None else {pid}
    for _ in range(PASSES):
        alive = set().union(*map(below, known), marked(mark))
        known = {one for one in alive if one == pid or _may_be_killed(one)}
        killed = [one for one in known if _kill(one)]
        if not killed:
            return
        time.sleep(WAIT_SECONDS)


def kill_left(step_runs: Iterable[str]) -> None:
    """Kill what is left of steps whose coordinator is gone, and its guardian with it."""
    for pid in marked(*step_runs, variable=STEP_RUN):
        if _may_be_killed(pid):
            _kill(pid)


def used_bytes(pids: Iterable[int], limit: int | None = None) -> int:
    """Return the memory that processes use together, in bytes.

    What they share counts once: then the pages are divided by the processes that map them (PSS).
    That takes some ms per GB, so it is only asked for where the sum of what each uses is above
    the limit. Mapped files are left out: the system takes such memory back when it needs it.
    """
    members = list(pids)
    if not IS_LINUX:
        return sum(map(_resident_elsewhere, members))
    used = sum(_sizes(pid, "status", "RssAnon", "RssShmem", "VmSwap") for pid in members)
    if limit is None or used <= limit or len(members) == 1:
        return used
    return sum(_sizes(pid, "smaps_rollup", "Pss_Anon", "Pss_Shmem", "SwapPss") for pid in members)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123
                found += map(int, file.read().split())
    return found


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _may_be_killed(pid: int) -> bool:
    return f"{LEFT_ALONE}=1".encode() not in _environment(pid)


def _kill(pid: int) -> bool:
    """Return whether it was there, and alive."""
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return True
    return stat.rpartition(b")")[2].split()[0] in {b"Z", b"X"}


def _sizes(pid: int, file: str, *names: str) -> int:
    """Return the sum of some lines of a file of /proc that are in kB."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text(errors="replace").splitlines()
    except OSError:  # it has ended, or belongs to another user
        return 0
    fields = (line.partition(":") for line in lines)
    return sum(int(value.split()[0]) * 1024 for name, _, value in fields if name in names)


def _below_elsewhere(pid: int) -> set[int]:
    import psutil

    try:
        return {pid} | {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.Error:
        return {pid}


def _resident_elsewhere(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
