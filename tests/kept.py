"""Values into an object store and back, without a catalog."""

from __future__ import annotations

from typing import Any

from mlops_jupyter.data.storage import manifest
from mlops_jupyter.data.storage.manifest import Examined
from mlops_jupyter.data.value import content
from mlops_jupyter.store.objects import Objects


def examine(value: object) -> Examined:
    """Take a value apart and digest it."""
    return manifest.examine(content.take_apart(value))


def write(objects: Objects, examined: Examined) -> str:
    """Keep it, and return the digest of its manifest."""
    return manifest.write(objects, examined).manifest


def write_next(objects: Objects, value: object, before: str | None) -> str:
    """Keep a value as the next version after another."""
    examined = examine(value)
    names = [column.name for column in examined.taken.columns()]
    return manifest.write(objects, examined, names, before).manifest


def read(
    objects: Objects,
    digest: str,
    columns: list[str] | None = None,
    rows: tuple[int, int] | None = None,
) -> Any:
    """Return it again, or some of it."""
    return content.put_together(*manifest.content(objects, digest, rows), columns)


def there_and_back(objects: Objects, value: object) -> Any:
    """Keep a value, and return what comes back."""
    return read(objects, write(objects, examine(value)))


def digest(value: object) -> str:
    """Return the digest of what a value holds."""
    return examine(value).digest
