"""Damage is found wherever it is, and named with exactly those who suffer from it."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from mlops_jupyter.config import RemoteSettings
from mlops_jupyter.data import reach, versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import IntegrityError, MlopsError, NotFoundError
from mlops_jupyter.project import Project
from mlops_jupyter.sharing.push import push
from mlops_jupyter.upkeep import gc
from mlops_jupyter.upkeep.marks import PLAIN_COLUMNS
from mlops_jupyter.upkeep.repair import repair
from mlops_jupyter.upkeep.suffering import OWNERS, Suffering
from mlops_jupyter.upkeep.verify import Findings, Place, verify
from tests.same_frame import assert_same
from tests.upkeep.store import flip, frame, objects, run_with

FIGURE = b"a figure " * 100


@pytest.fixture
def kept(project: Project, tmp_path: Path) -> dict[str, DatasetVersion]:
    """A small store: three versions of a frame, each standing on the one before, and a file."""
    first = frame(1)
    second = first.assign(n=frame(2)["n"])
    third = pd.concat([second, frame(3)], ignore_index=True)
    (tmp_path / "raw.csv").write_text("a,b\n1,2\n" * 1000)
    taken = [snapshot(project, f, "train") for f in (first, second, third)]
    taken.append(snapshot(project, tmp_path / "raw.csv", "raw"))
    return {version.ref: version for version in taken}


def loads(project: Project, ref: str) -> bool:
    """Tell whether a version can be had."""
    try:
        versions.load(project, ref)
    except MlopsError:
        return False
    return True


def needs(project: Project, version: DatasetVersion) -> set[str]:
    return reach.objects_of(project.objects, version.manifest) | (
        {version.profile} if version.profile else set()
    )


def damages(findings: Findings) -> dict[str, str]:
    return {damage.what: damage.why for damage in findings.damages}


def test_of_every_object_it_is_known_who_needs_it() -> None:
    assert {table for table, _ in PLAIN_COLUMNS} <= OWNERS.keys()


def test_what_is_whole_is_clean(project: Project, kept: dict[str, DatasetVersion]) -> None:
    places: list[Place] = []
    found = verify(project, deep=True, progress=places.append)
    assert found.is_clean
    assert (found.versions, found.garbage.count, found.strangers) == (4, 0, ())
    assert found.objects.count == len(objects(project))
    assert {place.what for place in places} == {"objects", "versions"}
    assert [p for p in places if p.what == "versions"][-1] == Place("versions", 4, 4)


def test_a_flipped_bit_in_any_object_is_found_with_exactly_those_who_suffer(
    project: Project, kept: dict[str, DatasetVersion]
) -> None:
    run = run_with(project, kept["train@2"], figure=FIGURE)
    needed = {ref: needs(project, version) for ref, version in kept.items()}
    everything = sorted(set().union(*needed.values()) | {project.objects.write(FIGURE)})
    assert len(everything) == len(objects(project))
    for digest in everything:
        path = project.objects.path(digest)
        whole = path.read_bytes()
        flip(path)

        found = verify(project)

        suffer = tuple(sorted(ref for ref in needed if digest in needed[ref]))
        runs = (run,) if "train@2" in suffer or not suffer else ()
        assert damages(found) == {digest: "damaged, its content is not what its name says"}
        assert found.damages[0].suffers == Suffering(suffer, runs)
        path.write_bytes(whole)
    assert verify(project, deep=True).is_clean


def test_each_missing_object_is_named_and_other_versions_are_fine(
    project: Project, kept: dict[str, DatasetVersion]
) -> None:
    needed = {ref: needs(project, version) for ref, version in kept.items()}
    for digest in sorted(set().union(*needed.values())):
        path = project.objects.path(digest)
        aside = path.with_suffix(".aside")
        path.rename(aside)

        found = verify(project)

        assert damages(found) == {digest: "missing"}
        suffer = {ref for ref in needed if digest in needed[ref]}
        assert set(found.damages[0].suffers.versions) == suffer
        assert all(loads(project, ref) for ref in needed.keys() - suffer)
        aside.rename(path)


def test_a_catalog_without_its_objects(project: Project, kept: dict[str, DatasetVersion]) -> None:
    shutil.rmtree(project.objects.root)
    found = verify(project)
    assert found.suffers.versions == tuple(sorted(kept))
    assert set(damages(found).values()) == {"missing"}


def test_objects_without_their_catalog_are_garbage_and_no_fault(
    project: Project, kept: dict[str, DatasetVersion]
) -> None:
    with project.catalog.transaction() as rows:
        rows.execute("DELETE FROM dataset_version")
    found = verify(project)
    assert found.is_clean
    assert found.garbage.count == found.objects.count == len(objects(project))


def test_a_manifest_that_is_a_sound_object_and_says_nothing(
    project: Project, kept: dict[str, DatasetVersion]
) -> None:
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE dataset_version SET manifest = ? WHERE dataset = 'raw'",
            (project.objects.write(b"[1, 2]"),),
        )
    found = verify(project)
    assert list(damages(found)) == ["raw@1"]
    assert "not the manifest" in found.damages[0].why
    assert found.damages[0].suffers.versions == ("raw@1",)


def test_content_that_is_not_what_its_row_says_is_found_by_looking_deep(
    project: Project, kept: dict[str, DatasetVersion]
) -> None:
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE dataset_version SET manifest = ? WHERE dataset = 'train' AND number = 1",
            (kept["train@2"].manifest,),
        )
    assert verify(project).is_clean
    found = verify(project, deep=True)
    assert damages(found) == {"train@1": f"its content has the digest {kept['train@2'].digest}"}


def test_a_row_that_names_a_row_which_is_not_there(project: Project) -> None:
    with contextlib.closing(sqlite3.connect(project.catalog.path)) as catalog, catalog:
        catalog.execute("INSERT INTO run_data VALUES ('no such run', 7)")
    found = verify(project)
    assert {d.what for d in found.damages} == {"the catalog"}
    assert any("run_data" in d.why and "not there" in d.why for d in found.damages)


def test_a_damaged_page_of_the_catalog_is_never_called_clean(
    project: Project, kept: dict[str, DatasetVersion]
) -> None:
    project.catalog.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    project.catalog.close()
    path = project.catalog.path
    content = bytearray(path.read_bytes())
    pages = [n for n in range(0, len(content), 4096) if b"train" in content[n : n + 4096]]
    for page in pages:
        content[page : page + 200] = bytes(200)
    path.write_bytes(content)
    try:
        found = verify(project)
    except IntegrityError as error:
        assert "catalog.sqlite" in error.message  # noqa: PT017
    else:
        assert "the catalog" in damages(found)


def test_what_nobody_needs_and_is_damaged_is_told_too(project: Project) -> None:
    """The next one to write this content would take it for written."""
    digest = project.objects.write(b"garbage " * 100)
    flip(project.objects.path(digest))
    found = verify(project)
    assert list(damages(found)) == [digest]
    assert not found.damages[0].suffers.anybody


def test_some_versions_alone(project: Project, kept: dict[str, DatasetVersion]) -> None:
    flip(project.objects.path(kept["raw@1"].manifest))
    assert verify(project, deep=True, refs=["train"]).is_clean
    assert verify(project, refs=["train@2"]).objects.count == len(needs(project, kept["train@2"]))
    assert verify(project, refs=["raw@1"]).suffers.versions == ("raw@1",)
    with pytest.raises(NotFoundError, match="trian"):
        verify(project, refs=["trian"])


def test_a_file_that_is_no_object_is_told(project: Project) -> None:
    (project.objects.root / "ab").mkdir(parents=True)
    (project.objects.root / "ab" / "notes.txt").write_text("a person put this here")
    found = verify(project)
    assert (found.is_clean, found.strangers) == (True, ("ab/notes.txt",))


def test_a_bad_object_is_moved_away_and_the_next_snapshot_mends_it(
    project: Project, kept: dict[str, DatasetVersion], tmp_path: Path
) -> None:
    two = (kept["train@2"], kept["raw@1"])
    bad = set().union(*(needs(project, v) - {v.manifest} for v in two))
    for digest in bad:
        flip(project.objects.path(digest))
    second = frame(1).assign(n=frame(2)["n"])
    snapshot(project, second, "train")
    assert set(damages(verify(project))) == bad, "what lies there counts as written"

    mended = repair(project, verify(project))
    assert set(mended.moved) == set(mended.missing) == bad
    aside = {path.name for path in (project.folder / "damaged").iterdir()}
    assert aside == {digest.removeprefix("blake3:") for digest in bad}
    assert set(damages(verify(project)).values()) == {"missing"}

    assert snapshot(project, second, "train").ref == "train@2"
    assert snapshot(project, tmp_path / "raw.csv", "raw").ref == "raw@1"
    assert_same(versions.load(project, "train@2"), second)
    assert versions.load(project, "raw@1").read_bytes() == (tmp_path / "raw.csv").read_bytes()
    assert not set(verify(project).suffers.versions) & {"train@2", "raw@1"}


def test_a_damaged_manifest_makes_way_for_a_good_one(
    project: Project, kept: dict[str, DatasetVersion]
) -> None:
    flip(project.objects.path(kept["train@3"].manifest))
    repair(project, verify(project))
    third = pd.concat([frame(1).assign(n=frame(2)["n"]), frame(3)], ignore_index=True)
    assert snapshot(project, third, "train").ref == "train@3"
    assert_same(versions.load(project, "train@3"), third)
    assert not verify(project).suffers.anybody


def test_a_snapshot_does_not_stand_on_a_version_that_is_damaged(
    project: Project, kept: dict[str, DatasetVersion]
) -> None:
    for digest in needs(project, kept["train@3"]):
        flip(project.objects.path(digest))
    repair(project, verify(project))
    fourth = pd.concat([frame(1), frame(3)], ignore_index=True)
    assert snapshot(project, fourth, "train").ref == "train@4"
    assert_same(versions.load(project, "train@4"), fourth)
    assert "train@4" not in verify(project).suffers.versions


def sharing(project: Project, url: Path) -> Project:
    """Return the project as if ``mlops.yaml`` named this shared store."""
    remote = RemoteSettings(url=str(url))
    return replace(project, settings=replace(project.settings, remote=remote))


def test_good_copies_are_fetched_from_the_shared_store(
    project: Project, kept: dict[str, DatasetVersion], tmp_path: Path
) -> None:
    project = sharing(project, tmp_path / "shared")
    push(project)
    for number, digest in enumerate(sorted(needs(project, kept["train@3"]))):
        path = project.objects.path(digest)
        flip(path) if number % 2 else path.unlink()

    mended = repair(project, verify(project))

    assert (set(mended.fetched), mended.missing) == (needs(project, kept["train@3"]), ())
    assert verify(project, deep=True).is_clean


def test_a_bad_copy_in_the_shared_store_is_not_taken(
    project: Project, kept: dict[str, DatasetVersion], tmp_path: Path
) -> None:
    project = sharing(project, tmp_path / "shared")
    push(project)
    manifest = kept["raw@1"].manifest
    path = project.objects.path(manifest)
    bad = path.read_bytes()[:-1]
    for copy in (path, *(tmp_path / "shared").rglob(path.name)):
        copy.unlink()  # it may be the same file
        copy.write_bytes(bad)
    mended = repair(project, verify(project))
    assert (mended.moved, mended.fetched, mended.missing) == ((manifest,), (), (manifest,))
    assert not path.exists()


def test_nothing_is_collected_of_what_a_mended_version_needs(
    project: Project, kept: dict[str, DatasetVersion]
) -> None:
    """A version that misses an object still holds on to the others."""
    some = min(needs(project, kept["train@1"]) - {kept["train@1"].manifest})
    flip(project.objects.path(some))
    repair(project, verify(project))
    before = objects(project)
    assert gc.collect(project, gc.plan(project)).removed.count == 0
    assert objects(project) == before
