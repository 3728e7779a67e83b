"""``capture: {files: snapshot}``: files that cells read and write become data versions."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import Source
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.kernel.files import Accesses, FileAccess
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history, keeping, mirror, recorder
from mlops_jupyter.runs.files import read_files
from mlops_jupyter.runs.recorder import RunPart
from mlops_jupyter.store.objects import digest_of
from tests.cli.test_data import run
from tests.kernel import Kernel
from tests.runs.test_recorder import executed


@pytest.fixture
def keeps(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that keeps files."""
    monkeypatch.setenv("MLOPS_CAPTURE_FILES", "snapshot")
    return open_project(project.root)


@pytest.fixture
def keeper(keeps: Project) -> Iterator[Kernel]:
    """A kernel in it, which records."""
    made = Kernel(keeps.root)
    assert made.run("%load_ext mlops_jupyter").text == ""
    yield made
    made.close()


def wait_until_kept(project: Project) -> None:
    deadline = time.monotonic() + 240
    while keeping.is_waiting(project):
        assert time.monotonic() < deadline, (project.folder / mirror.LOG).read_text()
        time.sleep(0.05)


def cell(project: Project, *reads: str, writes: tuple[str, ...] = ()) -> str:
    """Record a run of one cell that touched files, as the kernel does; return the run's id."""
    accesses = [FileAccess(str(project.root / path), "read", "file") for path in reads]
    accesses += [FileAccess(str(project.root / path), "write", "file") for path in writes]
    files = read_files(project, Accesses(tuple(accesses)))
    session_id = recorder.open_session(project, "study.ipynb")
    run_id = recorder.open_run(project, "study", session_id=session_id)
    touched = replace(
        executed(session_id, 1, "fit(read())"),
        files=files,
        keeps=keeping.chosen(project, files),
    )
    recorder.record(project, touched, [RunPart(run_id, closes="finished")])
    return run_id


def refs(project: Project) -> list[str]:
    return [v.ref for one in versions.datasets(project) for v in reversed(one.versions)]


def not_kept(project: Project, run_id: str) -> dict[str, str | None]:
    [found] = history.detail(project, run_id).cells
    return {file.path: file.not_kept for file in found.files}


def test_what_a_cell_reads_and_writes_is_kept_and_bound(keeps: Project, keeper: Kernel) -> None:
    Path("data").mkdir()
    Path("data/train.csv").write_text("a\n1\n")
    os.utime("data/train.csv", (1e9, 1e9))  # else the first cell might have written it
    keeper.run(
        "%%track one\ntext = open('data/train.csv').read()\nopen('out.csv', 'w').write(text)"
    )
    wait_until_kept(keeps)
    [found] = history.page(keeps).runs
    assert found.data == ("out@1", "train@1")
    assert history.detail(keeps, found.id).made == ("out@1",)
    train = versions.resolve(keeps, "train@1")
    assert train.digest == digest_of(b"a\n1\n")
    assert train.source == Source("file", "data/train.csv")
    assert Path(versions.load(keeps, "out@1")).read_text() == "a\n1\n"

    # read again unchanged, it is bound when the cell ends; and so is what stands on that cell
    keeper.run("again = open('data/train.csv').read()")
    assert not keeping.is_waiting(keeps)
    keeper.run("%%track two\nlength = len(again)")
    assert history.page(keeps).runs[0].data == ("train@1",)


def test_a_run_that_mlflow_has_is_copied_again_with_the_version(keeps: Project) -> None:
    Path("a.csv").write_text("a")
    cell(keeps, "a.csv")
    with keeps.catalog.transaction() as rows:
        rows.execute("UPDATE outbox SET done_at = 'before'")
    assert keeping.keep_files(keeps) == 1
    assert history.waiting(keeps)[0] == 1


def test_one_path_is_one_dataset_and_another_path_another(keeps: Project) -> None:
    for folder in ("raw", "clean", "new/raw"):
        Path(folder).mkdir(parents=True)
        Path(folder, "train.csv").write_text(f"in {folder}")
        cell(keeps, f"{folder}/train.csv")
        keeping.keep_files(keeps)
    Path("raw/train.csv").write_text("grown")
    cell(keeps, "raw/train.csv")
    keeping.keep_files(keeps)
    assert refs(keeps) == ["clean-train@1", "raw-train@1", "train@1", "train@2"]


def test_a_file_that_was_named_by_hand_goes_on_under_that_name(keeps: Project) -> None:
    Path("a.csv").write_text("1")
    snapshot(keeps, "a.csv", "flights")
    Path("a.csv").write_text("2")
    cell(keeps, "a.csv")
    keeping.keep_files(keeps)
    assert refs(keeps) == ["flights@1", "flights@2"]


def test_the_name_of_a_frame_is_not_taken(keeps: Project) -> None:
    snapshot(keeps, pd.DataFrame(), "train")
    Path("train.csv").write_text("1")
    cell(keeps, "train.csv")
    keeping.keep_files(keeps)
    assert refs(keeps) == ["train@1", "train-2@1"]


def test_what_dvc_tracks_says_so(keeps: Project) -> None:
    md5 = hashlib.md5(b"a\n1\n", usedforsecurity=False).hexdigest()
    Path("a.csv").write_text("a\n1\n")
    Path("a.csv.dvc").write_text(f"outs:\n- md5: {md5}\n  size: 4\n  hash: md5\n  path: a.csv\n")
    cell(keeps, "a.csv")
    keeping.keep_files(keeps)
    source = versions.resolve(keeps, "a@1").source
    assert source is not None
    assert (source.kind, source.text) == ("dvc", "a.csv")


# --- what is not kept ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.write_text("another"), "it was changed before it could be kept"),
        (lambda path: path.write_text("aa"), "it was changed before it could be kept"),
        (Path.unlink, "it was gone before it could be kept"),
        (lambda path: (path.unlink(), path.mkdir()), "it was gone before it could be kept"),
    ],
)
def test_a_file_that_changed_meanwhile_is_no_version_and_the_run_says_so(
    keeps: Project, capsys: pytest.CaptureFixture[str], spoil, why: str
) -> None:
    Path("a.csv").write_text("bb")
    run_id = cell(keeps, "a.csv")
    spoil(Path("a.csv"))
    assert keeping.keep_files(keeps) == 0
    assert refs(keeps) == []
    assert not_kept(keeps, run_id) == {"a.csv": why}
    assert not keeping.is_waiting(keeps)
    assert f"not kept: {why}" in run(capsys, "show", run_id)[1]


def test_a_file_that_a_cell_wrote_and_that_is_gone(
    keeps: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out.csv").write_text("x")
    run_id = cell(keeps, writes=("out.csv",))
    Path("out.csv").unlink()
    keeping.keep_files(keeps)
    said = run(capsys, "show", run_id)[1]
    assert "wrote     out.csv  not kept: it was gone before it could be kept" in said


def test_show_tells_what_a_run_made_from_what_it_used(
    keeps: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.csv").write_text("x")
    Path("out.csv").write_text("y")
    run_id = cell(keeps, "in.csv", writes=("out.csv",))
    keeping.keep_files(keeps)
    lines = run(capsys, "show", run_id)[1].splitlines()
    assert {"data      in@1", "made      out@1"} <= set(lines)


@pytest.mark.parametrize(
    "path",
    [
        ".env", ".cache/model.bin", "venv/lib/python3.11/site-packages/sklearn/datasets/iris.csv",
        "helpers.py", "study.ipynb", "mlops.yaml", "empty.csv",
    ],
)  # fmt: skip
def test_what_is_no_data_is_left(keeps: Project, path: str) -> None:
    file = keeps.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    if path != "mlops.yaml":
        file.write_text("" if path == "empty.csv" else "secret")
    cell(keeps, path)
    assert not keeping.is_waiting(keeps)


def test_temporary_files_are_left(keeps: Project) -> None:
    outside = keeps.root.parent / "b.csv"  # pytest's folders are temporary ones
    outside.write_text("b")
    cell(keeps, str(outside))
    assert not keeping.is_waiting(keeps)


def test_large_files_are_left(keeps: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_CAPTURE_FILES_LIMIT", "1 kB")
    limited = open_project(keeps.root)
    Path("small.csv").write_bytes(b"x" * 1000)
    Path("large.csv").write_bytes(b"x" * 1001)
    cell(limited, "small.csv", "large.csv")
    keeping.keep_files(limited)
    assert refs(limited) == ["small@1"]


def test_a_cell_with_very_many_files_makes_no_datasets_of_them(keeps: Project) -> None:
    names = [f"{number}.png" for number in range(keeping.MOST_FILES + 1)]
    for name in names:
        Path(name).write_text(name)
    cell(keeps, *names)
    assert not keeping.is_waiting(keeps)


def test_an_unreadable_file_does_not_stop_the_others(keeps: Project) -> None:
    Path("a.csv").write_text("a")
    Path("b.csv").write_text("b")
    run_id = cell(keeps, "a.csv", "b.csv")
    Path("a.csv").unlink()
    os.mkfifo("a.csv")  # to read it would wait for a writer
    assert keeping.keep_files(keeps) == 1
    assert refs(keeps) == ["b@1"]
    assert not_kept(keeps, run_id)["a.csv"] is not None


# --- other settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(("setting", "rows", "kept"), [("digest", 1, 0), ("off", 0, 0)])
def test_without_snapshots(project: Project, setting: str, rows: int, kept: int) -> None:
    Path("mlops.yaml").write_text(f"capture: {{files: {setting}}}\n")
    Path("a.csv").write_text("a")
    kernel = Kernel(project.root)
    try:
        kernel.run("%load_ext mlops_jupyter")
        kernel.run("open('a.csv').read()")
        kernel.run("%%track n\nn = 1")
    finally:
        kernel.close()
    found = project.catalog.rows("SELECT count(*) FROM execution_file WHERE path = 'a.csv'")
    assert (found[0][0], len(refs(project))) == (rows, kept)
    assert not keeping.is_waiting(project)


def test_a_failure_of_ours_does_not_disturb_the_cell(keeps: Project, keeper: Kernel) -> None:
    Path("a.csv").write_text("a")
    (keeps.folder / mirror.LOG).mkdir()
    answer = keeper.run("%%track n\nn = len(open('a.csv').read())")
    assert answer.status == "ok"
    assert "not recorded" in answer.text
    [found] = history.page(keeps).runs
    assert (found.status, found.metrics["n"]) == ("finished", 1)
    (keeps.folder / mirror.LOG).rmdir()
    keeper.run("m = 1\nopen('a.csv').read()")
    wait_until_kept(keeps)
    assert history.page(keeps).runs[0].data == ("a@1",)


def test_what_a_dead_kernel_left_is_kept_by_the_next(keeps: Project) -> None:
    Path("a.csv").write_text("a")
    cell(keeps, "a.csv")
    kernel = Kernel(keeps.root)
    try:
        kernel.run("%load_ext mlops_jupyter")
        wait_until_kept(keeps)
    finally:
        kernel.close()
    assert refs(keeps) == ["a@1"]
