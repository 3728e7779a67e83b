"""Files come back byte for byte, whatever they are called and whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import blake3
import pytest

from mlops_jupyter.data.files import file, pieces
from mlops_jupyter.errors import (
    ConflictError,
    ExternalError,
    IntegrityError,
    NotFoundError,
    UsageError,
)
from mlops_jupyter.store.objects import Objects
from tests.data.meddling import Meddling

SMALL_PIECE = 1000
LONGEST_NAME = "ü" * 127 + "x"  # 255 bytes


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a small file have many pieces."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", SMALL_PIECE)


def make(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "size", [0, 1, SMALL_PIECE - 1, SMALL_PIECE, SMALL_PIECE + 1, SMALL_PIECE * 20]
)
def test_a_file_comes_back(
    tmp_path: Path, objects: Objects, copies: Path, small_pieces: None, size: int
) -> None:
    content = os.urandom(size)
    path = make(tmp_path / "raw.bin", content)

    kept = file.write(objects, path)
    copy = file.read(objects, kept.manifest, copies)

    assert kept.digest == "blake3:" + blake3.blake3(content).hexdigest()
    assert kept.size_bytes == size
    assert copy.read_bytes() == content
    assert copy.name == "raw.bin"
    assert copy.stat().st_mode & 0o777 == 0o444
    assert path.read_bytes() == content


def test_equal_pieces_are_kept_once(tmp_path: Path, objects: Objects, small_pieces: None) -> None:
    file.write(objects, make(tmp_path / "zeros", bytes(SMALL_PIECE * 50)))
    manifest, piece = 1, 1
    assert sum(p.is_file() for p in objects.root.rglob("*")) == manifest + piece


@pytest.mark.parametrize(
    "name",
    ["with space", "new\nline", "🦩.csv", "-rf", "a'\"b", "a\\b", "...", "a:b@c", LONGEST_NAME],
)
def test_any_name_that_a_file_can_have(
    tmp_path: Path, objects: Objects, copies: Path, name: str
) -> None:
    kept = file.write(objects, make(tmp_path / name, b"content"))
    copy = file.read(objects, kept.manifest, copies)
    assert copy.name == name
    assert copy.read_bytes() == b"content"


def test_a_name_that_is_no_text(tmp_path: Path, objects: Objects, copies: Path) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    kept = file.write(objects, make(tmp_path / name, b"content"))
    assert os.fsencode(file.read(objects, kept.manifest, copies).name) == b"caf\xe9.csv"


@pytest.mark.parametrize("name", ["", ".", "..", "../../evil", "/etc/evil", "a\0b"])
def test_a_manifest_cannot_lead_out_of_its_folder(
    objects: Objects, copies: Path, name: str
) -> None:
    forged = {
        "format": 1,
        "kind": "file",
        "name": name,
        "size_bytes": 1,
        "digest": "blake3:" + blake3.blake3(b"x").hexdigest(),
        "pieces": [objects.write(b"x")],
    }
    with pytest.raises(IntegrityError, match="not a plain name"):
        file.read(objects, objects.write(json.dumps(forged).encode()), copies)
    assert not copies.exists()


def test_a_link_is_followed_under_its_own_name(
    tmp_path: Path, objects: Objects, copies: Path
) -> None:
    link = tmp_path / "latest.csv"
    link.symlink_to(make(tmp_path / "2024.csv", b"a,b"))
    copy = file.read(objects, file.write(objects, link).manifest, copies)
    assert copy.name == "latest.csv"
    assert not copy.is_symlink()
    assert copy.read_bytes() == b"a,b"


# --- copies --------------------------------------------------------------------------------------


@pytest.fixture
def manifest(tmp_path: Path, objects: Objects) -> str:
    return file.write(objects, make(tmp_path / "a.csv", b"a,b\n1,2\n")).manifest


def test_a_copy_is_used_again(objects: Objects, copies: Path, manifest: str) -> None:
    first = file.read(objects, manifest, copies)
    made = first.stat().st_ino, first.stat().st_ctime_ns
    second = file.read(objects, manifest, copies)
    assert second == first
    assert (second.stat().st_ino, second.stat().st_ctime_ns) == made


def edit(copy: Path) -> None:
    copy.chmod(0o644)
    status = copy.stat()
    copy.write_bytes(b"a,b\n9,9\n")
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))  # size and time as they were


def remove(copy: Path) -> None:
    copy.unlink()


def put_a_folder_there(copy: Path) -> None:
    copy.unlink()
    (copy / "inside").mkdir(parents=True)


@pytest.mark.parametrize("spoil", [edit, remove, put_a_folder_there])
def test_a_spoilt_copy_is_made_anew(
    objects: Objects, copies: Path, manifest: str, spoil: Any
) -> None:
    spoil(file.read(objects, manifest, copies))
    assert file.read(objects, manifest, copies).read_bytes() == b"a,b\n1,2\n"
    assert len(list(copies.iterdir())) == 1  # nothing is left aside


def test_many_who_ask_for_a_copy_at_once_get_it(
    objects: Objects, copies: Path, manifest: str
) -> None:
    found: list[bytes] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        found.append(file.read(objects, manifest, copies).read_bytes())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"a,b\n1,2\n"] * 8
    assert len(list(copies.iterdir())) == 1


def test_a_damaged_piece_leaves_no_copy(tmp_path: Path, objects: Objects, copies: Path) -> None:
    kept = file.write(objects, make(tmp_path / "a.csv", b"a,b\n1,2\n"))
    piece = json.loads(objects.read(kept.manifest))["pieces"][0]
    objects.path(piece).write_bytes(b"rust")
    with pytest.raises(IntegrityError, match=piece.removeprefix("blake3:")):
        file.read(objects, kept.manifest, copies)
    assert list(copies.iterdir()) == []


def test_pieces_that_make_another_file_are_refused(
    objects: Objects, copies: Path, manifest: str
) -> None:
    forged = json.loads(objects.read(manifest))
    forged["pieces"] *= 2
    with pytest.raises(IntegrityError, match="do not make the file"):
        file.read(objects, objects.write(json.dumps(forged).encode()), copies)


def test_a_newer_format_is_refused(objects: Objects, copies: Path) -> None:
    newer = objects.write(json.dumps({"format": 3, "kind": "file"}).encode())
    with pytest.raises(UsageError, match="newer"):
        file.read(objects, newer, copies)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"7", b"{", b"\xff", b'{"format": "x"}', b'{"format": 2, "kind": "file"}',
     b'{"format": 2, "kind": "frame", "content": {}}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(objects: Objects, copies: Path, content: bytes) -> None:
    with pytest.raises(IntegrityError, match="no manifest of a file"):
        file.read(objects, objects.write(content), copies)


def test_a_piece_that_would_need_very_many_objects_is_refused(
    objects: Objects, copies: Path, manifest: str
) -> None:
    forged = json.loads(objects.read(manifest))
    bomb = {"delta": forged["pieces"][0], "serial": 1, "base": forged["pieces"] * 1000}
    with pytest.raises(IntegrityError, match="more objects than any may"):
        file.read(objects, objects.write(json.dumps({**forged, "pieces": [bomb]}).encode()), copies)


def test_two_names_of_one_content_have_a_copy_each(
    tmp_path: Path, objects: Objects, copies: Path
) -> None:
    names = ["a.csv", "b.csv"]
    kept = [file.write(objects, make(tmp_path / name, b"same")).manifest for name in names]
    made = [file.read(objects, one, copies) for one in kept]
    assert [path.name for path in made] == names
    assert all(path.read_bytes() == b"same" for path in made)


def test_a_folder_that_cannot_be_written_is_said(
    objects: Objects, copies: Path, manifest: str
) -> None:
    copies.write_text("a file where the folder should be")
    with pytest.raises(ExternalError, match="files"):
        file.read(objects, manifest, copies)


# --- what cannot be kept -------------------------------------------------------------------------


def grow(path: Path) -> None:
    with path.open("ab") as end:
        end.write(b"more")


def overwrite(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def replace(path: Path) -> None:
    make(path.with_name("new"), path.read_bytes()).rename(path)


def delete(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [grow, overwrite, replace])
def test_a_file_that_changes_while_it_is_read_is_a_conflict(
    tmp_path: Path, small_pieces: None, change: Any
) -> None:
    path = make(tmp_path / "log", os.urandom(SMALL_PIECE * 3))
    os.utime(path, ns=(0, 0))  # so that any writing shows in its time
    objects = Meddling(tmp_path / "objects", lambda: change(path))
    with pytest.raises(ConflictError, match="changed while it was read"):
        file.write(objects, path)


def test_a_file_that_vanishes_while_it_is_read_is_not_found(
    tmp_path: Path, small_pieces: None
) -> None:
    path = make(tmp_path / "log", os.urandom(SMALL_PIECE * 3))
    objects = Meddling(tmp_path / "objects", lambda: delete(path))
    with pytest.raises(NotFoundError):
        file.write(objects, path)


def test_a_missing_file_brings_the_nearest_name(tmp_path: Path, objects: Objects) -> None:
    make(tmp_path / "train.csv", b"")
    with pytest.raises(NotFoundError, match="there is no file") as caught:
        file.write(objects, tmp_path / "trian.csv")
    assert caught.value.hint == f"did you mean {str(tmp_path / 'train.csv')!r}?"
    (tmp_path / ".mlops").mkdir()
    with pytest.raises(NotFoundError) as caught:
        file.write(objects, tmp_path / "nothing like it")
    assert ".mlops" not in str(caught.value.hint)


def test_a_folder_is_no_file(tmp_path: Path, objects: Objects) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        file.write(objects, tmp_path)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path, objects: Objects) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a regular file"):
        file.write(objects, tmp_path / "pipe")


def test_a_loop_of_links_is_refused(tmp_path: Path, objects: Objects) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(UsageError, match="symbolic links"):
        file.write(objects, tmp_path / "a")


@pytest.mark.parametrize("name", ["a" * 5000, "nul\0"])
def test_what_no_file_can_be_called_is_refused(tmp_path: Path, objects: Objects, name: str) -> None:
    with pytest.raises(UsageError):
        file.write(objects, tmp_path / name)


@contextmanager
def without_rights() -> Iterator[None]:
    """Let root, who may read everything, be nobody for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_that_may_not_be_read_is_said(objects: Objects) -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = make(Path(folder) / "secret", b"")
        path.chmod(0)
        with without_rights(), pytest.raises(UsageError, match="Permission denied"):
            file.write(objects, path)
