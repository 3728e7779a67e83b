"""A kernel that is asked to end does end, and does what was left to `atexit` before."""

from __future__ import annotations

from typing import Any


def end_in_order(kernel: Any) -> None:
    """Mend a race of ipykernel (7.4, and before) that leaves one kernel in ten hanging at its end.

    After its reply to the request to shut down, the control thread says that it is idle. By then
    the main thread may have ended the thread that sends such messages, and the control thread
    waits for ever: `atexit` is never reached, and whoever ended the kernel waits 2.5 seconds
    before it kills it. Nobody hears that message anyway, so it is left out.
    https://github.com/posit-dev/positron/issues/7142
    """
    publish = getattr(kernel, "_publish_status", None)
    if publish is None or not hasattr(kernel, "_shutdown_message"):
        return  # another kernel, or another ipykernel

    def publish_status(status: str, channel: str, *args: Any, **kwargs: Any) -> None:
        if channel != "control" or getattr(kernel, "_shutdown_message", None) is None:
            publish(status, channel, *args, **kwargs)

    kernel._publish_status = publish_status  # noqa: SLF001 - there is no public way
