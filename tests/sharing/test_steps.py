"""A step that was run on one host is known on another, if that one is trusted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.entry import NEWEST
from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.pipelines.plan import plan
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.runs import history
from mlops_jupyter.runs.mirror import ALIVE
from mlops_jupyter.sharing import steps
from mlops_jupyter.sharing.pull import pull
from mlops_jupyter.sharing.push import push
from mlops_jupyter.store.lock import exclusive
from tests.pipelines.notebooks import PARAMETERS, code, write
from tests.sharing.content import rows_of
from tests.sharing.test_hostile import opened, sealed

LOAD = """
import mlops_jupyter
import numpy as np
table = np.arange(20_000)  # large enough to lie in a data version
rows = list(mlops_jupyter.load("train@1")["a"]) + [len(open("note.txt").read())]
"""
FIT = """
score = float(sum(rows)) + table[0]
open("model.txt", "w").write(str(score))
"""
TRUSTED = "version: 1\nremote: {trust: true}\npipelines: {train: {notebook: train.ipynb}}\n"


def write_sources(root: Path, settings: str = TRUSTED) -> Project:
    """Write what a colleague has by git."""
    write(root / "train.ipynb", code("n = 1", PARAMETERS), code(LOAD, "step:load"),
          code(FIT, "step:fit"))  # fmt: skip
    (root / "note.txt").write_text("four")
    (root / "mlops.yaml").write_text(settings)
    return open_project(root)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Path]]:
    """Return a project in which the pipeline was run, and the shared store it was pushed to."""
    folder = tmp_path_factory.mktemp("steps")
    project = write_sources(init(folder / "mine").root)
    snapshot(project, pd.DataFrame({"a": [1, 2]}), "train")
    with exclusive(project.folder / ALIVE, 0, "copy runs to MLflow"):
        run_pipeline(project, "train", choice=Choice(audit=False))
        push(project, str(folder / "store"))
        yield project, folder / "store"


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """Return a function that makes a project as on another machine."""
    project = init(tmp_path / "theirs")
    with exclusive(project.folder / ALIVE, 0, "copy runs to MLflow"):
        yield lambda settings=TRUSTED: write_sources(project.root, settings)


def actions(project: Project) -> list[str]:
    return [step.action for step in plan(project, "train").steps]


def test_what_another_host_ran_is_not_run_again(
    store: tuple[Project, Path], clone: Callable[..., Project]
) -> None:
    mine, url = store
    theirs = clone()
    assert actions(theirs) == ["run", "run"]
    pull(theirs, str(url))
    assert actions(theirs) == ["cached", "cached"]
    assert rows_of(theirs) == rows_of(mine)

    run = run_pipeline(theirs, "train", choice=Choice(audit=False))
    assert [step.status for step in run.steps] == ["cached", "cached"]
    assert run.run_id is not None
    assert history.get(theirs, run.run_id).metrics == {"score": 7.0}
    assert (theirs.root / "model.txt").read_text() == "7.0"
    detail = history.detail(theirs, run.run_id)
    assert [cell.source.strip() for cell in detail.cells][-1] == FIT.strip()
    assert pull(theirs, str(url)).objects == 0


def test_a_step_after_it_runs_on_its_values(
    store: tuple[Project, Path], clone: Callable[..., Project]
) -> None:
    theirs = clone()
    pull(theirs, str(store[1]))
    other = FIT.replace("float(sum(rows))", "float(max(rows))")
    write(theirs.root / "train.ipynb", code("n = 1", PARAMETERS), code(LOAD, "step:load"),
          code(other, "step:fit"))  # fmt: skip
    run = run_pipeline(theirs, "train", choice=Choice(audit=False))
    assert [step.status for step in run.steps] == ["cached", "finished"]
    assert run.run_id is not None
    assert history.get(theirs, run.run_id).metrics == {"score": 4.0}


def test_whoever_is_not_trusted_gives_no_values(
    store: tuple[Project, Path], clone: Callable[..., Project]
) -> None:
    theirs = clone(TRUSTED.replace("true", "false"))
    pull(theirs, str(store[1]))
    first = plan(theirs, "train").steps[0]
    assert first.action == "run"
    assert "is not trusted: `remote: {trust: true}`" in first.why[0]


def escaping(row: dict[str, Any], path: str) -> None:
    writes = json.loads(row["writes"])
    row["writes"] = json.dumps([{**writes[0], "path": path}])


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "up": (lambda row: escaping(row, "../../outside.txt"), "cannot have written"),
    "absolute": (lambda row: escaping(row, "/tmp/outside.txt"), "cannot have written"),
    "ours": (lambda row: escaping(row, ".mlops/catalog.sqlite"), "cannot have written"),
    "settings": (lambda row: escaping(row, "./mlops.yaml"), "cannot have written"),
    "no JSON": (lambda row: row.update(records="{"), "cannot be"),
    "nothing": (lambda row: row.pop("records"), "has no records"),
    "its own object": (lambda row: row.update(passes="blake3:" + "0" * 64), "does not bring"),
    "no time": (lambda row: row.update(made_at="tomorrow"), "cannot be"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_step_that_no_pipeline_made_is_refused(
    what: str, store: tuple[Project, Path], clone: Callable[..., Project], tmp_path: Path
) -> None:
    spoil, said = HOSTILE[what]
    shared = shutil.copytree(store[1], tmp_path / "store")
    for path in (shared / "rows" / "step").iterdir():
        content = opened(path)
        path.unlink()
        row = content["tables"]["step_entry"][0]
        if row["step"] == "fit":
            spoil(row)
            made = sealed(content)
            path.with_name(f"{content['id']}.{digits(content)}").write_bytes(made)
    theirs = clone()
    with pytest.raises(IntegrityError, match=said):
        pull(theirs, str(shared))
    assert actions(theirs) == ["run", "run"]
    assert history.page(theirs).runs, "all else came"


def digits(content: dict[str, Any]) -> str:
    from mlops_jupyter.store.objects import digest_of

    text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return digest_of(text).partition(":")[2][:16]


def test_of_many_only_the_newest_come() -> None:
    from mlops_jupyter.sharing.bundle import Bundle

    def entry(number: int, step: str) -> Bundle:
        row = {"pipeline": "train", "step": step, "made_at": f"2026-01-01T00:00:{number:02d}+00:00"}
        return Bundle(1, steps.STEP, f"{step}{number}", {"step_entry": [row]})

    made = {b.id: b for b in [*(entry(n, "fit") for n in range(NEWEST + 2)), entry(0, "load")]}
    assert steps.superseded(made) == {"fit0", "fit1"}
