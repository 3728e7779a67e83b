"""What two runs differ in."""

from __future__ import annotations

import json

from mlops_jupyter.project import Project
from mlops_jupyter.reproduction.diff import Change, diff
from tests.command import Mlops
from tests.reproduction.conftest import Session

BEFORE = "%%track study\nrate = 0.1\nbase = 2\nscore = base * rate"
AFTER = "%%track study\nrate = 0.2\nbase = 2\nscore = base * rate"


def test_cells_parameters_and_metrics(offline: Project, session: Session, mlops: Mlops) -> None:
    one = session("import math", BEFORE)
    other = session("shift = 1", AFTER + " + shift * math.pi * 0")
    found = diff(offline, one, other[:10])
    assert (found.before, found.after) == (one, other)
    assert found.parameters == (Change("rate", "0.1", "0.2"),)
    assert [change.name for change in found.metrics] == ["score"]
    kinds = [(cell.kind, cell.text.splitlines()[0][:1]) for cell in found.cells]
    assert ("added", "+") in kinds
    (changed,) = (cell for cell in found.cells if cell.kind == "changed")
    assert "-rate = 0.1\n+rate = 0.2" in changed.text
    assert found.packages == ()

    code, out, _ = mlops("diff", one, other)
    assert code == 0
    assert "+rate = 0.2" in out
    assert "shift = 1" in out
    assert json.loads(mlops("diff", one, other, "--json")[1])["parameters"] == [
        {"name": "rate", "before": "0.1", "after": "0.2"}
    ]


def test_data_and_files(offline: Project, session: Session) -> None:
    file = offline.root / "numbers.csv"
    cells = (
        "frame = pd.read_csv('numbers.csv')",
        "%%track sum\n%snapshot frame --name numbers\ntotal = int(frame.a.sum())",
    )
    file.write_text("a\n1\n")
    one = session("import pandas as pd", *cells)
    file.write_text("a\n2\n")
    other = session(*cells)
    found = diff(offline, one, other)
    assert found.cells == ()
    assert found.data == (Change("numbers", "numbers@1", "numbers@2"),)
    (read,) = found.files
    assert read.name == "numbers.csv"
    assert read.before != read.after
    assert read.before is not None
    assert read.before.startswith("blake3:")


def test_a_run_and_itself(offline: Project, session: Session, mlops: Mlops) -> None:
    run_id = session(BEFORE)
    assert mlops("diff", run_id, run_id)[1] == "no difference\n"
    code, _, err = mlops("diff", run_id, "nothing")
    assert code == 2
    assert "there is no run 'nothing'" in err
