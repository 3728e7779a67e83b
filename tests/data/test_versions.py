"""How people name a version, and what they are told when there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mlops_jupyter
from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import IntegrityError, NotFoundError, UsageError
from mlops_jupyter.project import Project, init


@pytest.fixture
def three(project: Project) -> list[DatasetVersion]:
    """Return train@1, train@2 and train@3."""
    return [snapshot(project, pd.DataFrame({"a": [n]}), "train") for n in range(3)]


def test_every_way_to_write_a_version(project: Project, three: list[DatasetVersion]) -> None:
    first, second, third = three
    assert versions.resolve(project, "train") == third
    assert versions.resolve(project, "train@latest") == third
    assert versions.resolve(project, "train@2") == second
    assert versions.resolve(project, f"train@{first.digest}") == first
    digits = first.digest.removeprefix("blake3:")
    assert versions.resolve(project, f"train@{digits[:8]}") == first
    assert versions.resolve(project, f"train@blake3:{digits[:20]}") == first
    assert versions.resolve(project, str(second)) == second


def test_datasets_come_by_name_and_newest_version_first(
    project: Project, three: list[DatasetVersion]
) -> None:
    snapshot(project, pd.DataFrame({"a": [9]}), "holdout")
    found = versions.datasets(project)
    assert [dataset.name for dataset in found] == ["holdout", "train"]
    assert found[1].versions == tuple(reversed(three))
    assert versions.dataset(project, "train") == found[1]


def test_no_datasets_is_no_error(project: Project) -> None:
    assert versions.datasets(project) == ()


@pytest.mark.parametrize(
    ("ref", "hint"),
    [
        ("trian", "did you mean 'train'?"),
        ("trian@2", "did you mean 'train'?"),
        ("train@4", "did you mean 'train@3'?"),
        ("train@0", "did you mean 'train@3'?"),
        ("train@newest", "did you mean 'train@3'?"),
        ("train@-1", "did you mean 'train@1'?"),
        ("train@blake3:00000000", "there is: train@1, train@2, train@3"),
        ("train@" + "9" * 40, "there is: train@1, train@2, train@3"),
        ("../etc", "there is: train"),
        ("🦩", "there is: train"),
        ("\ud800", "there is: train"),
        ("%", "there is: train"),
    ],
)
def test_an_unknown_version_brings_a_hint(
    project: Project, three: list[DatasetVersion], ref: str, hint: str
) -> None:
    with pytest.raises(NotFoundError, match="there is no") as caught:
        versions.resolve(project, ref)
    assert caught.value.hint == hint


def test_a_very_long_name_makes_a_short_message(project: Project) -> None:
    with pytest.raises(NotFoundError) as caught:
        versions.resolve(project, "x" * 10_000)
    assert len(caught.value.message) < 200


def test_the_first_unknown_dataset_brings_the_way_to_make_one(project: Project) -> None:
    with pytest.raises(NotFoundError) as caught:
        versions.resolve(project, "train")
    assert "mlops snapshot" in str(caught.value.hint)


@pytest.mark.parametrize("ref", ["", "@", "@3", "train@"])
def test_what_is_not_written_as_a_version(
    project: Project, three: list[DatasetVersion], ref: str
) -> None:
    with pytest.raises(UsageError, match="not a data version"):
        versions.resolve(project, ref)


def test_digits_that_two_versions_begin_with(project: Project, three: list[DatasetVersion]) -> None:
    with project.catalog.transaction() as connection:
        for number in (1, 2):
            connection.execute(
                "UPDATE dataset_version SET digest = ? WHERE number = ?",
                (f"blake3:abcdefab{number:056}", number),
            )
    with pytest.raises(UsageError, match="train@2, train@1 all begin so"):
        versions.resolve(project, "train@abcdefab")


def test_a_number_of_eight_digits_may_be_a_digest(
    project: Project, three: list[DatasetVersion]
) -> None:
    with project.catalog.transaction() as connection:
        connection.execute(
            "UPDATE dataset_version SET digest = ? WHERE number = 2", ("blake3:" + "12345678" * 8,)
        )
    assert versions.resolve(project, "train@12345678").number == 2


def test_the_row_of_a_version(project: Project, three: list[DatasetVersion]) -> None:
    row = project.catalog.row(
        "SELECT number FROM dataset_version WHERE id = ?", (versions.row_id(project, three[1]),)
    )
    assert row is not None
    assert row["number"] == 2


def test_a_version_of_another_project_has_no_row_here(
    tmp_path: Path, three: list[DatasetVersion]
) -> None:
    with pytest.raises(NotFoundError):
        versions.row_id(init(tmp_path / "other"), three[0])


def test_a_version_whose_objects_are_gone_is_damaged_and_the_others_load(
    project: Project, three: list[DatasetVersion]
) -> None:
    project.objects.path(three[0].manifest).unlink()
    with pytest.raises(IntegrityError, match="missing"):
        versions.load(project, "train@1")
    assert versions.load(project, "train@2").equals(pd.DataFrame({"a": [1]}))


# --- dates, tags, digests alone, what is gone ----------------------------------------------------


@pytest.fixture
def dated(
    project: Project, three: list[DatasetVersion], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let the three be of three moments, on a machine in New York."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    times = (
        "2026-10-31T23:30:00.500000",
        "2026-11-01T16:00:34.000000",
        "2026-11-03T00:00:00.000000",
    )
    with project.catalog.transaction() as connection:
        for number, moment in enumerate(times, 1):
            connection.execute(
                "UPDATE dataset_version SET created_at = ? WHERE number = ?",
                (f"{moment}+00:00", number),
            )
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("dated")
@pytest.mark.parametrize(
    ("ref", "number"),
    [
        ("train@2026-10-31", 1),
        ("train@2026-11-01", 2),  # to the end of the day, New York: 5 o'clock of the second, UTC
        ("train@2026-11-02", 3),  # the third was made at 7 in the evening there
        ("train@2026-11-02Z", 2),
        ("train@{2026-11-02Z}", 2),
        ("train@2030-01-01", 3),
        ("train@2026-11-01T10:59", 1),
        ("train@2026-11-01T11:00", 2),  # that minute, whole; the clocks were put back that night
        ("train@2026-11-01T11:00:33", 1),
        ("train@2026-11-01T11:00:34", 2),
        ("train@2026-11-01T16:00Z", 2),
        ("train@2026-11-01T17:00+01:00", 2),
        ("train@2026-11-01 16:00+0000", 2),
        ("train@2026-10-31T23:30:00.499999Z", None),
        ("train@2026-10-31T23:30:00.5Z", 1),
        ("train@2026-10-30", None),
    ],
)
def test_a_date_means_the_newest_version_then(
    project: Project, ref: str, number: int | None
) -> None:
    if number is not None:
        assert versions.resolve(project, ref).number == number
        return
    with pytest.raises(NotFoundError) as caught:
        versions.resolve(project, ref)
    assert caught.value.hint == "the first version is train@1, of 2026-10-31T23:30 UTC"


@pytest.mark.parametrize(
    "which", ["2026-13-01", "2026-02-30", "2026-11-01T25:00", "9999-12-31", "2026-11-01+99:00"]
)
def test_a_date_that_is_none(project: Project, three: list[DatasetVersion], which: str) -> None:
    with pytest.raises(UsageError, match="not a date"):
        versions.resolve(project, f"train@{which}")


def test_a_digest_needs_no_dataset(project: Project, three: list[DatasetVersion]) -> None:
    digits = three[0].digest.removeprefix("blake3:")
    for ref in (three[0].digest, f"blake3:{digits[:8]}", digits[:12], digits.upper()):
        assert versions.resolve(project, ref) == three[0]
    with pytest.raises(NotFoundError, match="there is no dataset"):
        versions.resolve(project, digits[:11])
    for ref in ("blake3:" + "0" * 64, "0" * 12):
        with pytest.raises(NotFoundError):
            versions.resolve(project, ref)


def test_a_digest_alone_means_the_first_that_is_there(
    project: Project, three: list[DatasetVersion]
) -> None:
    again = snapshot(project, pd.DataFrame({"a": [0]}), "again")
    assert again.digest == three[0].digest
    assert versions.resolve(project, again.digest) == three[0]
    give_up(project, "train", 1)
    assert versions.resolve(project, again.digest) == again


def test_a_dataset_may_be_named_like_a_digest(project: Project) -> None:
    made = snapshot(project, pd.DataFrame({"a": [1]}), "abcdefabcdef")
    assert versions.resolve(project, "abcdefabcdef") == made


def test_two_contents_that_begin_so_are_named(
    project: Project, three: list[DatasetVersion]
) -> None:
    with project.catalog.transaction() as connection:
        for number in (1, 2):
            connection.execute(
                "UPDATE dataset_version SET digest = ? WHERE number = ?",
                (f"blake3:abcdefabcdef{number:052}", number),
            )
    with pytest.raises(UsageError, match="all begin so"):
        versions.resolve(project, "abcdefabcdef")


def give_up(project: Project, dataset: str, number: int) -> None:
    """Do as retention does."""
    with project.catalog.transaction() as connection:
        connection.execute(
            "UPDATE dataset_version SET gone_at = ?, gone_why = ? WHERE dataset = ? AND number = ?",
            ("2026-11-05T10:00:00.000000+00:00", "older than 90 days", dataset, number),
        )


def test_what_was_given_up_is_named_and_not_loaded(
    project: Project, three: list[DatasetVersion]
) -> None:
    give_up(project, "train", 3)
    assert versions.resolve(project, "train@3").gone_why == "older than 90 days"
    with pytest.raises(UsageError) as caught:
        versions.load(project, "train@3")
    assert caught.value.message == (
        "train@3: its content was given up on 2026-11-05: older than 90 days"
    )
    assert "mlops data log train" in str(caught.value.hint)


def test_latest_is_the_newest_that_is_there(project: Project, three: list[DatasetVersion]) -> None:
    give_up(project, "train", 3)
    assert versions.resolve(project, "train").number == 2
    assert versions.resolve(project, "train@latest").number == 2
    give_up(project, "train", 1)
    give_up(project, "train", 2)
    assert versions.resolve(project, "train").number == 3
    with pytest.raises(UsageError, match="given up"):
        versions.load(project, "train")


@pytest.mark.parametrize(
    "ref",
    [
        "train@..", "train@../3", "train@a@b", "train@'; DROP TABLE run; --", "train@\n3",
        "train@3\n",
        "train@🦩", 'train@"3"', "train@%", "train@*", "train@" + "x" * 10_000, "train@{3",
        "train@ 3", "train@\0", "train@\ud800", "train@٣", "train@{{3}}", "train@blake3:*",
        "train@blake3:" + "0" * 63 + "\n",
    ],
)  # fmt: skip
def test_hostile_versions_are_unknown(
    project: Project, three: list[DatasetVersion], ref: str
) -> None:
    with pytest.raises(NotFoundError, match="there is no data version") as caught:
        versions.resolve(project, ref)
    assert len(caught.value.message) < 800
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("ref", ["a@b@3", "a/b@3", "../train@3", "'train'@3", "x" * 10_000 + "@3"])
def test_hostile_datasets_are_unknown(
    project: Project, three: list[DatasetVersion], ref: str
) -> None:
    with pytest.raises(NotFoundError, match="there is no"):
        versions.resolve(project, ref)


@pytest.mark.parametrize("ref", ["train@{}", None, 3, Path("train@3")])
def test_what_is_no_text_names_nothing(
    project: Project, three: list[DatasetVersion], ref: str
) -> None:
    with pytest.raises(UsageError, match="not a data version"):
        versions.resolve(project, ref)


# --- parts ---------------------------------------------------------------------------------------


def test_some_columns_in_the_order_asked(project: Project) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, None]})
    snapshot(project, frame, "train")
    part = versions.load(project, "train", columns=["c", "a"])
    pd.testing.assert_frame_equal(part, frame[["c", "a"]])
    pd.testing.assert_frame_equal(mlops_jupyter.load("train", columns=["b"]), frame[["b"]])
    with pytest.raises(NotFoundError, match="there is no column 'B'") as caught:
        versions.load(project, "train", columns=["B"])
    assert caught.value.hint == "there is: a, b, c"


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"columns": "a"}, "columns: a list of names, not 'a'"),
        ({"columns": 3}, "columns: a list of names"),
        ({"rows": 3}, "rows: a slice, not '3'"),
        ({"as_": "panda"}, "as_: no library that a value can be loaded with: 'panda'"),
    ],
)
def test_parts_that_are_none(
    project: Project, three: list[DatasetVersion], part: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        versions.load(project, "train", **part)


@pytest.mark.parametrize(
    "part", [{"columns": ["a"]}, {"rows": slice(1)}, {"as_": "pandas"}], ids=str
)
def test_a_file_is_loaded_whole(project: Project, part: dict[str, Any]) -> None:
    Path("a.csv").write_text("a\n1\n")
    snapshot(project, Path("a.csv"), "raw")
    with pytest.raises(UsageError, match="raw@1: a file has no columns, rows"):
        versions.load(project, "raw", **part)


# --- the public functions ------------------------------------------------------------------------


def test_the_public_functions_use_the_project_here(project: Project) -> None:
    frame = pd.DataFrame({"a": [1]})
    made = mlops_jupyter.snapshot(frame, "train", note="mine")
    assert versions.resolve(project, "train@1") == made
    pd.testing.assert_frame_equal(mlops_jupyter.load("train@1"), frame)
    pd.testing.assert_frame_equal(mlops_jupyter.load(made), frame)


def test_the_public_functions_outside_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="not in a project") as caught:
        mlops_jupyter.snapshot(pd.DataFrame(), "train")
    assert caught.value.hint == "make one with `mlops init`"
    with pytest.raises(UsageError, match="not in a project"):
        mlops_jupyter.load("train")
