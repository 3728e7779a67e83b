"""The CodeVersion of a run: which executed cells made it, in order, and the git commit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlops_jupyter.store.objects import digest_of

GIT_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ExecutedCell:
    """What the slice needs to know of one execution.

    Attributes
    ----------
    execution_id : int
        Row in the catalog.
    needs : frozenset of str
        Names that it read, through the functions that it called.
    changes : frozenset of str
        Names that it bound, and names that it read whose value it may have changed in place.
    opaque : bool
        It may have read or changed anything (``exec``, ``globals()``, an unknown magic).
    versions : tuple of int
        Rows of the data versions that it loaded or took.
    """

    execution_id: int
    needs: frozenset[str]
    changes: frozenset[str]
    opaque: bool = False
    versions: tuple[int, ...] = field(default=())


def slice_of(cells: Sequence[ExecutedCell]) -> list[ExecutedCell]:
    """Return the cells on which the last one stands, in order, itself included.

    Going backward, a cell is kept when it bound, or may have changed in place, a name that a
    kept cell needs. This errs on the side of keeping too many.
    """
    if not cells:
        return []
    kept = [cells[-1]]
    needed = set(cells[-1].needs)
    everything = cells[-1].opaque
    for cell in reversed(cells[:-1]):
        if everything or cell.opaque or cell.changes & needed:
            kept.append(cell)
            needed |= cell.needs
            everything = everything or cell.opaque
    return kept[::-1]


def needs_of(reads: Iterable[str], functions: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return `reads` and all that the functions among them read in their turn."""
    found: set[str] = set()
    waiting = list(reads)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(functions.get(name, ()))
    return frozenset(found)


def digest(code_digests: Iterable[str]) -> str:
    """Return the digest of a CodeVersion: of its cells' digests, in order."""
    return digest_of("\n".join(code_digests).encode())


def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit and whether tracked files differ from it; None outside of git."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "-uno"],
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, None
    if answer.returncode != 0:
        return None, None
    lines = answer.stdout.splitlines()
    commit = next((x[13:] for x in lines if x.startswith("# branch.oid ")), "(initial)")
    if commit == "(initial)":
        return None, None
    return commit, any(not line.startswith("#") for line in lines)
