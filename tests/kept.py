"""Values into an object store and back, without a catalog."""

from __future__ import annotations

from typing import Any

from mlops_jupyter.data import content, manifest
from mlops_jupyter.data.manifest import Examined
from mlops_jupyter.store.objects import Objects


def examine(value: object) -> Examined:
    """Take a value apart and digest it."""
    return manifest.examine(content.take_apart(value))


def write(objects: Objects, examined: Examined) -> str:
    """Keep it, and return the digest of its manifest."""
    return manifest.write(objects, examined)


def read(objects: Objects, digest: str) -> Any:
    """Return it again."""
    return content.put_together(*manifest.content(objects, digest))
