"""``mlops_jupyter.read_sql``: a query whose answer is kept, without the secrets of this kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_jupyter.data.query import query
from mlops_jupyter.data.query.query import Library, Parameters
from mlops_jupyter.project import here
from mlops_jupyter.runs import secret


def read_sql(
    sql: str,
    connection: Any,
    name: str | None = None,
    *,
    parameters: Parameters = None,
    as_: Library = "pandas",
    note: str | None = None,
    tags: Sequence[str] = (),
) -> Any:
    """Ask a database; with a `name`, the answer becomes a version of that dataset.

    The version keeps the text of the query, its parameters, and host, port and name of the
    database; no user, no password. The same answer is the same version.

    Parameters
    ----------
    sql : str
        The query. Without ``ORDER BY`` a database may give the same rows in another order,
        which is another version.
    connection : connection or str
        Of DuckDB, SQLAlchemy, ADBC, any driver with cursors (``sqlite3``, ``psycopg2``), the
        client of BigQuery; or a URL as SQLAlchemy writes it.
    name : str, optional
        Of the dataset, in the project here.
    parameters : mapping or sequence, optional
        Values for the query, in the style of the driver: ``?``, ``%(name)s``, ``$name``,
        ``@name``.
    as_ : {"pandas", "polars", "arrow"}
        The library of the answer.
    note : str, optional
        What it is, for people.
    tags : sequence of str
        Names to give to the version.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table

    Raises
    ------
    UsageError
        The query is wrong; its text and line are the database's own words.
    ExternalError
        The database cannot be reached.
    """
    if name is None:
        return query.ask(sql, connection, parameters, as_=as_, masked=secret.masked).value
    with here() as project:
        return query.read_sql(
            project,
            sql,
            connection,
            name,
            parameters=parameters,
            as_=as_,
            note=note,
            named=tags,
            masked=secret.masked,
        )
