"""A step that is above a limit is ended, with all its processes, and told as that."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops_jupyter.config.pipeline import Pipeline
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines import limits, watch
from mlops_jupyter.pipelines.kernel import Kernel
from mlops_jupyter.pipelines.limits import Limits, size_words, time_words
from mlops_jupyter.pipelines.watch import Watch, death, oom_kills
from tests.pipelines.test_interrupt import all_gone, until

MB = 1_000_000

# no thread of the kernel hears a signal: C code holds the interpreter's lock
HOLDS_THE_LOCK = "import ctypes; ctypes.PyDLL(None).sleep(600)"

# each of its own session, and the one that started them is gone
WORKERS = f"""
import os, subprocess, sys
use = "import time; held = bytearray(b'x') * {150 * MB}; time.sleep(600)"
start = "import subprocess, sys; [subprocess.Popen([sys.executable, '-c', sys.argv[1]]," \\
    " start_new_session=True) for _ in range(2)]"
subprocess.run([sys.executable, "-c", start, use], start_new_session=True)
import time; time.sleep(600)
"""


@contextmanager
def working(folder: Path, source: str) -> Iterator[Kernel]:
    """Start a kernel that executes this."""
    (folder / "work.py").write_text(source)
    kernel = Kernel("python3", folder=str(folder))
    try:
        kernel.warm_up(["work"])
        yield kernel
    finally:
        kernel.end()


def test_a_kernel_that_does_not_hear_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "GRACE_SECONDS", 0.2)
    with (
        working(tmp_path, HOLDS_THE_LOCK) as kernel,
        Watch(kernel, Limits(timeout_seconds=1.5)) as watching,
    ):
        process = kernel.process
        assert process is not None
        until(lambda: process.poll() is not None)
        assert watching.reason == "the step took longer than 1.5s"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere what leaves is not found")
def test_the_memory_of_all_its_processes_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "STRAYED_SECONDS", 0.1)
    with (
        working(tmp_path, WORKERS) as kernel,
        Watch(kernel, Limits(memory_bytes=280 * MB)) as watching,
    ):
        until(lambda: watching.reason is not None)
        found = re.fullmatch(r"the step used (\d+) MB, its limit is 280 MB", str(watching.reason))
        assert found is not None
        assert 280 < int(found[1]) < 500
        until(all_gone(list(watching._members())))


WHY = "because memory ran out"
USED = "its processes used 5.12 GB when last looked at"


@pytest.mark.parametrize(
    ("code", "ours", "machines", "words"),
    [
        (None, False, False, ""),
        (3, False, False, ": its process ended itself with code 3"),
        (0, True, True, ": its process ended itself with code 0"),
        (-signal.SIGSEGV, False, False, ": ended by SIGSEGV"),
        (-63, False, False, ": ended by signal 63"),
        (-signal.SIGKILL, True, True, f": Linux killed it because memory ran out; {USED}"),
        (-signal.SIGKILL, False, True, f": it was killed, probably by Linux, {WHY}; {USED}"),
        (-signal.SIGKILL, False, False, f": it was killed, not by us; {USED}"),
    ],
)
def test_how_a_kernel_died(code: int | None, ours: bool, machines: bool, words: str) -> None:
    assert death(code, ours, machines, 5_120 * MB) == f"the kernel died{words}"


GROUPS = Path("/sys/fs/cgroup/memory")


@pytest.mark.skipif(
    not os.access(GROUPS, os.W_OK) or not (GROUPS / "memory.limit_in_bytes").exists(),
    reason="needs control groups that we may make",
)
def test_linux_counts_whom_it_kills() -> None:
    group = GROUPS / f"mlops-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(30 * MB))
        before = oom_kills()
        source = (
            f"open({str(group / 'cgroup.procs')!r}, 'w').write('0'); bytearray(b'x') * {90 * MB}"
        )
        done = subprocess.run([sys.executable, "-S", "-c", source], check=False)
        assert done.returncode == -signal.SIGKILL
        own, machine = oom_kills()
        assert machine > before[1]
        assert own == before[0]  # it was in another group
    finally:
        group.rmdir()


def test_what_was_asked_for_wins_over_what_is_declared() -> None:
    declared = Pipeline(
        notebook="n.ipynb", retries={"fit": 3}, timeout="1h", memory={"fit": "4 GB"}
    )
    assert Limits().of(declared, "fit") == Limits(3, 3600.0, 4 * 10**9)
    assert Limits().of(declared, "load") == Limits(0, 3600.0, None)
    assert limits.read(0, "90s", "1 GiB").of(declared, "fit") == Limits(0, 90.0, 2**30)
    assert Limits().of(None, "fit") == Limits()


@pytest.mark.parametrize(
    "wrong",
    [
        (-1, None, None), (101, None, None), (None, "soon", None), (None, "", None),
        (None, "0s", None), (None, None, "much"), (None, None, "0 MB"), (None, None, "-1 GB"),
        (None, "1h\n", "😀"), (None, "9" * 10_000, None),
    ],
)  # fmt: skip
def test_what_is_no_limit(wrong: tuple[int | None, str | None, str | None]) -> None:
    with pytest.raises(UsageError):
        limits.read(*wrong)


def test_limits_in_words() -> None:
    assert [time_words(s) for s in (1.5, 90, 60, 1800, 3600, 5400, 86400)] == [
        "1.5s", "90s", "1m", "30m", "1h", "90m", "1d"]  # fmt: skip
    assert [size_words(s) for s in (999, 800 * MB, 4 * 10**9, 5_120 * MB)] == [
        "0.999 kB", "800 MB", "4 GB", "5.12 GB"]  # fmt: skip
