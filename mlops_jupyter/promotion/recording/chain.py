"""The chain of decisions: entries that are only ever added, each bound to the one before.

An entry is canonical JSON (sorted keys, no spaces, UTF-8) with its `number`, from 1 without
gaps, and `previous`, the BLAKE3 digest of the entry before it. The first entry opens the chain:
it names the decisions that were made before there was one. The tables ``decision`` and
``decision_state`` say the same in columns, for whoever lists and sorts them.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.project import Project, now
from mlops_jupyter.store.objects import digest_of

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of the chain.

    Attributes
    ----------
    chain : str
        Which chain: sixteen hex digits, drawn when it was opened.
    number : int
    digest : str
    """

    chain: str
    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.number} {self.digest}"


def encoded(entry: dict[str, Any]) -> bytes:
    """Return the canonical JSON of an entry; NaN becomes null."""
    return msgspec.json.encode(entry, order="sorted")


def append(connection: sqlite3.Connection, decision_id: str, entry: dict[str, Any]) -> Head:
    """Add an entry to the chain, in a transaction that is open for writing.

    Parameters
    ----------
    connection : sqlite3.Connection
        Of `Catalog.transaction`: two writers get two numbers.
    decision_id : str
    entry : dict
        JSON values. The number and the digest of the one before are added.
    """
    last = _head(connection.execute(_LAST).fetchone()) or _open(connection, decision_id)
    return _put(connection, last.chain, last.number + 1, decision_id, entry, last.digest)


def head(project: Project) -> Head | None:
    """Return the last entry, or None when nothing was decided yet."""
    return _head(project.catalog.row(_LAST))


def approval(project: Project, decision_id: str) -> Any:
    """Return what the policy of a decision says of approvals, as it is listed; for showing."""
    row = project.catalog.row(
        "SELECT CASE json_valid(entry) WHEN 1 THEN json_extract(entry, '$.policy.approval') END"
        " FROM ledger WHERE decision_id = ? AND kind = 'decision'",
        (decision_id,),
    )
    return None if row is None or row[0] is None else msgspec.json.decode(row[0])


def record(project: Project, decision_id: str) -> dict[str, Any] | None:
    """Return the whole record of a decision; None for those before records were chained.

    Raises
    ------
    IntegrityError
        It is not what its digest says.
    """
    rows = project.catalog.rows(
        "SELECT digest, entry FROM ledger WHERE decision_id = ? AND kind = 'decision'",
        (decision_id,),
    )
    if not rows:
        return None
    digest, text = rows[0]
    if digest_of(text.encode()) != digest:
        raise IntegrityError(
            f"the record of decision {decision_id} was changed",
            hint="`mlops decisions verify` says what else is wrong",
        )
    found: dict[str, Any] = msgspec.json.decode(text)
    return found


_LAST = (
    "SELECT chain, number, digest FROM ledger WHERE number IS NOT NULL ORDER BY number DESC LIMIT 1"
)


def _head(row: sqlite3.Row | None) -> Head | None:
    return None if row is None else Head(row["chain"], row["number"], row["digest"])


def unchained(rows: Iterable[Any]) -> dict[str, str]:
    """Return the digest of each decision that has no entry of its own, by its id."""
    return {row["id"]: digest_of(encoded({c: row[c] for c in _BEFORE})) for row in rows}


_BEFORE = (
    "id", "model", "kind", "from_version", "to_version", "reason", "actor", "report",
    "decided_at",
)  # fmt: skip
"""The columns of a decision before there was a chain."""


def _open(connection: sqlite3.Connection, decision_id: str) -> Head:
    before = connection.execute(
        "SELECT * FROM decision WHERE origin IS NULL AND id <> ? AND id NOT IN"
        " (SELECT decision_id FROM ledger WHERE decision_id IS NOT NULL)",
        (decision_id,),
    )
    first = {"entry": "opened", "format": FORMAT, "utc": now(), "unchained": unchained(before)}
    return _put(connection, secrets.token_hex(8), 1, None, first, None)


def _put(
    connection: sqlite3.Connection,
    chain: str,
    number: int,
    decision_id: str | None,
    entry: dict[str, Any],
    previous: str | None,
) -> Head:
    text = encoded({**entry, "chain": chain, "number": number, "previous": previous})
    digest = digest_of(text)
    connection.execute(
        "INSERT INTO ledger (digest, number, chain, kind, decision_id, entry)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (digest, number, chain, entry["entry"], decision_id, text.decode()),
    )
    return Head(chain, number, digest)
