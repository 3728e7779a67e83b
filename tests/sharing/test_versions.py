"""Data versions go to a shared store and come to others, the same."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.data import tags, versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import (
    ConflictError,
    ExternalError,
    IntegrityError,
    NotFoundError,
    UsageError,
)
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.sharing.fetch import fetch, restore
from mlops_jupyter.sharing.pull import pull
from mlops_jupyter.sharing.push import push
from mlops_jupyter.sharing.transfer import TransferProgress
from mlops_jupyter.upkeep.erase import erase
from tests.s3_server import BUCKET, S3Server
from tests.sharing.content import data_of

Clone = Callable[[str], Project]


def frame(rows: int, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame({"id": np.arange(rows), "value": random.normal(size=rows)})


@pytest.fixture
def mine(clone: Clone) -> Project:
    """Return a project with two versions of a frame, a file and a folder."""
    project = clone("mine")
    snapshot(project, frame(3000), "train", "as delivered", tags=["golden"])
    snapshot(project, frame(3100), "train")
    file = project.root / "raw.csv"
    file.write_text("a,b\n" + "1,2\n" * 500)
    snapshot(project, file, "raw")
    file.write_text("a,b\n" + "1,2\n" * 501)
    snapshot(project, file, "raw")
    folder = project.root / "pictures"
    folder.mkdir()
    for n in range(30):
        (folder / f"{n}.bin").write_bytes(bytes([n]) * 2000)
    snapshot(project, folder, "pictures")
    return project


def same_content(one: Project, other: Project, ref: str) -> bool:
    first, second = versions.load(one, ref), versions.load(other, ref)
    if isinstance(first, Path):
        files = [p.relative_to(first) for p in first.rglob("*")] if first.is_dir() else [Path()]
        contents = [((first / p).read_bytes(), (second / p).read_bytes()) for p in files]
        return all(a == b for a, b in contents)
    pd.testing.assert_frame_equal(first, second)
    return True


def test_a_colleague_has_the_same_versions(mine: Project, url: str, clone: Clone) -> None:
    sent = push(mine, url)
    theirs = clone("theirs")
    came = pull(theirs, url)

    assert set(sent.versions) == {"train@1", "train@2", "raw@1", "raw@2", "pictures@1"}
    assert set(came.versions) == set(sent.versions)
    assert (came.objects, came.size_bytes) == (sent.objects, sent.size_bytes)
    assert data_of(theirs) == data_of(mine)
    assert all(same_content(mine, theirs, ref) for ref in sent.versions)
    assert versions.resolve(theirs, "train@golden").number == 1


def test_what_is_there_is_not_sent_again(mine: Project, url: str, clone: Clone) -> None:
    push(mine, url)
    again = push(mine, url)
    assert (again.versions, again.objects, again.runs) == ((), 0, 0)

    theirs = clone("theirs")
    pull(theirs, url)
    again = pull(theirs, url)
    assert (again.versions, again.objects, again.runs) == ((), 0, 0)
    assert push(theirs, url).objects == 0


def test_only_missing_objects_travel(s3: S3Server, clone: Clone) -> None:
    url = f"s3://{BUCKET}/only-missing"
    project = clone("mine")
    before = frame(200_000)
    snapshot(project, before, "train")
    push(project, url)
    first = s3.sent_bytes
    s3.reset()

    snapshot(project, before.assign(extra=1.5), "train")
    sent = push(project, url)

    # manifest, profile and one column; then the version
    assert sent.objects <= 5
    assert s3.requests["PUT"] == sent.objects + 1
    assert s3.sent_bytes < first / 20
    s3.reset()
    push(project, url)
    assert (s3.requests["PUT"], s3.sent_bytes) == (0, 0)
    assert s3.requests.total() <= 6, "nothing is asked of each object again"


def test_named_versions_go_and_come_alone(mine: Project, url: str, clone: Clone) -> None:
    assert push(mine, url, refs=["train@2", "raw"]).versions == ("raw@1", "raw@2", "train@2")
    theirs = clone("theirs")
    assert pull(theirs, url, ["train@latest"]).versions == ("train@2",)
    assert pull(theirs, url, ["raw@1"]).versions == ("raw@1",)
    assert [v.ref for d in data_of(theirs) for v in d.versions] == ["raw@1", "train@2"]
    assert same_content(mine, theirs, "train@2")
    assert set(pull(theirs, url).versions) == {"raw@2"}


def test_a_name_that_is_not_there_is_not_found(mine: Project, url: str, clone: Clone) -> None:
    push(mine, url)
    theirs = clone("theirs")
    with pytest.raises(NotFoundError, match=r"(?s)'trian'.*did you mean 'train'"):
        pull(theirs, url, ["trian"])
    with pytest.raises(NotFoundError, match=r"'train@7'"):
        pull(theirs, url, ["train@7"])
    with pytest.raises(NotFoundError):
        pull(theirs, url, ["../../etc"])
    with pytest.raises(NotFoundError):
        push(mine, url, refs=["nothing"])
    assert data_of(theirs) == ()


def test_a_number_that_is_another_versions_is_a_conflict(
    mine: Project, url: str, clone: Clone
) -> None:
    push(mine, url)
    theirs = clone("theirs")
    pull(theirs, url)
    snapshot(mine, frame(10, seed=1), "train")
    snapshot(theirs, frame(10, seed=2), "train", "theirs")
    snapshot(theirs, frame(10, seed=3), "train")
    push(mine, url)

    with pytest.raises(ConflictError, match=r"(?s)train@3 here .*mlops pull") as refused:
        push(theirs, url)
    assert refused.value.exit_code == 6

    came = pull(theirs, url)
    assert came.versions == ("train@3",)
    assert came.renumbered == (("train@3", "train@4"), ("train@4", "train@5"))
    assert versions.resolve(theirs, "train@4").note == "theirs"
    assert push(theirs, url).versions == ("train@4", "train@5")
    pull(mine, url)
    assert data_of(mine) == data_of(theirs)


def test_references_stay_when_numbers_change(mine: Project, url: str, clone: Clone) -> None:
    push(mine, url)
    theirs = clone("theirs")
    snapshot(theirs, frame(10, seed=2), "train", tags=["ours"])
    row = theirs.catalog.row("SELECT id FROM dataset_version")
    assert row is not None

    came = pull(theirs, url)

    assert came.renumbered == (("train@1", "train@3"),)
    assert versions.resolve(theirs, "train@ours").number == 3
    after = theirs.catalog.row("SELECT number FROM dataset_version WHERE id = ?", (row["id"],))
    assert after is not None
    assert after["number"] == 3


def test_the_same_content_under_other_numbers_is_one_version(
    mine: Project, url: str, clone: Clone
) -> None:
    push(mine, url)
    theirs = clone("theirs")
    snapshot(theirs, frame(3100), "train")  # theirs is train@1, there it is train@2

    with pytest.raises(ConflictError):
        push(theirs, url)
    came = pull(theirs, url)

    assert came.renumbered == (("train@1", "train@2"),)
    assert [(v.number, v.digest) for d in data_of(theirs) for v in d.versions] == [
        (v.number, v.digest) for d in data_of(mine) for v in d.versions
    ]


def test_tags_that_are_moved_and_taken_away_follow(mine: Project, url: str, clone: Clone) -> None:
    push(mine, url)
    theirs = clone("theirs")
    pull(theirs, url)

    tags.tag(theirs, "train@2", "golden", move=True)
    push(theirs, url)
    pull(mine, url)
    assert versions.resolve(mine, "train@golden").number == 2

    tags.untag(mine, "train@golden")
    pull(mine, url)
    assert versions.resolve(mine, "train@2").tags == (), "it does not come back by itself"
    push(mine, url)
    pull(theirs, url)
    assert versions.resolve(theirs, "train@2").tags == ()


def test_a_version_whose_content_was_given_up_keeps_its_number(
    mine: Project, url: str, clone: Clone
) -> None:
    with mine.catalog.transaction() as connection:
        connection.execute(
            "UPDATE dataset_version SET gone_at = '2026-11-20T10:00:00.000000+00:00',"
            " gone_why = 'old', profile = NULL WHERE dataset = 'train' AND number = 1"
        )
    push(mine, url)
    theirs = clone("theirs")
    pull(theirs, url)
    first = versions.resolve(theirs, "train@1")
    assert (first.gone_why, first.digest) == ("old", versions.resolve(mine, "train@1").digest)
    assert same_content(mine, theirs, "train@2")


def test_rows_that_were_erased_go_from_the_versions_of_all(
    mine: Project, url: str, clone: Clone
) -> None:
    theirs = clone("theirs")
    push(mine, url)
    pull(theirs, url)
    before = theirs.catalog.rows("SELECT id, dataset, number FROM dataset_version ORDER BY id")

    erase(mine, "train", "id = 7", "they asked for it")
    assert set(push(mine, url).versions) == {"train@1", "train@2"}
    came = pull(theirs, url)

    assert (set(came.versions), came.renumbered, came.erased) == ({"train@1", "train@2"}, (), ())
    assert 7 not in versions.load(theirs, "train@1")["id"].to_list()
    assert len(versions.load(theirs, "train@2")) == 3099
    after = theirs.catalog.rows("SELECT id, dataset, number FROM dataset_version ORDER BY id")
    assert list(map(tuple, after)) == list(map(tuple, before)), "what used them still does"
    assert push(theirs, url).versions == ()
    others = clone("others")
    pull(others, url)
    assert len(versions.load(others, "train@2")) == 3099
    assert [d.name for d in data_of(others)] == [d.name for d in data_of(mine)]


def test_pickles_from_elsewhere_are_not_read(url: str, clone: Clone) -> None:
    mine, theirs = clone("mine"), clone("theirs")
    value = pd.DataFrame({"n": [1, 2], "any": [{"a": 1}, {2, 3}]})
    snapshot(mine, value, "train")
    push(mine, url)
    pull(theirs, url)

    with pytest.raises(UsageError, match=r"(?s)not read.*remote: \{trust: true\}"):
        versions.load(theirs, "train")
    pd.testing.assert_frame_equal(versions.load(theirs, "train", columns=["n"]), value[["n"]])

    snapshot(theirs, value.assign(more=1), "train")
    with pytest.raises(UsageError, match="not read"):
        versions.load(theirs, "train@2")

    (theirs.root / "mlops.yaml").write_text("version: 1\nremote: {trust: true}\n")
    trusting = open_project(theirs.root)
    pd.testing.assert_frame_equal(versions.load(trusting, "train@1"), value)
    assert versions.load(mine, "train").equals(value)


def test_fetch_brings_what_is_missing_here(mine: Project, url: str) -> None:
    push(mine, url)
    assert fetch(mine, url).objects == 0
    there = sum(p.is_file() for p in mine.objects.root.rglob("*"))
    shutil.rmtree(mine.objects.root)

    assert fetch(mine, url, ["train@2"]).objects > 0
    assert len(versions.load(mine, "train@2")) == 3100
    with pytest.raises(IntegrityError):
        versions.load(mine, "pictures")
    fetch(mine, url)
    assert sum(p.is_file() for p in mine.objects.root.rglob("*")) == there


def test_damaged_objects_are_restored(mine: Project, url: str) -> None:
    push(mine, url)
    manifest = versions.resolve(mine, "train@2").manifest
    mine.objects.path(manifest).write_bytes(b"damaged")
    absent = "blake3:" + "0" * 64

    assert restore(mine, [manifest, absent], url) == {manifest}
    assert len(versions.load(mine, "train@2")) == 3100


def test_what_is_damaged_here_is_not_sent_and_all_else_is(
    mine: Project, url: str, clone: Clone
) -> None:
    mine.objects.path(versions.resolve(mine, "raw@2").manifest).write_bytes(b"damaged")
    with pytest.raises(IntegrityError, match=r"raw@2: .*damaged") as refused:
        push(mine, url)
    assert "train" not in str(refused.value)
    theirs = clone("theirs")
    pull(theirs, url)
    assert [v.ref for d in data_of(theirs) for v in d.versions] == [
        "pictures@1",
        "raw@1",
        "train@2",
        "train@1",
    ]


def test_progress_is_told(mine: Project, url: str, clone: Clone) -> None:
    told: list[TransferProgress] = []
    sent = push(mine, url, progress=told.append)
    objects = [far for far in told if far.what == "objects"]
    assert (objects[-1].done, objects[-1].done_bytes) == (sent.objects, sent.size_bytes)
    assert objects[-1].done == objects[-1].total
    assert [far.done for far in objects] == sorted(far.done for far in objects)
    told.clear()
    pull(clone("theirs"), url, progress=told.append)
    assert [far.done for far in told if far.what == "objects"][-1] == sent.objects


def test_without_a_shared_store_it_says_how_to_name_one(mine: Project, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MLOPS_REMOTE_URL"):
        push(mine)
    with pytest.raises(UsageError, match=r"(?s)nothing yet.*mlops push"):
        pull(mine, str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_the_address_in_the_settings_stands_from_their_file(mine: Project, tmp_path: Path) -> None:
    (mine.root / "mlops.yaml").write_text("version: 1\nremote: {url: ../store}\n")
    assert push(open_project(mine.root)).url == str(tmp_path / "store")
    assert (tmp_path / "store" / "versions" / "train" / "2").is_file()


def test_no_secret_of_the_address_is_written_down(
    mine: Project, clone: Clone, s3: S3Server, tmp_path: Path
) -> None:
    from tests.s3_server import KEY, SECRET

    quoted = SECRET.replace("/", "%2F").replace("+", "%2B")
    url = f"s3://{KEY}:{quoted}@{BUCKET}/secret"
    theirs = clone("theirs")
    told: list[Any] = [push(mine, url), pull(theirs, url)]
    s3.refuse = lambda method, _path: method == "GET"
    with pytest.raises(ExternalError) as failed:
        pull(theirs, url)
    s3.refuse = lambda _method, _path: False
    told.append(failed.value)
    said = repr(told) + str(failed.value)
    for project in (mine, theirs):
        project.catalog.close()
        catalog = sqlite3.connect(project.folder / "catalog.sqlite")
        said += "\n".join(catalog.iterdump())
        catalog.close()
    stored = [key["Key"] for key in s3.client().list_objects_v2(Bucket=BUCKET)["Contents"]]
    for word in (SECRET, quoted, KEY):
        assert word not in said
        assert word not in "\n".join(stored)
