"""Which cells a run stands on."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mlops_jupyter.runs.code import ExecutedCell, git_state, needs_of, slice_of


def cell(number: int, needs: str = "", changes: str = "", *, opaque: bool = False) -> ExecutedCell:
    return ExecutedCell(number, frozenset(needs.split()), frozenset(changes.split()), opaque)


def kept(*cells: ExecutedCell) -> list[int]:
    return [c.execution_id for c in slice_of(cells)]


def test_dead_ends_are_left_out() -> None:
    assert kept(
        cell(1, changes="df"),
        cell(2, needs="df", changes="plot"),
        cell(3, needs="df", changes="model"),
        cell(4, needs="model", changes="score"),
    ) == [1, 3, 4]


def test_a_cell_that_may_have_changed_a_frame_in_place_is_kept() -> None:
    assert kept(cell(1, changes="df"), cell(2, needs="df", changes="df"), cell(3, needs="df")) == [
        1,
        2,
        3,
    ]


def test_an_opaque_cell_keeps_everything_before_it() -> None:
    assert kept(cell(1, changes="a"), cell(2, opaque=True), cell(3, needs="b")) == [1, 2, 3]


def test_no_cells_no_slice() -> None:
    assert kept() == []


def test_functions_are_followed() -> None:
    functions = {"f": frozenset({"g", "data"}), "g": frozenset({"f", "scale"})}
    assert needs_of({"f"}, functions) == {"f", "g", "data", "scale"}


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
