"""Kernels that are started ahead, and that leave nothing behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

from mlops_jupyter.pipelines import family

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
# loaded before: another thread may hold the loader's lock when a process is forked

LONGEST_SOCKET_PATH = 80
"""A Unix socket's path has about 100 bytes; ours needs a few for its own name."""


class Kernel:
    """A kernel, from its start to the end of all processes that it started.

    It speaks through Unix sockets, where a path is short enough for them.

    Parameters
    ----------
    name : str
        Of the kernel.
    environment : mapping of str to str, optional
        Default: that of this process.
    folder : str, optional
        Its working directory. Default: that of this process.
    """

    def __init__(
        self,
        name: str,
        environment: Mapping[str, str] | None = None,
        folder: str | None = None,
    ) -> None:
        self._group: int | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.mark = secrets.token_hex(8)
        self._warming: KernelClient | None = None
        self._sockets = tempfile.mkdtemp(prefix="mlops-")
        options: dict[str, Any] = {"kernel_name": name}
        if os.name == "posix" and len(os.fsencode(self._sockets)) <= LONGEST_SOCKET_PATH:
            files = {"ip": "k", "connection_file": "kernel.json"}
            options |= {key: os.path.join(self._sockets, file) for key, file in files.items()}  # noqa: PTH118
            options["transport"] = "ipc"
        self.manager = AsyncKernelManager(**options)
        self.manager.client_class = f"{__name__}.{KernelClient.__name__}"
        launch: dict[str, Any] = {"preexec_fn": _die_with_parent}
        launch["env"] = {
            **(os.environ if environment is None else environment),
            family.MARK: self.mark,
        }
        if self.manager.ipykernel:
            # what runs by itself is no history of the user's, and costs a commit per cell
            launch["extra_arguments"] = ["--HistoryManager.hist_file=:memory:"]
        if folder is not None:
            launch["cwd"] = folder
        try:
            run_sync(self.manager.start_kernel)(**launch)
        except BaseException:
            self.end()
            raise
        self._group = getattr(self.manager.provisioner, "pgid", None)
        self.process = getattr(self.manager.provisioner, "process", None)

    @property
    def is_python(self) -> bool:
        """Whether it executes Python."""
        spec = self.manager.kernel_spec
        return spec is not None and str(spec.language).lower() == "python"

    def warm_up(self, modules: Sequence[str]) -> None:
        """Let it import modules as soon as it is there; does not wait, and fails in silence."""
        # a session of its own, lest it take the replies of others; and kept open, because the
        # kernel takes the message only when it is ready
        self._warming = KernelClient()
        self._warming.load_connection_info(self.manager.get_connection_info())
        self._warming.start_channels(iopub=False, stdin=False, hb=False, control=False)
        code = f"[__import__(name) for name in {list(modules)!r}]"
        self._warming.execute(code, silent=True, store_history=False, stop_on_error=False)

    def interrupt(self) -> None:
        """Interrupt its cell, from any thread; C code may not hear it."""
        if self._group is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGINT)

    def kill(self) -> None:
        """Kill it and all that it started, from any thread; who works with it has to `end` it."""
        process = self.process
        if process is not None:
            # when it has ended, its number may be that of another process by now
            family.kill(process.pid if process.returncode is None else None, self.mark)
        if self._group is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)

    def end(self) -> None:
        """End it and what it left running: on Linux daemons too, else its process group."""
        if self._warming is not None:
            self._warming.stop_channels()
        self.kill()
        if self.manager.has_kernel:
            run_sync(self.manager.shutdown_kernel)(now=True)
        shutil.rmtree(self._sockets, ignore_errors=True)


class KernelClient(AsyncKernelClient):
    """Tells the kernel which cell it executes, as JupyterLab does."""

    cell: Mapping[str, Any] | None = None

    def execute(
        self,
        code: str,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: Mapping[str, Any] | None = None,
        allow_stdin: bool | None = None,
        stop_on_error: bool = True,
    ) -> str:
        """Send a cell to the kernel and return the id of the message."""
        content = {
            "code": code,
            "silent": silent,
            "store_history": store_history,
            "user_expressions": user_expressions or {},
            "allow_stdin": self.allow_stdin if allow_stdin is None else allow_stdin,
            "stop_on_error": stop_on_error,
        }
        cell = self.cell or {}
        tags = cell.get("metadata", {}).get("tags", [])
        metadata = {"cellId": cell.get("id"), "tags": tags} if cell else {}
        message = self.session.msg("execute_request", content, metadata=metadata)
        self.shell_channel.send(message)
        return str(message["header"]["msg_id"])


def _die_with_parent() -> None:
    """Let Linux kill the kernel when this process dies, however it dies (in the new process).

    The kernel's own watch is a thread, which waits while C code holds the interpreter's lock.
    "Parent" means the thread that starts it: that has to last.
    https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    """
    if _LIBC is not None:
        _LIBC.prctl(1, signal.SIGKILL)
