"""What was acknowledged is there after kills at random moments, and verify finds nothing."""

from __future__ import annotations

from pathlib import Path

import data_kills

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from tests.upkeep.store import flip

KILLS = 10


def test_nothing_is_lost_to_kills_of_snapshots_and_collections(tmp_path: Path) -> None:
    found = data_kills.run(tmp_path / "study", KILLS, seed=4)
    assert found.wrong == []
    assert (found.kills, found.damages, found.lost) == (KILLS, 0, 0)
    assert found.acknowledged >= KILLS, "processes were killed before they did anything"


def test_what_is_lost_or_wrong_is_noticed(project: Project) -> None:
    snapshot(project, data_kills.value(1), "mine-a")
    broken = snapshot(project, data_kills.value(2), "mine-b")
    flip(project.objects.path(broken.manifest))
    found = data_kills.Report()
    data_kills.examine(project, [["mine-a", 1, 5]], found)
    assert (found.acknowledged, found.damages, found.lost) == (1, 1, 1)
    assert found.wrong[-1] == "mine-a@1 is not what was taken"
