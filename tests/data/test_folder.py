"""Folders come back as they were, and the next version keeps what is new in them."""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.data import file_state, versions
from mlops_jupyter.data.dataset import Source
from mlops_jupyter.data.files import file, folder
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from tests.data.folders import make, object_count, tree


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


@pytest.mark.usefixtures("settled")
def test_small_files_lie_together_and_one_changed_adds_little(project: Project, many: Path) -> None:
    snapshot(project, many, "many")
    assert object_count(project) == 2 + 2  # two packs of 1 MiB, the listing, the manifest
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
