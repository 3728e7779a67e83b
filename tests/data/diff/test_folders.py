"""Two versions of a folder: by the digests of their files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlops_jupyter.data.diff.compare import diff
from mlops_jupyter.data.diff.difference import PathChange
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project


@pytest.fixture
def images(project: Project) -> Path:
    folder = Path("images")
    (folder / "cats").mkdir(parents=True)
    for number in range(4):
        (folder / "cats" / f"{number}.png").write_bytes(bytes([number]) * 50)
    snapshot(project, folder, "images")
    return folder


def test_files_new_gone_changed_and_renamed(project: Project, images: Path) -> None:
    (images / "cats" / "0.png").write_bytes(b"other")
    (images / "cats" / "1.png").unlink()
    (images / "cats" / "2.png").rename(images / "cats" / "two\n.png")
    (images / "dog.png").write_bytes(b"dog")
    snapshot(project, images, "images")
    found = diff(project, "images@1", "images@2")
    assert set(found.paths) == {
        PathChange("changed", "cats/0.png", "cats/0.png"),
        PathChange("removed", "cats/1.png", None),
        PathChange("renamed", "cats/2.png", "cats/two\n.png"),
        PathChange("added", None, "dog.png"),
    }
    assert [one.text for one in found.findings] == [
        "of 6 files: 1 changed, 1 new, 1 gone, 1 renamed"
    ]
    assert "  renamed: cats/2.png → cats/two\\n.png" in str(found).splitlines()
    assert "cats/1.png" in found._repr_html_()


def test_copies_of_one_file_are_renamed_one_by_one(project: Project, images: Path) -> None:
    shutil.copy(images / "cats" / "3.png", images / "3.png")
    snapshot(project, images, "images")
    (images / "3.png").rename(images / "a.png")
    (images / "cats" / "3.png").rename(images / "b.png")
    snapshot(project, images, "images")
    found = diff(project, "images@2", "images@3")
    assert [one.kind for one in found.paths] == ["renamed", "renamed"]
    assert {one.before for one in found.paths} == {"3.png", "cats/3.png"}


def test_a_folder_is_not_compared_with_a_file(project: Project, images: Path) -> None:
    snapshot(project, images / "cats" / "0.png", "one")
    with pytest.raises(UsageError, match="images@1 is a folder, one@1 a file"):
        diff(project, "images@1", "one@1")
