"""Erasing for law: the rows are gone from every version and every byte; all else stays."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import zstandard

from mlops_jupyter.config import Keep
from mlops_jupyter.data import reach, versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.data.statistics import profile
from mlops_jupyter.errors import IntegrityError, NotFoundError, UsageError
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.upkeep import erase as erasing
from mlops_jupyter.upkeep import gc
from mlops_jupyter.upkeep.erase import erase, give_up, look
from mlops_jupyter.upkeep.retention import outdated
from mlops_jupyter.upkeep.verify import verify
from tests.same_frame import assert_same
from tests.upkeep.store import flip, frame, keeping, objects, run_with

ADA = "Ada Lovelace, born in Marylebone"
WHY = "asked for by the customer"


def people(*names: str, start: int = 0) -> pd.DataFrame:
    """Return a row for each name."""
    ids = range(start, start + len(names))
    return pd.DataFrame({"customer_id": ids, "name": names, "paid": [n * 1.5 for n in ids]})


def bytes_hold(project: Project, text: str) -> bool:
    """Tell whether some byte under ``.mlops/`` still says a word, compressed or not."""
    word = text.encode()
    for path in project.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.is_relative_to(project.objects.root):
                content = zstandard.ZstdDecompressor().decompress(content)
            if word in content:
                return True
    return False


def as_if_never(project: Project, place: Path, *taken: Any, name: str = "train") -> bool:
    """Tell whether the same objects lie there as if only these values had ever been taken."""
    fresh = init(place / "fresh")
    for value in taken:
        snapshot(fresh, value, name)
    return objects(project) == objects(fresh)


def test_the_rows_are_gone_from_every_version_and_everything_else_stays(
    project: Project, tmp_path: Path
) -> None:
    first = people("Grace", ADA, "Edsger")
    second = pd.concat([first, people("Barbara", start=3)], ignore_index=True)
    third = second.assign(paid=second["paid"] + 1)
    for number, one in enumerate((first, second, third), 1):
        snapshot(project, one, "train", f"note {number}", tags=[f"v-{number}"])
    run = run_with(project, versions.resolve(project, "train@2"))
    before = {v.ref: v for v in versions.dataset(project, "train").versions}
    assert bytes_hold(project, ADA)

    made = erase(project, "train", "customer_id = 1", WHY, actor="Grace")

    for ref, one in (("train@1", first), ("train@2", second), ("train@3", third)):
        assert_same(versions.load(project, ref), one[one["customer_id"] != 1])
        now = versions.resolve(project, ref)
        assert (now.note, now.tags, now.created_at) == (
            before[ref].note, before[ref].tags, before[ref].created_at,
        )  # fmt: skip
        assert now.row_count == before[ref].row_count - 1
        assert now.digest != before[ref].digest
        assert profile.of(project, ref).rows == now.row_count
    assert not bytes_hold(project, ADA)
    assert as_if_never(
        project, tmp_path, *(one[one["customer_id"] != 1] for one in (first, second, third))
    )
    assert [(v.ref, v.rows, v.before) for v in made.versions] == [
        (ref, 1, before[ref].digest) for ref in ("train@1", "train@2", "train@3")
    ]
    bound = project.catalog.row("SELECT version_id FROM run_data WHERE run_id = ?", (run,))
    assert bound["version_id"] == versions.row_id(project, versions.resolve(project, "train@2"))
    assert verify(project, deep=True).is_clean


def test_a_record_is_left(project: Project) -> None:
    before = snapshot(project, people("Grace", ADA), "train")
    made = erase(project, "train", "name = 'Grace'", WHY, actor="Edsger")
    row = dict(project.catalog.rows("SELECT * FROM erasure")[0])
    report = json.loads(row.pop("report"))
    assert row == {
        "id": made.id,
        "dataset": "train",
        "predicate": "name = 'Grace'",
        "reason": WHY,
        "actor": "Edsger",
        "erased_at": made.erased_at,
    }
    after = versions.resolve(project, "train@1").digest
    assert report["versions"] == [
        {"ref": "train@1", "rows": 1, "before": before.digest, "after": after, "same_as": None}
    ]


def test_a_look_changes_nothing(project: Project) -> None:
    snapshot(project, people("Grace", ADA), "train")
    before = objects(project)
    found = look(project, "train", "customer_id = 1")
    assert [(v.ref, v.rows) for v in found.versions] == [("train@1", 1)]
    assert (found.id, objects(project)) == (None, before)
    assert_same(versions.load(project, "train@1"), people("Grace", ADA))


def test_no_such_row_changes_nothing(project: Project) -> None:
    version = snapshot(project, people("Grace"), "train")
    before = objects(project)
    made = erase(project, "train", "customer_id = 99", WHY)
    assert (made.versions, made.id) == ((), None)
    assert versions.resolve(project, "train@1") == version
    assert objects(project) == before
    assert project.catalog.rows("SELECT * FROM erasure") == []


def test_a_version_without_such_rows_keeps_nothing_of_those_with_them(
    project: Project, tmp_path: Path
) -> None:
    """It is stored as a difference from one that had them."""
    base = frame(1, rows=20_000).assign(customer_id=range(20_000))
    base["word"] = [f"word {n}" for n in range(20_000)]
    base.loc[77, "word"] = ADA
    snapshot(project, base, "train")
    without = base.drop(index=77)
    second = snapshot(project, without, "train")
    assert bytes_hold(project, ADA)

    erase(project, "train", "customer_id = 77", WHY)

    assert not bytes_hold(project, ADA)
    assert versions.resolve(project, "train@2").digest == second.digest
    assert_same(versions.load(project, "train@2"), without)
    assert as_if_never(project, tmp_path, without)
    assert verify(project, deep=True).is_clean


def test_rows_that_only_a_version_had_which_is_gone_are_gone_too(project: Project) -> None:
    """What is there stands on objects of what retention gave up."""
    base = people(*(f"person {n}" for n in range(3000)))
    base.loc[77, "name"] = ADA
    snapshot(project, base, "train")
    left = base.drop(index=77)
    snapshot(project, left, "train")
    keep = keeping(project, train=Keep(versions=1))
    gc.collect(keep, gc.plan(keep))
    assert bytes_hold(project, ADA)

    erase(project, "train", "customer_id = 77", WHY)

    assert not bytes_hold(project, ADA)
    assert_same(versions.load(project, "train@2"), left)


def _categorical(names: list[str]) -> pd.DataFrame:
    made = people(*names)
    return made.assign(name=pd.Categorical(names, categories=["unused", *sorted(set(names))]))


def _levels(names: list[str]) -> pd.DataFrame:
    return people(*names).set_index(["name", "customer_id"])


def _series(names: list[str]) -> pd.Series:
    return pd.Series(names, name="name", index=pd.Index(range(len(names)), name="customer_id"))


def _category_index(names: list[str]) -> pd.DataFrame:
    made = people(*names)
    return made.set_index(pd.CategoricalIndex(names, name="name")).drop(columns="name")


def _objects(names: list[str]) -> pd.DataFrame:
    made = people(*names)
    return made.assign(name=pd.Series([*names[:-1], 5], dtype=object), extra=[{n} for n in names])


def _ordered(names: list[str]) -> pa.Table:
    kind = pa.dictionary(pa.int32(), pa.string(), ordered=True)
    column = pa.DictionaryArray.from_arrays(
        list(range(len(names))), pa.array(names), ordered=True
    ).cast(kind)
    return pa.table({"customer_id": list(range(len(names))), "name": column})


def _records(names: list[str]) -> list[dict[str, Any]]:
    return [{"customer_id": n, "name": name} for n, name in enumerate(names)]


KINDS: dict[str, Callable[[list[str]], Any]] = {
    "frame": lambda names: people(*names),
    "arrow strings": lambda names: people(*names).astype({"name": "string[pyarrow]"}),
    "categorical": _categorical,
    "levels of the index": _levels,
    "series": _series,
    "categories of the index": _category_index,
    "objects": _objects,
    "table": lambda names: pa.Table.from_pandas(people(*names)),
    "record batch": lambda names: pa.RecordBatch.from_pandas(people(*names)),
    "dictionary": lambda names: pa.table(
        {"customer_id": range(len(names)), "name": pa.array(names).dictionary_encode()}
    ),
    "ordered dictionary": _ordered,
    "polars": lambda names: pl.DataFrame({"customer_id": range(len(names)), "name": names}),
    "polars categorical": lambda names: pl.DataFrame(
        {"customer_id": range(len(names)), "name": pl.Series(names, dtype=pl.Categorical)}
    ),
    "records": _records,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_forgets_the_row(project: Project, kind: str) -> None:
    snapshot(project, KINDS[kind](["Grace", ADA, "Edsger"]), "train")
    assert bytes_hold(project, ADA)
    made = erase(project, "train", "customer_id = 1", WHY)
    assert [v.rows for v in made.versions] == [1]
    assert not bytes_hold(project, ADA)
    left = versions.load(project, "train@1")
    assert len(left) == 2
    assert type(left) is type(KINDS[kind](["Grace", ADA, "Edsger"]))
    assert verify(project, deep=True).is_clean


def test_categories_that_no_row_had_stay(project: Project) -> None:
    snapshot(project, _categorical(["Grace", ADA]), "train")
    erase(project, "train", "customer_id = 1", WHY)
    assert list(versions.load(project, "train@1")["name"].cat.categories) == ["unused", "Grace"]


def test_attrs_flags_and_dtypes_stay(project: Project) -> None:
    made = (
        people("Grace", ADA)
        .astype({"customer_id": "Int16"})
        .set_flags(allows_duplicate_labels=False)
    )
    made.attrs["unit"] = "EUR"
    snapshot(project, made, "train")
    erase(project, "train", "customer_id = 1", WHY)
    assert_same(versions.load(project, "train@1"), made.iloc[:1])


# --- versions that become the same ---------------------------------------------------------------


def test_a_version_that_becomes_another_one_is_had_by_both_names(project: Project) -> None:
    grace = people("Grace")
    snapshot(project, grace, "train")
    snapshot(project, people("Grace", ADA), "train", tags=["golden"])
    snapshot(project, people("Grace", ADA, ADA), "train")
    run = run_with(project, versions.resolve(project, "train@3"))

    made = erase(project, "train", f"name = '{ADA}'", WHY)

    assert [(v.ref, v.same_as) for v in made.versions] == [
        ("train@2", "train@1"),
        ("train@3", "train@1"),
    ]
    for ref in ("train@1", "train@2", "train@3", "train@golden", "train"):
        assert_same(versions.load(project, ref), grace)
        assert versions.resolve(project, ref).ref == "train@1"
    assert project.catalog.rows("SELECT * FROM run_data WHERE run_id = ?", (run,))
    assert verify(project, deep=True).is_clean
    assert not bytes_hold(project, ADA.swapcase())
    assert snapshot(project, people("Barbara"), "train").ref == "train@4"
    assert "train@1" not in [v.ref for v in outdated(keeping(project, train=Keep(versions=1)))]


def test_versions_whose_contents_pass_from_one_to_the_next(project: Project) -> None:
    """What train@2 was is what train@3 becomes, and so on."""
    one, two, three = people("Grace"), people("Grace", "Barbara"), people("Grace", "Barbara", ADA)
    snapshot(project, three, "train")
    snapshot(project, two, "train")
    snapshot(project, one, "train")
    erase(project, "train", "customer_id >= 1", WHY)
    assert {versions.resolve(project, f"train@{n}").ref for n in (1, 2, 3)} == {"train@3"}
    assert_same(versions.load(project, "train@1"), one)


def test_content_that_retention_gave_up_comes_back_for_one_that_needs_it(
    project: Project,
) -> None:
    snapshot(project, people("Grace"), "train")
    snapshot(project, people("Grace", ADA), "train")
    keep = keeping(project, train=Keep(versions=1))
    gc.collect(keep, gc.plan(keep))

    erase(project, "train", "customer_id = 1", WHY)

    assert_same(versions.load(project, "train@2"), people("Grace"))
    assert gc.plan(keep).is_empty
    assert_same(versions.load(project, "train@2"), people("Grace"))


def test_what_was_erased_does_not_come_back(project: Project) -> None:
    snapshot(project, people("Grace", ADA), "train")
    erase(project, "train", "customer_id = 1", WHY)
    with pytest.raises(UsageError, match=f"customer_id = 1 had to be erased .*: {WHY}") as caught:
        snapshot(project, people("Grace", ADA), "train")
    assert "take the rows out" in str(caught.value.hint)
    assert len(versions.dataset(project, "train").versions) == 1
    gc.collect(project, gc.plan(project))
    assert not bytes_hold(project, ADA)


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
            "INSERT INTO evaluation VALUES ('e', 'late', 1, ?, 'late', 1, 0, 'd', '{}', ?, 't')",
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


# --- others at work, and kills -------------------------------------------------------------------


def test_a_version_taken_while_it_is_prepared_is_erased_from_too(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot(project, people("Grace", ADA), "train")
    prepare = erasing.rewrite
    taken = []

    def slow(*args: Any) -> Any:
        done = list(prepare(*args))
        if not taken:  # somebody is faster
            taken.append(snapshot(open_project(project.root), people(ADA, "Edsger"), "train"))
        return done

    monkeypatch.setattr(erasing, "rewrite", slow)
    made = erase(project, "train", f"name = '{ADA}'", WHY)
    assert [v.ref for v in made.versions] == ["train@1", "train@2"]
    assert not bytes_hold(project, ADA.upper())
    assert_same(versions.load(project, "train@2"), people(ADA, "Edsger").iloc[1:])


KILLED = """
import os, signal, sys
from mlops_jupyter.project import open_project
from mlops_jupyter.upkeep import erase, gc, rewrite

def die(*args, **settings):
    os.kill(os.getpid(), signal.SIGKILL)

where = sys.argv[2]
if where == "prepared":
    erase._still_holds = die
elif where == "recorded":
    gc.sweep_now = die
elif where == "swept":
    gc.unfinished_in = die
erase.erase(open_project(sys.argv[1]), "train", "customer_id = 1", "for law")
"""


@pytest.mark.parametrize("where", ["prepared", "recorded", "swept"])
def test_a_kill_on_the_way_changes_all_or_nothing_and_the_next_one_finishes(
    project: Project, where: str
) -> None:
    first, second = people("Grace", ADA, "Edsger"), people("Grace", ADA, "Barbara")
    snapshot(project, first, "train")
    snapshot(project, second, "train")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(project.root), where], check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert verify(project, deep=True).is_clean
    rows = {versions.resolve(project, f"train@{n}").row_count for n in (1, 2)}
    assert rows == ({3} if where == "prepared" else {2})

    erase(project, "train", "customer_id = 1", WHY)

    assert not bytes_hold(project, ADA)
    assert_same(versions.load(project, "train@1"), first.drop(index=1))
    assert_same(versions.load(project, "train@2"), second.drop(index=1))
    assert gc.plan(project).is_empty
    assert len(project.catalog.rows("SELECT * FROM erasure")) == 1
