"""Who moves the alias of a model on an MLflow server that several projects use.

MLflow has no compare-and-set. A tag of the registered model stands in for a lock: whoever is
about to move the alias writes a tag of its own, then reads the tags of all. Of two who do that
at once at least one sees the other (Dijkstra's flags, Dekker's first attempt,
https://www.cs.utexas.edu/~EWD/transcriptions/EWD01xx/EWD123.html), and lets go again. What is
left: one whose process stands still for `STALE_SECONDS` between the look and the move, and
those who move the alias without us.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from mlops_jupyter.errors import ConflictError, ExternalError
from mlops_jupyter.models import notes, registry
from mlops_jupyter.project import Project, now
from mlops_jupyter.store.objects import digest_of

TAG = "mlops.moving"
STALE_SECONDS = 120.0
"""After that the one who claimed is taken for dead."""

TRIES = 4


@contextlib.contextmanager
def claimed(project: Project, model: str) -> Iterator[None]:
    """Let one project at a time move the alias of a model.

    Within a project `registry.locked` sees to that; where MLflow is embedded nobody else is there.

    Raises
    ------
    ConflictError
        Another project is at it.
    ExternalError
        MLflow cannot be reached, or has no such model.
    """
    if not registry.is_server(project):
        yield
        return
    # always the same: what a process of this project has left behind is no other's
    owner = digest_of(f"{socket.gethostname()}:{project.root}".encode())
    key = f"{TAG}.{owner.partition(':')[2][:16]}"
    try:
        _claim(project, model, key)
        yield
    finally:
        with contextlib.suppress(ExternalError):  # it goes stale
            notes.untag_model(project, model, key)


def _claim(project: Project, model: str, key: str) -> None:
    for attempt in range(TRIES):
        notes.tag_model(project, model, {key: now()})
        tags = notes.tags_of(project, model)
        others = [k for k, at in tags.items() if k.startswith(TAG) and k != key and _is_alive(at)]
        if not others:
            return
        notes.untag_model(project, model, key)
        time.sleep((100 + secrets.randbelow(300)) / 1000 * 2**attempt)
    raise ConflictError(
        f"another project is about to give an alias of {model} to a version",
        hint="try again in a moment",
    )


def _is_alive(at: str) -> bool:
    try:
        age = (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()
    except (ValueError, TypeError):
        return False
    return abs(age) < STALE_SECONDS
