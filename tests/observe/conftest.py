"""Cells, as plain functions between the beginning and the end of a watch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.kernel.files import Accesses, FileWatch

Cell = Callable[..., Accesses]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cell(here: Path) -> Iterator[Cell]:
    """Run a function as a cell; return what it read and wrote."""
    watch = FileWatch(here)
    watch.start()

    def run(code: Callable[[], Any], texts: tuple[str, ...] = ()) -> Accesses:
        watch.begin()
        try:
            code()
        finally:
            accesses = watch.end(texts)
        return accesses

    yield run
    watch.stop()


def told(accesses: Accesses, kind: str = "file") -> list[tuple[str, str]]:
    """Name what was accessed, from the working directory."""
    here = Path.cwd()
    return [
        (a.access, os.path.relpath(a.path, here) if kind in {"file", "folder"} else a.path)
        for a in accesses.accesses
        if a.kind == kind
    ]
