"""``python -m mlops_jupyter.pipelines``: the process that executes one pipeline run."""

from __future__ import annotations

import sys
from collections.abc import Callable

import msgspec

from mlops_jupyter.errors import ExternalError, MlopsError
from mlops_jupyter.pipelines.execute import Event, Request, failure_of
from mlops_jupyter.pipelines.process import Tell, serve
from mlops_jupyter.pipelines.runner import run
from mlops_jupyter.project import open_project


def work(content: bytes, tell: Tell, run: Callable[..., None] = run) -> int:
    """Do what the request asks for.

    Parameters
    ----------
    run : callable
        Called with the project, the request and where to tell how far it is.
    """

    def event(event: Event) -> None:
        tell(msgspec.json.encode(event))

    request = msgspec.json.decode(content, type=Request)
    try:
        run(open_project(request.root), request, lambda place: event(Event(progress=place)))
    except MlopsError as error:
        event(Event(failure=failure_of(error)))
        return error.exit_code
    except KeyboardInterrupt:
        event(Event(failure=failure_of(ExternalError("the pipeline was interrupted"))))
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(serve(work))
