"""What a version needs: all objects that its manifest leads to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.store.objects import Objects

_NAME = re.compile(r"(?P<digest>blake3:[0-9a-f]{64})(?:\+\d+\+\d+)?")

_NO_OBJECTS = frozenset({"digest", "digests", "name", "path", "columns", "bases"})
"""Keys of a manifest under which no object stands that reading it needs: digests of content,
words of the user's, and versions that only made it smaller to write. A part may bear such a name
too; it is a mapping."""


def objects_of(objects: Objects, manifest: str) -> set[str]:
    """Return the digests of all objects that a version needs, with that of its manifest.

    They are read from the manifest alone: whether they are there is not asked.

    Raises
    ------
    IntegrityError
        The manifest is missing, damaged, or no manifest.
    """
    content = objects.read(manifest)
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        tree = None
    if not isinstance(tree, dict):
        raise IntegrityError(f"the object {manifest} is not the manifest of a data version")
    return {manifest, *_named(tree)}


def is_there(objects: Objects, manifest: str) -> bool:
    """Tell whether all objects that a version needs are there, be they whole or not."""
    try:
        return all(objects.path(digest).exists() for digest in objects_of(objects, manifest))
    except IntegrityError:
        return False


def _named(tree: Any) -> Iterator[str]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting.extend(
                value
                for key, value in node.items()
                if key not in _NO_OBJECTS or isinstance(value, dict)
            )
        elif isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, str) and (found := _NAME.fullmatch(node)):
            yield found["digest"]
