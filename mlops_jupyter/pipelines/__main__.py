"""``python -m mlops_jupyter.pipelines``: the process that executes the steps of one pipeline run.

A process of its own, because papermill belongs to one working folder at a time, because it must
outlive neither a killed command nor a closed server, and because its kernels end with it.
It is told what to do on the first line of its standard input, tells where it is on its standard
output, and ends itself when its standard input is closed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from mlops_jupyter.errors import ExternalError, MlopsError
from mlops_jupyter.pipelines.execute import Event, Request, failure_of
from mlops_jupyter.pipelines.runner import run
from mlops_jupyter.project import open_project

UNUSED = ("rfc3987_syntax", "pyarrow.fs", "boto3", "gcsfs", "github")
"""What papermill and nbformat import if it is there, for notebooks in the cloud and for formats
that notebooks do not have: 1.2 of the 1.6 CPU seconds that importing papermill takes."""


def main() -> int:
    """Do what the first line of standard input asks for."""
    tell = _teller(_private_stdout())
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=Request)
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.modules.update(dict.fromkeys(UNUSED))  # type: ignore[arg-type] # None: not to be imported
    try:
        run(open_project(request.root), request, lambda place: tell(Event(progress=place)))
    except MlopsError as error:
        tell(Event(failure=failure_of(error)))
        return error.exit_code
    except KeyboardInterrupt:
        tell(Event(failure=failure_of(ExternalError("the pipeline was interrupted"))))
        return 130
    return 0


def _private_stdout() -> BinaryIO:
    """Keep standard output for ourselves: what kernels write to it goes to the log."""
    private = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return private


def _teller(stream: BinaryIO) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        # when the reader is gone, standard input says so too, and ends us
        with contextlib.suppress(BrokenPipeError):
            stream.write(msgspec.json.encode(event) + b"\n")

    return tell


def _interrupt(*_: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
