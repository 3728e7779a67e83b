"""A project with versions of a model to judge, made once; each test gets a copy of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.models import registry
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.runs import mirror
from mlops_jupyter.store.lock import exclusive
from tests.models.training import keep_run
from tests.promotion import raising
from tests.promotion.training import blind_model, flights, good_model

GOOD, BLIND, AGAIN, RAISING, WAITING = 1, 2, 3, 4, 5
"""The versions: what looks at the hour, what does not, one as the first; and see `raising`."""

FLOOR = {"floor": {"metric": "accuracy", "at_least": 0.6}}
COMPARE = {"compare": {"metric": "roc_auc", "margin": 0.01}}


@pytest.fixture(scope="session")
def judgeable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the project that others are copies of."""
    made = init(tmp_path_factory.mktemp("judgeable") / "flights")
    snapshot(made, flights(seed=1), "train")
    snapshot(made, flights(2000, seed=2), "test")
    snapshot(made, flights(12, seed=2), "few")
    cloudpickle.register_pickle_by_value(raising)
    broken = (raising.RaisingModel(), raising.WaitingModel())
    models = (good_model(), blind_model(), good_model(), *broken)
    with exclusive(made.folder / mirror.ALIVE, 0, mirror.WHAT):
        runs = [keep_run(made, model, copy=False, reads=["train@1"]) for model in models]
        mirror.drain(made)
        for run in runs:
            registry.register(made, "late", run)
    made.catalog.close()
    return made.root


@pytest.fixture
def late(
    judgeable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Project]]:
    """Return a function that gives the project its policy, and is in it."""
    root = tmp_path / "flights"
    shutil.copytree(judgeable, root)
    monkeypatch.chdir(root)
    monkeypatch.delenv("CI", raising=False)
    for variable in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_ACTOR"):
        monkeypatch.delenv(variable, raising=False)
    with exclusive(root / ".mlops" / mirror.ALIVE, 0, mirror.WHAT):
        yield lambda *checks, **said: policy(root, *checks, **said)


def policy(root: Path, *checks: dict[str, Any], data: str = "test@1", **said: Any) -> Project:
    """Write the policy of `late`; JSON is YAML."""
    judged = {
        "evaluate": {"data": data, "label": "late"},
        "checks": list(checks or (FLOOR, COMPARE)),
        **said,
    }
    lines = json.dumps({"version": 1, "models": {"late": judged}}, indent=2)
    (root / "mlops.yaml").write_text(lines)
    return open_project(root)
