"""The files of a run: recorded with what they held, compared with now, kept afterwards."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from mlops_jupyter.cli.main import main
from mlops_jupyter.data import versions
from mlops_jupyter.errors import ConflictError, NotFoundError, UsageError
from mlops_jupyter.kernel.files import Accesses, FileAccess, FileWatch
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, recorder
from mlops_jupyter.runs.files import files_now, keep_file, read_files
from mlops_jupyter.runs.recorder import RunPart
from mlops_jupyter.runs.run import ReadFile
from mlops_jupyter.store.objects import digest_of
from tests.runs.test_recorder import executed


def record(project: Project, accesses: Accesses) -> str:
    """Record a run of one cell that accessed files."""
    session_id = recorder.open_session(project, "study.ipynb")
    run_id = recorder.open_run(project, "study", session_id=session_id)
    cell = msgspec.structs.replace(
        executed(session_id, 1, "fit(read())"), files=read_files(project, accesses)
    )
    recorder.record(project, cell, [RunPart(run_id, closes="finished")])
    return run_id


@pytest.fixture
def run_id(project: Project) -> str:
    """A run that really read a file of the project, and one outside."""
    Path("data").mkdir()
    Path("data/train.csv").write_text("a\n1\n")
    Path("../outside.csv").write_text("b\n")
    watch = FileWatch(project.root)
    watch.start()
    watch.begin()
    for name in sorted(os.listdir("data")):  # noqa: PTH208
        Path("data", name).read_text()
    Path("../outside.csv").read_text()
    Path("model.bin").write_bytes(b"model")
    accesses = watch.end()
    watch.stop()
    return record(project, accesses)


def files(project: Project, run_id: str) -> dict[tuple[str, str], ReadFile]:
    [cell] = history.detail(project, run_id).cells
    return {(file.access, file.path): file for file in cell.files}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_what_a_cell_read_is_read_back(project: Project, run_id: str) -> None:
    found = files(project, run_id)
    outside = str((project.root / "../outside.csv").resolve())
    assert set(found) == {
        ("read", "data"),
        ("read", "data/train.csv"),
        ("read", outside),
        ("write", "model.bin"),
    }
    assert found["read", "data/train.csv"] == ReadFile(
        "data/train.csv", "read", "file", 4, digest_of(b"a\n1\n")
    )
    assert found["read", "data"].kind == "folder"
    assert found["read", "data"].digest is not None
    assert found["write", "model.bin"].digest == digest_of(b"model")


def test_what_was_read_before_the_cell_changed_it_is_not_known(project: Project) -> None:
    Path("a.txt").write_text("new")
    path = str(project.root / "a.txt")
    both = Accesses((FileAccess(path, "read", "file"), FileAccess(path, "write", "file")))
    appended = Accesses((FileAccess(path, "append", "file"),))
    for accesses in (both, appended):
        assert read_files(project, accesses) == (
            ReadFile("a.txt", "read", "file", None, None),
            ReadFile("a.txt", "write", "file", 3, digest_of(b"new")),
        )


def test_a_name_that_is_not_utf_8_can_be_written_down(project: Project) -> None:
    path = os.fsdecode(os.fsencode(project.root) + b"/\xff.csv")
    Path(path).write_text("1")
    found = files(project, record(project, Accesses((FileAccess(path, "read", "file"),))))
    assert found["read", r"\xff.csv"].digest == digest_of(b"1")


def test_addresses_and_queries_are_written_down_as_they_are(project: Project) -> None:
    accesses = Accesses(
        (
            FileAccess("https://example.org/a.csv", "read", "url"),
            FileAccess("SELECT * FROM t", "read", "query"),
        )
    )
    found = files(project, record(project, accesses))
    assert [(f.kind, f.path, f.digest) for f in found.values()] == [
        ("query", "SELECT * FROM t", None),
        ("url", "https://example.org/a.csv", None),
    ]


def test_what_became_of_a_file(project: Project, run_id: str) -> None:
    def states() -> dict[str, str | None]:
        found = files_now(project, files(project, run_id).values())
        return {now.file.path: now.state for now in found if now.file.path[:1] != "/"}

    assert states() == {"data": None, "data/train.csv": "unchanged", "model.bin": "unchanged"}
    Path("data/train.csv").write_text("a\n2\n")
    Path("model.bin").unlink()
    assert states() == {"data": None, "data/train.csv": "changed", "model.bin": "gone"}


def test_show_lists_the_files(
    project: Project, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = digest_of(b"a\n1\n")[:15]
    lines = run(capsys, "show", run_id)[1].splitlines()
    assert f"read      data/train.csv  {digest}" in lines
    Path("data/train.csv").write_text("a\n2\n")
    lines = run(capsys, "show", run_id)[1].splitlines()
    assert f"read      data/train.csv  {digest}  changed since" in lines
    Path("data/train.csv").unlink()
    lines = run(capsys, "show", run_id)[1].splitlines()
    assert f"read      data/train.csv  {digest}  gone" in lines

    told = json.loads(run(capsys, "show", run_id, "--json")[1])
    assert {
        "path": "data/train.csv", "access": "read", "kind": "file", "size_bytes": 4,
        "digest": digest_of(b"a\n1\n"), "not_kept": None,
    } in told["cells"][0]["files"]  # fmt: skip


@pytest.mark.parametrize("path", ["data/train.csv", "./data/../data/train.csv", "absolute"])
def test_a_file_that_a_run_read_is_kept_afterwards(
    project: Project, run_id: str, path: str
) -> None:
    path = str(project.root / "data/train.csv") if path == "absolute" else path
    version = keep_file(project, run_id[:8], path, "train")
    assert version.ref == "train@1"
    assert history.get(project, run_id).data == ("train@1",)
    kept = versions.load(project, "train@1")
    assert isinstance(kept, Path)
    assert kept.read_text() == "a\n1\n"
    assert keep_file(project, run_id, path, "train") == version


def test_a_file_that_has_changed_is_not_kept(project: Project, run_id: str) -> None:
    Path("data/train.csv").write_text("a\n22\n")
    with pytest.raises(ConflictError, match=r"changed since .* 4 then, 5 bytes now, changed at 2"):
        keep_file(project, run_id, "data/train.csv", "train")
    Path("data/train.csv").unlink()
    with pytest.raises(ConflictError, match="is gone"):
        keep_file(project, run_id, "data/train.csv", "train")
    assert versions.datasets(project) == ()


def test_a_file_that_was_not_read_is_not_kept(project: Project, run_id: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        keep_file(project, run_id, "data/trian.csv", "train")
    assert caught.value.hint == "did you mean 'data/train.csv'?"
    with pytest.raises(NotFoundError):
        keep_file(project, run_id, "model.bin", "model")
    with pytest.raises(NotFoundError):
        keep_file(project, "nobody", "data/train.csv", "train")
    with pytest.raises(UsageError, match="not a name"):
        keep_file(project, run_id, "data/train.csv", "../train")


def test_a_file_with_unknown_content_is_not_kept(project: Project) -> None:
    Path("a.txt").write_text("new")
    appended = Accesses((FileAccess(str(project.root / "a.txt"), "append", "file"),))
    with pytest.raises(UsageError, match="is not known"):
        keep_file(project, record(project, appended), "a.txt", "a")


def test_keep_as_a_command(
    project: Project, run_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "keep", run_id, "data/train.csv")
    assert (code, out.split()[0]) == (0, "train@1")
    Path("data/train.csv").write_text("a\n2\n")
    code, _, err = run(capsys, "keep", run_id, "data/train.csv", "--name", "train")
    assert (code, len(err.splitlines())) == (6, 2)
