"""How people name a version, and what they are told when there is none."""

from __future__ import annotations

from pathlib import Path

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
