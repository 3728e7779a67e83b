"""What a cell reads and writes is seen, whatever way it takes, and nothing else is."""

# ruff: noqa: PTH100, PTH123, PTH208, SIM115 - every way to open a file is tried here
from __future__ import annotations

import asyncio
import gzip
import http.server
import importlib
import mmap
import multiprocessing
import os
import pickle
import shutil
import socket
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import requests
from sklearn.datasets import load_files, load_iris, load_svmlight_file

from mlops_jupyter.kernel import events
from mlops_jupyter.kernel.files import NOTHING, FileAccess, FileWatch
from tests.observe.conftest import Cell, told


@pytest.fixture
def files(here: Path) -> Path:
    (here / "a.txt").write_text("1 0:1\n0 0:2\n")
    (here / "empty.bin").write_bytes(b"\0" * 16)
    with zipfile.ZipFile("a.zip", "w") as packed:
        packed.write("a.txt")
    with tarfile.open("a.tar", "w") as tar:
        tar.add("a.txt")
    with gzip.open("a.gz", "wb") as zipped:
        zipped.write(b"x")
    (here / "a.pickle").write_bytes(pickle.dumps([1]))
    joblib.dump({"a": 1}, "a.joblib")
    np.savez("a.npz", a=1)
    (here / "classes" / "cat").mkdir(parents=True)
    (here / "classes" / "cat" / "1.txt").write_text("meow")
    sqlite3.connect("a.db").execute("CREATE TABLE t (a)").connection.close()
    return here


def _mapped() -> None:
    with open("empty.bin", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        pass


def _descriptor() -> None:
    os.close(os.open("a.txt", os.O_RDONLY))


def _from_a_folder() -> None:
    folder = os.open(".", os.O_RDONLY)
    os.close(os.open("a.txt", os.O_RDONLY, dir_fd=folder))
    os.close(folder)


READERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "open": ("a.txt", lambda: open("a.txt").close()),
    "open, bytes": ("a.txt", lambda: open(b"a.txt").close()),
    "open, descriptor": ("a.txt", lambda: open(os.open("a.txt", os.O_RDONLY)).close()),
    "open, absolute": ("a.txt", lambda: open(os.path.abspath("a.txt")).close()),
    "open, roundabout": ("a.txt", lambda: open("classes/../a.txt").close()),
    "Path": ("a.txt", lambda: Path("a.txt").read_text()),
    "os.open": ("a.txt", _descriptor),
    "os.open, dir_fd": ("a.txt", _from_a_folder),
    "mmap": ("empty.bin", _mapped),
    "zipfile": ("a.zip", lambda: zipfile.ZipFile("a.zip").close()),
    "tarfile": ("a.tar", lambda: tarfile.open("a.tar").close()),
    "gzip": ("a.gz", lambda: gzip.open("a.gz").close()),
    "pickle": ("a.pickle", lambda: pickle.loads(Path("a.pickle").read_bytes())),
    "joblib": ("a.joblib", lambda: joblib.load("a.joblib")),
    "numpy": ("a.npz", lambda: np.load("a.npz").close()),
    "sqlite3": ("a.db", lambda: sqlite3.connect("a.db").close()),
    "sqlite3, URI": ("a.db", lambda: sqlite3.connect("file:a.db?mode=ro", uri=True).close()),
    "scikit-learn": ("a.txt", lambda: load_svmlight_file("a.txt")),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_is_read(files: Path, cell: Cell, reader: str) -> None:
    name, read = READERS[reader]
    assert told(cell(read)) == [("read", name)]


WRITERS: dict[str, tuple[list[tuple[str, str]], Callable[[], Any]]] = {
    "write": ([("write", "new")], lambda: Path("new").write_text("1")),
    "exclusive": ([("write", "new")], lambda: open("new", "x").close()),
    "append": ([("append", "a.txt")], lambda: open("a.txt", "a").close()),
    "in place": ([("append", "a.txt")], lambda: open("a.txt", "r+").close()),
    "truncate": ([("append", "a.txt")], lambda: os.truncate("a.txt", 1)),
    "truncate and read": ([("write", "a.txt")], lambda: open("a.txt", "w+").close()),
    "copy": ([("read", "a.txt"), ("write", "new")], lambda: shutil.copy("a.txt", "new")),
    "move": ([("write", "new")], lambda: shutil.move("a.txt", "new")),
    "link": ([("write", "new")], lambda: os.link("a.txt", "new")),
    "memmap": ([("append", "empty.bin")], lambda: np.memmap("empty.bin", mode="r+")),
    "write, then read": (
        [("write", "new")],
        lambda: (Path("new").write_text("1"), Path("new").read_text()),
    ),
    "read, then write": (
        [("read", "a.txt"), ("write", "a.txt")],
        lambda: Path("a.txt").write_text(Path("a.txt").read_text().upper()),
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_is_written(files: Path, cell: Cell, writer: str) -> None:
    expected, write = WRITERS[writer]
    assert told(cell(write)) == expected


def test_a_file_that_is_put_in_place_in_one_step(files: Path, cell: Cell) -> None:
    def write() -> None:
        Path("new.part").write_text("1")
        Path("new.part").replace("a.txt")

    accesses = cell(write)
    assert told(accesses) == [("write", "a.txt")]
    assert [Path(path).name for path in accesses.removed] == ["new.part"]


def test_a_database_that_is_changed(files: Path, cell: Cell) -> None:
    def insert() -> None:
        with sqlite3.connect("a.db") as connection:
            connection.execute("INSERT INTO t VALUES (1)")
        connection.close()

    assert told(cell(insert)) == [("append", "a.db")]
    assert told(cell(lambda: sqlite3.connect(":memory:").close())) == []


def test_a_database_that_an_earlier_cell_opened(files: Path, cell: Cell) -> None:
    opened: list[sqlite3.Connection] = []
    assert told(cell(lambda: opened.append(sqlite3.connect("a.db")))) == [("read", "a.db")]
    [connection] = opened
    assert told(cell(lambda: None)) == []
    inserted = cell(lambda: connection.executescript("INSERT INTO t VALUES (1)"))
    assert told(inserted) == [("append", "a.db")]
    connection.close()


def test_what_is_removed(files: Path, cell: Cell) -> None:
    def remove() -> None:
        Path("a.txt").read_text()
        Path("a.txt").unlink()
        shutil.rmtree("classes")
        with tempfile.NamedTemporaryFile(dir=".") as file:
            file.write(b"never seen again")

    accesses = cell(remove)
    assert told(accesses) == [("read", "a.txt")]
    assert {"a.txt", "classes"} <= {os.path.relpath(path) for path in accesses.removed}
    assert accesses.unsure == ()


def test_what_is_removed_and_made_again_is_not_removed(files: Path, cell: Cell) -> None:
    def again() -> None:
        Path("a.txt").unlink()
        Path("a.txt").write_text("2")

    accesses = cell(again)
    assert (told(accesses), accesses.removed) == ([("write", "a.txt")], ())


def test_a_file_opened_in_vain_is_nothing(files: Path, cell: Cell) -> None:
    def fail() -> None:
        for name in ("missing.txt", "classes", "a.txt/b", "x" * 10_000, "nul\0byte", ""):
            with pytest.raises((OSError, ValueError)):
                open(name)

    assert cell(fail) == NOTHING


@pytest.mark.parametrize("name", ["line\nbreak", "🦩.csv", " ", "-rf", "'; DROP", "x" * 255])
def test_strange_names(here: Path, cell: Cell, name: str) -> None:
    assert told(cell(lambda: Path(name).write_text("1"))) == [("write", name)]
    assert told(cell(lambda: Path(name).read_text())) == [("read", name)]


def test_a_name_that_is_not_utf_8(here: Path, cell: Cell) -> None:
    assert told(cell(lambda: open(b"\xff.csv", "w").close())) == [("write", "\udcff.csv")]


class Subclass(str):
    __slots__ = ()

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no equality")

    def startswith(self, *_: object) -> bool:
        raise RuntimeError("no start")


class Hostile:
    def __fspath__(self) -> str:
        raise RuntimeError("no path")


def test_paths_that_misbehave(files: Path, cell: Cell) -> None:
    assert told(cell(lambda: open(Subclass("a.txt")).close())) == [("read", "a.txt")]

    def fail() -> None:
        with pytest.raises(RuntimeError, match="no path"):
            open(Hostile())  # type: ignore[call-overload]

    assert cell(fail) == NOTHING


def test_events_that_anybody_may_raise_harm_nobody(cell: Cell) -> None:
    def raise_events() -> None:
        for name in events._HANDLERS:
            sys.audit(name)
            sys.audit(name, object(), object(), object())

    assert cell(raise_events).accesses == ()


def test_the_working_directory_changes(files: Path, cell: Cell) -> None:
    def wander() -> None:
        os.chdir("classes")
        open("cat/1.txt").close()
        os.chdir("cat")
        open("1.txt", "a").close()
        os.chdir("../..")
        open("a.txt").close()

    assert told(cell(wander)) == [
        ("read", "classes/cat/1.txt"),
        ("append", "classes/cat/1.txt"),
        ("read", "a.txt"),
    ]


def test_symbolic_links_lead_to_the_file(files: Path, cell: Cell) -> None:
    Path("link.txt").symlink_to("a.txt")
    Path("linked").symlink_to("classes")
    Path("loop").symlink_to("loop")

    def read() -> None:
        Path("link.txt").read_text()
        Path("linked/cat/1.txt").read_text()
        with pytest.raises(OSError, match="symbolic links"):
            Path("loop").read_text()

    assert told(cell(read)) == [("read", "a.txt"), ("read", "classes/cat/1.txt")]


def test_folders_that_are_listed(files: Path, cell: Cell) -> None:
    assert told(cell(lambda: os.listdir()), "folder") == [("read", ".")]
    assert told(cell(lambda: list(os.scandir("classes"))), "folder") == [("read", "classes")]
    assert told(cell(lambda: list(Path("classes").glob("*/*.txt"))), "folder") == [
        ("read", "classes"),
        ("read", "classes/cat"),
    ]
    assert told(cell(lambda: load_files("classes"))) == [("read", "classes/cat/1.txt")]


def test_a_module_of_the_user_counts_compiled_or_not(
    here: Path, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "features_of_mine.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(here))
    for _ in range(2):  # the second time Python opens the compiled form alone
        accesses = cell(lambda: importlib.import_module("features_of_mine"))
        assert told(accesses) == [("read", "features_of_mine.py")]
        assert told(accesses, "folder") == []
        del sys.modules["features_of_mine"]


def test_what_belongs_to_python_and_to_us_does_not_count(files: Path, cell: Cell) -> None:
    Path(".mlops").mkdir()
    Path(".git").mkdir()

    def look() -> None:
        load_iris()
        Path(os.__file__).read_bytes()
        Path("/proc/self/stat").read_text()
        Path(os.devnull).read_text()
        Path(".mlops/x").write_text("1")
        Path(".git/x").write_text("1")
        os.listdir(".mlops")
        os.listdir(sys.prefix)

    assert cell(look) == NOTHING


def test_a_project_inside_of_python_counts(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(files.parent))
    watch = FileWatch(files)
    watch.start()
    watch.begin()
    Path("a.txt").read_text()
    assert told(watch.end()) == [("read", "a.txt")]
    watch.stop()


def test_threads_count(files: Path, cell: Cell) -> None:
    def read() -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda name: Path(name).read_bytes(), ["a.txt", "a.zip", "a.tar"]))

    accesses = cell(read)
    assert sorted(told(accesses)) == [("read", "a.tar"), ("read", "a.txt"), ("read", "a.zip")]
    assert accesses.starts_thread
    assert not accesses.starts_process


def test_async_code_counts(files: Path, cell: Cell) -> None:
    async def read() -> None:
        await asyncio.to_thread(Path("a.txt").read_text)

    assert told(cell(lambda: asyncio.run(read()))) == [("read", "a.txt")]


def _work() -> None:
    Path("a.zip").read_bytes()


def test_other_processes_are_told_of_but_not_seen(files: Path, cell: Cell) -> None:
    def fork() -> None:
        child = os.fork()
        if child == 0:
            Path("a.txt").read_text()
            os._exit(events.current is not None)
        assert os.waitpid(child, 0)[1] == 0

    def spawn() -> None:
        process = multiprocessing.get_context("spawn").Process(target=_work)
        process.start()
        process.join()

    for start in (
        lambda: subprocess.run(["cat", "a.txt"], check=True, capture_output=True),
        lambda: os.system("true"),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        fork,
        spawn,
    ):
        accesses = cell(start)
        assert accesses.starts_process
        assert told(accesses) == []
    assert not cell(lambda: None).starts_process


def test_a_pipe_is_not_waited_for(here: Path, cell: Cell) -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_text("x"))
    writer.start()
    accesses = cell(lambda: Path("pipe").read_text())
    writer.join()
    assert told(accesses) == [("read", "pipe")]
    assert accesses.unsure == ("it read from a pipe: pipe",)


@pytest.fixture
def server(files: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()
    thread.join()


def test_requests_are_told_by_their_address(server: str, cell: Cell) -> None:
    def ask() -> None:
        urllib.request.urlopen(f"{server}/a.txt?api_key=hunter2").read()
        requests.get(f"{server}/a.tar?year=2013", auth=("me", "hunter2"), timeout=240)

    accesses = cell(ask)
    assert accesses.connects
    assert told(accesses, "url") == [
        ("read", f"{server}/a.txt?api_key=***"),
        ("read", f"{server}/a.tar?year=2013"),
    ]


def test_a_plain_connection_is_told(server: str, cell: Cell) -> None:
    port = int(server.rpartition(":")[2])
    accesses = cell(lambda: socket.create_connection(("127.0.0.1", port)).close())
    assert (accesses.connects, accesses.accesses) == (True, ())


def test_texts_tell_of_addresses_and_queries(cell: Cell) -> None:
    texts = (
        "see https://example.org/data.csv, please",
        "postgresql://me:hunter2@db.example.org:5432/sales",
        "s3://Bucket/train/*.parquet",
        " -- all of them\nSELECT * FROM sales",
        "select a column",
        "a file like any other.csv",
    )
    accesses = cell(lambda: None, texts)
    assert accesses.accesses == (
        FileAccess("https://example.org/data.csv", "read", "url"),
        FileAccess("postgresql://db.example.org:5432/sales", "read", "url"),
        FileAccess("s3://Bucket/train/*.parquet", "read", "url"),
        FileAccess("-- all of them\nSELECT * FROM sales", "read", "query"),
    )


def test_files_that_a_cell_names_count_for_libraries_that_cannot_be_watched(
    files: Path, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cell(lambda: None, ("a.txt",)) == NOTHING
    monkeypatch.setitem(sys.modules, "tensorflow", sys)  # as if it were loaded
    accesses = cell(lambda: None, ("a.txt", "missing.txt", "classes/*/*.txt"))
    assert told(accesses) == [("read", "a.txt"), ("read", "classes/cat/1.txt")]
    assert accesses.unsure[0] == "tensorflow may have read a.txt: the cell names it"


def test_a_folder_of_ten_thousand_files(here: Path, cell: Cell) -> None:
    Path("many").mkdir()
    for number in range(10_100):
        Path(f"many/{number}").touch()

    def read() -> None:
        for name in os.listdir("many"):
            open(f"many/{name}").close()
            open(f"many/{name}").close()

    began = time.process_time()
    accesses = cell(read)
    assert time.process_time() - began < 5
    assert len(told(accesses)) == events.MOST_NOTED
    assert accesses.unsure == ("it opened more than 10,000 files",)


def test_nothing_is_noted_between_cells(files: Path, cell: Cell) -> None:
    Path("a.txt").read_text()
    assert cell(lambda: None) == NOTHING
    watch = FileWatch(files)
    assert watch.end() == NOTHING


def test_a_watch_begins_anew_after_a_cell_without_an_end(files: Path) -> None:
    watch = FileWatch(files)
    watch.start()
    watch.begin()
    Path("a.zip").read_bytes()
    watch.begin()
    Path("a.txt").read_text()
    assert told(watch.end()) == [("read", "a.txt")]
    watch.stop()


def test_a_cell_that_opens_nothing_costs_next_to_nothing(here: Path) -> None:
    watch = FileWatch(here)
    watch.start()
    began = time.process_time()
    for _ in range(10_000):
        watch.begin()
        watch.end()
    each = (time.process_time() - began) / 10_000
    watch.stop()
    assert each < 40e-6, f"{each * 1e6:.1f} µs"
