"""Promotion with every MLflow: the embedded one, and a team's server on PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from mlops_jupyter.cli.main import main
from mlops_jupyter.errors import ConflictError, ExternalError
from mlops_jupyter.models import claim, notes, registry
from mlops_jupyter.project import Project, init
from mlops_jupyter.promotion import history, promote
from mlops_jupyter.promotion.decision import Decision
from mlops_jupyter.promotion.recording import publish
from mlops_jupyter.promotion.recording.ledger import verify
from mlops_jupyter.store.objects import digest_of
from tests.contracts import killed_promotion
from tests.contracts.test_mirror import project_on
from tests.mlflow_server import Line, MlflowServer
from tests.models.training import keep_run
from tests.promotion.decided import judged
from tests.promotion.training import blind_model, good_model

pytestmark = pytest.mark.usefixtures("impatient")


def with_models(project: Project, model: str) -> Project:
    """Register two versions."""
    for make in (good_model, blind_model):
        registry.register(project, model, keep_run(project, make()))
    return project


@pytest.fixture(scope="module", params=["embedded", "server"])
def anywhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with two versions of ``late``, once with each kind of MLflow."""
    folder = tmp_path_factory.mktemp(request.param) / "flights"
    if request.param == "embedded":
        return with_models(init(folder), "late")
    return with_models(project_on(request.getfixturevalue("server").uri, folder), "late")


def client(project: Project) -> MlflowClient:
    return MlflowClient(tracking_uri=project.tracking_uri, registry_uri=project.tracking_uri)


def artifact(project: Project, version: int, decision: str) -> list[dict[str, Any]]:
    run = history_run(project, version)
    text = client(project).download_artifacts(run, f"decisions/{decision}.json")
    found: list[dict[str, Any]] = json.loads(Path(text).read_text(encoding="utf-8"))
    return found


def history_run(project: Project, version: int) -> str:
    run_id = registry.get(project, "late", version).run_id
    row = project.catalog.row("SELECT mlflow_run_id FROM run WHERE id = ?", (run_id,))
    assert row is not None
    return str(row[0])


def test_promoted_published_rolled_back_and_cut_off(anywhere: Project) -> None:
    project = anywhere
    judged(project, "late", 1, None)
    promote.promote(project, "late")
    found = judged(project, "late", 2, 1)
    made = promote.promote(project, "late")
    assert isinstance(made, Decision)

    # MLflow's version says what was decided on it
    tags = client(project).get_model_version("late", "2").tags
    assert (tags["mlops.verdict"], tags["mlops.decision"]) == ("pass", made.id)
    assert tags["mlops.decision_digest"] == made.digest
    # the run of the challenger holds the records, each with its proof
    entries = artifact(project, 2, found.id)
    assert [e["entry"]["kind"] for e in entries] == ["pass"]
    assert [e["entry"]["entry"] for e in artifact(project, 2, made.id)] == ["decision", "state"]
    for entry in entries:
        text = json.dumps(entry["entry"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert digest_of(text.encode()) == entry["digest"]

    assert promote.rollback(project, "late").to_version == 1
    assert registry.champion(project, "late") == 1
    whole = verify(project)
    assert (whole.problems, whole.notes) == ((), ())
    head = notes.tags_of(project, "late")[publish.head_tag(tags["mlops.ledger"])]
    assert head == whole.head

    # telling it twice changes nothing
    with project.catalog.transaction() as rows:
        rows.execute("UPDATE decision_outbox SET done_at = NULL")
    assert publish.drain(project) is None
    assert artifact(project, 2, found.id) == entries

    # the last decision is cut off, with all that is listed of it: only MLflow knows
    with cut_off(project):
        problems = [str(problem) for problem in verify(project).problems]
        assert any("MLflow was told of it when late was decided on" in p for p in problems)
        assert any("MLflow was told of it for late v1" in p for p in problems)
    assert verify(project).problems == ()


class cut_off:  # noqa: N801 - reads as a verb
    """Take the newest decision out of the catalog as if it had never been."""

    def __init__(self, project: Project) -> None:
        self._catalog = sqlite3.connect(project.catalog.path, isolation_level=None)
        self._before = sqlite3.connect(":memory:")

    def __enter__(self) -> None:
        self._catalog.backup(self._before)
        self._catalog.execute("DROP TRIGGER ledger_stays")
        ((newest,),) = self._catalog.execute(
            "SELECT decision_id FROM ledger ORDER BY number DESC LIMIT 1"
        )
        for table in ("ledger", "decision_state", "decision_outbox"):
            self._catalog.execute(f"DELETE FROM {table} WHERE decision_id = ?", (newest,))
        self._catalog.execute("DELETE FROM decision WHERE id = ?", (newest,))

    def __exit__(self, *_: object) -> None:
        self._before.backup(self._catalog)
        self._catalog.close()
        self._before.close()


def test_what_mlflow_does_not_take_is_told_later(
    anywhere: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = anywhere
    before = registry.champion(project, "late")
    other = 2 if before == 1 else 1
    judged(project, "late", other, before)

    def away(*_: object) -> None:
        raise ExternalError("MLflow does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(notes, "tag_version", away)
        made = promote.promote(project, "late")  # the alias is what counts
        assert isinstance(made, Decision)
        assert publish.waiting(project) == (2, "MLflow does not answer")

    monkeypatch.chdir(project.root)
    with pytest.raises(SystemExit) as end:
        main(["sync"])
    assert end.value.code == 0
    assert publish.waiting(project) == (0, None)
    tags = client(project).get_model_version("late", str(other)).tags
    assert tags["mlops.decision"] == made.id


@pytest.fixture
def two_projects(server: MlflowServer, tmp_path: Path) -> tuple[Project, Project]:
    """Return two projects whose models have one name on one server."""
    made = []
    for name in ("mine", "theirs"):
        project = project_on(server.uri, tmp_path / name)
        registry.register(project, "shared", keep_run(project, good_model()))
        made.append(project)
    return made[0], made[1]


def test_of_two_projects_at_once_one_is_promoted(two_projects: tuple[Project, Project]) -> None:
    before = registry.champion(two_projects[0], "shared")
    versions = [
        next(v.version for v in registry.versions(project) if v.model == "shared")
        for project in two_projects
    ]
    for project, version in zip(two_projects, versions, strict=True):
        judged(project, "shared", version, before)

    def attempt(project: Project) -> Decision | None:
        try:
            made = promote.promote(project, "shared")
        except ConflictError:
            return None
        assert isinstance(made, Decision)
        return made

    with ThreadPoolExecutor(2) as pool:
        done = [made for made in pool.map(attempt, two_projects) if made is not None]

    assert len(done) == 1
    assert registry.champion(two_projects[0], "shared") == done[0].to_version
    for project in two_projects:
        assert verify(project).problems == ()
    tags = notes.tags_of(two_projects[0], "shared")
    assert not any(tag.startswith(claim.TAG) for tag in tags)


def test_another_project_is_at_it(
    two_projects: tuple[Project, Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = two_projects
    monkeypatch.setattr(claim, "TRIES", 1)

    with (
        claim.claimed(theirs, "shared"),
        pytest.raises(ConflictError, match="another project is about to"),
        claim.claimed(mine, "shared"),
    ):
        pytest.fail("two are in")

    notes.tag_model(mine, "shared", {f"{claim.TAG}.dead": "2026-01-01T00:00:00+00:00"})
    with claim.claimed(mine, "shared"):  # whoever claimed that is dead
        pass
    notes.untag_model(mine, "shared", f"{claim.TAG}.dead")


def test_the_line_is_cut_at_every_answer(server: MlflowServer, line: Line, tmp_path: Path) -> None:
    """The server does what it was asked, and its answer is lost."""
    project = with_models(project_on(line.uri, tmp_path / "flights"), "cut")
    champion, answers, cuts = None, 1, 0
    done: Decision | None = None
    while done is None:
        judged(project, "cut", 2 if champion == 1 else 1, champion)
        line.cut(after_answers=answers)
        try:
            made = promote.promote(project, "cut")
        except ExternalError:
            cuts += 1
        else:
            assert isinstance(made, Decision)
            done = made
        line.mend()
        promote.finish_dangling(project)
        champion = registry.champion(project, "cut")
        decided = history.decisions(project, "cut")
        assert all(one.state != "intended" for one in decided)
        assert history.champion_of(decided) == champion
        answers += 1

    assert cuts >= 4
    assert publish.drain(project) is None
    assert (verify(project).problems, verify(project).notes) == ((), ())

    # without MLflow the chain is verified all the same, and it is said what was not
    line.cut()
    whole = verify(project)
    assert whole.problems == ()
    assert [note.partition(":")[0] for note in whole.notes] == ["not compared with MLflow"]


def test_killed_at_each_step(tmp_path: Path) -> None:
    """By SIGKILL, in processes of their own."""
    with_models(init(tmp_path / "flights"), "late").catalog.close()
    done = subprocess.run(
        [sys.executable, killed_promotion.__file__, str(tmp_path / "flights")],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    killed = [json.loads(row) for row in done.stdout.splitlines()]

    assert [(row["seam"], row["done"]) for row in killed] == [
        (seam[1], is_done) for seam, is_done in killed_promotion.KILLS
    ]
    for row in killed:
        assert row["signal"] == 9
        assert row["problems"] == [], row
        assert row["decided"] == row["champion"], row
        assert "intended" not in row["states"], row
    moved = {(row["seam"], row["done"]): row["champion"] == row["challenger"] for row in killed}
    assert not moved["append", True]
    assert not moved["move_alias", False]
    assert moved["move_alias", True]
    assert moved["close", False]
