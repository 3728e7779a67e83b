"""A watch over the kernel of a step: how long the step takes, and how much memory it uses."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from mlops_jupyter.pipelines import family
from mlops_jupyter.pipelines.kernel import Kernel
from mlops_jupyter.pipelines.limits import Limits, size_words, time_words

GRACE_SECONDS = 5.0
"""How long an interrupted cell may take to end, before its kernel is killed."""

LONGEST_PAUSE_SECONDS = 0.5
SHORTEST_PAUSE_SECONDS = 0.05

GROWTH = 4e9
"""Bytes per second: no faster does a process get memory; so long can we look away."""

SHARE = 0.004
"""Of the time of one core: what looking at the memory may take."""

STRAYED_SECONDS = 5.0
"""So often we look for processes that have left the tree of the kernel."""


class Watch:
    """Looks at a kernel while it works, and ends it when the step is above a limit.

    A step that takes too long is interrupted, then killed; one that uses too much memory is
    killed at once. All its processes count, also those in other groups and sessions.

    Parameters
    ----------
    kernel : Kernel
    limits : Limits
    began : float, optional
        When the step began, on the monotonic clock. Default: now.

    Attributes
    ----------
    reason : str or None
        Why the kernel was ended, in words.
    used_bytes, most_bytes : int
        The memory of all its processes when it was last looked at, and at most.
    """

    def __init__(self, kernel: Kernel, limits: Limits, began: float | None = None) -> None:
        self.reason: str | None = None
        self.used_bytes = self.most_bytes = 0
        self._kernel, self._limits = kernel, limits
        self._process = kernel.process
        began = time.monotonic() if began is None else began
        timeout = limits.timeout_seconds
        self._deadline = None if timeout is None else began + timeout
        self._strayed: set[int] = set()
        self._looked = 0.0
        self._kills = oom_kills()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def died(self) -> str:
        """Say how the kernel ended when nobody here ended it."""
        code = None if self._process is None else self._process.poll()
        own, machine = (now - was for now, was in zip(oom_kills(), self._kills, strict=True))
        return death(code, own > 0, machine > 0, self.used_bytes)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            began = time.thread_time()
            if self._is_too_large():
                self._kernel.kill()
                return
            if self._deadline is not None and time.monotonic() >= self._deadline:
                self._end_late()
                return
            pause = self._pause(time.thread_time() - began)

    def _is_too_large(self) -> bool:
        limit = self._limits.memory_bytes
        self.used_bytes = family.used_bytes(self._members(), limit)
        self.most_bytes = max(self.most_bytes, self.used_bytes)
        if limit is None or self.used_bytes <= limit or self._over.is_set():
            return False
        used, most = size_words(self.used_bytes), size_words(limit)
        self.reason = f"the step used {used}, its limit is {most}"
        return True

    def _members(self) -> set[int]:
        if self._process is None or self._process.returncode is not None:
            return set()
        now = time.monotonic()
        if now - self._looked > STRAYED_SECONDS:
            self._strayed = family.marked(self._kernel.mark)
            self._looked = now
        return family.below(self._process.pid) | self._strayed

    def _end_late(self) -> None:
        assert self._limits.timeout_seconds is not None
        self.reason = f"the step took longer than {time_words(self._limits.timeout_seconds)}"
        self._kernel.interrupt()
        if not self._over.wait(GRACE_SECONDS):
            self._kernel.kill()

    def _pause(self, cost_seconds: float) -> float:
        """Return how long not to look: shorter near the limit, longer where looking takes long."""
        limit = self._limits.memory_bytes
        pause = LONGEST_PAUSE_SECONDS if limit is None else (limit - self.used_bytes) / GROWTH
        pause = min(max(pause, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        pause = max(pause, cost_seconds / SHARE)
        if self._deadline is not None:
            pause = min(pause, max(self._deadline - time.monotonic(), 0.0))
        return pause


def death(code: int | None, is_ours: bool, is_machines: bool, used_bytes: int) -> str:
    """Say how a kernel died that nobody here ended.

    Parameters
    ----------
    code : int or None
        Of its process; negative: the signal.
    is_ours, is_machines : bool
        Whether Linux has killed a process meanwhile because memory ran out: one of our control
        group, or any.
    used_bytes : int
        What its processes used when last looked at.
    """
    if code is None:
        return "the kernel died"
    if code >= 0:
        return f"the kernel died: its process ended itself with code {code}"
    if -code != signal.SIGKILL:
        return f"the kernel died: ended by {_name(-code)}"
    used = f"its processes used {size_words(used_bytes)} when last looked at"
    if is_ours:
        return f"the kernel died: Linux killed it because memory ran out; {used}"
    who = "probably by Linux, because memory ran out" if is_machines else "not by us"
    return f"the kernel died: it was killed, {who}; {used}"


def oom_kills() -> tuple[int, int]:
    """Return how many processes Linux has killed because memory ran out: in our group, in all.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
    """
    if sys.platform != "linux":
        return 0, 0
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in {"", "memory"}:
                folder = Path("/sys/fs/cgroup", controllers)
                file = "memory.oom_control" if controllers else "memory.events"
                # in a container its own group may be mounted as the root
                for place in (folder / path.lstrip("/"), folder):
                    own = _count(place / file)
                    if own is not None:
                        return own, _count(Path("/proc/vmstat")) or 0
    return 0, _count(Path("/proc/vmstat")) or 0


def _count(file: Path) -> int | None:
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    return None


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
