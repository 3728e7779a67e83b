"""A pipeline that is killed at random moments goes on where it was, and leaves nothing behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pipeline_kills
import pytest

KILLS = 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_runs_that_are_killed_end_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)  # there the copy to MLflow is waited for
    found = pipeline_kills.torment(tmp_path / "study", KILLS, seed=1, pause_seconds=0.05)
    assert found.wrong == []
    assert found.kills == KILLS
    assert found.rounds > 1
    assert (found.repeated, found.left_behind) == (0, 0)
    # each round runs each step once to its end
    assert found.acknowledged == found.rounds * len(pipeline_kills.STEPS)
