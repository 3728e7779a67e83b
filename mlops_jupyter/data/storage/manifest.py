"""Manifests: the object that says how to build the content of a version again.

See docs/data-format.md for the format.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from mlops_jupyter.data import reach
from mlops_jupyter.data.dataset import Kind
from mlops_jupyter.data.storage import inherit
from mlops_jupyter.data.storage.inherit import Version
from mlops_jupyter.data.storage.stored import Reader, Stored, Writer
from mlops_jupyter.data.value import part
from mlops_jupyter.data.value.content import Taken
from mlops_jupyter.data.value.part import Measures
from mlops_jupyter.errors import UsageError
from mlops_jupyter.store.objects import Objects

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Examined:
    """A value taken apart, measured and not yet kept.

    `digest` is that of the content, `size_bytes` what its values take.
    """

    taken: Taken
    measures: Measures
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Written:
    """A value that is kept: the digest of its manifest, and what it added to the store."""

    manifest: str
    added_bytes: int


def examine(taken: Taken) -> Examined:
    """Digest the content of a value: all that an unchanged one costs."""
    measures = part.measure(taken.tree)
    size = part.size_bytes(taken.tree, measures)
    return Examined(taken, measures, part.digest(taken.tree, measures), size)


def write(
    objects: Objects, examined: Examined, names: Sequence[str] = (), before: str | None = None
) -> Written:
    """Keep a value: what it shares with the version before is not kept again.

    Parameters
    ----------
    objects : Objects
    examined : Examined
    names : sequence of str
        Of its columns.
    before : str, optional
        Digest of the manifest of the version before, of the same kind.

    Raises
    ------
    ConflictError
        The value was changed since it was examined.
    ExternalError, UsageError
        The disk is full, or may not be written.
    """
    latest = _manifest_of(objects, before, examined.taken.kind)
    serial, bases = _place(latest, before)
    base = _manifest_of(objects, bases[0][1], examined.taken.kind) if bases else None
    known = [Version(_tree(m), m["columns"]) for m in (base, latest) if m is not None]
    writer = Writer(objects)
    tree = inherit.write(examined, names, known, Reader(objects), writer)
    depth = inherit.depth(tree)
    manifest = {
        "format": FORMAT,
        "kind": examined.taken.kind,
        "columns": list(names),
        "content": tree,
        # where the next version looks for a base; not needed to read this one
        "serial": serial if depth else 0,
        "bases": bases if depth else [],
    }
    digest = writer.write(encode(manifest))
    return Written(digest, writer.added_bytes)


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


def content(
    objects: Objects,
    digest: str,
    rows: tuple[int, int] | None = None,
    origin: str | None = None,
) -> tuple[Kind, Stored]:
    """Return the stored tree of a version that is a value: no file, no folder.

    Parameters
    ----------
    objects : Objects
    digest : str
        Of the manifest.
    rows : tuple of int, optional
        The first row wanted, and the one after the last. Default: all.
    origin : str, optional
        Where it came from, if its pickles must not be read: see `mlops_jupyter.data.trust`.
    """
    manifest = read(objects, digest)
    return cast("Kind", manifest["kind"]), Stored(_tree(manifest), Reader(objects, origin), rows)


def _tree(manifest: dict[str, Any]) -> dict[str, Any]:
    # format 1 knew frames only
    tree: dict[str, Any] = manifest["frame" if manifest["format"] == 1 else "content"]
    return tree


def _manifest_of(objects: Objects, digest: str | None, kind: Kind) -> dict[str, Any] | None:
    """Return a manifest that a new one may stand on, or None: then the new one stands alone."""
    # of one that was given up some objects may be gone; `mlops verify` tells of others
    if digest is None or not reach.is_there(objects, digest):
        return None
    manifest = read(objects, digest)
    return manifest if manifest["format"] == FORMAT and manifest["kind"] == kind else None


def _place(latest: dict[str, Any] | None, digest: str | None) -> tuple[int, list[list[Any]]]:
    """Return the serial number of the next version, and the versions that it stands on.

    Number `n` stands on `n` with its lowest bit cleared, so that no more versions than `n` has
    bits are read to restore one (skip deltas, as in Subversion's FSFS:
    https://svn.apache.org/repos/asf/subversion/trunk/notes/skip-deltas).
    """
    if latest is None:
        return 0, []
    serial = latest["serial"] + 1
    chain = [[latest["serial"], digest], *latest["bases"]]
    return serial, [one for one in chain if one[0] <= serial & (serial - 1)]
