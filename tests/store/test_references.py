"""No column that names an object is forgotten: gc would delete it, and push leave it out."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from mlops_jupyter.store.catalog import Catalog, migrations
from mlops_jupyter.store.references import OBJECT_COLUMNS


def marked() -> set[tuple[str, str]]:
    """Return the columns that the migrations mark ``-- object``."""
    found = set()
    for script in migrations():
        table = ""
        for line in script.splitlines():
            if opened := re.match(r"CREATE TABLE (\w+)", line):
                table = opened[1]
            if not re.search(r"--\s*object\b", line):
                continue
            added = re.match(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", line)
            name = re.match(r"\s+(\w+)\s", line)
            assert added or name, line
            found.add((added[1], added[2]) if added else (table, name[1] if name else ""))
    return found


def test_every_column_that_the_migrations_mark_is_there() -> None:
    # the digest of a figure is an object's too, and of the model of a version that of its run
    assert marked() <= set(OBJECT_COLUMNS)
    assert set(OBJECT_COLUMNS) - marked() == {
        ("artifact", "digest"),
        ("model_version", "model_digest"),
    }


def test_each_is_a_column(tmp_path: Path) -> None:
    Catalog(tmp_path / "catalog.sqlite").close()
    catalog = sqlite3.connect(tmp_path / "catalog.sqlite")
    for table, column in OBJECT_COLUMNS:
        catalog.execute(f"SELECT {column} FROM {table}")
    catalog.close()
