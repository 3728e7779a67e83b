"""A disk that takes no more in the middle of a verb: all is as before, and later it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from mlops_jupyter.upkeep import gc
from mlops_jupyter.upkeep.erase import erase
from mlops_jupyter.upkeep.verify import verify
from tests import full_disk
from tests.same_frame import assert_same
from tests.upkeep.store import frame, objects

ROOT = Path(__file__).parents[2]
ROWS = 60_000
LIMIT = 200_000
"""Bytes that a file may grow to, less than a column takes: the same path in our code as a full
disk."""

FULL = """
import signal, sys
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import open_project
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.upkeep.erase import erase
from tests.upkeep.store import frame
project = open_project(sys.argv[1])
try:
    {verb}
except MlopsError as error:
    print(error.message)
    sys.exit(error.exit_code)
"""

VERBS = {
    "snapshot": f"snapshot(project, frame(2, {ROWS}), 'train')",
    "erase": "erase(project, 'train', 'n < 576460752303423488', 'for law')",
}


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_changes_and_later_it_works(project: Project, verb: str) -> None:
    whole = frame(1, ROWS)
    version = snapshot(project, whole, "train")
    before = objects(project)

    full_disk.fails(FULL.format(verb=VERBS[verb]), str(project.root), largest=LIMIT, cwd=ROOT)
    assert [v.digest for v in versions.dataset(project, "train").versions] == [version.digest]
    assert_same(versions.load(project, "train@1"), whole)
    assert verify(project, deep=True).is_clean
    gc.collect(project, gc.plan(project))
    assert objects(project) == before

    if verb == "snapshot":
        assert snapshot(project, frame(2, ROWS), "train").ref == "train@2"
    else:
        erase(project, "train", "n < 576460752303423488", "for law")
    assert verify(project, deep=True).is_clean
