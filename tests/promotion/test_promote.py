"""Promotion, refusal and rollback against a real MLflow, whose alias is the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mlops_jupyter.config import Evaluate
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import (
    ConflictError,
    ExternalError,
    IntegrityError,
    NotFoundError,
    UsageError,
)
from mlops_jupyter.models import estimator, registry
from mlops_jupyter.project import Project, init
from mlops_jupyter.promotion import actor, history, promote
from mlops_jupyter.promotion.approval import waiting
from mlops_jupyter.promotion.decision import Decision, Verdict
from mlops_jupyter.promotion.recording.ledger import verify
from mlops_jupyter.promotion.scoring import evaluation
from mlops_jupyter.promotion.scoring.rows import take_rows
from tests.models.training import keep_run
from tests.promotion.decided import judged, policy, report
from tests.promotion.training import LABEL, blind_model, flights, good_model, upside_down_model


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return one project for all tests here; each test takes a model name of its own."""
    return init(tmp_path_factory.mktemp("promotion") / "flights")


@pytest.fixture(scope="module")
def runs(project: Project) -> list[str]:
    """Return three runs with a model each."""
    return [keep_run(project, make()) for make in (good_model, blind_model, upside_down_model)]


@pytest.fixture
def model(project: Project, runs: list[str], request: pytest.FixtureRequest) -> str:
    """Return a model of this test's own, with versions 1, 2 and 3."""
    name = request.node.name[:80]
    for run_id in runs:
        registry.register(project, name, run_id)
    return name


def promoted(project: Project, model: str, *versions: int) -> Decision:
    """Promote versions one after the other, and return the last decision."""
    before = registry.champion(project, model)
    for version in versions:
        judged(project, model, version, before)
        decision = promote.promote(project, model)
        before = version
    assert isinstance(decision, Decision)
    return decision


def in_mlflow(project: Project):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=project.tracking_uri, registry_uri=project.tracking_uri)


class Killed(BaseException):
    """Ends a verb where a `kill` would."""


def dying(*, moved: bool) -> Callable[..., None]:
    """Return a `registry.move_alias` in which the process dies, after or before the move."""
    move = registry.move_alias

    def die(*arguments: Any) -> None:
        if moved:
            move(*arguments)
        raise Killed

    return die


class TestPromote:
    def test_the_first_champion(self, project: Project, model: str) -> None:
        found = judged(project, model, 1, None)

        made = promote.promote(project, model)

        assert isinstance(made, Decision)
        assert registry.champion(project, model) == 1
        assert (made.kind, made.state, made.from_version, made.to_version) == (
            "promote", "applied", None, 1,
        )  # fmt: skip
        assert made.reason == "passed 1 of 1 checks on flights@7; the first champion"
        assert made.judged == found.id
        assert history.decisions(project, model) == (made, found)

    def test_a_challenger_takes_over(self, project: Project, model: str) -> None:
        made = promoted(project, model, 1, 2)

        assert registry.champion(project, model) == 2
        assert (made.from_version, made.to_version) == (1, 2)

    def test_the_report_stays_with_the_decision(self, project: Project, model: str) -> None:
        promoted(project, model, 1)

        assert history.decisions(project, model)[0].report == report(1, None)

    def test_somebody_moved_the_alias_meanwhile(self, project: Project, model: str) -> None:
        promoted(project, model, 1)
        judged(project, model, 2, 1)
        in_mlflow(project).set_registered_model_alias(model, "champion", "3")

        with pytest.raises(
            ConflictError, match=r"is now v3, and v2 was compared with v1\n  hint: judge again"
        ):
            promote.promote(project, model)

        assert registry.champion(project, model) == 3
        assert history.decisions(project, model)[0].kind == "pass"

    def test_of_two_at_once_one_is_promoted(self, project: Project, model: str) -> None:
        promoted(project, model, 1)
        found = [judged(project, model, version, 1).id for version in (2, 3)]

        def attempt(decision: str) -> Decision | None:
            try:
                done = promote.promote(project, model, decision)
            except ConflictError:
                return None
            assert isinstance(done, Decision)
            return done

        with ThreadPoolExecutor(2) as pool:
            made = [decision for decision in pool.map(attempt, found) if decision]

        assert len(made) == 1
        assert registry.champion(project, model) == made[0].to_version

    @pytest.mark.parametrize("verdict", ["fail", "hold", "error"])
    def test_what_did_not_pass_is_not_promoted(
        self, project: Project, model: str, verdict: Verdict
    ) -> None:
        found = judged(project, model, 1, None, verdict)

        assert promote.promote(project, model) == found

        assert registry.champion(project, model) is None
        assert history.decisions(project, model) == (found,)

    def test_a_version_that_is_gone_from_mlflow(self, project: Project, model: str) -> None:
        promoted(project, model, 1)
        judged(project, model, 2, 1)
        in_mlflow(project).delete_model_version(model, "2")

        with pytest.raises(NotFoundError):
            promote.promote(project, model)

        assert registry.champion(project, model) == 1
        assert history.decisions(project, model)[0].state == "void"


def test_a_refusal_is_recorded_and_moves_nothing(project: Project, model: str) -> None:
    promoted(project, model, 1)

    made = judged(project, model, 2, 1, "fail")

    assert registry.champion(project, model) == 1
    assert (made.kind, made.state, made.from_version, made.to_version) == (
        "reject", "applied", 1, 2,
    )  # fmt: skip
    assert made.reason == "roc_auc at least 0.8: 0.7 is below 0.8, by 0.1"
    assert history.decisions(project, model)[0] == made


class TestRollback:
    def test_back_to_the_champion_before(self, project: Project, model: str) -> None:
        promoted(project, model, 1, 2)

        made = promote.rollback(project, model)

        assert registry.champion(project, model) == 1
        assert (made.kind, made.state, made.from_version, made.to_version) == (
            "rollback", "applied", 2, 1,
        )  # fmt: skip

    def test_again_and_again_goes_further_back(self, project: Project, model: str) -> None:
        promoted(project, model, 1, 2, 3)

        assert [promote.rollback(project, model).to_version for _ in range(2)] == [2, 1]
        with pytest.raises(UsageError, match="has no champion to go back to"):
            promote.rollback(project, model)
        assert registry.champion(project, model) == 1

    def test_a_champion_that_was_taken_back_is_not_gone_back_to(
        self, project: Project, model: str
    ) -> None:
        promoted(project, model, 1, 2)
        promote.rollback(project, model)
        promoted(project, model, 3)

        assert promote.rollback(project, model).to_version == 1

    def test_a_refused_challenger_was_never_champion(self, project: Project, model: str) -> None:
        promoted(project, model, 1)
        judged(project, model, 2, 1, "fail")

        with pytest.raises(UsageError, match="has no champion to go back to"):
            promote.rollback(project, model)

    def test_an_alias_that_was_moved_by_hand_is_undone(self, project: Project, model: str) -> None:
        promoted(project, model, 1, 2)
        in_mlflow(project).set_registered_model_alias(model, "champion", "3")

        made = promote.rollback(project, model)

        assert (made.from_version, made.to_version) == (3, 2)

    def test_a_damaged_version_does_not_become_champion(
        self, project: Project, model: str, runs: list[str]
    ) -> None:
        promoted(project, model, 1, 2)
        path = project.objects.path(registry.get(project, model, 1).model_digest)
        content = path.read_bytes()
        path.write_bytes(b"damaged")
        try:
            with pytest.raises(IntegrityError):
                promote.rollback(project, model)
        finally:
            path.write_bytes(content)

        assert registry.champion(project, model) == 2
        assert history.decisions(project, model)[0].kind == "promote"

    def test_it_predicts_the_rows_that_it_was_judged_on_first(
        self, project: Project, model: str
    ) -> None:
        rows = take_rows(
            project, snapshot(project, flights(50), "judged"), Evaluate(data="", label=LABEL)
        )
        fitted = estimator.load(project, registry.get(project, model, 1))
        evaluation.evaluate(project, model, 1, fitted, rows)
        promoted(project, model, 1, 2)
        manifest = project.objects.path(rows.data.manifest)
        content = manifest.read_bytes()
        manifest.unlink()

        with pytest.raises(IntegrityError):
            promote.rollback(project, model)
        assert registry.champion(project, model) == 2

        manifest.write_bytes(content)
        assert promote.rollback(project, model).to_version == 1

    def test_a_model_that_nobody_knows(self, project: Project, model: str) -> None:
        with pytest.raises(NotFoundError, match="there is no model 'nope'"):
            promote.rollback(project, "nope")


class TestDanglingIntent:
    """A process that dies while it moves an alias leaves an intention."""

    def kill_promotion(self, project: Project, model: str, *, moved: bool) -> None:
        """Die while version 2 takes over from version 1, before or after the alias is moved."""
        promoted(project, model, 1)
        with pytest.MonkeyPatch.context() as patch:
            judged(project, model, 2, 1)
            patch.setattr(registry, "move_alias", dying(moved=moved))
            with pytest.raises(Killed):
                promote.promote(project, model)
        assert history.decisions(project, model)[0].state == "intended"
        assert history.champion_of(history.decisions(project, model)) == 1

    def test_what_was_not_moved_is_void(self, project: Project, model: str) -> None:
        self.kill_promotion(project, model, moved=False)

        (made,) = promote.finish_dangling(project)

        assert (made.to_version, made.state) == (2, "void")
        assert registry.champion(project, model) == 1
        assert promote.finish_dangling(project) == ()

    def test_what_was_moved_is_applied(self, project: Project, model: str) -> None:
        self.kill_promotion(project, model, moved=True)

        (made,) = promote.finish_dangling(project)

        assert (made.to_version, made.state) == (2, "applied")
        assert history.champion_of(history.decisions(project, model)) == 2

    def test_a_rollback_finishes_it_first(self, project: Project, model: str) -> None:
        self.kill_promotion(project, model, moved=True)

        made = promote.rollback(project, model)

        assert (made.from_version, made.to_version) == (2, 1)


class TestReleasedAtOnce:
    """Verdict and promotion are one decision."""

    def test_it_has_its_report(self, project: Project, model: str) -> None:
        made = promote.at_once(project, model, report(1, None), policy())

        assert (made.kind, made.state, made.judged) == ("promote", "applied", None)
        assert made.report == report(1, None)
        assert history.decisions(project, model) == (made,)
        assert registry.champion(project, model) == 1
        assert waiting(project, model) is None

    def test_the_champion_moved_while_it_was_judged(self, project: Project, model: str) -> None:
        promoted(project, model, 1)

        with pytest.raises(ConflictError, match="is now v1, and v2 was compared with none"):
            promote.at_once(project, model, report(2, None), policy())

        newest = history.decisions(project, model)[0]
        assert (newest.kind, newest.to_version) == ("pass", 2), "the verdict is kept"
        assert registry.champion(project, model) == 1

    def test_one_that_died_before_the_move_can_be_promoted_yet(
        self, project: Project, model: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(registry, "move_alias", dying(moved=False))
            with pytest.raises(Killed):
                promote.at_once(project, model, report(1, None), policy())

        made = promote.promote(project, model)

        assert isinstance(made, Decision)
        void = history.decision(project, str(made.judged))
        assert (void.kind, void.state, made.state) == ("promote", "void", "applied")
        assert verify(project).problems == ()


class TestHistory:
    def test_a_model_that_only_the_settings_know(self, project: Project) -> None:
        with pytest.raises(NotFoundError, match="there is no model 'nobody'"):
            history.decisions(project, "nobody")

    def test_a_summary_has_versions_and_decisions_newest_first(
        self, project: Project, model: str
    ) -> None:
        promoted(project, model, 1, 2)
        judged(project, model, 3, 2, "fail")
        promote.rollback(project, model)

        summary = next(s for s in history.summaries(project) if s.name == model)

        assert summary.champion == 1
        assert [version.version for version in summary.versions] == [3, 2, 1]
        assert [(d.kind, d.to_version) for d in summary.decisions] == [
            ("rollback", 1), ("reject", 3), ("promote", 2), ("pass", 2), ("promote", 1),
            ("pass", 1),
        ]  # fmt: skip
        assert summary.decisions == history.decisions(project, model)


class TestActor:
    def test_a_person(self, project: Project) -> None:
        assert "@" in actor.current(project.root, {})

    def test_the_name_that_git_knows(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Ada Lovelace")

        assert actor.current(project.root, {}).startswith("Ada Lovelace (")

    def test_who_started_the_job(self, project: Project) -> None:
        github = {"GITHUB_ACTOR": "octocat"}

        assert actor.current(project.root, github) == "octocat (GitHub Actions)"

    @pytest.mark.parametrize(
        ("variables", "address"),
        [
            (
                {
                    "GITHUB_SERVER_URL": "https://github.com",
                    "GITHUB_REPOSITORY": "octo/flights",
                    "GITHUB_RUN_ID": "77",
                },
                "https://github.com/octo/flights/actions/runs/77",
            ),
            ({"GITHUB_REPOSITORY": "octo/flights"}, None),
            ({"CI_JOB_URL": "https://gitlab.com/o/f/-/jobs/7"}, "https://gitlab.com/o/f/-/jobs/7"),
            (
                {"BUILD_URL": "https://ada:s3cret@ci.example/job/7/?token=s3cret#s3cret"},
                "https://ci.example/job/7/",
            ),
            (
                {
                    "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": "https://dev.azure.com/octo/",
                    "SYSTEM_TEAMPROJECT": "flights",
                    "BUILD_BUILDID": "7",
                },
                "https://dev.azure.com/octo/flights/_build/results?buildId=7",
            ),
            ({"BUILD_URL": "http://[broken"}, None),
            ({"BUILD_URL": "no address"}, None),
            ({}, None),
        ],
    )
    def test_where_the_job_is_shown(self, variables: dict[str, str], address: str | None) -> None:
        assert actor.job(variables) == address


class TestFullDisk:
    """SQLite says that there is no room, as it does on a disk that is full."""

    @pytest.fixture
    def full(self, project: Project) -> Iterator[Callable[[], None]]:
        """Return what fills the disk; afterwards there is room again."""
        yield lambda: room(project, 1)
        room(project, 2**30)

    def test_nothing_is_half_written(
        self, project: Project, model: str, full: Callable[[], None]
    ) -> None:
        reason = "x" * 9_999  # more than the pages that are free already
        judged(project, model, 1, None, "fail")
        before = history.decisions(project, model)
        full()

        with pytest.raises(ExternalError, match="disk is full"):
            promote.promote(project, model, override=reason)

        room(project, 2**30)
        assert history.decisions(project, model) == before
        assert registry.champion(project, model) is None
        assert verify(project).problems == ()

    def test_the_alias_was_moved_already(
        self,
        project: Project,
        model: str,
        full: Callable[[], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        judged(project, model, 1, None)
        move = registry.move_alias

        def move_and_fill(*arguments: Any) -> None:
            move(*arguments)
            full()

        long = "x" * 9_999
        with monkeypatch.context() as patch:
            patch.setattr(registry, "move_alias", move_and_fill)
            patch.setattr(actor, "current", lambda *_: long)  # the end of it needs a page, too
            with pytest.raises(ExternalError, match="disk is full"):
                promote.promote(project, model)

        room(project, 2**30)
        (made,) = promote.finish_dangling(project)
        assert (made.state, made.to_version) == ("applied", 1)
        assert registry.champion(project, model) == 1
        assert verify(project).problems == ()


def room(project: Project, pages: int) -> None:
    """Let the catalog have so many pages, or those that it has."""
    project.catalog.rows(f"PRAGMA max_page_count = {pages}")
