"""Fixtures of the tests of data versions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import Objects
from tests.data.folders import LONG_AGO, make


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    """Return a store of objects, without a catalog."""
    return Objects(tmp_path / "objects")


@pytest.fixture
def images(project: Project) -> Path:
    """Return a folder with everything that may be in one."""
    made = make(
        Path("images"),
        {
            "a.png": b"first",
            "train/b.png": b"second",
            "train/deep/er/c.png": os.urandom(300_000),
            "train/same.png": b"first",
            "none": b"",
            "empty/": b"",
            "empty/too/": b"",
            "run.sh": b"#!/bin/sh\n",
            "latest.png": "train/b.png",
            "dangling": "nowhere",
            "up": "..",
        },
    )
    (made / "run.sh").chmod(0o755)
    return made


@pytest.fixture
def many(project: Project) -> Path:
    """Return a folder of 2,000 small files, which have not changed for long."""
    root = make(Path("many"), {f"{n % 20}/{n}.txt": os.urandom(1000) for n in range(2000)})
    for path in root.rglob("*.txt"):
        os.utime(path, LONG_AGO)
    return root
