"""What was kept, put where a person wants it; nothing of theirs is overwritten unasked."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_jupyter.cli.main import main
from mlops_jupyter.data.files import checkout as module
from mlops_jupyter.data.files import file, listing
from mlops_jupyter.data.files.checkout import checkout
from mlops_jupyter.data.files.listing import FILE, Entry
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import (
    ConflictError,
    ExternalError,
    IntegrityError,
    NotFoundError,
    UsageError,
)
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import digest_of
from tests.data.folders import make, tree


@pytest.fixture
def raw(project: Project) -> Path:
    path = Path("raw.csv")
    path.write_bytes(b"a,b\n1,2\n")
    snapshot(project, path, "raw")
    path.write_bytes(b"a,b\n3,4\n")
    snapshot(project, path, "raw")
    return path


@pytest.fixture
def images(project: Project) -> Path:
    made = make(
        Path("images"),
        {"a.png": b"1", "sub/b.png": b"2", "run.sh": b"#!", "empty/": b"", "link": "a.png"},
    )
    (made / "run.sh").chmod(0o755)
    snapshot(project, made, "images")
    return made


def test_a_file_is_put_into_a_folder_under_its_own_name(project: Project, raw: Path) -> None:
    made = checkout(project, "raw@1", "old/data")
    assert made == project.root / "old" / "data" / "raw.csv"
    assert made.read_bytes() == b"a,b\n1,2\n"
    assert made.stat().st_mode & 0o777 == 0o444


def test_a_folder_is_put_into_a_folder(project: Project, images: Path) -> None:
    made = checkout(project, "images", "out")
    assert made == project.root / "out" / "images"
    assert tree(made) == tree(images)
    assert (made / "run.sh").stat().st_mode & 0o777 == 0o555


def test_an_empty_folder_is_put_there_too(project: Project) -> None:
    Path("nothing").mkdir()
    snapshot(project, "nothing", "nothing")
    assert checkout(project, "nothing", "out").is_dir()


def test_nothing_is_copied_where_the_file_system_can_share(project: Project, raw: Path) -> None:
    made = checkout(project, "raw", "out")
    kept = next((project.folder / "files").glob(f"*/{made.name}"))
    shares = made.stat().st_ino == kept.stat().st_ino  # a hard link; else a reflink
    assert shares or module._clone(kept, Path("probe"))


def test_where_it_cannot_it_is_a_copy(
    project: Project, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    made = checkout(project, "raw", "out")
    assert made.read_bytes() == b"a,b\n3,4\n"
    assert made.stat().st_mode & 0o777 == 0o444


def test_a_second_checkout_changes_nothing(project: Project, images: Path) -> None:
    made = checkout(project, "images", "out")
    before = {path: path.lstat().st_ctime_ns for path in made.rglob("*")}
    checkout(project, "images", "out")
    assert {path: path.lstat().st_ctime_ns for path in made.rglob("*")} == before


def test_what_is_there_and_the_same_stays_as_it_is(project: Project, raw: Path) -> None:
    assert checkout(project, "raw@2", ".") == raw.absolute()
    assert raw.stat().st_mode & 0o200  # still the person's own, and writable


def test_what_is_there_and_differs_is_not_overwritten(project: Project, raw: Path) -> None:
    with pytest.raises(ConflictError, match=r"raw\.csv: is there and differs") as caught:
        checkout(project, "raw@1", ".")
    assert "--force" in str(caught.value.hint)
    assert raw.read_bytes() == b"a,b\n3,4\n"
    checkout(project, "raw@1", ".", overwrite=True)
    assert raw.read_bytes() == b"a,b\n1,2\n"


def test_of_a_folder_nothing_is_written_when_one_file_differs(
    project: Project, images: Path
) -> None:
    make(Path("out"), {"images/sub/b.png": b"mine"})
    with pytest.raises(ConflictError, match=r"sub/b\.png: is there and differs"):
        checkout(project, "images", "out")
    assert set(tree(Path("out"))) == {"images", "images/sub", "images/sub/b.png"}
    checkout(project, "images", "out", overwrite=True)
    assert tree(Path("out/images")) == tree(images)


def test_files_that_the_version_does_not_know_stay(project: Project, images: Path) -> None:
    make(Path("out"), {"images/mine.txt": b"mine"})
    checkout(project, "images", "out", overwrite=True)
    assert Path("out/images/mine.txt").read_bytes() == b"mine"


def test_an_edited_checkout_does_not_spoil_the_version(project: Project, raw: Path) -> None:
    made = checkout(project, "raw@1", "out")
    made.chmod(0o644)
    made.write_bytes(b"edited")
    again = checkout(project, "raw@1", "elsewhere")
    assert again.read_bytes() == b"a,b\n1,2\n"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_in_the_way_is_not_written_through(
    project: Project, images: Path, tmp_path: Path, overwrite: bool
) -> None:
    outside = make(tmp_path / "outside", {"b.png": b"theirs"})
    Path("out/images").mkdir(parents=True)
    Path("out/images/sub").symlink_to(outside)
    with pytest.raises(ConflictError, match="is no folder"):
        checkout(project, "images", "out", overwrite=overwrite)
    assert tree(outside) == {"b.png": ("file", b"theirs")}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_in_place_of_a_file_is_not_removed(
    project: Project, raw: Path, overwrite: bool
) -> None:
    make(Path("out"), {"raw.csv/mine": b"mine"})
    with pytest.raises(ConflictError, match="is a folder"):
        checkout(project, "raw", "out", overwrite=overwrite)
    assert Path("out/raw.csv/mine").exists()


def test_a_file_in_place_of_a_folder_goes_only_when_asked(project: Project, images: Path) -> None:
    make(Path("out"), {"images/sub": b"a file"})
    with pytest.raises(ConflictError, match="is no folder"):
        checkout(project, "images", "out")
    checkout(project, "images", "out", overwrite=True)
    assert tree(Path("out/images")) == tree(images)


def test_a_full_disk_leaves_nothing_half_written(
    project: Project, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout(project, "raw", "warm")  # the copy that is shared is there

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(ExternalError) as caught:
        checkout(project, "raw", "out")
    assert "No space left" in str(caught.value)
    assert list(Path("out").iterdir()) == []


# --- what cannot be checked out -------------------------------------------------------------------


def test_a_table_is_no_file(project: Project) -> None:
    snapshot(project, pd.DataFrame({"a": [1]}), "train")
    with pytest.raises(UsageError, match="is a frame, and no file") as caught:
        checkout(project, "train", "out")
    assert "mlops data export" in str(caught.value.hint)


def test_a_version_that_there_is_not(project: Project, raw: Path) -> None:
    with pytest.raises(NotFoundError, match="raw@7"):
        checkout(project, "raw@7", "out")


def forge(project: Project, dataset: str, changes: dict[str, Any]) -> None:
    """Let the catalog lead to a manifest that somebody else wrote."""
    row = project.catalog.row("SELECT manifest FROM dataset_version WHERE dataset = ?", (dataset,))
    assert row is not None
    told = {**file.read_manifest(project.objects, row["manifest"]), **changes}
    forged = project.objects.write(json.dumps(told).encode())
    project.catalog.rows("UPDATE dataset_version SET manifest = ?", (forged,))


@pytest.mark.parametrize("name", ["..", "../evil", "/etc/evil", "nul\0", ""])
def test_a_hostile_name_is_refused(project: Project, images: Path, name: str) -> None:
    forge(project, "images", {"name": name})
    with pytest.raises(IntegrityError, match="not a plain name"):
        checkout(project, "images", "out")
    assert not Path("out").exists()


@pytest.mark.parametrize("path", [b"../evil", b"/tmp/evil", b"link/evil"])
def test_a_hostile_path_in_a_listing_is_refused(
    project: Project, images: Path, path: bytes
) -> None:
    value = digest_of(b"1").removeprefix("blake3:").encode()
    entries = [
        Entry(b"link", listing.LINK, os.fsencode(Path.cwd())),
        Entry(path, FILE, value, 1, b"0"),
    ]
    entries.sort()
    forge(
        project,
        "images",
        {
            "listing": [project.objects.write(listing.encode(entries))],
            "contents": [[project.objects.write(b"1")]],
            "digest": listing.digest(entries),
        },
    )
    with pytest.raises(IntegrityError, match="out of its folder"):
        checkout(project, "images", "out")
    assert not list(project.root.rglob("evil"))


# --- the command ----------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["checkout", *words])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_the_command(project: Project, raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "raw@1", "out") == (0, f"{project.root / 'out' / 'raw.csv'}\n", "")
    code, _, said = run(capsys, "raw@1", ".")
    assert (code, "is there and differs" in said, "--force" in said) == (6, True, True)
    assert run(capsys, "raw@1", ".", "--force")[0] == 0
    assert raw.read_bytes() == b"a,b\n1,2\n"
