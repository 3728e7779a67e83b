"""A real kernel, driven as a notebook drives it, whose CPU seconds can be asked for."""

from __future__ import annotations

import ast
import queue
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager
from replay import clean_environment

TIMEOUT_SECONDS = 240
CPU = "__import__('time').process_time()"


class Kernel:
    """A kernel in a folder.

    Parameters
    ----------
    folder : Path
        Its working directory.
    python : str, optional
        Its interpreter. Default: this one.
    timeout_seconds : float
        How long one cell may take.
    **environment : str
        Of the kernel, more than ours.
    """

    def __init__(
        self,
        folder: Path,
        python: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        **environment: str,
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self.own = Path(tempfile.mkdtemp(prefix="k"))
        self.manager = KernelManager(transport="ipc", ip=str(self.own / "s"))
        if python and self.manager.kernel_spec is not None:
            self.manager.kernel_spec.argv[0] = python
        env = clean_environment(self.own) | environment
        self.manager.start_kernel(cwd=str(folder), env=env)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT_SECONDS)

    def run(
        self, source: str, cell_id: str = "none", *, silent: bool = False, ask: str = ""
    ) -> dict[str, Any]:
        """Execute a cell, wait until the kernel is idle, and return its reply."""
        content = {"code": source, "silent": silent, "store_history": not silent,
                   "user_expressions": {"asked": ask} if ask else {},
                   "allow_stdin": False, "stop_on_error": False}  # fmt: skip
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell_id})
        self.client.shell_channel.send(message)
        identity = message["header"]["msg_id"]
        reply = self._first(self.client.get_shell_msg, identity, lambda _: True)
        self._first(self.client.get_iopub_msg, identity, _is_idle)
        answer: dict[str, Any] = reply["content"]
        return answer

    def must(self, source: str) -> None:
        """Execute a cell that may not fail, unseen by IPython's events."""
        reply = self.run(source, silent=True)
        if reply["status"] != "ok":
            raise RuntimeError("\n".join(reply.get("traceback", [reply["status"]])))

    def ask(self, expression: str) -> str | None:
        """Return the str of an expression, without executing a cell; None when it fails."""
        reply = self.run("", silent=True, ask=f"str({expression})")
        shown = reply["user_expressions"]["asked"].get("data", {}).get("text/plain")
        return None if shown is None else str(ast.literal_eval(shown))

    def cpu_seconds(self) -> float:
        """Return the CPU time of the kernel up to now."""
        return float(self.ask(CPU) or "nan")

    def _first(
        self, receive: Callable[..., Any], identity: str, wanted: Callable[..., bool]
    ) -> Any:
        """Return the first wanted message that answers a request."""
        deadline = time.monotonic() + self.timeout_seconds
        while time.monotonic() < deadline:
            try:
                message = receive(timeout=1)
            except queue.Empty:
                if not self.client.is_alive():
                    raise RuntimeError("the kernel has died") from None
                continue
            if message["parent_header"].get("msg_id") == identity and wanted(message):
                return message
        raise TimeoutError("the kernel does not answer")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        shutil.rmtree(self.own, ignore_errors=True)


def _is_idle(message: Mapping[str, Any]) -> bool:
    is_status = message["msg_type"] == "status"
    return bool(is_status and message["content"]["execution_state"] == "idle")
