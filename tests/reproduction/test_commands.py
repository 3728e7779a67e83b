"""``mlops reproduce``: what it prints, and with which code it ends."""

from __future__ import annotations

import json

from mlops_jupyter.project import Project
from tests.command import Mlops
from tests.kernel import Kernel
from tests.reproduction.conftest import Session

DIFFERS = "%%track study\nvalue = 0.81 - 0.02 * ('MLOPS_REPRODUCES' in os.environ)"


def test_reproduced(offline: Project, session: Session, mlops: Mlops) -> None:
    run_id = session("x = 20", "%%track twice\ny = x * 2")
    code, out, _ = mlops("reproduce", run_id[:8])
    assert code == 0
    assert out.startswith(f"run {run_id[:8]}: reproduced exactly · 2 cells · ")
    shown = mlops("show", run_id)[1]
    assert "certified reproduced exactly · 2 cells · " in shown
    made = json.loads(mlops("show", run_id, "--json")[1])["certificate"]
    assert (made["verdict"], made["run_id"]) == ("exact", run_id)


def test_differs(offline: Project, session: Session, mlops: Mlops) -> None:
    run_id = session("import os", DIFFERS)
    code, out, _ = mlops("reproduce", run_id)
    assert code == 1
    assert "differs: value 0.81 → 0.79 (by 0.02)" in out
    code, out, _ = mlops("reproduce", run_id, "--tolerance", "0.1", "--json")
    assert (code, json.loads(out)["verdict"]) == (0, "within_tolerance")


def test_in_a_cell_and_in_python(offline: Project, kernel: Kernel, session: Session) -> None:
    run_id = session("x = 20", "%%track twice\ny = x * 2")
    answer = kernel.run(f"%mlops reproduce {run_id}")
    assert "reproduced exactly" in answer.text, answer
    answer = kernel.run(f"import mlops_jupyter\nmlops_jupyter.reproduce('{run_id}').verdict")
    assert answer.data[0]["text/plain"] == "'exact'"


def test_an_unknown_run(mlops: Mlops) -> None:
    code, _, err = mlops("reproduce", "nothing")
    assert code == 2
    assert err == "error: there is no run 'nothing'\n  hint: see `mlops runs`\n"
