"""Erasing for law: the rows are gone from every version and every byte; all else stays."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_jupyter.config import Keep
from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.data.statistics import profile
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.upkeep import erase as erasing
from mlops_jupyter.upkeep import gc
from mlops_jupyter.upkeep.erase import erase, look
from mlops_jupyter.upkeep.retention import outdated
from mlops_jupyter.upkeep.verify import verify
from tests.same_frame import assert_same
from tests.upkeep.store import ADA, WHY, bytes_hold, frame, keeping, objects, people, run_with


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
