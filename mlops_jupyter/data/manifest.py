"""Manifests: the object that says how to build the content of a version again.

See docs/data-format.md for the format.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from mlops_jupyter.data import part, stored
from mlops_jupyter.data.content import Taken
from mlops_jupyter.data.dataset import Kind
from mlops_jupyter.data.part import Measures
from mlops_jupyter.data.stored import Stored
from mlops_jupyter.errors import UsageError
from mlops_jupyter.store.objects import Objects

FORMAT = 2


class Examined(msgspec.Struct, frozen=True):
    """A value taken apart, measured and not yet kept.

    `digest` is that of the content, `size_bytes` what its values take.
    """

    taken: Taken
    measures: Measures
    digest: str
    size_bytes: int


def examine(taken: Taken) -> Examined:
    """Digest the content of a value: all that an unchanged one costs."""
    measures = part.measure(taken.tree)
    size = part.size_bytes(taken.tree, measures)
    return Examined(taken, measures, part.digest(taken.tree, measures), size)


def write(objects: Objects, examined: Examined) -> str:
    """Keep a value and return the digest of its manifest.

    Raises
    ------
    ConflictError
        The value was changed since it was examined.
    ExternalError, UsageError
        The disk is full, or may not be written.
    """
    taken = examined.taken
    manifest = {
        "format": FORMAT,
        "kind": taken.kind,
        "content": stored.write(taken.tree, examined.measures, objects),
    }
    return objects.write(encode(manifest))


def encode(manifest: dict[str, Any]) -> bytes:
    """Return a manifest as the bytes of an object."""
    return json.dumps(manifest, separators=(",", ":")).encode("ascii")


def read(objects: Objects, digest: str) -> dict[str, Any]:
    """Return a manifest.

    Raises
    ------
    IntegrityError
        The object is missing or damaged.
    UsageError
        A newer version of this package wrote it.
    """
    manifest: dict[str, Any] = json.loads(objects.read(digest))
    if manifest["format"] > FORMAT:
        raise UsageError(
            f"this version of the data has format {manifest['format']}, newer than {FORMAT}",
            hint="upgrade mlops-jupyter",
        )
    return manifest


def content(objects: Objects, digest: str) -> tuple[Kind, Stored]:
    """Return the stored tree of a version that is a value: no file, no folder."""
    manifest = read(objects, digest)
    # format 1 knew frames only
    tree = manifest["frame"] if manifest["format"] == 1 else manifest["content"]
    return manifest["kind"], Stored(tree, objects)
