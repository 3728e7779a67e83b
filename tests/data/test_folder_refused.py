"""Folders that cannot be kept, that change while they are read, and writers that die or meet."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from mlops_jupyter.data import versions
from mlops_jupyter.data.files import folder
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import ConflictError, UsageError
from mlops_jupyter.project import Project
from tests.data.folders import make, object_count, tree
from tests.data.test_file import without_rights


def put_a_loop(root: Path) -> None:
    (root / "bad").symlink_to("worse")
    (root / "worse").symlink_to("bad")


def put_a_pipe(root: Path) -> None:
    os.mkfifo(root / "bad")


def put_a_socket(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(root)  # the path of a socket may not be long
        made.bind("bad")
        os.chdir(here)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (put_a_loop, "in a circle"),
        (put_a_pipe, "not a regular file"),
        (put_a_socket, "not a regular file"),
    ],
)
def test_what_is_no_data_is_refused_by_name(
    project: Project, images: Path, spoil: Any, said: str
) -> None:
    spoil(images / "train")
    with pytest.raises(UsageError, match=f"images/train/bad.*{said}") as caught:
        snapshot(project, images, "images")
    assert caught.value.hint is not None
    assert versions.datasets(project) == ()


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.parametrize("what", ["secret", "sub"])
def test_what_may_not_be_read_is_refused_by_name(
    project: Project, open_to_all: Path, what: str
) -> None:
    make(open_to_all, {"secret": b"1", "sub/file": b"2"})
    (open_to_all / what).chmod(0)
    with without_rights(), pytest.raises(UsageError, match=f"{what}: Permission denied"):
        folder.write(project.objects, folder.scan(open_to_all, "x", {}))
    (open_to_all / what).chmod(0o755)


def grow(path: Path) -> None:
    with path.open("ab") as end:
        end.write(b"more")


def replace(path: Path) -> None:
    path.with_name("new").write_bytes(path.read_bytes())
    path.with_name("new").replace(path)


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("size", [10, 2 * folder.SMALL_BYTES])
@pytest.mark.parametrize("change", [grow, replace, Path.unlink, become_a_pipe, become_a_link])
def test_a_file_that_changes_after_the_look_is_a_conflict(
    project: Project, change: Any, size: int
) -> None:
    root = make(Path("data"), {"a": b"1", "b": os.urandom(size)})
    seen = folder.scan(root.resolve(), "data", {})
    change(root / "b")
    with pytest.raises(ConflictError, match="/b: changed while it was read"):
        folder.write(project.objects, seen)


SCRIBBLE = """
import os
with open("data/log", "r+b", buffering=0) as file:
    file.write(os.urandom(9))
    print("it writes", flush=True)
    while True:
        file.seek(0)
        file.write(os.urandom(9))
"""


def test_a_file_that_is_written_to_while_it_is_read(project: Project) -> None:
    root = make(Path("data"), {"log": bytes(2**20)})
    with subprocess.Popen([sys.executable, "-c", SCRIBBLE], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"it writes\n"
            with pytest.raises(ConflictError, match="data/log: changed while it was read"):
                _ = [snapshot(project, root, "data") for _ in range(1000)]
        finally:
            writer.kill()


# --- at any moment --------------------------------------------------------------------------------

TAKE = """
from mlops_jupyter.cli.main import main
main(["snapshot", "many"])
"""


def test_a_kill_leaves_nothing_or_all(project: Project, many: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", TAKE], stdout=subprocess.DEVNULL) as writer:
        while object_count(project) == 0 and writer.poll() is None:
            time.sleep(0.001)
        writer.kill()
    if writer.returncode:
        assert versions.datasets(project) == ()
    assert snapshot(project, many, "many").number == 1
    assert tree(versions.load(project, "many")) == tree(many)


def test_two_processes_that_take_the_same_folder(project: Project, many: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", TAKE], stdout=subprocess.DEVNULL) for _ in range(2)
    ]
    assert [writer.wait(240) for writer in writers] == [0, 0]
    assert len(versions.dataset(project, "many").versions) == 1
    assert tree(versions.load(project, "many")) == tree(many)
