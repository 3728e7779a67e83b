"""What the properties of values share: how many examples, how small the chunks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from mlops_jupyter.data.storage import stored
from mlops_jupyter.data.value import block, part
from mlops_jupyter.store.objects import Objects
from tests import kept
from tests.example_count import examples

MOST_ROWS = 21
SMALL_CHUNK = 8

thorough = settings(
    max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip


@pytest.fixture(scope="module")
def small_chunks() -> Iterator[None]:
    """Let small values have several chunks and pieces, some alone and some in packs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, "CHUNK_ROWS", SMALL_CHUNK)
        patch.setattr(stored, "SMALL_BYTES", 40)
        patch.setattr(stored, "PACK_BYTES", 100)
        patch.setattr(block, "CHUNK_BYTES", 128)
        yield


def there_and_back(made: Any, rows: tuple[int, int] | None = None) -> Any:
    """Keep a value, or some rows of it, in a store of its own, and return what comes back."""
    with TemporaryDirectory() as folder:
        objects = Objects(Path(folder))
        return kept.read(objects, kept.write(objects, kept.examine(made)), rows=rows)
