"""A real IPython kernel, driven as a notebook drives it."""

from __future__ import annotations

import os
import queue
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

TIMEOUT_SECONDS = 240


@dataclass
class Answer:
    """What one execution showed."""

    status: str
    text: str = ""
    error: str = ""
    data: list[dict[str, Any]] = field(default_factory=list)


class Kernel:
    """A kernel in a folder, as Jupyter starts it for a notebook there."""

    def __init__(self, folder: Path, notebook: str = "study.ipynb", **environment: str) -> None:
        # the sockets' path must be absolute, for kernel and client in two folders, and short
        self.sockets = tempfile.TemporaryDirectory(prefix="k")
        self.manager = KernelManager(transport="ipc", ip=f"{self.sockets.name}/s")
        env = dict(os.environ, JPY_SESSION_NAME=notebook, **environment)
        self.manager.start_kernel(cwd=str(folder), env=env)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT_SECONDS)

    def run(self, source: str, *, cell_id: str = "", tags: Sequence[str] = ()) -> Answer:
        """Execute a cell and wait until the kernel is idle again."""
        content = {
            "code": source,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        metadata = {"cellId": cell_id or f"id-{hash(source)}", "tags": list(tags)}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        answer = Answer("")
        while True:
            try:
                reply = self.client.get_iopub_msg(timeout=TIMEOUT_SECONDS)
            except queue.Empty:
                raise AssertionError(f"the kernel did not end: {source!r}") from None
            if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            self._take(reply, answer)
            if reply["msg_type"] == "status" and reply["content"]["execution_state"] == "idle":
                break
        answer.status = self._reply(message["header"]["msg_id"])
        return answer

    def _reply(self, msg_id: str) -> str:
        while True:
            shell = self.client.get_shell_msg(timeout=TIMEOUT_SECONDS)
            if shell["parent_header"].get("msg_id") == msg_id:
                return str(shell["content"]["status"])

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.sockets.cleanup()

    @staticmethod
    def _take(reply: dict[str, Any], answer: Answer) -> None:
        content = reply["content"]
        if reply["msg_type"] == "stream":
            answer.text += content["text"]
        elif reply["msg_type"] in ("display_data", "execute_result"):
            answer.data.append(content["data"])
        elif reply["msg_type"] == "error":
            answer.error = "\n".join(content["traceback"])
