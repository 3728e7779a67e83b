"""Copies of kept folders: used again, mended, and never built of what is damaged or forged."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.files import file, folder_copy, listing
from mlops_jupyter.data.files.listing import EMPTY_FOLDER, FILE, LINK, Entry
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.project import Project
from tests.data.folders import make, tree


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


def test_on_disk_is_nothing_where_nothing_is(tmp_path: Path) -> None:
    assert folder_copy.on_disk(tmp_path / "missing") == []


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
