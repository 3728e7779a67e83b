"""Real kernels that begin in some milliseconds: forked from a process that has imported much.

As a program, this module is that process: it takes a connection file and a folder as JSON on
each line of its standard input, and answers with the number of the kernel's process.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from replay import clean_environment

READY_SECONDS = 240


class Nursery:
    """The process that kernels are forked from.

    Parameters
    ----------
    folder : Path
        The working directory of the kernels that are given no other.
    modules : str
        What it imports beforehand; nothing may be computed.
    environment : mapping of str to str
        Of the kernels, more than ours.
    """

    def __init__(self, folder: Path, *modules: str, environment: Mapping[str, str]) -> None:
        self.own = Path(tempfile.mkdtemp(prefix="k"))
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, __file__, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env=clean_environment(self.own) | threads | environment,
            text=True,
        )
        self.count = 0

    def kernel(self, folder: Path | None = None) -> ForkedKernel:
        """Begin a kernel in a folder; does not wait until it answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.count += 1
        file, _ = write_connection_file(
            str(self.own / f"{self.count}.json"),
            transport="ipc",
            ip=str(self.own / f"{self.count}"),
        )
        self.process.stdin.write(json.dumps([file, str(folder or "")]) + "\n")
        self.process.stdin.flush()
        return ForkedKernel(int(self.process.stdout.readline()), file)

    def close(self) -> None:
        """End it, and all kernels that still run."""
        self.process.kill()  # and Linux the kernels
        self.process.communicate()
        shutil.rmtree(self.own, ignore_errors=True)


class ForkedKernel:
    """One kernel, and a client of it.

    Parameters
    ----------
    pid : int
    file : str
        Its connection file.
    """

    def __init__(self, pid: int, file: str) -> None:
        self.pid = pid
        self.client = BlockingKernelClient(connection_file=file)
        self.client.load_connection_file()
        self.client.start_channels()

    def wait(self) -> None:
        """Wait until it answers."""
        self.client.wait_for_ready(timeout=READY_SECONDS)

    def send(self, source: str) -> str:
        """Ask it to execute a cell, and return the id of the message."""
        content: dict[str, Any] = {
            "code": source, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": False, "stop_on_error": False,
        }  # fmt: skip
        message = self.client.session.msg("execute_request", content)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def kill(self) -> None:
        """End it at once, wherever it is."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of the client."""
        self.client.stop_channels()


def _kernel(file: str) -> None:
    """Be the forked process: never returns."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # when its parent ends
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    os.environ["JPY_SESSION_NAME"] = "study.ipynb"
    sys.argv = ["kernel", "-f", file]
    sys.path[0] = ""
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance()
    os._exit(0)


def main() -> None:
    import ipykernel.kernelapp  # noqa: F401 - so that no kernel has to

    for name in sys.argv[1:]:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended kernels leave nothing to wait for
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            file, folder = json.loads(line)
            os.chdir(folder or ".")
            _kernel(file)
        print(child, flush=True)


if __name__ == "__main__":
    main()
