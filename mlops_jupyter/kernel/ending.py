"""A kernel that is asked to end does end, and does what was left to `atexit` before."""

from __future__ import annotations

import asyncio
from typing import Any

REQUEST = "shutdown_request"


def end_in_order(kernel: Any) -> None:
    """Mend a race of ipykernel (7.4, and before) that leaves one kernel in ten hanging at its end.

    After its reply to the request to shut down, the control thread flushes streams and says that
    it is idle. By then the main thread may have ended the thread that sends such messages, and
    the control thread waits for ever: `atexit` is never reached, and whoever ended the kernel
    waits 2.5 seconds before it kills it. Here the control thread does nothing after its reply:
    its loop has been told to stop. https://github.com/posit-dev/positron/issues/7142
    """
    handlers = getattr(kernel, "control_handlers", None)
    if not isinstance(handlers, dict) or not asyncio.iscoroutinefunction(handlers.get(REQUEST)):
        return  # another kernel, or another ipykernel
    answer = handlers[REQUEST]

    async def end(*request: Any) -> None:
        await answer(*request)
        task = asyncio.current_task()
        if task is not None:
            task._log_destroy_pending = False  # type: ignore[attr-defined] # noqa: SLF001
        await asyncio.Event().wait()

    handlers[REQUEST] = end
