"""Databases: how each kind of connection is asked, and what it is called without its secrets.

Each kind is known by where its class comes from, so that no driver is imported here: DuckDB,
SQLAlchemy (an engine, a connection, or a URL), ADBC, BigQuery's client, and whatever has a
cursor (PEP 249: sqlite3, psycopg2, …), which pandas reads.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from mlops_jupyter.errors import UsageError

Kind = Literal["duckdb", "sqlalchemy", "adbc", "bigquery", "sqlite", "cursor"]

_HOMES: dict[str, Kind] = {
    "duckdb": "duckdb",
    "_duckdb": "duckdb",
    "sqlalchemy": "sqlalchemy",
    "adbc_driver_manager": "adbc",
    "sqlite3": "sqlite",
}

_SCHEMES = {"psycopg2": "postgresql", "psycopg": "postgresql", "pymysql": "mysql"}


def kind_of(connection: object) -> Kind:
    """Return the kind of a connection.

    Raises
    ------
    UsageError
        It is none.
    """
    homes = [base.__module__.partition(".")[0] for base in type(connection).__mro__]
    if isinstance(connection, ModuleType):  # `duckdb` itself stands for its default connection
        homes = [connection.__name__]
    for home in homes:
        if home in _HOMES:
            return _HOMES[home]
    if callable(getattr(connection, "cursor", None)):
        return "cursor"
    if callable(getattr(connection, "query", None)):
        return "bigquery"
    raise UsageError(
        f"not a connection to a database: a {type(connection).__qualname__}",
        hint="give one of DuckDB, SQLAlchemy, ADBC, a driver with cursors, BigQuery, or a URL",
    )


@contextlib.contextmanager
def opened(connection: Any) -> Iterator[Any]:
    """Open a connection that is given as a URL; any other stays as it is, and open.

    Raises
    ------
    UsageError
        It is no URL of a database.
    """
    if not isinstance(connection, str):
        yield connection
        return
    import sqlalchemy

    scheme, found, _ = connection.partition("://")
    try:
        engine = sqlalchemy.create_engine(connection)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{scheme}: its driver {error.name!r} is not installed",
            hint=f"pip install {error.name}, or name another: {scheme}+DRIVER://…",
        ) from None
    except (sqlalchemy.exc.ArgumentError, ValueError):
        what = f"{scheme[:40]}://…" if found else "a text without ://"
        raise UsageError(
            f"not the URL of a database: {what}", hint="write e.g. postgresql+psycopg2://host/name"
        ) from None
    try:
        yield engine
    finally:
        engine.dispose()


def ask(connection: Any, sql: str, parameters: Any, *, as_arrow: bool) -> Any:
    """Return the answer to a query: a frame; if `as_arrow`, a table of Arrow where one is had.

    Raises
    ------
    Exception
        Whatever the driver raises.
    UsageError
        The statement gives no rows.
    """
    kind = kind_of(connection)
    if kind == "duckdb":
        relation = connection.sql(sql, params=parameters)
        if relation is None:
            raise _no_rows()
        return relation.to_arrow_table() if as_arrow else relation.df()
    if kind in {"adbc", "bigquery"}:
        table = (_ask_adbc if kind == "adbc" else _ask_bigquery)(connection, sql, parameters)
        is_table = type(table).__module__.partition(".")[0] == "pyarrow"
        return _frame(table) if is_table and not as_arrow else table
    return _ask_by_pandas(connection, sql, parameters)


def address(connection: Any, root: Path | None = None) -> str:
    """Return what a database is called: kind, host, port, name; no user, no password.

    Parameters
    ----------
    connection : connection
    root : Path, optional
        Files below it are written from there.
    """
    kind = kind_of(connection)
    if kind == "duckdb":
        # to the end: an unfinished result would stand in the way of the query
        rows = connection.sql(
            "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
        ).fetchall()
        return "duckdb:" + _file(rows[0][0], root)
    if kind == "sqlite":
        rows = connection.execute("PRAGMA database_list").fetchall()
        return "sqlite:" + _file(next((row[2] for row in rows if row[1] == "main"), ""), root)
    if kind == "sqlalchemy":
        url = connection.engine.url
        name = url.get_backend_name()
        if name in {"sqlite", "duckdb"}:
            return f"{name}:" + _file(url.database, root)
        return _written(name, url.host or url.query.get("host"), url.port, url.database)
    if kind == "adbc":
        return f"adbc:{_adbc_name(connection)}"
    if kind == "bigquery":
        return f"bigquery:{getattr(connection, 'project', None) or ''}".rstrip(":")
    return _address_of_cursor(connection)


def password(connection: Any) -> str | None:
    """Return the password of a connection, where it can be had: no error may repeat it."""
    if isinstance(connection, str):
        import sqlalchemy

        with contextlib.suppress(sqlalchemy.exc.ArgumentError, ValueError):
            return sqlalchemy.make_url(connection).password
        return None
    url = getattr(getattr(connection, "engine", None), "url", None)
    known = getattr(url or getattr(connection, "info", None), "password", None)
    return str(known) if known else None


def _ask_by_pandas(connection: Any, sql: str, parameters: Any) -> Any:
    import pandas as pd

    with warnings.catch_warnings(), _percent(connection, parameters) as ready:
        # it says so of every driver that it has not tried
        warnings.filterwarnings("ignore", "pandas only supports SQLAlchemy", UserWarning)
        try:
            return pd.read_sql_query(sql, ready, params=parameters)
        except TypeError as error:
            if str(error) == "'NoneType' object is not iterable":  # the cursor has no description
                raise _no_rows() from None
            raise


@contextlib.contextmanager
def _percent(connection: Any, parameters: Any) -> Iterator[Any]:
    """Let a ``%`` be one in a query without parameters: SQLAlchemy hands on empty ones else."""
    if parameters is not None or kind_of(connection) != "sqlalchemy":
        yield connection
        return
    before = connection.get_execution_options().get("no_parameters", False)
    # an engine makes another one of it, a connection keeps it
    try:
        yield connection.execution_options(no_parameters=True)
    finally:
        if hasattr(connection, "exec_driver_sql"):
            connection.execution_options(no_parameters=before)


def _ask_adbc(connection: Any, sql: str, parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetch_arrow_table()


def _ask_bigquery(client: Any, sql: str, parameters: Any) -> Any:
    """Ask a client with the interface of `google.cloud.bigquery.Client`."""
    if parameters:
        from mlops_jupyter.data.query import bigquery

        job = client.query(sql, job_config=bigquery.job_config(parameters))
    else:
        job = client.query(sql)
    # its frames have dtypes of their own, and need another package
    return job.to_arrow() if hasattr(job, "to_arrow") else job.to_dataframe()


def _frame(table: Any) -> Any:
    """Return a table as a frame in which whole numbers stay whole where some are missing."""
    import pyarrow as pa

    frame = table.to_pandas()
    for at, column in enumerate(table.columns):
        if not column.null_count:
            continue
        if pa.types.is_boolean(column.type):
            frame.isetitem(at, column.to_pandas(types_mapper=lambda _: _dtype("boolean")))
        elif pa.types.is_integer(column.type):
            name = str(column.type).replace("int", "Int").replace("uInt", "UInt")
            frame.isetitem(at, column.to_pandas(types_mapper=lambda _, n=name: _dtype(n)))
    return frame


def _dtype(name: str) -> Any:
    import pandas as pd

    return pd.api.types.pandas_dtype(name)


def _no_rows() -> UsageError:
    return UsageError("the statement gives no rows", hint="read_sql takes a SELECT")


def _address_of_cursor(connection: Any) -> str:
    """Ask a connection of any driver; only what is known to be no secret is looked at."""
    driver = type(connection).__module__.partition(".")[0]
    told = getattr(connection, "info", None) or connection
    parts = [
        next((v for v in (_plain(told, name) for name in names) if v), None)
        for names in (("host", "server_host"), ("port",), ("dbname", "database", "db"))
    ]
    return _written(_SCHEMES.get(driver, driver), *parts)


def _plain(told: object, name: str) -> str | None:
    value = getattr(told, name, None)
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return str(value) if isinstance(value, str | int) else None


def _adbc_name(connection: Any) -> str:
    parts = [str(connection.adbc_get_info().get("vendor_name", ""))]
    # a driver may know neither
    with contextlib.suppress(Exception):
        parts.append(str(connection.adbc_current_catalog))
    return "/".join(part for part in parts if part)


def _written(scheme: str, host: Any, port: Any, name: Any) -> str:
    place = f"//{host}" if host else ""
    place += f":{port}" if host and port else ""
    if name:
        place += f"/{name}" if place else str(name)
    return f"{scheme}:{place}" if place else scheme


def _file(path: str | None, root: Path | None) -> str:
    if not path or path == ":memory:":
        return ":memory:"
    plain = path.partition("?")[0]  # what follows may be a token
    if ":" in plain:
        return plain
    place = Path(plain).absolute()
    return place.relative_to(root).as_posix() if root and place.is_relative_to(root) else str(place)
