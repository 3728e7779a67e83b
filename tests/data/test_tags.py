"""Names that people give to versions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from mlops_jupyter.data import tags, versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import ConflictError, NotFoundError, UsageError
from mlops_jupyter.project import Project


@pytest.fixture
def two(project: Project) -> list[DatasetVersion]:
    """Return train@1 and train@2."""
    return [snapshot(project, pd.DataFrame({"a": [n]}), "train") for n in range(2)]


def test_a_tag_names_a_version(project: Project, two: list[DatasetVersion]) -> None:
    made = tags.tag(project, "train@1", "golden")
    assert (made.ref, made.tags) == ("train@1", ("golden",))
    assert versions.resolve(project, "train@golden") == made
    assert versions.resolve(project, "train@{golden}") == made
    assert versions.load(project, "train@golden").equals(pd.DataFrame({"a": [0]}))
    assert versions.resolve(project, "train") == two[1]


def test_a_version_may_have_many_tags(project: Project, two: list[DatasetVersion]) -> None:
    for name in ("v1.0.0", "Golden", "golden", "deadbee", "x-2026-11-01", "1st"):
        tags.tag(project, "train", name)
    found = versions.dataset(project, "train").versions[0]
    assert found.tags == ("1st", "Golden", "deadbee", "golden", "v1.0.0", "x-2026-11-01")
    for name in found.tags:
        assert versions.resolve(project, f"train@{name}") == found


def test_a_tag_is_moved_only_by_one_who_says_so(
    project: Project, two: list[DatasetVersion]
) -> None:
    tags.tag(project, "train@1", "golden")
    tags.tag(project, "train@1", "golden")  # it stands there already
    with pytest.raises(ConflictError) as caught:
        tags.tag(project, "train@2", "golden")
    assert caught.value.message == "train@golden is train@1"
    assert "--force" in str(caught.value.hint)
    assert versions.resolve(project, "train@golden").number == 1
    assert tags.tag(project, "train@2", "golden", move=True).tags == ("golden",)
    assert versions.resolve(project, "train@golden").number == 2
    assert versions.resolve(project, "train@1").tags == ()


def test_each_dataset_has_its_own_tags(project: Project, two: list[DatasetVersion]) -> None:
    other = snapshot(project, pd.DataFrame({"a": [0]}), "holdout")
    tags.tag(project, "train@2", "golden")
    tags.tag(project, "holdout", "golden")
    assert versions.resolve(project, "holdout@golden").number == other.number == 1
    assert versions.resolve(project, "train@golden").number == 2


def test_a_tag_is_taken_off(project: Project, two: list[DatasetVersion]) -> None:
    tags.tag(project, "train@1", "golden")
    tags.tag(project, "train@1", "silver")
    assert tags.untag(project, "train@golden").tags == ("silver",)
    with pytest.raises(NotFoundError) as caught:
        versions.resolve(project, "train@golden")
    assert caught.value.hint == "did you mean 'train@silver'?"


@pytest.mark.parametrize(
    "ref", ["train@1", "train", "train@latest", "train@2026-11-01", "deadbeef"]
)
def test_only_tags_are_taken_off(project: Project, two: list[DatasetVersion], ref: str) -> None:
    with pytest.raises(UsageError):
        tags.untag(project, ref)


def test_taking_off_what_is_not_there(project: Project, two: list[DatasetVersion]) -> None:
    tags.tag(project, "train@1", "golden")
    with pytest.raises(NotFoundError) as caught:
        tags.untag(project, "train@goldn")
    assert caught.value.hint == "did you mean 'train@golden'?"


@pytest.mark.parametrize(
    ("name", "read_as"),
    [
        ("3", "a number"),
        ("007", "a number"),
        ("1.5", "a number"),
        ("9" * 40, "a number"),
        ("2026-11-01", "a date"),
        ("2026-11", "a date"),
        ("2026-11-01T12", "a date"),
        ("latest", "the newest version"),
        ("Latest", "the newest version"),
        ("deadbeef", "a digest"),
        ("DEADBEEF01", "a digest"),
    ],
)
def test_a_tag_may_not_mean_something_else(
    project: Project, two: list[DatasetVersion], name: str, read_as: str
) -> None:
    with pytest.raises(UsageError, match=f"would be read as {read_as}") as caught:
        tags.tag(project, "train@1", name)
    assert "put a word before it" in str(caught.value.hint)


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "..", "../x", "a/b", "a@b", "a b", "'", '"', "🦩", "a\n", "\0", "{golden}", "-x",
        "blake3:" + "0" * 64, "x" * 101, "x" * 10_000, "\ud800", None,
    ],
)  # fmt: skip
def test_hostile_tags(project: Project, two: list[DatasetVersion], name: str) -> None:
    with pytest.raises(UsageError, match="not a name for a tag") as caught:
        tags.tag(project, "train@1", name)
    assert len(caught.value.message) < 200
    with pytest.raises(UsageError, match="not a name for a tag"):
        snapshot(project, pd.DataFrame({"a": [9]}), "train", tags=[name])
    assert len(versions.dataset(project, "train").versions) == 2


def test_unknown_versions_are_not_tagged(project: Project, two: list[DatasetVersion]) -> None:
    with pytest.raises(NotFoundError):
        tags.tag(project, "train@7", "golden")


def test_what_was_given_up_is_not_tagged(project: Project, two: list[DatasetVersion]) -> None:
    with project.catalog.transaction() as connection:
        connection.execute("UPDATE dataset_version SET gone_at = '2026-11-05' WHERE number = 1")
    with pytest.raises(UsageError, match="given up"):
        tags.tag(project, "train@1", "golden")


# --- with the snapshot ---------------------------------------------------------------------------


def test_a_snapshot_is_tagged_with_its_row(project: Project) -> None:
    frame = pd.DataFrame({"a": [1]})
    made = snapshot(project, frame, "train", tags=["golden", "v1.0.0"])
    assert made.tags == ("golden", "v1.0.0")
    assert versions.resolve(project, "train@golden") == made
    again = snapshot(project, frame, "train", tags=["silver"])
    assert (again.number, again.tags) == (1, ("golden", "silver", "v1.0.0"))


def test_a_snapshot_whose_tag_is_taken_keeps_nothing(project: Project) -> None:
    snapshot(project, pd.DataFrame({"a": [1]}), "train", tags=["golden"])
    other = pd.DataFrame({"a": [2]})
    with pytest.raises(ConflictError, match="train@golden is train@1"):
        snapshot(project, other, "train", tags=["silver", "golden"])
    assert [v.tags for v in versions.dataset(project, "train").versions] == [("golden",)]
    moved = snapshot(project, other, "train", tags=["golden"], move_tags=True)
    assert (moved.ref, moved.tags) == ("train@2", ("golden",))


def test_a_file_is_tagged_too(project: Project) -> None:
    Path("a.csv").write_text("a\n1\n")
    assert snapshot(project, Path("a.csv"), "raw", tags=["golden"]).tags == ("golden",)
    assert snapshot(project, Path("a.csv"), "raw", tags=["silver"]).tags == ("golden", "silver")


def test_one_name_is_no_list_of_tags(project: Project) -> None:
    with pytest.raises(UsageError, match="tags: a list of names, not 'golden'"):
        snapshot(project, pd.DataFrame(), "train", tags="golden")


def test_a_reexecution_gives_no_tags(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})
    snapshot(project, first, "train", tags=["golden"])
    snapshot(project, second, "train", tags=["golden"], move_tags=True)
    monkeypatch.setenv(versions.PINS, "{}")
    assert snapshot(project, first, "train", tags=["golden"]).tags == ()
    assert versions.resolve(project, "train@golden").number == 2


def test_a_tag_never_leads_nowhere(project: Project, two: list[DatasetVersion]) -> None:
    tags.tag(project, "train@1", "golden")
    with pytest.raises(sqlite3.IntegrityError), project.catalog.transaction() as connection:
        connection.execute("DELETE FROM dataset_version WHERE number = 1")
