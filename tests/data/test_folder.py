"""Folders come back as they were, and the next version keeps what is new in them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from mlops_jupyter.data import file_state, versions
from mlops_jupyter.data.dataset import DatasetVersion, Source
from mlops_jupyter.data.files import file, folder, folder_copy, listing
from mlops_jupyter.data.files.listing import EMPTY_FOLDER, FILE, LINK, Entry
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import ConflictError, IntegrityError, UsageError
from mlops_jupyter.project import Project
from tests.data.test_file import without_rights

LONG_AGO = (10**9, 10**9)


def tree(root: Path) -> dict[str, tuple[str, bytes]]:
    """Return everything in a folder: what it is, and what it holds."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = ("link", os.fsencode(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder", b"")
        else:
            found[name] = ("program" if os.access(path, os.X_OK) else "file", path.read_bytes())
    return found


def make(root: Path, contents: dict[str, bytes | str]) -> Path:
    """Write files; a text is what a link leads to, a name that ends with / is a folder."""
    root.mkdir(exist_ok=True)
    for name, content in contents.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.symlink_to(content)
        else:
            path.write_bytes(content)
    return root


@pytest.fixture
def images(project: Project) -> Path:
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
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as old enough: the tests do not wait for the clock."""
    monkeypatch.setattr(file_state, "RACY_NS", -(10**18))
    monkeypatch.setattr(folder, "is_settled", file_state.is_settled)


def test_a_folder_comes_back(project: Project, images: Path) -> None:
    version = snapshot(project, "images", "images", note="as delivered")
    copy = versions.load(project, "images@1")
    assert tree(copy) == tree(images)
    assert copy.name == "images"
    assert (version.kind, version.row_count, version.columns) == ("folder", None, ())
    assert version.size_bytes == sum(
        p.stat().st_size for p in images.rglob("*") if p.is_file() and not p.is_symlink()
    )
    assert version.source == Source("folder", "images")
    assert {p.stat().st_mode & 0o777 for p in copy.rglob("*.png") if not p.is_symlink()} == {0o444}
    assert (copy / "run.sh").stat().st_mode & 0o777 == 0o555


def test_the_same_content_is_the_same_version_wherever_it_lies(
    project: Project, images: Path, tmp_path: Path
) -> None:
    first = snapshot(project, images, "images")
    shutil.copytree(images, tmp_path / "elsewhere", symlinks=True)
    assert snapshot(project, tmp_path / "elsewhere", "images") == first
    assert snapshot(project, f"{images}/", "images") == first


def rename(root: Path) -> None:
    (root / "a.png").rename(root / "z.png")


def edit(root: Path) -> None:
    (root / "a.png").write_bytes(b"FIRST")


def let_it_run(root: Path) -> None:
    (root / "a.png").chmod(0o755)


def lead_elsewhere(root: Path) -> None:
    (root / "latest.png").unlink()
    (root / "latest.png").symlink_to("a.png")


def link_in_place_of_a_file(root: Path) -> None:
    (root / "a.png").unlink()
    (root / "a.png").symlink_to("train/same.png")


def one_empty_folder_less(root: Path) -> None:
    (root / "empty" / "too").rmdir()


def one_file_more(root: Path) -> None:
    (root / "empty" / "too" / "new").write_bytes(b"")


def one_file_less(root: Path) -> None:
    (root / "none").unlink()


@pytest.mark.parametrize(
    "change",
    [rename, edit, let_it_run, lead_elsewhere, link_in_place_of_a_file, one_empty_folder_less,
     one_file_more, one_file_less],
)  # fmt: skip
def test_each_change_is_another_version(project: Project, images: Path, change: Any) -> None:
    first = snapshot(project, images, "images")
    before = tree(images)
    change(images)
    second = snapshot(project, images, "images")
    assert second.number == 2
    assert tree(versions.load(project, first.ref)) == before
    assert tree(versions.load(project, second.ref)) == tree(images)
    assert second.stored_bytes is not None
    assert second.stored_bytes < 1500


@pytest.mark.parametrize(
    "name",
    [
        unicodedata.normalize("NFC", "é.png"), unicodedata.normalize("NFD", "é.png"),
        os.fsdecode(b"caf\xe9.png"), "ü" * 127 + "x", "new\nline", "a\\b", "-rf", "🦩", " ", "...",
    ],
)  # fmt: skip
def test_any_name_that_a_file_can_have(project: Project, name: str) -> None:
    root = make(Path("names"), {name: b"1", f"{name[:99]}-folder/x": b"2", "link": name})
    snapshot(project, root, "names")
    assert tree(versions.load(project, "names")) == tree(root)


def test_names_that_only_unicode_tells_apart_stay_apart(project: Project) -> None:
    names = [unicodedata.normalize(form, "é") for form in ("NFC", "NFD")]
    root = make(Path("names"), {names[0]: b"composed", names[1]: b"decomposed"})
    snapshot(project, root, "names")
    assert tree(versions.load(project, "names")) == tree(root)


def test_what_git_and_we_write_is_left_out(project: Project) -> None:
    root = make(Path("data"), {"a": b"1", ".git/HEAD": b"x", "sub/.mlops/x": b"x", ".hidden": b"2"})
    snapshot(project, root, "data")
    assert set(tree(versions.load(project, "data"))) == {"a", ".hidden", "sub"}


def test_an_empty_folder(project: Project) -> None:
    Path("nothing").mkdir()
    version = snapshot(project, "nothing", "nothing")
    assert version.size_bytes == 0
    assert tree(versions.load(project, "nothing")) == {}
    assert versions.load(project, "nothing").is_dir()


def test_a_sparse_file_takes_little(project: Project) -> None:
    Path("sparse").mkdir()
    with Path("sparse/file").open("wb") as made:
        made.truncate(50 * 2**20)
    version = snapshot(project, "sparse", "sparse")
    assert version.stored_bytes is not None
    assert version.stored_bytes < 20_000
    assert versions.load(project, "sparse").joinpath("file").stat().st_size == 50 * 2**20


# --- many files ----------------------------------------------------------------------------------


@pytest.fixture
def many(project: Project) -> Path:
    root = make(Path("many"), {f"{n % 20}/{n}.txt": os.urandom(1000) for n in range(2000)})
    for path in root.rglob("*.txt"):
        os.utime(path, LONG_AGO)
    return root


def objects(project: Project) -> int:
    return sum(path.is_file() for path in project.objects.root.rglob("*"))


@pytest.mark.usefixtures("settled")
def test_small_files_lie_together_and_one_changed_adds_little(project: Project, many: Path) -> None:
    snapshot(project, many, "many")
    assert objects(project) == 2 + 2  # two packs of 1 MiB, the listing, the manifest
    (many / "7" / "7.txt").write_bytes(b"changed")
    version = snapshot(project, many, "many")
    assert version.stored_bytes is not None
    assert version.stored_bytes < 2000
    assert tree(versions.load(project, "many")) == tree(many)


@pytest.mark.usefixtures("settled")
def test_only_what_changed_is_read(
    project: Project, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = snapshot(project, many, "many")
    opened: list[Any] = []
    open_file = os.open

    def told(path: Any, *rest: Any, **more: Any) -> int:
        if str(path).endswith(".txt"):
            opened.append(Path(path).name)
        return open_file(path, *rest, **more)

    monkeypatch.setattr(os, "open", told)
    assert snapshot(project, many, "many") == first
    assert opened == []
    (many / "7" / "7.txt").write_bytes(b"changed")
    (many / "8" / "new.txt").write_bytes(b"new")
    (many / "9" / "9.txt").rename(many / "9" / "moved.txt")  # its time of change is new
    assert snapshot(project, many, "many").number == 2
    assert sorted(opened) == ["7.txt", "moved.txt", "new.txt"]


@pytest.mark.usefixtures("settled")
def test_many_small_changes_do_not_make_many_packs(project: Project, many: Path) -> None:
    for number in range(60):
        (many / str(number % 20) / f"{number}.txt").write_bytes(b"changed in %d" % number)
        version = snapshot(project, many, "many")
    contents = file.read_manifest(project.objects, version.manifest)["contents"]
    assert sum(bool(content) for content in contents) < 25
    assert tree(versions.load(project, "many")) == tree(many)


def test_a_large_file_with_a_small_change_adds_little(project: Project) -> None:
    content = os.urandom(2**20)
    root = make(Path("data"), {"large.bin": content, "small": b"1"})
    snapshot(project, root, "data")
    (root / "large.bin").write_bytes(content[:500_000] + b"!" + content[500_000:])
    version = snapshot(project, root, "data")
    assert version.stored_bytes is not None
    assert version.stored_bytes < 1500
    assert tree(versions.load(project, "data")) == tree(root)


def test_a_file_that_grows_out_of_its_pack_and_back(project: Project) -> None:
    root = make(Path("data"), {"file": b"small", "other": b"stays"})
    found = []
    for content in (b"small", os.urandom(2 * folder.SMALL_BYTES), b"small again", b""):
        (root / "file").write_bytes(content)
        found.append((snapshot(project, root, "data").ref, tree(root)))
    for ref, expected in found:
        assert tree(versions.load(project, ref)) == expected


# --- copies --------------------------------------------------------------------------------------


def test_a_copy_is_used_again(project: Project, images: Path) -> None:
    snapshot(project, images, "images")
    first = versions.load(project, "images")
    made = first.stat().st_ino
    assert versions.load(project, "images").stat().st_ino == made


def change_a_file(copy: Path) -> None:
    (copy / "a.png").chmod(0o644)
    (copy / "a.png").write_bytes(b"FIRST")


def add_a_file(copy: Path) -> None:
    (copy / "train" / "new").write_bytes(b"")


def add_a_pipe(copy: Path) -> None:
    os.mkfifo(copy / "train" / "pipe")


def remove_all(copy: Path) -> None:
    shutil.rmtree(copy)


def a_file_in_its_place(copy: Path) -> None:
    shutil.rmtree(copy)
    copy.write_text("")


@pytest.mark.parametrize(
    "spoil", [change_a_file, add_a_file, add_a_pipe, remove_all, a_file_in_its_place]
)
def test_a_spoilt_copy_is_made_anew(project: Project, images: Path, spoil: Any) -> None:
    snapshot(project, images, "images")
    spoil(versions.load(project, "images"))
    copy = versions.load(project, "images")
    assert tree(copy) == tree(images)
    assert len(list(copy.parents[1].iterdir())) == 1  # nothing is left aside


def test_of_a_spoilt_copy_the_good_files_stay(project: Project, images: Path) -> None:
    snapshot(project, images, "images")
    copy = versions.load(project, "images")
    good = (copy / "train" / "b.png").stat().st_ino
    change_a_file(copy)
    assert (versions.load(project, "images") / "train" / "b.png").stat().st_ino == good


# --- what cannot be kept --------------------------------------------------------------------------


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
with open("data/log", "r+b") as file:
    while True:
        file.seek(0)
        file.write(os.urandom(9))
        file.flush()
"""


def test_a_file_that_is_written_to_while_it_is_read(project: Project) -> None:
    root = make(Path("data"), {"log": bytes(2**20)})
    with subprocess.Popen([sys.executable, "-c", SCRIBBLE]) as writer:
        try:
            with pytest.raises(ConflictError, match="data/log: changed while it was read"):
                _ = [snapshot(project, root, "data") for _ in range(1000)]
        finally:
            writer.kill()


# --- damage and forgery ---------------------------------------------------------------------------


def first_pack(project: Project, version: DatasetVersion) -> str:
    manifest = file.read_manifest(project.objects, version.manifest)
    return str(next(content for content in manifest["contents"] if content)[0])


def test_a_bit_flipped_in_a_pack_is_found_and_named(project: Project, images: Path) -> None:
    version = snapshot(project, images, "images")
    other = snapshot(project, make(Path("others"), {"x": b"1"}), "others")
    path = project.objects.path(first_pack(project, version))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=path.name):
        versions.load(project, "images")
    assert list((project.folder / "files").iterdir()) == []
    assert tree(versions.load(project, other.ref)) == {"x": ("file", b"1")}


def test_an_object_that_is_gone_is_written_again(project: Project, images: Path) -> None:
    version = snapshot(project, images, "images")
    project.objects.path(first_pack(project, version)).unlink()
    (images / "a.png").write_bytes(b"changed")
    second = snapshot(project, images, "images")
    assert tree(versions.load(project, second.ref)) == tree(images)


@pytest.mark.parametrize(
    "path", ["../evil", "/etc/evil", "a/../../evil", "a//b", "", ".", "a/..", "..", "a/", "link/in"]
)
def test_a_listing_cannot_lead_out_of_its_folder(path: str) -> None:
    good = [Entry(b"link", LINK, b"/etc"), Entry(b"z", FILE, b"0" * 64)]
    assert listing.decode(listing.encode(good)) == good
    forged = sorted([*good, Entry(path.encode(), FILE, b"0" * 64)])
    with pytest.raises(IntegrityError, match="out of its folder"):
        listing.decode(listing.encode(forged))


@pytest.mark.parametrize(
    "content", [b"a", b"a\0f\0", b"a\0f\0\0x\0\0", b"a\0q\0\x001\0\0", b"a\0f\0\x000\0\0" * 2]
)
def test_what_is_no_listing_is_refused(content: bytes) -> None:
    with pytest.raises(IntegrityError):
        listing.decode(content)


def test_a_manifest_whose_listing_is_anothers_is_refused(
    project: Project, images: Path, tmp_path: Path
) -> None:
    version = snapshot(project, images, "images")
    forged = file.read_manifest(project.objects, version.manifest)
    forged["digest"] = "blake3:" + "0" * 64
    name = project.objects.write(json.dumps(forged).encode())
    with pytest.raises(IntegrityError, match="not that of the folder"):
        file.read(project.objects, name, tmp_path / "copies")


def test_contents_that_are_missing_in_a_manifest_are_refused(
    project: Project, images: Path, tmp_path: Path
) -> None:
    version = snapshot(project, images, "images")
    forged = file.read_manifest(project.objects, version.manifest)
    forged["contents"] = []
    name = project.objects.write(json.dumps(forged).encode())
    with pytest.raises(IntegrityError):
        file.read(project.objects, name, tmp_path / "copies")


@pytest.mark.parametrize("size", [0, 1, 10**6])
def test_the_digest_is_that_of_the_sorted_listing(size: int) -> None:
    entries = [Entry(b"a", FILE, b"0" * 64, size, b"3"), Entry(b"b", EMPTY_FOLDER)]
    same_elsewhere = [entry._replace(place=b"7+0+1") for entry in entries]
    assert listing.digest(entries) == listing.digest(same_elsewhere)


# --- at any moment --------------------------------------------------------------------------------

TAKE = """
from mlops_jupyter.cli.main import main
main(["snapshot", "many"])
"""


def test_a_kill_leaves_nothing_or_all(project: Project, many: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", TAKE], stdout=subprocess.DEVNULL) as writer:
        while objects(project) == 0 and writer.poll() is None:
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
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert len(versions.dataset(project, "many").versions) == 1
    assert tree(versions.load(project, "many")) == tree(many)


def test_on_disk_is_nothing_where_nothing_is(tmp_path: Path) -> None:
    assert folder_copy.on_disk(tmp_path / "missing") == []
