"""The state of git beside a run."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mlops_jupyter.runs.code import git_state


def test_git_state(tmp_path: Path) -> None:
    assert git_state(tmp_path) == (None, None)

    def git(*words: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(
            ["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    assert git_state(tmp_path) == (None, None)
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-qm", "first")
    assert git_state(tmp_path) == (git("rev-parse", "HEAD"), False)
    (tmp_path / "file").write_text("two")
    assert git_state(tmp_path) == (git("rev-parse", "HEAD"), True)
