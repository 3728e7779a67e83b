"""What files hold is read once, and again when it may have changed; nothing stops it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import blake3
import pytest

from mlops_jupyter.data import file_state
from mlops_jupyter.data.file_state import FileState, digests, folder_digest
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project

LONG_AGO = (10**9, 10**9)


def one(project: Project, path: Path | str) -> FileState:
    return digests(project, [str(path)])[str(path)]


def remembered(project: Project) -> list[str]:
    rows = project.catalog.rows("SELECT path FROM file_digest ORDER BY path")
    return [Path(row["path"]).name for row in rows]


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as old enough: the tests do not wait for the clock."""
    monkeypatch.setattr(file_state, "RACY_NS", -(10**18))


@pytest.mark.parametrize("size", [0, 1, 2**20, 20 * 2**20 + 1])
def test_the_digest_is_that_of_a_data_version(project: Project, tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(size))
    version = snapshot(project, path, "a")
    expected = "blake3:" + blake3.blake3(path.read_bytes()).hexdigest()
    assert one(project, path) == FileState(size, expected)
    assert version.digest == expected


@pytest.mark.usefixtures("settled")
def test_a_file_is_read_once(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    first = one(project, path)
    project.catalog.rows("UPDATE file_digest SET digest = 'blake3:from the catalog'")
    assert one(project, path) == FileState(first.size_bytes, "blake3:from the catalog")


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("how", ["grown", "in place", "replaced", "time put back"])
def test_a_file_that_has_changed_is_read_again(project: Project, tmp_path: Path, how: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    os.utime(path, LONG_AGO)
    first = one(project, path)
    new = "a\n1\n2\n" if how == "grown" else "a\n2\n"
    if how == "replaced":
        (tmp_path / "new").write_text(new)
        (tmp_path / "new").replace(path)
    else:
        path.write_text(new)
    if how == "time put back":
        os.utime(path, LONG_AGO)
    second = one(project, path)
    assert second.digest == "blake3:" + blake3.blake3(new.encode()).hexdigest() != first.digest


def test_a_file_younger_than_the_clock_can_tell_is_not_remembered(
    project: Project, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1")
    os.utime(path, (2**32, 2**32))  # as if it were written at the time of its reading, or later
    assert one(project, path).digest is not None
    assert remembered(project) == []


@pytest.mark.parametrize(
    ("ctime_ns", "age_ns", "settled"),
    [
        (10**18 + 123_456_789, 10**7, False),
        (10**18 + 123_456_789, 2 * 10**8, True),
        (10**18, 2 * 10**8, False),  # its clock has whole seconds
        (10**18, 3 * 10**9, True),
    ],
)
def test_how_old_is_old_enough_depends_on_the_clock(
    ctime_ns: int, age_ns: int, settled: bool
) -> None:
    mark = file_state.Mark(1, ctime_ns, ctime_ns, 1)
    assert file_state.is_settled(mark, ctime_ns + age_ns) is settled


def test_what_has_no_content_has_no_digest(project: Project, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "loop", tmp_path / "gone", "/dev/zero",
                 "/dev/stdin/x", "x" * 10_000, "nul\0byte", ""):  # fmt: skip
        assert one(project, path) == FileState()


def test_a_file_that_may_not_be_read(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1")
    path.chmod(0)
    # root may read everything
    expected = None if os.geteuid() else "blake3:" + blake3.blake3(b"1").hexdigest()
    assert one(project, path) == FileState(1, expected)


def test_a_file_that_is_written_to_meanwhile_has_no_digest(
    project: Project, tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"\0" * 32 * 2**20)
    stop = threading.Event()

    def write() -> None:
        with path.open("r+b") as file:
            while not stop.is_set():
                file.seek(0)
                file.write(os.urandom(16))
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert any(one(project, path).digest is None for _ in range(200))
    finally:
        stop.set()
        writer.join()
    assert one(project, path).digest is not None


def test_names_that_are_not_utf_8_have_a_digest(project: Project, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")
    Path(path).write_text("1")
    assert one(project, path).digest == "blake3:" + blake3.blake3(b"1").hexdigest()


@pytest.mark.usefixtures("settled")
def test_a_thousand_files_are_one_transaction(project: Project, tmp_path: Path) -> None:
    paths = [str(tmp_path / str(number)) for number in range(1000)]
    for path in paths:
        Path(path).write_text(path)
    version = project.catalog.data_version()
    first = digests(project, paths)
    assert len({state.digest for state in first.values()}) == 1000
    assert digests(project, paths) == first
    assert project.catalog.data_version() == version  # nothing was written by others
    assert len(remembered(project)) == 1000


def test_no_time_is_no_digest(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"\0" * 64 * 2**20)
    began = time.monotonic()
    assert digests(project, [str(path)], seconds=0)[str(path)] == FileState(64 * 2**20, None)
    assert time.monotonic() - began < 1


def test_a_folder_is_what_was_read_in_it() -> None:
    states = {"/d/a": FileState(1, "blake3:1"), "/d/b/c": FileState(1, "blake3:2")}
    digest = folder_digest("/d", states)
    assert digest == folder_digest("/d/", dict(reversed(states.items())))
    assert digest != folder_digest("/d", {"/d/a": FileState(1, "blake3:1")})
    assert folder_digest("/d/b", states) != folder_digest("/d", states)
    assert folder_digest("/e", states) is None
    assert folder_digest("/d", {**states, "/d/pipe": FileState()}) is None
