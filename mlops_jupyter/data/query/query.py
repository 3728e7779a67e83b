"""Queries: what a database answers, kept as a version that knows its query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from mlops_jupyter.data import tags
from mlops_jupyter.data.dataset import Source
from mlops_jupyter.data.query import database
from mlops_jupyter.data.query.database_error import translated
from mlops_jupyter.data.snapshot import check_name, snapshot
from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.project import Project

Library = Literal["pandas", "polars", "arrow"]
LIBRARIES = ("pandas", "polars", "arrow")

SHORTEST = 6
"""Characters of a password that is masked wherever it turns up: less may be any word."""

Parameters = Mapping[str, Any] | Sequence[Any] | None


class Answer(msgspec.Struct, frozen=True):
    """What a database said, and to what."""

    value: Any
    source: Source


def read_sql(
    project: Project,
    sql: str,
    connection: Any,
    name: str,
    *,
    parameters: Parameters = None,
    as_: Library = "pandas",
    note: str | None = None,
    named: Sequence[str] = (),
    masked: Callable[[str], str],
) -> Any:
    """Ask a database, keep the answer as a version of the dataset `name`, and return it.

    Parameters
    ----------
    project : Project
    sql : str
    connection : connection or str
        Of DuckDB, SQLAlchemy, ADBC, any driver with cursors, BigQuery's client; or a URL.
    name : str
        Of the dataset.
    parameters : mapping or sequence, optional
        In the style of the driver.
    as_ : {"pandas", "polars", "arrow"}
    note : str, optional
    named : sequence of str
        Tags of the version.
    masked : callable
        Takes credentials out of a text.

    Raises
    ------
    UsageError
        The query is wrong; a name is not allowed.
    ExternalError
        The database cannot be reached.
    """
    check_name(name)
    tags.check(named)
    answer = ask(sql, connection, parameters, as_=as_, masked=masked, root=project.root)
    snapshot(project, answer.value, name, note, source=answer.source, tags=named)
    return answer.value


def ask(
    sql: str,
    connection: Any,
    parameters: Parameters = None,
    *,
    as_: Library = "pandas",
    masked: Callable[[str], str],
    root: Path | None = None,
) -> Answer:
    """Ask a database.

    Raises
    ------
    UsageError, ExternalError
        As `read_sql`.
    """
    _check(sql, parameters, as_)
    secret = database.password(connection) or ""

    def discreet(text: str) -> str:
        return masked(text.replace(secret, "***") if len(secret) >= SHORTEST else text)

    place = "the database"
    with (
        translated(discreet, lambda: place),
        database.opened(connection) as here,
    ):
        place = database.address(here, root)
        value = database.ask(here, sql, parameters, as_arrow=as_ != "pandas")
    source = Source("query", discreet(sql), discreet(place), _json(parameters, discreet))
    return Answer(_as_library(value, as_), source)


def _check(sql: object, parameters: object, as_: object) -> None:
    if not isinstance(sql, str) or not sql.strip():
        raise UsageError("read_sql: the first is the text of a query", hint='"SELECT …"')
    if as_ not in LIBRARIES:
        hint = did_you_mean(str(as_), LIBRARIES)
        raise UsageError(f"as_: no library for the answer of a query: {as_!r:.80}", hint=hint)
    if isinstance(parameters, str | bytes) or not isinstance(parameters, Mapping | Sequence | None):
        raise UsageError(
            f"parameters: a list or a dict, not a {type(parameters).__qualname__}",
            hint='parameters=["UA"], parameters={"carrier": "UA"}',
        )


def _json(parameters: Parameters, discreet: Callable[[str], str]) -> str | None:
    if not parameters:
        return None
    return discreet(msgspec.json.encode(parameters, enc_hook=str).decode())


def _as_library(value: Any, as_: Library) -> Any:
    """Return the answer in the library that is asked for; most have it already."""
    if as_ == "pandas":
        return value
    import pyarrow as pa

    try:
        table = (
            value
            if isinstance(value, pa.Table)
            else pa.Table.from_pandas(value, preserve_index=False)
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UsageError(
            f"the answer is no table of Arrow: {error}", hint='take it with as_="pandas"'
        ) from None
    table = table.replace_schema_metadata(None)
    if as_ == "arrow":
        return table
    import polars as pl

    return pl.from_arrow(table)
