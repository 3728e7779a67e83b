"""Numbers of versions: those of the shared store stand, those of here give way."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence

from mlops_jupyter.config import NAME
from mlops_jupyter.errors import NotFoundError

There = Mapping[str, Mapping[int, str]]
"""Of each dataset in the shared store, the digest of the content of each number."""


def align(
    connection: sqlite3.Connection,
    dataset: str,
    there: Mapping[int, str],
    erased: Collection[str] = (),
) -> list[tuple[int, int]]:
    """Give the versions here the numbers that they have there; within a transaction.

    Versions that are only here keep their order, and their number where nothing there bears it.
    Whatever refers to a version refers to its row, and stays. A version of which the content was
    erased there (`erased` are digests) keeps its number, for what is left.

    Returns
    -------
    list of (int, int)
        Numbers before and after, of versions that have another number now.
    """
    rows = connection.execute(
        "SELECT id, number, digest FROM dataset_version WHERE dataset = ? ORDER BY number",
        (dataset,),
    ).fetchall()
    changed = {
        row_id: (before, after)
        for (row_id, before, _), after in zip(rows, _aligned(rows, there, erased), strict=True)
        if before != after
    }
    for sign in (-1, 1):  # first out of each other's way
        connection.executemany(
            "UPDATE dataset_version SET number = ? WHERE id = ?",
            [(sign * after, row_id) for row_id, (_, after) in changed.items()],
        )
    return sorted(changed.values())


def _aligned(
    rows: Sequence[sqlite3.Row], there: Mapping[int, str], erased: Collection[str]
) -> list[int]:
    by_digest = {digest: number for number, digest in there.items()}
    here = {digest for _, _, digest in rows}
    made = []
    last = 0
    moved = False
    for _, number, digest in rows:
        if digest in by_digest:
            made.append(by_digest[digest])
            continue
        if digest in erased and number in there and there[number] not in here:
            made.append(number)
            continue
        moved = moved or number in there
        after = max(number, last + 1, max(there) + 1) if moved else number
        made.append(after)
        last = after
    return made


def chosen(there: There, refs: Iterable[str], datasets: Iterable[str]) -> set[tuple[str, int]]:
    """Return the versions of the shared store that people write as ``train`` or ``train@2``.

    Parameters
    ----------
    there : mapping
        Of these datasets, at least.
    refs : iterable of str
    datasets : iterable of str
        The names of all datasets there.

    Raises
    ------
    NotFoundError
        The shared store has none such.
    """
    found = set()
    for ref in refs:
        dataset, _, which = ref.partition("@")
        numbers = there.get(dataset, {}) if NAME.fullmatch(dataset) else {}
        if not numbers:
            raise NotFoundError("dataset in the shared store", dataset[:100], datasets)
        meant = _meant(numbers, which)
        if not meant:
            known = [f"{dataset}@{number}" for number in numbers]
            raise NotFoundError("data version in the shared store", ref[:200], known)
        found |= {(dataset, number) for number in meant}
    return found


def _meant(numbers: Mapping[int, str], which: str) -> set[int]:
    if not which:
        return set(numbers)
    if which == "latest":
        return {max(numbers)}
    if re.fullmatch(r"[0-9]{1,9}", which):
        return {int(which)} & numbers.keys()
    if re.fullmatch(r"(blake3:)?[0-9a-f]{8,64}", which):
        begins = "blake3:" + which.removeprefix("blake3:")
        return {number for number, digest in numbers.items() if digest.startswith(begins)}
    return set()
