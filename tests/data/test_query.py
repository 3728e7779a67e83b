"""What a database answers becomes a version that knows its query, and none of its secrets."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite.dbapi
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import psycopg2
import pyarrow as pa
import pytest
import sqlalchemy
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

import mlops_jupyter
from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import Source
from mlops_jupyter.errors import ConflictError, ExternalError, UsageError
from mlops_jupyter.project import Project
from tests.data.bigquery_server import BigQueryServer
from tests.mlflow_server import postgres, postgres_programs

FLIGHTS = pd.DataFrame({"carrier": ["UA", "DL", None], "delay": [4.0, -2.0, np.nan]})
BY_CARRIER = "SELECT carrier, delay FROM flights ORDER BY carrier NULLS LAST"
PASSWORD = "s3cret-word"


@pytest.fixture
def file(project: Project) -> sqlite3.Connection:
    """Return flights in a file of SQLite."""
    connection = sqlite3.connect(project.root / "flights.db")
    FLIGHTS.to_sql("flights", connection, index=False)
    return connection


@pytest.fixture
def duck(project: Project) -> Iterator[duckdb.DuckDBPyConnection]:
    """Return flights in a file of DuckDB."""
    with duckdb.connect(project.root / "flights.duckdb") as connection:
        connection.register("frame", FLIGHTS)
        connection.execute("CREATE TABLE flights AS SELECT * FROM frame")
        yield connection


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Start a real PostgreSQL, put flights in it, and give its URL."""
    programs = postgres_programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL: queries to a server were not tested")
        pytest.skip("no PostgreSQL on this machine")
    with postgres(programs) as url:
        engine = sqlalchemy.create_engine(url)
        FLIGHTS.to_sql("flights", engine, index=False)
        engine.dispose()
        yield url


@pytest.fixture
def google() -> Iterator[BigQueryServer]:
    """Start a server with the interface of BigQuery."""
    server = BigQueryServer()
    yield server
    server.close()


def client(server: BigQueryServer) -> bigquery.Client:
    """Return Google's own client."""
    return bigquery.Client("p", AnonymousCredentials(), client_options={"api_endpoint": server.uri})  # type: ignore[no-untyped-call]


def source(project: Project, ref: str = "train") -> Source:
    made = versions.resolve(project, ref).source
    assert made is not None
    return made


def catalog(project: Project) -> bytes:
    """Return all that the catalog holds, as bytes."""
    return b"".join(path.read_bytes() for path in project.folder.glob("catalog.sqlite*"))


# --- what is kept --------------------------------------------------------------------------------


def test_a_query_becomes_a_version(project: Project, file: sqlite3.Connection) -> None:
    frame = mlops_jupyter.read_sql(
        "SELECT * FROM flights WHERE delay > ?",
        file,
        "train",
        parameters=[0],
        note="late ones",
        tags=["golden"],
    )
    made = versions.resolve(project, "train@golden")
    assert (made.ref, made.row_count, made.note) == ("train@1", 1, "late ones")
    assert made.source == Source(
        "query", "SELECT * FROM flights WHERE delay > ?", "sqlite:flights.db", "[0]"
    )
    assert frame.values.tolist() == [["UA", 4.0]]
    pd.testing.assert_frame_equal(mlops_jupyter.load("train@1"), frame)


def test_the_same_answer_is_the_same_version(project: Project, file: sqlite3.Connection) -> None:
    for _ in range(2):
        mlops_jupyter.read_sql(BY_CARRIER, file, "train")
    mlops_jupyter.read_sql("SELECT * FROM (" + BY_CARRIER + ")", file, "train")
    file.execute("UPDATE flights SET delay = 5 WHERE carrier = 'DL'")
    mlops_jupyter.read_sql(BY_CARRIER, file, "train")
    assert [v.ref for v in versions.dataset(project, "train").versions] == ["train@2", "train@1"]
    assert source(project, "train@1").text == BY_CARRIER


def test_without_a_name_nothing_is_kept(
    project: Project, file: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # and no project is needed
    assert len(mlops_jupyter.read_sql(BY_CARRIER, file)) == 3
    assert versions.datasets(project) == ()
    with pytest.raises(UsageError, match="not in a project"):
        mlops_jupyter.read_sql(BY_CARRIER, file, "train")


def test_parameters_are_kept_as_json(project: Project, file: sqlite3.Connection) -> None:
    values = {"a": date(2026, 11, 1), "n": 3, "s": "it's", "x": None, "b": b"ab"}
    frame = mlops_jupyter.read_sql(
        "SELECT :a AS a, :n AS n, :s AS s, :x AS x, :b AS b",
        file,
        "train",
        parameters=values | {"a": "2026-11-01"},
    )
    assert frame.loc[0, ["a", "n", "s"]].tolist() == ["2026-11-01", 3, "it's"]
    assert source(project).parameters == (
        '{"a":"2026-11-01","n":3,"s":"it\'s","x":null,"b":"YWI="}'
    )


# --- each kind of connection ---------------------------------------------------------------------


def test_duckdb(project: Project, duck: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT * FROM flights WHERE carrier = $carrier"
    frame = mlops_jupyter.read_sql(sql, duck, "train", parameters={"carrier": "UA"})
    assert frame.values.tolist() == [["UA", 4.0]]
    assert source(project) == Source("query", sql, "duckdb:flights.duckdb", '{"carrier":"UA"}')

    with duckdb.connect() as memory:
        mlops_jupyter.read_sql("SELECT 1 AS a", memory, "one")
    assert source(project, "one").connection == "duckdb::memory:"
    assert len(mlops_jupyter.read_sql("SELECT 1 AS a", duckdb)) == 1


@pytest.mark.parametrize("of", ["url", "engine", "connection"])
def test_sqlalchemy(project: Project, file: sqlite3.Connection, of: str) -> None:
    file.close()
    url = f"sqlite:///{project.root}/flights.db"
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        given = {"url": url, "engine": engine, "connection": connection}[of]
        frame = mlops_jupyter.read_sql(BY_CARRIER, given, "train")
    engine.dispose()
    assert frame["carrier"].tolist()[:2] == ["DL", "UA"]
    assert source(project).connection == "sqlite:flights.db"


def test_postgresql(project: Project, server: str) -> None:
    url = sqlalchemy.make_url(server)
    folder = str(url.query["host"])
    address = f"postgresql://{folder}/postgres"
    sql = "SELECT * FROM flights WHERE carrier = %(carrier)s"
    ways: dict[str, Any] = {
        "driver": psycopg2.connect(host=folder, user="mlops", dbname="postgres", password=PASSWORD),
        "engine": sqlalchemy.create_engine(url),
        "url": server,
    }
    for name, connection in ways.items():
        frame = mlops_jupyter.read_sql(sql, connection, name, parameters={"carrier": "UA"})
        assert frame.values.tolist() == [["UA", 4.0]]
        told = source(project, name)
        assert str(told.connection).replace(":5432", "") == address
        assert (told.text, told.parameters) == (sql, '{"carrier":"UA"}')
    assert len({versions.resolve(project, name).digest for name in ways}) == 1
    assert PASSWORD.encode() not in catalog(project)
    assert b"mlops@" not in catalog(project)
    ways["open"] = ways["engine"].connect()
    for connection in ways.values():
        percent = "SELECT * FROM flights WHERE carrier LIKE '%A'"
        assert len(mlops_jupyter.read_sql(percent, connection)) == 1
    assert not ways["open"].get_execution_options()["no_parameters"]  # as it was
    ways["open"].close()
    ways["driver"].close()
    ways["engine"].dispose()


def test_postgresql_through_arrow(project: Project, server: str) -> None:
    folder = sqlalchemy.make_url(server).query["host"]
    uri = f"postgresql:///postgres?host={folder}&user=mlops&password={PASSWORD}"
    with adbc_driver_postgresql.dbapi.connect(uri) as connection:
        table = mlops_jupyter.read_sql(BY_CARRIER, connection, "train", as_="arrow")
    assert table["carrier"].to_pylist() == ["DL", "UA", None]
    assert source(project).connection == "adbc:PostgreSQL/postgres"
    assert PASSWORD.encode() not in catalog(project)


def test_adbc_keeps_whole_numbers_whole(project: Project, file: sqlite3.Connection) -> None:
    file.close()
    sql = "SELECT ? AS id UNION ALL SELECT NULL"
    with adbc_driver_sqlite.dbapi.connect("flights.db") as connection:
        frame = mlops_jupyter.read_sql(sql, connection, "train", parameters=[2**60 + 1])
    assert frame["id"].dtype == "Int64"
    assert frame["id"].tolist() == [2**60 + 1, pd.NA]
    assert source(project).connection == "adbc:SQLite/main"


def test_bigquery(project: Project, google: BigQueryServer) -> None:
    sql = "SELECT * FROM flights WHERE day >= @day AND carrier IN UNNEST(@carriers)"
    values = {"day": date(2026, 1, 1), "carriers": ["UA", "DL"]}
    frame = mlops_jupyter.read_sql(sql, client(google), "train", parameters=values)
    assert frame["id"].tolist() == [9007199254740993, pd.NA]  # a float has no such number
    assert frame["day"].tolist() == [date(2026, 11, 1), None]
    assert str(frame["late"].dtype) == "boolean"
    assert source(project) == Source(
        "query", sql, "bigquery:p", '{"day":"2026-01-01","carriers":["UA","DL"]}'
    )
    pd.testing.assert_frame_equal(mlops_jupyter.load("train"), frame)
    types = [p["parameterType"]["type"] for p in google.asked[0]["queryParameters"]]
    assert types == ["DATE", "ARRAY"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "BOOL"), (3, "INT64"), (0.5, "FLOAT64"), ("a", "STRING"), (b"a", "BYTES"),
        (Decimal("1.5"), "NUMERIC"), (datetime(2026, 1, 1), "DATETIME"),  # noqa: DTZ001
        (datetime(2026, 1, 1, tzinfo=UTC), "TIMESTAMP"), (date(2026, 1, 1), "DATE"),
        (bigquery.ScalarQueryParameter(None, "GEOGRAPHY", "POINT(0 0)"), "GEOGRAPHY"),
    ],
)  # fmt: skip
def test_types_of_bigquery(google: BigQueryServer, value: object, kind: str) -> None:
    mlops_jupyter.read_sql("SELECT ? FROM flights", client(google), parameters=[value])
    assert google.asked[0]["queryParameters"][0]["parameterType"] == {"type": kind}
    with pytest.raises(UsageError, match="parameter x: a set has no type of BigQuery"):
        mlops_jupyter.read_sql("SELECT @x", client(google), parameters={"x": {1}})


def test_a_client_with_the_interface_of_bigquery_is_enough(project: Project) -> None:
    class Job:
        def to_dataframe(self) -> pd.DataFrame:
            return FLIGHTS

    class Client:
        project = "ours"

        def query(self, sql: str) -> Job:
            assert sql == "SELECT 1"
            return Job()

    assert mlops_jupyter.read_sql("SELECT 1", Client(), "train") is FLIGHTS
    assert source(project).connection == "bigquery:ours"


@pytest.mark.parametrize("of", ["duckdb", "sqlite", "adbc"])
def test_the_answer_in_other_libraries(
    project: Project, file: sqlite3.Connection, duck: duckdb.DuckDBPyConnection, of: str
) -> None:
    file.commit()
    with adbc_driver_sqlite.dbapi.connect("flights.db") as adbc:
        connection = {"duckdb": duck, "sqlite": file, "adbc": adbc}[of]
        table = mlops_jupyter.read_sql(BY_CARRIER, connection, "arrow", as_="arrow")
        frame = mlops_jupyter.read_sql(BY_CARRIER, connection, "polars", as_="polars")
    assert isinstance(table, pa.Table)
    assert isinstance(frame, pl.DataFrame)
    assert table["carrier"].to_pylist() == frame["carrier"].to_list() == ["DL", "UA", None]
    assert versions.resolve(project, "arrow").kind == "table"
    assert versions.load(project, "polars").equals(frame)


# --- secrets -------------------------------------------------------------------------------------


def test_secrets_in_a_query_are_masked(project: Project, file: sqlite3.Connection) -> None:
    url = "postgresql://me:hunter2-hunter2@db.example.org/sales"
    mlops_jupyter.read_sql(
        f"SELECT '{url}' AS a, :password AS b",
        file,
        "train",
        parameters={"password": "correct-horse-7-battery"},
    )
    told = source(project)
    assert "db.example.org/sales" in told.text
    for word in ("hunter2-hunter2", "correct-horse-7-battery"):
        assert word not in f"{told}"
        assert word.encode() not in catalog(project)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql+psycopg2://me:hunter2@127.0.0.1:1/sales", "Connection refused"),
        ("postgresql+psycopg2://me:hunter2@nowhere.invalid/sales", "could not translate host"),
    ],
)
def test_an_unreachable_database_is_external(project: Project, url: str, message: str) -> None:
    with pytest.raises(ExternalError, match=message) as caught:
        mlops_jupyter.read_sql("SELECT 1", url, "train")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in caught.value.message
    assert caught.value.__suppress_context__
    assert versions.datasets(project) == ()


def test_a_password_is_in_no_error(project: Project, server: str) -> None:
    folder = sqlalchemy.make_url(server).query["host"]
    connection = psycopg2.connect(host=folder, user="mlops", dbname="postgres", password=PASSWORD)
    with pytest.raises(UsageError) as caught:
        mlops_jupyter.read_sql(f'SELECT * FROM "{PASSWORD}"', connection, "train")
    connection.close()
    assert caught.value.message.endswith('relation "***" does not exist')


# --- mistakes ------------------------------------------------------------------------------------


def test_wrong_sql_is_told_in_the_words_of_the_database(
    project: Project,
    file: sqlite3.Connection,
    duck: duckdb.DuckDBPyConnection,
    google: BigQueryServer,
    server: str,
) -> None:
    wrong = "SELECT * FROM flihgts"
    with adbc_driver_sqlite.dbapi.connect() as adbc:
        for connection, message in (
            (file, "sqlite:flights.db: no such table: flihgts"),
            (duck, "duckdb:flights.duckdb: Catalog Error: Table with name flihgts does not exist!"),
            (f"sqlite:///{project.root}/flights.db", "sqlite:flights.db: no such table: flihgts"),
            (server, 'relation "flihgts" does not exist'),
            (adbc, "no such table: flihgts"),
            (client(google), "Syntax error: Unexpected identifier at [1:1]"),
        ):
            with pytest.raises(UsageError) as caught:
                mlops_jupyter.read_sql(wrong, connection, "train")
            assert message in caught.value.message
            assert "\n" not in caught.value.message
    assert versions.datasets(project) == ()
    with pytest.raises(UsageError) as caught:
        mlops_jupyter.read_sql(wrong, duck, "train")
    assert caught.value.hint == 'Did you mean "flights"?'
    with pytest.raises(UsageError, match="No files found"):
        mlops_jupyter.read_sql("SELECT * FROM 'flights.csv'", duck)


def test_a_locked_database_is_external(project: Project, file: sqlite3.Connection) -> None:
    file.commit()
    file.execute("BEGIN EXCLUSIVE")
    other = sqlite3.connect(project.root / "flights.db", timeout=0)
    with pytest.raises(ExternalError, match="locked"):
        mlops_jupyter.read_sql(BY_CARRIER, other, "train")
    other.close()
    file.close()


@pytest.mark.parametrize("parameters", [[1, 2], {"b": 1}, []])
def test_parameters_that_do_not_fit(
    project: Project, file: sqlite3.Connection, server: str, parameters: Any
) -> None:
    with pytest.raises(UsageError):
        mlops_jupyter.read_sql("SELECT :a, :c, ?", file, "train", parameters=parameters)
    with pytest.raises(UsageError):
        mlops_jupyter.read_sql("SELECT %(a)s, %(c)s", server, "train", parameters=parameters)


def test_statements_without_rows(project: Project, file: sqlite3.Connection, server: str) -> None:
    for connection in (file, server):
        with pytest.raises(UsageError, match="rows"):
            mlops_jupyter.read_sql("CREATE TABLE other (a INTEGER)", connection, "train")


@pytest.mark.parametrize(
    ("sql", "connection", "more", "message"),
    [
        ("", None, {}, "the text of a query"),
        (3, None, {}, "the text of a query"),
        ("SELECT 1", None, {}, "not a connection to a database: a NoneType"),
        ("SELECT 1", 3, {}, "not a connection to a database: a int"),
        ("SELECT 1", "flights.db", {}, "not the URL of a database: a text without ://"),
        ("SELECT 1", "nosuch://a:hunter2@b/c", {}, "not the URL of a database: nosuch://…"),
        ("SELECT 1", "oracle+oracledb://a:hunter2@b/c", {}, "driver 'oracledb' is not installed"),
        ("SELECT 1", None, {"as_": "numpy"}, "as_: no library"),
        ("SELECT 1", None, {"parameters": "UA"}, "parameters: a list or a dict, not a str"),
        ("SELECT 1", None, {"name": "../x"}, "not a name for a dataset"),
        ("SELECT 1", None, {"tags": ["3"]}, "would be read as a number"),
        ("SELECT 1", None, {"tags": "golden"}, "tags: a list of names"),
    ],
)
def test_mistakes_are_said_before_anything_is_asked(
    project: Project, sql: str, connection: Any, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        mlops_jupyter.read_sql(sql, connection, **{"name": "train", **more})
    assert message in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_a_tag_that_is_taken(project: Project, file: sqlite3.Connection) -> None:
    mlops_jupyter.read_sql(BY_CARRIER, file, "train", tags=["golden"])
    with pytest.raises(ConflictError, match="train@golden is train@1"):
        mlops_jupyter.read_sql("SELECT 1 AS a", file, "train", tags=["golden"])
    assert len(versions.dataset(project, "train").versions) == 1
