"""``gate``: real models, scored on real rows, and the verdict as a record. Nothing is moved."""

from __future__ import annotations

import pytest

from mlops_jupyter.data import versions
from mlops_jupyter.errors import IntegrityError, NotFoundError, UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import history, promote
from mlops_jupyter.promotion.decision import Decision
from mlops_jupyter.promotion.judging import gate
from mlops_jupyter.promotion.recording import chain
from mlops_jupyter.promotion.recording.ledger import verify
from tests.models.training import keep_run
from tests.promotion.study import study
from tests.promotion.training import good_model, upside_down_model

FLOOR = {"floor": {"metric": "accuracy", "at_least": 0.6}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with one policy, and nothing registered."""
    return study(tmp_path_factory.mktemp("judging") / "flights", FLOOR)


@pytest.fixture(scope="module")
def good(project: Project) -> str:
    return keep_run(project, good_model(), copy=False)


@pytest.fixture(scope="module")
def bad(project: Project) -> str:
    return keep_run(project, upside_down_model(), copy=False)


def test_nothing_is_registered_yet(project: Project) -> None:
    with pytest.raises(UsageError, match="late has no version yet"):
        gate(project, "late")
    with pytest.raises(NotFoundError, match="there is no model 'lat'"):
        gate(project, "lat")
    for challenger in ("xyz", "", "-1", "v", "🙂", "\udc80", "\0", "' OR 1=1 --"):
        with pytest.raises(NotFoundError, match="there is no run"):
            gate(project, "late", challenger)
    for version in (-1, 0, 2**70):
        with pytest.raises(NotFoundError, match="there is no version of the model"):
            gate(project, "late", version)
    with pytest.raises(UsageError, match="late v7 was not registered by this project"):
        gate(project, "late", 7)


def test_a_run_becomes_a_version_and_is_judged(project: Project, good: str, bad: str) -> None:
    made = gate(project, "late", good)

    assert (made.kind, made.state, made.from_version, made.to_version) == (
        "pass", "applied", None, 1,
    )  # fmt: skip
    assert registry.champion(project, "late") is None
    assert history.decisions(project, "late") == (made,)

    # the whole of what it rests on
    kept = chain.record(project, made.id)
    assert kept is not None
    run = project.catalog.rows("SELECT * FROM run WHERE id = ?", (good,))[0]
    assert kept["challenger"]["run_id"] == good
    assert kept["challenger"]["model_digest"] == run["model_digest"]
    assert kept["challenger"]["code_digest"] == run["code_digest"]
    assert kept["champion"] is None
    data = versions.resolve(project, "test@1")
    assert (kept["data"]["ref"], kept["data"]["digest"]) == ("test@1", data.digest)
    assert made.report is not None
    assert kept["data"]["rows_digest"] == made.report.rows_digest != ""
    assert kept["policy"]["evaluate"]["label"] == "late"

    # in short, or by its number, and without a champion still
    for challenger in (good[:10], "1", "v1", 1, None):
        assert gate(project, "late", challenger).to_version == 1

    done = promote.promote(project, "late")
    assert isinstance(done, Decision)
    assert registry.champion(project, "late") == 1
    with pytest.raises(UsageError, match="late v1 is champion already"):
        gate(project, "late")

    refused = gate(project, "late", bad)
    assert (refused.kind, refused.from_version, refused.to_version) == ("reject", 1, 2)
    assert refused.reason.startswith("accuracy at least 0.6: ")
    assert promote.promote(project, "late") == refused
    assert verify(project).problems == ()


def test_a_champion_whose_file_is_gone(project: Project) -> None:
    champion = registry.champion(project, "late")
    assert champion is not None
    path = project.objects.path(registry.get(project, "late", champion).model_digest)
    away = path.rename(path.with_suffix(".away"))
    before = history.decisions(project, "late")
    try:
        with pytest.raises(IntegrityError):
            gate(project, "late", 2)
    finally:
        away.rename(path)

    assert history.decisions(project, "late") == before
