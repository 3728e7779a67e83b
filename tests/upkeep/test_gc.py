"""Garbage: all that nothing needs goes, nothing that something needs does."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlops_jupyter.config import Keep
from mlops_jupyter.data import tags, versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import ConflictError, IntegrityError, UsageError
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history
from mlops_jupyter.store import objects as store
from mlops_jupyter.store.objects import digest_of
from mlops_jupyter.upkeep import gc
from mlops_jupyter.upkeep.files import Heap
from mlops_jupyter.upkeep.marks import PLAIN_COLUMNS, Marks
from tests.same_frame import assert_same
from tests.upkeep.store import flip, frame, keeping, made_at, objects, run_with

OLD = "2020-01-01T00:00:00.000000+00:00"


def test_an_empty_project_has_no_garbage(project: Project) -> None:
    assert gc.plan(project).is_empty
    assert gc.collect(project, gc.plan(project)).removed == Heap()


def test_what_versions_and_runs_need_stays_and_the_rest_goes(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "raw.csv").write_bytes(os.urandom(1000))
    kept = [snapshot(project, frame(1), "train"), snapshot(project, tmp_path / "raw.csv", "raw")]
    run_with(project, figure=b"a figure")
    needed = objects(project)
    orphans = {project.objects.write(os.urandom(n * 100)) for n in range(1, 6)}

    garbage = gc.plan(project)
    assert (garbage.unneeded.count, garbage.of_versions.count) == (5, 0)
    assert objects(project) > needed, "a plan changes nothing"
    collected = gc.collect(project, garbage)

    assert collected.removed == garbage.total
    assert objects(project) == needed == objects(project) - orphans
    assert_same(versions.load(project, "train@1"), frame(1))
    assert versions.load(project, kept[1].ref).read_bytes() == (tmp_path / "raw.csv").read_bytes()
    assert gc.plan(project).is_empty


def test_each_column_that_names_objects_keeps_them(project: Project) -> None:
    kept = {}
    # without foreign keys: rows that name others stand here alone
    with contextlib.closing(sqlite3.connect(project.catalog.path)) as catalog, catalog:
        for number, (table, column) in enumerate(PLAIN_COLUMNS):
            facts = catalog.execute(
                'SELECT name, type FROM pragma_table_info(?) WHERE "notnull" OR pk', (table,)
            )
            row = {name: f"row-{number}" if kind == "TEXT" else number for name, kind in facts}
            row[column] = kept[table, column] = project.objects.write(b"%d" % number)
            places = ", ".join("?" * len(row))
            catalog.execute(
                f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", tuple(row.values())
            )
    assert Marks(project).needed() == set(kept.values())


def test_what_is_written_while_objects_are_marked_stays(project: Project) -> None:
    """The plan is old when it is carried out: what it calls garbage may be needed by then."""
    snapshot(project, frame(1), "train")
    lost = project.objects.write(b"needed again in a moment")
    garbage = gc.plan(project)
    assert garbage.unneeded.count == 1

    run = run_with(project, figure=b"needed again in a moment")
    collected = gc.collect(project, garbage)

    assert collected.removed.count == 0
    assert project.objects.read(lost) == b"needed again in a moment"
    assert history.get(project, run).status == "finished"


def test_nothing_is_removed_while_somebody_writes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "ALONE_SECONDS", 0.05)
    with project.objects.held():
        digest = project.objects.write(b"its row comes in a moment")
        with pytest.raises(ConflictError, match="keep something"):
            gc.collect(project, gc.plan(project))
        assert project.objects.read(digest) == b"its row comes in a moment"
    assert gc.collect(project, gc.plan(project)).removed.count == 1


def test_writers_wait_until_a_sweep_is_over(project: Project) -> None:
    order = []

    def write() -> None:
        with open_project(project.root).objects.held():
            order.append("written")

    with project.objects.alone():
        writer = threading.Thread(target=write)
        writer.start()
        writer.join(0.1)
        order.append("swept")
    writer.join()
    assert order == ["swept", "written"]


HOLDER = """
import sys, time
from mlops_jupyter.project import open_project
with open_project(sys.argv[1]).objects.held():
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_killed_writer_frees_the_objects(project: Project) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(project.root)], stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGKILL)
    with project.objects.alone():
        pass


def test_what_dead_processes_left_goes(project: Project, tmp_path: Path) -> None:
    version = snapshot(project, frame(1), "train")
    shard = project.objects.path(version.manifest).parent
    (shard / ".writing-0123").write_bytes(bytes(1000))
    files = project.folder / "files"
    (files / ".writing-old").mkdir(parents=True)
    (files / ".writing-old" / "raw.csv").write_bytes(bytes(500))
    os.utime(files / ".writing-old", (0, 0))
    (files / ".writing-young").mkdir()  # somebody may be at it

    garbage = gc.plan(project)
    assert garbage.leftovers == Heap(2, 1500)
    assert gc.collect(project, garbage).removed == Heap(2, 1500)
    assert [path.name for path in files.iterdir()] == [".writing-young"]
    assert_same(versions.load(project, "train@1"), frame(1))


def test_what_is_no_object_is_left_alone(project: Project) -> None:
    snapshot(project, frame(1), "train")
    mine = project.objects.root / "notes.txt"
    mine.write_text("a person put this here")
    (project.objects.root / "ab").mkdir(exist_ok=True)
    (project.objects.root / "ab" / "README").write_text("and this")
    assert gc.plan(project).is_empty
    gc.collect(project, gc.plan(project))
    assert mine.exists()


def test_a_damaged_manifest_stops_it(project: Project) -> None:
    version = snapshot(project, frame(1), "train")
    orphan = project.objects.write(b"an orphan")
    flip(project.objects.path(version.manifest))
    with pytest.raises(IntegrityError, match="what train@1 needs is not known") as caught:
        gc.plan(project)
    assert "--repair" in str(caught.value.hint)
    with pytest.raises(IntegrityError):
        gc.collect(project, gc.Garbage())
    assert project.objects.read(orphan) == b"an orphan"


def test_retention_gives_versions_up_and_keeps_their_rows(project: Project) -> None:
    for seed in range(5):
        snapshot(project, frame(seed), "train")
    keep = keeping(project, train=Keep(versions=2))
    before = objects(project)

    garbage = gc.plan(keep)
    assert [v.ref for v in garbage.versions] == ["train@1", "train@2", "train@3"]
    assert "not among the newest 2" in garbage.versions[0].why
    assert garbage.unneeded.count == 0
    collected = gc.collect(keep, garbage)

    assert collected.versions == ("train@1", "train@2", "train@3")
    assert collected.removed == garbage.of_versions
    assert len(objects(project)) == len(before) - collected.removed.count
    assert_same(versions.load(project, "train@4"), frame(3))
    with pytest.raises(UsageError, match=r"train@1: its content was given up .* newest 2"):
        versions.load(project, "train@1")
    assert versions.resolve(project, "train@1").gone_why is not None
    assert snapshot(project, frame(9), "train").ref == "train@6"


def test_a_version_of_the_plan_that_is_used_meanwhile_stays(project: Project) -> None:
    for seed in range(4):
        snapshot(project, frame(seed), "train")
    keep = keeping(project, default=Keep(versions=1))
    garbage = gc.plan(keep)
    assert [v.ref for v in garbage.versions] == ["train@1", "train@2", "train@3"]

    tags.tag(project, "train@1", "golden")
    run_with(project, versions.resolve(project, "train@2"))

    assert gc.collect(keep, garbage).versions == ("train@3",)
    assert_same(versions.load(project, "train@golden"), frame(0))
    assert_same(versions.load(project, "train@2"), frame(1))


def test_a_copy_of_a_file_goes_with_its_last_version(project: Project, tmp_path: Path) -> None:
    raw = tmp_path / "raw.csv"
    for text in ("one", "two"):
        raw.write_text(text)
        made_at(project, snapshot(project, raw, "raw"), OLD)
    old, new = versions.load(project, "raw@1"), versions.load(project, "raw@2")
    keep = keeping(project, default=Keep(days=30))

    garbage = gc.plan(keep)
    assert ([v.ref for v in garbage.versions], garbage.copies) == (["raw@1"], Heap(1, 3))
    gc.collect(keep, garbage)

    assert not old.exists()
    assert new.read_text() == "two"


def test_the_same_content_again_is_the_same_version_again(project: Project) -> None:
    made_at(project, snapshot(project, frame(1), "train", "as delivered"), OLD)
    snapshot(project, frame(2), "train")
    keep = keeping(project, default=Keep(days=30))
    gc.collect(keep, gc.plan(keep))

    again = snapshot(project, frame(1), "train")

    assert (again.ref, again.note, again.gone_at) == ("train@1", "as delivered", None)
    assert_same(versions.load(project, "train@1"), frame(1))
    assert gc.plan(keep).is_empty, "what was taken a moment ago is young"


def test_ten_thousand_objects_are_collected(project: Project) -> None:
    snapshot(project, frame(1), "train")
    for number in range(10_000):  # not through `write`, which waits for the disk
        digest = digest_of(b"%d" % number)
        path = project.objects.path(digest)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    collected = gc.collect(project, gc.plan(project))
    assert collected.removed.count == 10_000
