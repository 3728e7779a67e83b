"""What erasing does not do by itself, what it refuses, and versions given up as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.data import reach, versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import IntegrityError, NotFoundError, UsageError
from mlops_jupyter.project import Project, init
from mlops_jupyter.upkeep import gc
from mlops_jupyter.upkeep.erase import erase, give_up
from mlops_jupyter.upkeep.verify import verify
from tests.same_frame import assert_same
from tests.upkeep.store import ADA, WHY, bytes_hold, flip, frame, objects, people, run_with

# --- what it does not do by itself ---------------------------------------------------------------


def test_other_places_where_the_rows_may_be_are_named(project: Project, tmp_path: Path) -> None:
    raw = tmp_path / "raw.csv"
    people("Grace", ADA).to_csv(raw)
    snapshot(project, raw, "raw")
    snapshot(project, people("Grace", ADA, "Edsger"), "customers")
    snapshot(project, people("Grace"), "others")
    snapshot(project, pd.DataFrame({"customer": [1]}), "unlike")
    train = snapshot(project, people("Grace", ADA), "train")
    run = run_with(project, train, figure=b"a figure")
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO evaluation (id, model, version, version_id, label, row_count, left_out,"
            " rows_digest, metrics, scores, evaluated_at)"
            " VALUES ('e', 'late', 1, ?, 'late', 1, 0, 'd', '{}', ?, 't')",
            (versions.row_id(project, train), project.objects.write(b"scores")),
        )

    made = erase(project, "train", "customer_id = 1", WHY)

    assert {(trace.where, trace.what) for trace in made.traces} == {
        ("raw@1", "files are not looked into"),
        ("customers@1", "1 such rows"),
        (f"run {run[:8]} (fit)", "kept artifacts"),
        ("evaluation of late v1 on train@1", "keeps label and prediction of each row"),
    }


def test_versions_that_lack_the_column_or_hold_other_types_are_named(project: Project) -> None:
    snapshot(project, people("Grace", ADA), "train")
    snapshot(project, pd.DataFrame({"name": [ADA]}), "train")
    snapshot(project, people("Grace", ADA).astype({"customer_id": str}), "train")
    made = erase(project, "train", "customer_id = 1", WHY)
    assert [v.ref for v in made.versions] == ["train@1"]
    assert [(t.where, t.what) for t in made.traces] == [
        ("train@2", "has no column 'customer_id'"),
        ("train@3", "'customer_id' holds text, which 1 is not"),
    ]


@pytest.mark.parametrize(
    ("where", "error", "says"),
    [
        ("customer_id = '1'", UsageError, "'customer_id' holds numbers, which '1' is not"),
        ("name = 1", UsageError, "'name' holds text, which 1 is not"),
        ("customer = 1", NotFoundError, "there is no column in train, 'customer'"),
        ("__import__('os')", UsageError, "not a predicate"),
        ("name.str.len() > 3", UsageError, "not a predicate"),
        ("@name = 1", UsageError, "not a predicate"),
        ("", UsageError, "not a predicate"),
    ],
)
def test_a_predicate_that_fits_nothing_is_refused(
    project: Project, where: str, error: type[Exception], says: str
) -> None:
    snapshot(project, people("Grace", ADA), "train")
    with pytest.raises(error, match=says):
        erase(project, "train", where, WHY)


def test_rows_cannot_be_taken_out_of_files_and_arrays(project: Project, tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("a\n1\n")
    snapshot(project, tmp_path / "raw.csv", "raw")
    snapshot(project, np.arange(3), "numbers")
    with pytest.raises(UsageError, match="raw@1 is a file") as caught:
        erase(project, "raw", "a = 1", WHY)
    assert "--version raw@1" in str(caught.value.hint)
    with pytest.raises(UsageError, match="numbers@1 is an array"):
        erase(project, "numbers", "a = 1", WHY)
    with pytest.raises(NotFoundError, match="trian"):
        erase(project, "trian", "a = 1", WHY)
    with pytest.raises(UsageError, match="reason"):
        erase(project, "raw", "a = 1", "  ")


def test_a_damaged_version_stops_it_before_anything_is_changed(project: Project) -> None:
    snapshot(project, people("Grace", ADA), "train")
    other = snapshot(project, frame(1).assign(name=ADA), "train")
    flip(project.objects.path(max(reach.objects_of(project.objects, other.manifest))))
    before = objects(project)
    with pytest.raises(IntegrityError):
        erase(project, "train", f"name = '{ADA}'", WHY)
    assert objects(project) == before
    assert_same(versions.load(project, "train@1"), people("Grace", ADA))


# --- a whole version -----------------------------------------------------------------------------


def test_a_file_version_is_given_up_as_a_whole(project: Project, tmp_path: Path) -> None:
    raw = tmp_path / "raw.csv"
    lines = [f"{n},{n * 7919 % 1000003}\n" for n in range(20_000)]
    contents = ["".join(lines), "".join([*lines[:500], ADA + "\n", *lines[500:]])]
    contents.append("".join([*lines[:400], *lines[500:], "the end\n"]))
    for text in contents:
        raw.write_text(text)
        snapshot(project, raw, "raw")
    copy = versions.load(project, "raw@2")
    assert ADA in copy.read_text()

    made = give_up(project, "raw@2", WHY)

    assert [(v.ref, v.rows, v.after) for v in made.versions] == [("raw@2", None, None)]
    assert not copy.exists()
    assert versions.load(project, "raw@1").read_text() == contents[0]
    assert versions.load(project, "raw@3").read_text() == contents[2]
    fresh = init(tmp_path / "fresh")
    for text in (contents[0], contents[2]):
        raw.write_text(text)
        snapshot(fresh, raw, "raw")
    assert objects(project) == objects(fresh), "as if raw@2 had never been taken"
    with pytest.raises(UsageError, match=f"raw@2: its content was given up .* erased: {WHY}"):
        versions.load(project, "raw@2")
    raw.write_text(contents[1])
    with pytest.raises(UsageError, match="its content had to be erased"):
        snapshot(project, raw, "raw")
    assert verify(project, deep=True).is_clean


def test_a_folder_version_is_given_up_as_a_whole(project: Project, tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.mkdir()
    (place / "one.txt").write_text("one\n" * 5000)
    (place / "two.txt").write_text(ADA)
    snapshot(project, place, "raw")
    (place / "two.txt").write_text("nobody")
    snapshot(project, place, "raw")

    give_up(project, "raw@1", WHY)

    assert not bytes_hold(project, ADA)
    again = versions.load(project, "raw@2")
    assert sorted(path.name for path in again.iterdir()) == ["one.txt", "two.txt"]
    assert verify(project, deep=True).is_clean


def test_a_damaged_version_can_be_given_up(project: Project) -> None:
    broken = snapshot(project, people("Grace", ADA), "train")
    snapshot(project, frame(1), "other")
    flip(project.objects.path(broken.manifest))
    give_up(project, "train@1", "damaged")
    assert verify(project, deep=True).is_clean
    assert gc.plan(project).is_empty
