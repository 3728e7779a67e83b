"""Bundles that came from elsewhere, read into the catalog: nothing in them is believed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import msgspec

from mlops_jupyter.config import NAME
from mlops_jupyter.errors import IntegrityError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.sharing import steps, tables
from mlops_jupyter.sharing.bundle import VERSION, Bundle, Value
from mlops_jupyter.sharing.outgoing import cells_of
from mlops_jupyter.sharing.tables import CELLS, OF_CELLS, OWNERSHIP, RUN, TAG, WHOLE, TagState
from mlops_jupyter.store.objects import digest_of
from mlops_jupyter.store.references import OBJECT_COLUMNS

_DIGEST = re.compile(r"blake3:[0-9a-f]{64}")
_DIGESTS = frozenset(
    {*OBJECT_COLUMNS, ("dataset_version", "digest"), ("data_tag", "digest"), ("ledger", "digest")}
)

Row = dict[str, Value]


class NotHereError(IntegrityError):
    """A bundle stands on something that is not here."""


def check(project: Project, bundle: Bundle) -> None:
    """Refuse a bundle whose rows could not have been written by us.

    Raises
    ------
    IntegrityError
        With the name of the bundle, the table and the column.
    UsageError
        A newer version of this package wrote it.
    """
    allowed = {
        VERSION: ("dataset_version",),
        TAG: ("data_tag",),
        CELLS: OF_CELLS,
        **{kind: tuple(table for table, _ in parts) for kind, parts in WHOLE.items()},
        RUN: (*(table for table, _ in WHOLE[RUN]), OWNERSHIP),
        steps.STEP: (
            *(table for table, _ in WHOLE[steps.STEP]),
            steps.CELLS,
            steps.DATA,
            steps.PASSED,
        ),
    }.get(bundle.kind)
    if allowed is None:
        raise UsageError(
            f"{bundle.name}: this version does not know {bundle.kind!r}",
            hint="upgrade mlops-jupyter",
        )
    for table, rows in bundle.tables.items():
        if table not in allowed:
            raise IntegrityError(f"{bundle.name}: has no business with the table {table[:40]!r}")
        columns = _columns(project, table)
        for row in rows:
            for column, value in row.items():
                _check(bundle.name, table, column, value, columns)
    _check_identity(bundle)


def _columns(project: Project, table: str) -> tuple[str, ...]:
    if table in {OWNERSHIP, steps.CELLS}:
        return ("execution_id",)
    if table == steps.DATA:
        return ("version_id",)
    if table == "data_tag":
        return TagState.__struct_fields__
    return tables.columns_of(project, table)


def _check(name: str, table: str, column: str, value: Value, columns: tuple[str, ...]) -> None:
    if column not in columns:
        raise UsageError(
            f"{name}: {table} has no column {column[:40]!r} here", hint="upgrade mlops-jupyter"
        )
    if not _fits(table, column, value):
        raise IntegrityError(f"{name}: {table}.{column} cannot be {str(value)[:60]!r}")


def _fits(table: str, column: str, value: Value) -> bool:
    place = (table, column)
    if column in {"version_id", "execution_id"}:
        second = str if column == "version_id" else int
        return isinstance(value, list) and list(map(type, value)) == [str, second]
    if value is None:
        return True
    if isinstance(value, list):
        return False
    tests: tuple[tuple[bool, Callable[[Any], bool]], ...] = (
        (place in tables.JSON, lambda v: _is_json(v, tables.JSON[place])),
        (place in tables.WORDS, lambda v: v in tables.WORDS[place]),
        (place in _DIGESTS, lambda v: _DIGEST.fullmatch(str(v)) is not None),
        (column in {"dataset", "tag"}, lambda v: NAME.fullmatch(str(v)) is not None),
        (column == "at" or column.endswith("_at"), _is_time),
        (column == "executed", _is_inside),
    )
    return all(test(value) for applies, test in tests if applies)


def _is_json(value: Value, form: Any) -> bool:
    try:
        msgspec.json.decode(str(value), type=form)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _is_time(value: Value) -> bool:
    try:
        return datetime.fromisoformat(str(value)).tzinfo is not None
    except ValueError:
        return False


def _is_inside(value: Value) -> bool:
    path = PurePosixPath(str(value))
    return not path.is_absolute() and ".." not in path.parts and "\0" not in str(value)


def _check_identity(bundle: Bundle) -> None:
    """Refuse rows of another thing than the one that the bundle is of."""
    if bundle.kind in WHOLE:
        for table, key in WHOLE[bundle.kind]:
            column = "model" if table == "model_version" else key
            wanted = bundle.id.rpartition("@")[0] if table == "model_version" else bundle.id
            if any(row.get(column) != wanted for row in bundle.tables.get(table, [])):
                raise IntegrityError(f"{bundle.name}: holds rows of something else")
    root = (VERSION, "dataset_version"), (TAG, "data_tag"), (CELLS, "session")
    first = dict(root).get(bundle.kind) or WHOLE[bundle.kind][0][0]
    if len(bundle.tables.get(first, [])) != 1:
        raise IntegrityError(f"{bundle.name}: holds not one row of {first}")
    if bundle.kind == VERSION:
        dataset = bundle.id.partition("@")[0]
        if bundle.tables[first][0].get("dataset") != dataset:
            raise IntegrityError(f"{bundle.name}: holds a version of another dataset")
    if bundle.kind == CELLS:
        _check_cells(bundle)
    if bundle.kind == steps.STEP:
        steps.check(bundle)
    _check_digests(bundle, "ledger", "entry")


def _check_cells(bundle: Bundle) -> None:
    session, places = cells_of(bundle.id)
    rows = bundle.tables.get("cell_execution", [])
    owners = [row.get("session_id") for row in rows]
    if {session} != {bundle.tables["session"][0].get("id"), *owners}:
        raise IntegrityError(f"{bundle.name}: holds executions of another session")
    if any(row.get("position") not in places for row in rows):
        raise IntegrityError(f"{bundle.name}: holds other executions than its name says")
    _check_digests(bundle, "source", "text")  # whoever executes the same text here finds this row


def _check_digests(bundle: Bundle, table: str, column: str) -> None:
    for row in bundle.tables.get(table, []):
        if digest_of(str(row.get(column)).encode(errors="surrogatepass")) != row.get("digest"):
            raise IntegrityError(f"{bundle.name}: a {table} entry is not what its digest says")


def put(connection: sqlite3.Connection, bundle: Bundle, origin: str) -> None:
    """Add the rows of a checked bundle that are not here yet; within one transaction.

    Raises
    ------
    NotHereError
        It stands on something that is not here.
    IntegrityError
        Its rows are none that the catalog takes.
    """
    try:
        for table in _order(bundle):
            for row in _rows(connection, bundle, table):
                _insert(connection, table, _here(connection, bundle, _adapted(table, row, origin)))
        for owned in bundle.tables.get(OWNERSHIP, []):
            row = _here(connection, bundle, owned)
            connection.execute(
                "UPDATE cell_execution SET run_id = ? WHERE id = ? AND run_id IS NULL",
                (bundle.id, row["execution_id"]),
            )
    except sqlite3.IntegrityError as error:
        if "FOREIGN KEY" in str(error):
            raise NotHereError(f"{bundle.name}: stands on a run that is not here") from None
        raise IntegrityError(f"{bundle.name}: {error}") from None
    except (sqlite3.ProgrammingError, OverflowError, UnicodeError) as error:
        raise IntegrityError(f"{bundle.name}: {error}") from None


def _rows(connection: sqlite3.Connection, bundle: Bundle, table: str) -> list[Row]:
    if table != "step_entry":
        return bundle.tables[table]
    named = {
        (kind, column): tuple(
            int(str(_here(connection, bundle, row)[column])) for row in bundle.tables.get(kind, [])
        )
        for kind, column in ((steps.CELLS, "execution_id"), (steps.DATA, "version_id"))
    }
    return [steps.filled(bundle.tables, *named.values())]


def _order(bundle: Bundle) -> Iterable[str]:
    order = OF_CELLS if bundle.kind == CELLS else [table for table, _ in WHOLE[bundle.kind]]
    if bundle.kind == steps.STEP:
        order = [*order, steps.PASSED]
    return (table for table in order if table in bundle.tables)


def _adapted(table: str, row: Row, origin: str) -> Row:
    if table in {"run", "step_entry", "decision"}:
        return {**row, "origin": origin}
    if table == "session":
        # here it does not run, whatever it does elsewhere
        return {**row, "ended_at": row.get("started_at")}
    return row


def _here(connection: sqlite3.Connection, bundle: Bundle, row: Row) -> Row:
    """Put the row ids of this catalog in the place of names."""
    made = dict(row)
    for column, sql in _LOOKUPS.items():
        named = made.get(column)
        if isinstance(named, list):
            found = connection.execute(sql, named).fetchone()
            if found is None:
                what = f"{named[0]}@{str(named[1])[:15]}" if column == "version_id" else "a cell"
                raise NotHereError(f"{bundle.name}: stands on {what}, which is not here")
            made[column] = found[0]
    return made


_LOOKUPS = {
    "version_id": "SELECT id FROM dataset_version WHERE dataset = ? AND digest = ?",
    "execution_id": "SELECT id FROM cell_execution WHERE session_id = ? AND position = ?",
}


def _insert(connection: sqlite3.Connection, table: str, row: Row) -> None:
    columns = ", ".join(row)  # checked: they are columns of this table
    places = ", ".join("?" * len(row))
    connection.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({places}) ON CONFLICT DO NOTHING",
        tuple(row.values()),
    )


_CONTENT = (
    "digest", "manifest", "row_count", "columns", "size_bytes", "profile", "stored_bytes",
    "gone_at", "gone_why", "origin",
)  # fmt: skip


def put_version(connection: sqlite3.Connection, bundle: Bundle, row: Row) -> None:
    """Add a data version with its number, or put what is left where rows were erased.

    Within a transaction, in which nothing else has the number but that.

    Raises
    ------
    IntegrityError
        Its row is none that the catalog takes.
    """
    try:
        made = connection.execute(
            "SELECT id FROM dataset_version WHERE dataset = ? AND number = ?",
            (row["dataset"], row["number"]),
        ).fetchone()
        if made is None:
            _insert(connection, "dataset_version", row)
        else:  # whatever used the version still does
            content = {name: row.get(name) for name in _CONTENT}
            places = ", ".join(f"{name} = ?" for name in content)
            connection.execute(
                f"UPDATE dataset_version SET {places} WHERE id = ?", (*content.values(), made[0])
            )
    except (sqlite3.IntegrityError, OverflowError, UnicodeError) as error:
        raise IntegrityError(f"{bundle.name}: {error}") from None


def is_taken(connection: sqlite3.Connection, bundle: Bundle) -> bool:
    """Tell whether another run's model has the number of a model version here."""
    if bundle.kind != "model":
        return False
    row = bundle.tables["model_version"][0]
    found = connection.execute(
        "SELECT run_id FROM model_version WHERE model = ? AND version = ?",
        (row.get("model"), row.get("version")),
    ).fetchone()
    return found is not None and found[0] != row.get("run_id")
