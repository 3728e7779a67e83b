"""A shared store that is damaged, or whose owner means harm: it is named, all else comes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import zstandard

from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import IntegrityError, MlopsError, UsageError
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs import history
from mlops_jupyter.sharing.bundle import LARGEST_BYTES
from mlops_jupyter.sharing.pull import pull
from mlops_jupyter.sharing.push import push
from mlops_jupyter.store.objects import digest_of
from tests.sharing.content import data_of

Clone = Callable[[str], Project]

RUN = "ab" * 8


@pytest.fixture
def shared(clone: Clone, tmp_path: Path) -> Path:
    """Return a shared store with two versions and a run, whose owner can write anything."""
    project = clone("mine")
    snapshot(project, pd.DataFrame({"a": [1, 2]}), "train")
    snapshot(project, pd.DataFrame({"a": [1, 2, 3]}), "train")
    with project.catalog.transaction() as connection:
        connection.execute(
            "INSERT INTO run (id, name, status, started_at, ended_at)"
            " VALUES (?, 'fit', 'finished', ?, ?)",
            (RUN, now(), now()),
        )
        connection.execute("INSERT INTO parameter VALUES (?, 'alpha', '0.5')", (RUN,))
    push(project, str(tmp_path / "shared"))
    return tmp_path / "shared"


def opened(path: Path) -> dict[str, Any]:
    text = zstandard.ZstdDecompressor().decompress(path.read_bytes())
    return json.loads(text.partition(b"\n")[2])


def sealed(content: Any) -> bytes:
    """Return the file of a bundle, as an owner who knows the format writes it."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return zstandard.ZstdCompressor().compress(digest_of(text).encode() + b"\n" + text)


def put_run(shared: Path, content: dict[str, Any]) -> str:
    """Put a run in the place of the one that is there."""
    for path in (shared / "rows" / "run").iterdir():
        path.unlink()
    text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    name = f"{content['id']}.{digest_of(text)[7:23]}"
    (shared / "rows" / "run" / name).write_bytes(sealed(content))
    return name


def the_run(shared: Path) -> dict[str, Any]:
    return opened(next((shared / "rows" / "run").iterdir()))


def refused(project: Project, shared: Path) -> str:
    with pytest.raises(MlopsError) as failed:
        pull(project, str(shared))
    assert isinstance(failed.value, IntegrityError)
    return str(failed.value)


def here(project: Project) -> list[str]:
    return [v.ref for d in data_of(project) for v in d.versions]


@pytest.mark.parametrize("damage", [b"", b"damaged", None], ids=["empty", "other", "gone"])
def test_a_damaged_object_costs_the_versions_that_need_it(
    shared: Path, clone: Clone, damage: bytes | None
) -> None:
    theirs = clone("theirs")
    manifest = opened(shared / "versions" / "train" / "2")["tables"]["dataset_version"][0]
    name = manifest["manifest"][7:]
    path = shared / "objects" / name[:2] / name
    whole = path.read_bytes()
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)

    said = refused(theirs, shared)

    assert "train@2" in said
    assert name in said
    assert here(theirs) == ["train@1"]
    assert history.get(theirs, RUN).parameters == {"alpha": 0.5}
    assert len(versions.load(theirs, "train@1")) == 2

    path.write_bytes(whole)
    pull(theirs, str(shared))
    assert here(theirs) == ["train@2", "train@1"]


def test_an_object_larger_than_the_disk_is_not_begun(shared: Path, clone: Clone) -> None:
    row = opened(shared / "versions" / "train" / "2")["tables"]["dataset_version"][0]
    name = row["manifest"][7:]
    path = shared / "objects" / name[:2] / name
    with path.open("wb") as file:
        file.truncate(2**42)  # takes no room here

    theirs = clone("theirs")

    assert f"{name} has 4,398,046,511,104 bytes" in refused(theirs, shared)
    assert here(theirs) == ["train@1"]


BAD_FILES = {
    "empty": b"",
    "no frame": b"{}",
    "no bundle": zstandard.ZstdCompressor().compress(b"[1, 2]"),
    "of unknown size": zstandard.ZstdCompressor(write_content_size=False).compress(b"x"),
    "a bomb": zstandard.ZstdCompressor().compress(bytes(LARGEST_BYTES + 1)),
    "no JSON": zstandard.ZstdCompressor().compress(digest_of(b"{").encode() + b"\n{"),
    "deep": zstandard.ZstdCompressor().compress(
        digest_of(b"[" * 100_000).encode() + b"\n" + b"[" * 100_000
    ),
    "other JSON": sealed([1, 2]),
    "another format": sealed({"format": "one"}),
    "rows that are none": sealed(
        {"format": 1, "kind": "version", "id": "train@2", "tables": {"dataset_version": [1]}}
    ),
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_a_bundle_that_is_none_is_named(shared: Path, clone: Clone, content: bytes) -> None:
    (shared / "versions" / "train" / "2").write_bytes(content)
    theirs = clone("theirs")
    assert "versions/train/2" in refused(theirs, shared)
    assert here(theirs) == ["train@1"]


def test_a_bundle_under_another_name_is_refused(shared: Path, clone: Clone) -> None:
    first, second = shared / "versions" / "train" / "1", shared / "versions" / "train" / "2"
    second.write_bytes(first.read_bytes())
    theirs = clone("theirs")
    assert "something else" in refused(theirs, shared)
    assert here(theirs) == ["train@1"]


@pytest.mark.parametrize("name", ["rows/run/a b", "versions/train/0", "versions/train/x/y/3"])
def test_names_that_no_bundle_bears_are_named(shared: Path, clone: Clone, name: str) -> None:
    (shared / name).parent.mkdir(parents=True, exist_ok=True)
    (shared / name).write_bytes(b"x")
    theirs = clone("theirs")
    assert name in refused(theirs, shared)
    assert here(theirs) == ["train@2", "train@1"]


def changed(table: str, **columns: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["tables"][table][0].update(columns)

    return change


def moved_to(table: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["tables"][table] = content["tables"].pop("parameter")

    return change


BAD_ROWS = {
    "of another run": changed("parameter", run_id="cd" * 8),
    "a status that is none": changed("run", status="running"),
    "a time that is none": changed("run", started_at="yesterday"),
    "a digest that is a path": changed("run", model_digest="../../../etc/passwd"),
    "JSON that is none": changed("parameter", value="{"),
    "a list that is no list": changed("run", unsure='{"a": 1}'),
    "a name without one": changed("run", name=None),
    "a text for a number": changed("run", git_dirty="yes"),
    "half a surrogate pair": changed("run", name="\ud800"),
    "a number beyond 64 bits": changed("run", git_dirty=2**70),
    "rows of another table": moved_to("dataset_version"),
    "rows of SQLite's own table": moved_to("sqlite_master"),
    "rows of a table with a strange name": moved_to("run; DROP TABLE run"),
    "a parent that is nowhere": changed("run", parent_run_id="ef" * 8),
}


@pytest.mark.parametrize("change", BAD_ROWS.values(), ids=BAD_ROWS)
def test_rows_that_we_could_not_have_written_are_refused(
    shared: Path, clone: Clone, change: Callable[[dict[str, Any]], None]
) -> None:
    content = the_run(shared)
    change(content)
    name = put_run(shared, content)
    theirs = clone("theirs")
    assert name in refused(theirs, shared)
    assert here(theirs) == ["train@2", "train@1"]
    for table in ("run", "parameter"):
        assert theirs.catalog.rows(f"SELECT * FROM {table}") == []


def test_a_column_of_a_newer_version_asks_for_an_upgrade(shared: Path, clone: Clone) -> None:
    content = the_run(shared)
    content["tables"]["run"][0]["name) VALUES (1); --"] = 1
    put_run(shared, content)
    assert "has no column" in refused(clone("theirs"), shared)

    content = the_run(shared)
    content["format"] = 2
    put_run(shared, content)
    assert "newer version" in refused(clone("others"), shared)


def test_a_file_whose_name_leads_out_of_its_folder_is_not_written(
    clone: Clone, tmp_path: Path
) -> None:
    project, theirs = clone("mine"), clone("theirs")
    file = project.root / "raw.csv"
    file.write_text("a,b\n")
    version = snapshot(project, file, "raw")
    manifest = json.loads(project.objects.read(version.manifest))
    assert manifest["name"] == "raw.csv"
    hostile = project.objects.write(
        json.dumps({**manifest, "name": "../../../hostile.csv"}).encode()
    )
    with project.catalog.transaction() as connection:
        connection.execute("UPDATE dataset_version SET manifest = ?", (hostile,))
    push(project, str(tmp_path / "shared"))
    pull(theirs, str(tmp_path / "shared"))
    with pytest.raises(IntegrityError, match="plain name"):
        versions.load(theirs, "raw@1")
    assert list(tmp_path.rglob("hostile.csv")) == []


def test_a_manifest_that_is_none_is_refused(clone: Clone, tmp_path: Path) -> None:
    project, theirs = clone("mine"), clone("theirs")
    version = snapshot(project, pd.DataFrame({"a": [1]}), "train")
    push(project, str(tmp_path / "shared"))
    path = tmp_path / "shared" / "versions" / "train" / "1"
    content = opened(path)
    text = b"[" * 50_000
    digest = digest_of(text)
    name = digest[7:]
    (tmp_path / "shared" / "objects" / name[:2]).mkdir(exist_ok=True)
    (tmp_path / "shared" / "objects" / name[:2] / name).write_bytes(
        zstandard.ZstdCompressor().compress(text)
    )
    content["tables"]["dataset_version"][0]["manifest"] = digest
    path.write_bytes(sealed(content))
    assert version.manifest != digest
    assert "not the manifest" in refused(theirs, tmp_path / "shared")
    assert here(theirs) == []


def test_another_stores_file_is_not_ours(tmp_path: Path, clone: Clone) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "mlops.json").write_text('{"format": 1, "id": "../.."}')
    with pytest.raises(IntegrityError, match="not ours"):
        pull(clone("theirs"), str(tmp_path / "shared"))
    (tmp_path / "shared" / "mlops.json").write_text('{"format": 9, "id": "00"}')
    with pytest.raises(MlopsError):
        pull(clone("others"), str(tmp_path / "shared"))


def test_what_was_erased_does_not_come_back(shared: Path, clone: Clone) -> None:
    theirs = clone("theirs")
    pull(theirs, str(shared))
    second = versions.resolve(theirs, "train@2")
    report = {"versions": [{"version": 2, "before": second.digest, "after": None}]}
    with theirs.catalog.transaction() as connection:
        connection.execute(
            "INSERT INTO erasure VALUES ('e1', 'train', 'a = 3', 'law', 'me', ?, ?)",
            (json.dumps(report), now()),
        )
        connection.execute("DELETE FROM dataset_version WHERE number = 2")
    came = pull(theirs, str(shared))
    assert came.versions == ()
    assert came.left_out == ("train@2",)

    push(theirs, str(shared))
    others = clone("others")
    came = pull(others, str(shared))
    assert came.versions == ("train@1",), "the record of the erasure comes first"

    mine = clone("mine")
    assert pull(mine, str(shared)).erased == ("train@2",)
    with pytest.raises(UsageError, match="had to be erased"):
        snapshot(others, pd.DataFrame({"a": [1, 2, 3]}), "train")
