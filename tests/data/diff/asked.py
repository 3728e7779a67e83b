"""Ask for the difference of two values as a person does: two snapshots, one question."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlops_jupyter.data.diff import grid, tables
from mlops_jupyter.data.diff.compare import diff
from mlops_jupyter.data.diff.difference import DataDiff, Finding, Side
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project

_SIDES = (
    Side("t@1", "blake3:1", "frame", None, None, 0),
    Side("t@2", "blake3:2", "frame", None, None, 0),
)
_count = itertools.count()


def asked(
    project: Project, before: Any, after: Any, key: Sequence[str] = (), name: str = "data.csv"
) -> DataDiff:
    """Keep two values and compare them; text and bytes become files of this name."""
    refs = []
    for value in (before, after):
        if isinstance(value, str | bytes):
            path = Path(f"side{next(_count)}") / name
            path.parent.mkdir()
            path.write_bytes(value.encode() if isinstance(value, str) else value)
            value = path
        refs.append(snapshot(project, value, "data").ref)
    return diff(project, refs[0], refs[1], key=key)


def compared(before: Any, after: Any, key: Sequence[str] = ()) -> DataDiff:
    """Compare two values without keeping them."""
    return tables.compare(_SIDES, *grid.grids_of(before, after), key)


def codes(found: DataDiff) -> list[str]:
    """Return what was found, the worst first."""
    return [one.code for one in found.findings]


def the(found: DataDiff, code: str) -> Finding:
    """Return the one finding of a code."""
    (one,) = [one for one in found.findings if one.code == code]
    return one
