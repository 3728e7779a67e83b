"""What a command has started ends with it, whatever ended it, and wherever it has gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_jupyter.pipelines import family, guardian
from mlops_jupyter.runs.background import OUTLIVES
from tests.pipelines.test_interrupt import WAIT_SECONDS, gone, until

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")

SLEEP = "import time; time.sleep(600)"

DAEMON = f"""
import os, subprocess, sys
# as a daemon does: out of the group, the session, the environment and the family
started, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        environment = {{}} if "bare" in sys.argv else dict(os.environ)
        process = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], env=environment)
        with open("daemon.tmp", "w") as file:
            file.write(f"{{process.pid}} {{os.getpid()}}")
        os.replace("daemon.tmp", "daemon")
        os.write(tell, b".")
        process.wait()
    os._exit(0)
os.wait()
os.read(started, 1)  # else the command could end, and its daemon with it, before that is there
if "stay" in sys.argv:
    import signal
    signal.signal(signal.SIGTERM, lambda *_: open("told", "w").close())
    open("ready", "w").close()
    {SLEEP}
"""


def guarded(folder: Path, *words: str, environment: dict[str, str] | None = None):
    (folder / "daemon.py").write_text(DAEMON)
    return subprocess.Popen(
        [sys.executable, "-I", "-S", guardian.__file__, sys.executable, "daemon.py", *words],
        cwd=folder, env={**os.environ, **(environment or {})}, start_new_session=True,
    )  # fmt: skip


def daemon(folder: Path) -> list[int]:
    until((folder / "daemon").exists)
    return [int(pid) for pid in (folder / "daemon").read_text().split()]


@linux
def test_a_daemon_ends_with_the_command(tmp_path: Path) -> None:
    with guarded(tmp_path, "bare") as running:
        assert running.wait(WAIT_SECONDS) == 0
    assert all(gone(pid)() for pid in daemon(tmp_path))


@linux
def test_a_daemon_ends_when_the_command_is_killed(tmp_path: Path) -> None:
    with guarded(tmp_path, "bare", "stay") as running:
        until((tmp_path / "ready").exists)
        pids = daemon(tmp_path)
        (command,) = (pid for pid in family.below(running.pid) - {running.pid, *pids})
        os.kill(command, signal.SIGKILL)
        assert running.wait(WAIT_SECONDS) == -signal.SIGKILL  # told as what it was
    assert all(gone(pid)() for pid in pids)


@linux
def test_who_does_not_listen_the_first_time_is_killed_the_second(tmp_path: Path) -> None:
    with guarded(tmp_path, "stay") as running:
        until((tmp_path / "ready").exists)
        running.terminate()
        until((tmp_path / "told").exists)
        running.terminate()
        assert running.wait(WAIT_SECONDS) == -signal.SIGKILL
    assert all(gone(pid)() for pid in daemon(tmp_path))


@linux
def test_our_own_helpers_go_on(tmp_path: Path) -> None:
    with guarded(tmp_path, environment=OUTLIVES) as running:
        assert running.wait(WAIT_SECONDS) == 0
    pids = daemon(tmp_path)
    try:
        assert not any(gone(pid)() for pid in pids)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


@linux
def test_the_code_of_the_command_is_handed_on(tmp_path: Path) -> None:
    words = [sys.executable, "-I", "-S", guardian.__file__, "/bin/sh", "-c", "exit 5"]
    assert subprocess.run(words, check=False).returncode == 5


@linux
def test_the_mark_finds_who_has_left(tmp_path: Path) -> None:
    (tmp_path / "daemon.py").write_text(DAEMON)
    environment = {**os.environ, family.MARK: "mark-of-this-test"}
    subprocess.run([sys.executable, "daemon.py"], cwd=tmp_path, env=environment, check=True)
    pids = daemon(tmp_path)
    assert family.marked("mark-of-this-test") == set(pids)
    assert family.used_bytes(pids) > 2_000_000
    family.kill(None, "mark-of-this-test")
    assert all(gone(pid)() for pid in pids)


@linux
def test_shared_memory_counts_once() -> None:
    shared = bytearray(b"x") * 50_000_000
    pid = os.fork()
    if not pid:
        time.sleep(600)
    try:
        alone = family.used_bytes([os.getpid()])
        together = family.used_bytes([os.getpid(), pid], limit=0)
        assert together < alone + len(shared) / 2
        # what is below the limit even if all of it is counted twice is not looked at closely
        assert family.used_bytes([os.getpid(), pid], limit=10**12) > together
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
