"""A process of its own that executes notebooks: both ends of it.

A process of its own, because papermill belongs to one working folder at a time, because it must
outlive neither a killed command nor a closed server, and because its kernels end with it.
It is told what to do on the first line of its standard input, tells where it is on its standard
output, and ends itself when its standard input is closed. Beside it lives its guardian, so that
nothing that was started in it survives it, whatever ended it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import IO, BinaryIO

from mlops_jupyter.errors import ExternalError
from mlops_jupyter.pipelines import guardian

PR_SET_PDEATHSIG = 1

PATIENCE_SECONDS = 20.0
"""How long an interrupted process may take to end its kernel and write things down."""

UNUSED = ("rfc3987_syntax", "pyarrow.fs", "boto3", "gcsfs", "github")
"""What papermill and nbformat import if it is there, for notebooks in the cloud and for formats
that notebooks do not have: 1.2 of the 1.6 CPU seconds that importing papermill takes."""

Tell = Callable[[bytes], None]


def start(
    module: str, log: IO[bytes], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a module of ours as such a process, in a process group of its own.

    On Linux it has a guardian: its end is the end of all processes that it has started. Elsewhere
    what leaves the process group of its kernel (a daemon) may stay.
    """
    # -P: a module in the user's folder must not stand for one that we import
    command = [sys.executable, "-P", "-m", module]
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", guardian.__file__, *command]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        start_new_session=True,
    )


def events(process: subprocess.Popen[bytes], request: bytes) -> Iterator[bytes]:
    """Tell the process what to do, and follow what it tells to its end."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(request + b"\n")
        process.stdin.flush()
    yield from process.stdout
    process.wait()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Let it end itself, or else kill it and all that it started."""
    for _ in range(2):  # the second time its guardian kills it
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_SECONDS)
            return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def ended(code: int, what: str, hint: str) -> ExternalError:
    """Say how a process ended that told nothing."""
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return ExternalError(f"the process of the {what} {how}", hint=hint)


def serve(work: Callable[[bytes, Tell], int]) -> int:
    """Be such a process: call `work` with the request and return its exit code.

    Called in the main thread. An interrupt is a `KeyboardInterrupt` in `work`.
    """
    tell = _teller(_private_stdout())
    request = sys.stdin.buffer.readline()
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if sys.platform == "linux":  # should somebody kill the guardian
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
    sys.modules.update(dict.fromkeys(UNUSED))  # type: ignore[arg-type] # None: not to be imported
    return work(request, tell)


def _private_stdout() -> BinaryIO:
    """Keep standard output for ourselves: what kernels write to it goes to the log."""
    private = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return private


def _teller(stream: BinaryIO) -> Tell:
    def tell(event: bytes) -> None:
        # when the reader is gone, standard input says so too, and ends us
        with contextlib.suppress(BrokenPipeError):
            stream.write(event + b"\n")

    return tell


def _interrupt(*_: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
