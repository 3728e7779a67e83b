"""Libraries that open files natively are seen, and do not notice it."""

from __future__ import annotations

import importlib
import inspect
import os
import pickle
import subprocess
import sys
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import h5py
import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.fs
import pyarrow.ipc
import pyarrow.json
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from mlops_jupyter.kernel import events, loaders
from mlops_jupyter.kernel.files import FileWatch
from tests.observe.conftest import Cell, told

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
TABLE = pa.table({"a": [1, 2, 3]})


@pytest.fixture
def files(here: Path) -> Path:
    """One small file of each kind."""
    FRAME.to_parquet("x.parquet")
    FRAME.to_csv("x.csv", index=False)
    FRAME.to_feather("x.feather")
    FRAME.to_orc("x.orc")
    FRAME.to_json("x.ndjson", orient="records", lines=True)
    FRAME.to_json("x.json", orient="records")
    pl.DataFrame({"a": [1]}).write_avro("x.avro")
    np.save("x.npy", np.arange(3))
    with pa.ipc.new_file("x.arrow", TABLE.schema) as file:
        file.write(TABLE)
    with pa.ipc.new_stream("x.arrows", TABLE.schema) as stream:
        stream.write(TABLE)
    with h5py.File("x.h5", "w") as store:
        store["a"] = [1]
    duckdb.connect("x.duckdb").execute("CREATE TABLE t AS SELECT 1 AS a").close()
    Path("folder").mkdir()
    FRAME.to_parquet("folder/one.parquet")
    FRAME.to_parquet("folder/two.parquet")
    return here


READERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "pandas csv": ("x.csv", lambda: pd.read_csv("x.csv")),
    "pandas csv, pyarrow": ("x.csv", lambda: pd.read_csv("x.csv", engine="pyarrow")),
    "pandas parquet": ("x.parquet", lambda: pd.read_parquet("x.parquet")),
    "pandas parquet, Path": ("x.parquet", lambda: pd.read_parquet(Path("x.parquet"))),
    "pandas feather": ("x.feather", lambda: pd.read_feather("x.feather")),
    "pandas orc": ("x.orc", lambda: pd.read_orc("x.orc")),
    "pandas json": ("x.json", lambda: pd.read_json("x.json")),
    "numpy load": ("x.npy", lambda: np.load("x.npy")),
    "numpy mapped": ("x.npy", lambda: np.load("x.npy", mmap_mode="r")),
    "numpy memmap": ("x.npy", lambda: np.memmap("x.npy", mode="r")),
    "numpy fromfile": ("x.npy", lambda: np.fromfile("x.npy", dtype="u1")),
    "numpy loadtxt": ("x.csv", lambda: np.loadtxt("x.csv", delimiter=",", skiprows=1)),
    "pyarrow parquet": ("x.parquet", lambda: pq.read_table("x.parquet")),
    "pyarrow ParquetFile": ("x.parquet", lambda: pq.ParquetFile("x.parquet").read()),
    "pyarrow schema": ("x.parquet", lambda: pq.read_schema("x.parquet")),
    "pyarrow metadata": ("x.parquet", lambda: pq.read_metadata(where="x.parquet")),
    "pyarrow dataset": ("x.parquet", lambda: pa.dataset.dataset("x.parquet").to_table()),
    "pyarrow csv": ("x.csv", lambda: pa.csv.read_csv("x.csv")),
    "pyarrow open csv": ("x.csv", lambda: pa.csv.open_csv("x.csv")),
    "pyarrow json": ("x.ndjson", lambda: pa.json.read_json("x.ndjson")),
    "pyarrow feather": ("x.feather", lambda: pa.feather.read_table("x.feather")),
    "pyarrow orc": ("x.orc", lambda: pa.orc.ORCFile("x.orc").read()),
    "pyarrow ipc": ("x.arrow", lambda: pa.ipc.open_file("x.arrow").read_all()),
    "pyarrow stream": ("x.arrows", lambda: pa.ipc.open_stream("x.arrows").read_all()),
    "pyarrow mapped": ("x.arrow", lambda: pa.memory_map("x.arrow").close()),
    "pyarrow input": ("x.csv", lambda: pa.input_stream("x.csv").close()),
    "polars csv": ("x.csv", lambda: pl.read_csv("x.csv")),
    "polars lazy csv": ("x.csv", lambda: pl.scan_csv("x.csv").collect()),
    "polars parquet": ("x.parquet", lambda: pl.read_parquet("x.parquet")),
    "polars lazy parquet": ("x.parquet", lambda: pl.scan_parquet("x.parquet").collect()),
    "polars ndjson": ("x.ndjson", lambda: pl.read_ndjson("x.ndjson")),
    "polars json": ("x.json", lambda: pl.read_json("x.json")),
    "polars ipc": ("x.arrow", lambda: pl.read_ipc("x.arrow")),
    "polars avro": ("x.avro", lambda: pl.read_avro("x.avro")),
    "polars sql": ("x.csv", lambda: pl.sql("SELECT * FROM read_csv('x.csv')").collect()),
    "duckdb sql": ("x.parquet", lambda: duckdb.sql("SELECT * FROM 'x.parquet'").fetchall()),
    "duckdb read": ("x.csv", lambda: duckdb.read_csv("x.csv").fetchall()),
    "duckdb connection": (
        "x.csv",
        lambda: duckdb.connect().execute("SELECT * FROM read_csv('x.csv')").fetchall(),
    ),
    "duckdb database": ("x.duckdb", lambda: duckdb.connect("x.duckdb", read_only=True).close()),
    "h5py": ("x.h5", lambda: h5py.File("x.h5").close()),
    "lightgbm": (
        "x.csv",
        lambda: lightgbm.Dataset("x.csv", params={"header": True, "verbose": -1}).construct(),
    ),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_a_library_reads_is_seen(files: Path, cell: Cell, reader: str) -> None:
    name, read = READERS[reader]
    assert told(cell(read)) == [("read", name)]


def _relation() -> Any:
    return duckdb.sql("SELECT 1 AS a")


WRITERS: dict[str, Callable[[], Any]] = {
    "pandas parquet": lambda: FRAME.to_parquet("out"),
    "pandas feather": lambda: FRAME.to_feather("out"),
    "pandas csv": lambda: FRAME.to_csv("out"),
    "pandas pickle": lambda: FRAME.to_pickle("out"),
    "numpy": lambda: np.arange(3).tofile("out"),
    "pyarrow parquet": lambda: pq.write_table(TABLE, "out"),
    "pyarrow ParquetWriter": lambda: pq.ParquetWriter("out", TABLE.schema).close(),
    "pyarrow csv": lambda: pa.csv.write_csv(TABLE, "out"),
    "pyarrow feather": lambda: pa.feather.write_feather(TABLE, "out"),
    "pyarrow ipc": lambda: pa.ipc.new_file("out", TABLE.schema).close(),
    "polars csv": lambda: pl.DataFrame({"a": [1]}).write_csv("out"),
    "polars parquet": lambda: pl.DataFrame({"a": [1]}).write_parquet(file="out"),
    "polars sink": lambda: pl.LazyFrame({"a": [1]}).sink_parquet("out"),
    "duckdb copy": lambda: duckdb.execute("COPY (SELECT 1) TO './out'"),
    "duckdb relation": lambda: _relation().write_parquet("out"),
    "h5py": lambda: h5py.File("out", "w").close(),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_a_library_writes_is_seen(here: Path, cell: Cell, writer: str) -> None:
    assert told(cell(WRITERS[writer])) == [("write", "out")]


def test_a_folder_of_files_is_read_as_all_its_files(files: Path, cell: Cell) -> None:
    both = [("read", "folder/one.parquet"), ("read", "folder/two.parquet")]
    for read in (
        lambda: pd.read_parquet("folder"),
        lambda: pq.read_table("folder"),
        lambda: pl.scan_parquet("folder/*.parquet").collect(),
        lambda: duckdb.sql("SELECT * FROM 'folder/*.parquet'").fetchall(),
        lambda: pl.read_parquet(["folder/one.parquet", "folder/two.parquet"]),
    ):
        assert told(cell(read)) == both


def test_a_folder_that_is_written_has_only_its_new_files_written(files: Path, cell: Cell) -> None:
    for name in ("one", "two"):
        os.utime(f"folder/{name}.parquet", (1e9, 1e9))
    written = told(
        cell(lambda: pa.dataset.write_dataset(
            TABLE, "folder", format="parquet", existing_data_behavior="overwrite_or_ignore"
        ))
    )  # fmt: skip
    assert written == [("write", "folder/part-0.parquet")]


def test_queries_and_databases(files: Path, cell: Cell) -> None:
    def query() -> None:
        connection = duckdb.connect("x.duckdb")
        connection.execute("SELECT a FROM t").fetchall()
        connection.execute("INSERT INTO t VALUES (2)")
        connection.close()

    accesses = cell(query)
    assert told(accesses, "query") == [("read", "SELECT a FROM t")]
    assert told(accesses) == [("append", "x.duckdb")]


def test_a_database_that_an_earlier_cell_opened(files: Path, cell: Cell) -> None:
    opened: list[Any] = []
    cell(lambda: opened.append(duckdb.connect("x.duckdb")))
    [connection] = opened
    assert told(cell(lambda: connection.execute("SELECT a FROM t"))) == []
    inserted = cell(lambda: connection.execute("INSERT INTO t VALUES (2)"))
    assert told(inserted) == [("append", "x.duckdb")]
    connection.close()


def test_addresses_are_told_without_what_is_secret(cell: Cell) -> None:
    def ask() -> None:
        with pytest.raises(OSError, match=r"data\.invalid"):
            pl.scan_parquet(
                "https://me:hunter2@data.invalid/x.parquet?token=abc&year=2013"
            ).collect()

    assert told(cell(ask), "url") == [
        ("read", "https://data.invalid/x.parquet?token=***&year=2013")
    ]


REPLACED = [
    pq.read_table, pq.ParquetFile, pa.csv.read_csv, pa.memory_map, pa.dataset.dataset, pl.read_csv,
    pl.scan_parquet, pd.read_sql, h5py.File, lightgbm.Dataset,
]  # fmt: skip


def _by_name(function: Any) -> Any:
    found: Any = importlib.import_module(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("original", REPLACED, ids=lambda f: f.__module__ + "." + f.__qualname__)
def test_a_replacement_is_like_the_original(cell: Cell, original: Any) -> None:
    now = _by_name(original)
    assert (now.__module__, now.__qualname__, now.__doc__) == (
        original.__module__,
        original.__qualname__,
        original.__doc__,
    )
    assert inspect.signature(now) == inspect.signature(original)
    assert pickle.loads(pickle.dumps(now)) is now
    if isinstance(original, type):
        assert now is original


def test_functions_of_c_keep_their_names(cell: Cell) -> None:
    assert (duckdb.connect.__module__, duckdb.connect.__qualname__) == ("_duckdb", "connect")
    assert pickle.loads(pickle.dumps(duckdb.connect)) is duckdb.connect
    assert isinstance(duckdb.connect(), duckdb.DuckDBPyConnection)


def test_functions_are_put_back_and_may_be_replaced_twice(here: Path) -> None:
    before = (pq.read_table, pa.parquet.core.read_table, pq.ParquetFile.__init__, pl.read_csv)
    watch, other = FileWatch(here), FileWatch(here)
    watch.start()
    other.start()
    assert pq.read_table is pa.parquet.core.read_table is not before[0]
    assert pq.read_table.__mlops_original__ is before[0]
    watch.stop()
    assert (
        pq.read_table,
        pa.parquet.core.read_table,
        pq.ParquetFile.__init__,
        pl.read_csv,
    ) == before
    assert not any(isinstance(finder, loaders._Finder) for finder in sys.meta_path)


@pytest.fixture
def parquet_core() -> Iterator[Any]:
    core = pa.parquet.core
    before = dict(vars(core))
    yield core
    vars(core).clear()
    vars(core).update(before)


def test_a_reload_is_survived(files: Path, cell: Cell, parquet_core: Any) -> None:
    importlib.reload(parquet_core)
    assert hasattr(parquet_core.read_table, "__mlops_original__")
    assert type(parquet_core.__spec__.loader).__module__ != loaders.__name__
    assert told(cell(lambda: parquet_core.read_table("x.parquet"))) == [("read", "x.parquet")]


def test_a_library_that_a_cell_imports_is_seen_in_that_cell(files: Path) -> None:
    script = """
from pathlib import Path
from mlops_jupyter.kernel.files import FileWatch
watch = FileWatch(Path.cwd())
watch.start()
watch.begin()
import polars, pyarrow.parquet, duckdb
polars.read_csv("x.csv"), pyarrow.parquet.read_table("x.parquet"), duckdb.read_json("x.json")
print([Path(a.path).name for a in watch.end().accesses])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.strip() == "['x.csv', 'x.parquet', 'x.json']"


class Hostile:
    def __fspath__(self) -> str:
        raise RuntimeError("no path")


def test_the_error_of_a_library_is_its_own(cell: Cell) -> None:
    def read() -> None:
        with pytest.raises(FileNotFoundError):
            pq.read_table("missing.parquet")
        with pytest.raises(TypeError):
            pq.read_table()
        with pytest.raises(RuntimeError, match="no path"):
            pq.read_table(Hostile())
        with pytest.raises(TypeError):
            pl.read_csv(object())  # type: ignore[call-overload]

    assert cell(read).accesses == ()


def test_a_replacement_costs_next_to_nothing(here: Path) -> None:
    def original(source: str) -> None:
        pass

    replaced = loaders._noting(original, 0, "source", loaders._NOTES["read"])
    cost = min(timeit.repeat(lambda: replaced("x.csv"), number=20_000, repeat=5)) / 20_000
    events.current = events.Events(())
    try:
        noting = min(timeit.repeat(lambda: replaced("x.csv"), number=20_000, repeat=5)) / 20_000
    finally:
        events.current = None
    assert cost < 2e-6
    assert noting < 8e-6
