"""``mlops init`` makes a project, never overwrites, and says in one line what is wrong."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_jupyter.errors import IntegrityError, UsageError
from mlops_jupyter.project import FILE, find_root, init, open_project

CAP_DAC_OVERRIDE = 1
PR_CAPBSET_DROP = 24


def mlops(
    *words: str, cwd: Path, obey_permissions: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""

    def drop_override() -> None:  # root ignores the permission bits of files, unless told not to
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)

    return subprocess.run(
        [sys.executable, "-m", "mlops_jupyter.cli.main", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=drop_override if obey_permissions and os.getuid() == 0 else None,
    )


def closed_project(root: Path) -> Path:
    """Make a project whose catalog nobody has open, and return its folder."""
    project = init(root)
    project.catalog.close()
    return project.root


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_init_makes_what_a_project_needs(tmp_path: Path) -> None:
    project = init(tmp_path / "new")
    made = {str(p.relative_to(project.root)) for p in project.root.rglob("*")}
    assert {
        FILE,
        ".mlops/.gitignore",
        ".mlops/catalog.sqlite",
        ".mlops/mlops.schema.json",
        ".mlops/mlflow/mlflow.db",
    } <= made
    assert f"$schema={'.mlops/mlops.schema.json'}" in (project.root / FILE).read_text()


def test_init_again_changes_nothing(tmp_path: Path) -> None:
    root = closed_project(tmp_path)
    (root / FILE).write_text("version: 1\n# mine\n")
    before = contents(root)
    closed_project(root)
    assert contents(root) == before


def test_init_completes_a_clone_that_has_only_the_yaml(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("version: 1\n")
    assert init(tmp_path).catalog.rows("SELECT count(*) FROM run")[0][0] == 0
    assert (tmp_path / FILE).read_text() == "version: 1\n"


def test_the_embedded_mlflow_has_its_artifacts_in_the_project(tmp_path: Path) -> None:
    project = init(tmp_path / "it's 100% <mine>")
    database = sqlite3.connect(project.folder / "mlflow" / "mlflow.db")
    locations = database.execute("SELECT artifact_location FROM experiments").fetchall()
    mode = database.execute("PRAGMA journal_mode").fetchone()
    database.close()
    assert locations == [((project.folder / "mlflow" / "artifacts").as_uri() + "/0",)]
    assert mode == ("wal",)


def test_a_project_is_found_from_below(tmp_path: Path) -> None:
    root = init(tmp_path).root
    below = root / "notebooks" / "deep"
    below.mkdir(parents=True)
    assert find_root(below) == root
    assert open_project(below).root == root


def test_outside_a_project(tmp_path: Path) -> None:
    answer = mlops("runs", cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [
        f"error: {tmp_path}: not in a project, there is no mlops.yaml here or above",
        "  hint: make one with `mlops init`",
    ]
    assert contents(tmp_path) == {}


def test_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    answer = mlops("init", cwd=folder, obey_permissions=True)
    assert answer.returncode == 2
    assert "Permission denied" in answer.stderr
    assert "hint: use a folder that you may write to" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert contents(folder) == {}


def test_a_project_in_a_folder_that_became_read_only(tmp_path: Path) -> None:
    root = closed_project(tmp_path / "was fine")
    before = contents(root)
    for folder in (root, root / ".mlops"):
        folder.chmod(0o555)
    try:
        answer = mlops("runs", cwd=root, obey_permissions=True)
    finally:
        for folder in (root, root / ".mlops"):
            folder.chmod(0o755)
    assert answer.returncode == 2
    assert "cannot be opened for writing" in answer.stderr
    assert len(answer.stderr.splitlines()) == 2
    assert contents(root) == before


def test_a_corrupt_yaml_gives_line_and_column(tmp_path: Path) -> None:
    root = closed_project(tmp_path)
    (root / FILE).write_text("version: 1\npipelines:\n  - {")
    before = contents(root)
    answer = mlops("runs", cwd=root)
    assert answer.returncode == 2
    assert f"{root / FILE}:3:6: " in answer.stderr
    assert contents(root) == before


def test_a_corrupt_catalog_is_said_and_left_alone(tmp_path: Path) -> None:
    root = closed_project(tmp_path)
    catalog = root / ".mlops" / "catalog.sqlite"
    catalog.write_bytes(b"this is not a database, it is a poem" * 100)
    with pytest.raises(IntegrityError, match=r"catalog\.sqlite"):
        open_project(root)
    answer = mlops("runs", cwd=root)
    assert answer.returncode == 8
    assert "hint: restore the file from a backup" in answer.stderr
    assert catalog.read_bytes().startswith(b"this is not a database")


def test_an_unknown_command_says_what_was_meant(tmp_path: Path) -> None:
    answer = mlops("pipelin", cwd=tmp_path)
    assert answer.returncode == 2
    assert "did you mean 'pipeline'?" in answer.stderr


def test_open_project_takes_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = init(tmp_path / "a").root
    monkeypatch.setenv("MLOPS_PROJECT", str(root))
    monkeypatch.chdir(tmp_path)
    assert open_project().root == root
    with pytest.raises(UsageError):
        open_project(tmp_path)
