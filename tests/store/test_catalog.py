"""The catalog: all of a transaction or nothing, by many processes, and clear about damage."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from mlops_jupyter.errors import ExternalError, IntegrityError, UsageError
from mlops_jupyter.store import catalog as catalog_module
from mlops_jupyter.store.catalog import Catalog, migrations

ADD = "INSERT INTO source (digest, text) VALUES (?, ?)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def catalog(path: Path) -> Iterator[Catalog]:
    made = Catalog(path)
    yield made
    made.close()


def count(catalog: Catalog) -> int:
    row = catalog.row("SELECT count(*) FROM source")
    assert row is not None
    return int(row[0])


def test_a_new_catalog_has_all_tables_and_keeps_its_rows(catalog: Catalog, path: Path) -> None:
    with catalog.transaction() as connection:
        connection.execute(ADD, ("d", "x = 1"))
    again = Catalog(path)
    assert [tuple(row) for row in again.rows("SELECT * FROM source")] == [("d", "x = 1")]
    tables = {row["name"] for row in again.rows("SELECT name FROM sqlite_master")}
    assert {"run", "dataset_version", "decision", "outbox"} <= tables
    again.close()


def test_a_transaction_that_fails_leaves_nothing(catalog: Catalog) -> None:
    def add_and_fail() -> None:
        with catalog.transaction() as connection:
            connection.execute(ADD, ("d", "x = 1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    assert count(catalog) == 0


def test_foreign_keys_hold(catalog: Catalog) -> None:
    with pytest.raises(sqlite3.IntegrityError), catalog.transaction() as connection:
        connection.execute("INSERT INTO run_data (run_id, version_id) VALUES ('nobody', 7)")


def test_a_catalog_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    Catalog(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(migrations()) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="newer version of mlops-jupyter") as caught:
        Catalog(path)
    assert caught.value.hint == "upgrade mlops-jupyter"
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is no database, it is a sentence" * 100, b"\0" * 8192])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"catalog\.sqlite"):
        Catalog(path)
    assert path.read_bytes() == content


def test_a_database_cut_short_is_damaged_not_empty(catalog: Catalog, path: Path) -> None:
    with catalog.transaction() as connection:
        connection.executemany(ADD, [(str(n), "x" * 1000) for n in range(1000)])
    catalog.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    catalog.close()
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(IntegrityError):
        Catalog(path).rows("SELECT sum(length(text)) FROM source")


def test_a_folder_in_its_place_is_an_error_in_words(path: Path) -> None:
    path.mkdir()
    with pytest.raises(UsageError, match="cannot be opened"):
        Catalog(path)


def test_a_lock_that_is_held_too_long_is_an_error_in_words(
    catalog: Catalog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_module, "BUSY_TIMEOUT_SECONDS", 0.05)
    hasty = Catalog(path)
    with catalog.transaction():
        with pytest.raises(ExternalError, match="locked"), hasty.transaction():
            pytest.fail("two writers at once")
        assert hasty.rows("SELECT * FROM source") == []  # readers do not wait for a writer
    hasty.close()


def _add_many(path: Path, who: int) -> None:
    catalog = Catalog(path)  # the first of them makes the tables
    for number in range(50):
        with catalog.transaction() as connection:
            connection.execute(ADD, (f"{who}-{number}", ""))
    catalog.close()


def test_processes_that_make_and_write_one_catalog_at_once(path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        list(pool.map(_add_many, [path] * 4, range(4)))
    made = Catalog(path)
    assert count(made) == 200
    made.close()


def test_each_thread_has_a_connection_of_its_own(catalog: Catalog) -> None:
    def work(who: int) -> None:
        with catalog.transaction() as connection:
            connection.execute(ADD, (str(who), ""))
        catalog.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert count(catalog) == 40


def test_data_version_changes_when_another_commits_and_only_then(
    catalog: Catalog, path: Path
) -> None:
    other = Catalog(path)
    seen = catalog.data_version()
    other.rows("SELECT * FROM source")
    assert catalog.data_version() == seen
    with other.transaction() as connection:
        connection.execute(ADD, ("d", ""))
    assert catalog.data_version() != seen
    other.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from mlops_jupyter.store.catalog import Catalog
catalog = Catalog(Path(sys.argv[1]))
with catalog.transaction() as connection:
    connection.execute("INSERT INTO source VALUES ('committed', '')")
with catalog.transaction() as connection:
    connection.execute("INSERT INTO source VALUES ('half', '')")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_is_committed_survives_a_kill_and_nothing_else(catalog: Catalog, path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [row["digest"] for row in catalog.rows("SELECT digest FROM source")] == ["committed"]


FORKED = """
import os, sys
from pathlib import Path
from mlops_jupyter.store.catalog import Catalog
catalog = Catalog(Path(sys.argv[1]))
def add(digest):
    with catalog.transaction() as connection:
        connection.execute("INSERT INTO source VALUES (?, '')", (digest,))
add("before")
child = os.fork()
add("child" if child == 0 else "parent")
if child == 0:
    catalog.close()
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_forked_process_opens_a_connection_of_its_own(catalog: Catalog, path: Path) -> None:
    subprocess.run([sys.executable, "-c", FORKED, str(path)], check=True)
    kept = {row["digest"] for row in catalog.rows("SELECT digest FROM source")}
    assert kept == {"before", "child", "parent"}
    assert catalog.rows("PRAGMA integrity_check")[0][0] == "ok"
