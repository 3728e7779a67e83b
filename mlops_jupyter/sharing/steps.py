"""What a step gave, as others get it: without the numbers of rows, and nothing but its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import PurePosixPath

import msgspec

from mlops_jupyter.config import FILE
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.pipelines.entry import NEWEST, Records
from mlops_jupyter.pipelines.reads import Written
from mlops_jupyter.sharing.bundle import Bundle, Tables, Value

STEP = "step"
CELLS = "entry_cell"
DATA = "entry_data"
"""Beside the tables of the bundle: the executions and data versions that the records name."""

PASSED = "passed_value"
"""The data versions that the values which the step passed on lie in."""

Row = dict[str, Value]


def stripped(rows: list[Row]) -> list[Row]:
    """Return rows of `step_entry` whose records name no rows of this catalog."""
    return [{**row, "records": _with(row, (), ())} for row in rows]


def numbers(row: sqlite3.Row) -> Records:
    """Return the records of a row, with the rows of this catalog that they name."""
    return msgspec.json.decode(row["records"], type=Records)


def filled(tables: Tables, cells: tuple[int, ...], data: tuple[int, ...]) -> Row:
    """Return the row of an entry whose records name rows of this catalog."""
    (row,) = tables["step_entry"]
    return {**row, "records": _with(row, cells, data)}


def check(bundle: Bundle) -> None:
    """Refuse an entry that reaches beyond the project, or names objects that it does not bring.

    Raises
    ------
    IntegrityError
        With the name of the bundle.
    """
    (row,) = bundle.tables["step_entry"]
    if missing := {"writes", "records", "parts", "reads"} - row.keys():
        raise IntegrityError(f"{bundle.name}: step_entry has no {min(missing)}")
    writes = msgspec.json.decode(str(row.get("writes")), type=tuple[Written, ...])
    for one in writes:
        if not _can_write(one.path):
            raise IntegrityError(f"{bundle.name}: its step cannot have written {one.path[:60]!r}")
    records = msgspec.json.decode(str(row.get("records")), type=Records)
    named = records.objects | {one.digest for one in writes}
    if isinstance(passes := row.get("passes"), str):
        named.add(passes)
    if any(one.get("passes") != passes for one in bundle.tables.get(PASSED, [])):
        raise IntegrityError(f"{bundle.name}: holds values of another step")
    brought = {str(one.get("digest")) for one in bundle.tables.get("step_entry_object", [])}
    if not named <= brought:
        raise IntegrityError(f"{bundle.name}: names objects that it does not bring")


def _can_write(path: str) -> bool:
    parts = PurePosixPath(path).parts
    is_inside = parts[:1] not in {(), ("/",)} and ".." not in parts and "\0" not in path
    return is_inside and parts[0] not in {".mlops", ".git", FILE}


def superseded(bundles: Mapping[str, Bundle]) -> set[str]:
    """Return the names of entries that came after more than enough newer ones of their step."""
    by_step: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, bundle in bundles.items():
        row = next(iter(bundle.tables.get("step_entry", [])), {})
        step = str(row.get("pipeline")), str(row.get("step"))
        by_step.setdefault(step, []).append((str(row.get("made_at")), name))
    return {name for made in by_step.values() for _, name in sorted(made)[:-NEWEST]}


def _with(row: Row, cells: tuple[int, ...], data: tuple[int, ...]) -> str:
    records = msgspec.json.decode(str(row["records"]), type=Records)
    return msgspec.json.encode(msgspec.structs.replace(records, cells=cells, data=data)).decode()
