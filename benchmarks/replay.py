"""Replay executions in a fresh process and an empty folder, and say what a name is bound to.

A process that has imported IPython, and nothing that it could compute with, is forked for each
replay, so that one costs about as much as its own cells. As a program, this module is that
process: it takes requests on its standard input, and answers each with one line.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 240
SETTLE_SECONDS = 0.005
"""What a kernel's event loop has for its tasks between two cells, at least."""


def clean_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a process whose temporary files and settings lie in `folder`."""
    (folder / "tmp").mkdir(exist_ok=True)
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("MLOPS_", "MLFLOW_"))}
    return kept | {
        "TMPDIR": str(folder / "tmp"),
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


class Replayer:
    """A process that replays, one request after the other.

    Parameters
    ----------
    preload : iterable of str
        Modules that it imports beforehand: quicker, but a replay may then use one that its own
        cells do not import. Only for a search whose answer is confirmed without.
    timeout_seconds : float
        How long one replay may take.
    """

    def __init__(
        self, preload: Iterable[str] = (), timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="r"))
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(timeout_seconds), *preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self.folder,
            env=clean_environment(self.folder),
            text=True,
        )

    def value(self, sources: Sequence[str], target: str) -> str | None:
        """Return the repr of `target` after these cells; None when it is not bound to one."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([list(sources), target]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that replays has ended")
        value: str | None = json.loads(answer)
        return value

    def close(self) -> None:
        self.process.communicate(timeout=TIMEOUT_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)


async def _execute(shell: Any, sources: Sequence[str]) -> None:
    """Execute as ipykernel does: in a running loop, a cell that awaits as a task of its own."""
    for source in sources:
        transformed = shell.transform_cell(source)
        cell = shell.run_cell_async(source, store_history=True, transformed_cell=transformed)
        if shell.should_run_async(source, transformed_cell=transformed):
            await asyncio.ensure_future(cell)
        else:
            await cell
        await asyncio.sleep(SETTLE_SECONDS)


def _shell(sources: Sequence[str], target: str) -> str | None:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_gui(self, gui: str | None = None) -> None:
            """No event loop of a window: `%matplotlib inline` needs none."""

    shell = Shell.instance(config=Config(HistoryManager={"enabled": False}))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_execute(shell, sources))
    if target not in shell.user_ns:
        return None
    try:
        return repr(shell.user_ns[target])
    except Exception:  # noqa: BLE001 - the repr is the user's own
        return None


def _child(request: str, folder: Path) -> None:
    """Be the forked process: never returns."""
    os.setsid()
    (folder / "work").mkdir()
    os.chdir(folder / "work")
    os.environ.update(clean_environment(folder))
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    tempfile.tempdir = None
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(BaseException):
        (folder / "answer.json").write_text(json.dumps(_shell(*json.loads(request))))
    os._exit(0)


def _replay(request: str, timeout_seconds: float) -> str:
    """Replay in a child, and return its answer as JSON."""
    folder = Path(tempfile.mkdtemp())
    answer = folder / "answer.json"
    child = os.fork()
    if child == 0:
        _child(request, folder)
    deadline = time.monotonic() + timeout_seconds
    pause = 0.001
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(pause)
        pause = min(2 * pause, 0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what its cells have left running
    found = answer.read_text() if answer.exists() else "null"
    shutil.rmtree(folder, ignore_errors=True)
    return found


def main() -> None:
    sys.path[0] = ""  # as in a kernel: the working directory, not this file's
    import IPython.core.interactiveshell  # noqa: F401 - so that no child has to

    timeout_seconds = float(sys.argv[1])
    for name in sys.argv[2:]:
        with contextlib.suppress(ImportError):
            __import__(name)
    sys.argv = [""]
    for line in sys.stdin:
        print(_replay(line, timeout_seconds), flush=True)


if __name__ == "__main__":
    main()
