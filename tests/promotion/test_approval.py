"""Approvals: bound to one record, by people who are asked, while nothing has moved."""

from __future__ import annotations

import itertools

import pytest

from mlops_jupyter.config import Approval
from mlops_jupyter.errors import ConflictError, IntegrityError, NotFoundError, UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.project import Project, init
from mlops_jupyter.promotion import history, promote
from mlops_jupyter.promotion.approval import approve, waiting
from mlops_jupyter.promotion.decision import Decision, Waiting
from mlops_jupyter.promotion.recording import chain, record
from mlops_jupyter.promotion.recording.ledger import verify
from tests.models.training import keep_run
from tests.promotion.decided import judged
from tests.promotion.training import blind_model, good_model

COUNT = itertools.count()
ASKED = Approval()
HOSTILE = (
    "x" * 10_000,
    "two\nlines",
    '<img src=x onerror=alert(1)> & "quotes" \'; DROP TABLE decision; --',
    "🙂👩🏽‍🔬 größe",
    "../../etc/passwd",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return one project for all tests here; each test takes a model name of its own."""
    return init(tmp_path_factory.mktemp("approval") / "flights")


@pytest.fixture(scope="module")
def runs(project: Project) -> list[str]:
    """Return two runs with a model each."""
    return [keep_run(project, make()) for make in (good_model, blind_model)]


@pytest.fixture
def model(project: Project, runs: list[str], request: pytest.FixtureRequest) -> str:
    """Return a model of this test's own, with versions 1 and 2."""
    name = f"late-{next(COUNT)}"
    for run_id in runs:
        registry.register(project, name, run_id)
    return name


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "ada")


def be(patch: pytest.MonkeyPatch, name: str) -> None:
    patch.setenv("GITHUB_ACTOR", name)


def test_it_waits_until_somebody_else_says_yes(
    project: Project, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(project, model, 1, None, approval=ASKED)

    waits = promote.promote(project, model)
    assert isinstance(waits, Waiting)
    assert (waits.decision, waits.needed, waits.ready) == (found.id, 1, False)
    assert registry.champion(project, model) is None

    with pytest.raises(UsageError, match=r"ada \(GitHub Actions\) asked for this release"):
        approve(project, model)
    be(monkeypatch, "grace")
    yes = approve(project, model, comment="I looked at the slices")
    assert (yes.kind, yes.judged, yes.reason) == ("approve", found.id, "I looked at the slices")
    now = waiting(project, model)
    assert now is not None
    assert (now.ready, [a.actor for a in now.approved]) == (True, ["grace (GitHub Actions)"])

    made = promote.promote(project, model)
    assert isinstance(made, Decision)
    assert made.reason.endswith("; approved by grace (GitHub Actions)")
    assert registry.champion(project, model) == 1
    assert waiting(project, model) is None
    kept = chain.record(project, made.id)
    assert kept is not None
    assert kept["judged"] == {"id": found.id, "digest": found.digest}
    assert kept["approvals"][0]["digest"] == yes.digest
    assert verify(project).problems == ()


class TestRefused:
    def test_what_failed(self, project: Project, model: str) -> None:
        judged(project, model, 1, None, "fail", ASKED)

        with pytest.raises(UsageError, match=r"did not pass its gate(.|\n)*--override"):
            approve(project, model)

    def test_nobody_is_asked(self, project: Project, model: str) -> None:
        judged(project, model, 1, None)

        with pytest.raises(UsageError, match="nobody is asked to approve"):
            approve(project, model)

    def test_only_when_it_holds(self, project: Project, model: str) -> None:
        judged(project, model, 1, None, "pass", Approval(when="hold", own=True))

        with pytest.raises(UsageError, match="nobody is asked to approve"):
            approve(project, model)

        judged(project, model, 1, None, "hold", Approval(when="hold", own=True))
        assert isinstance(promote.promote(project, model), Waiting)
        assert approve(project, model).kind == "approve"

    def test_somebody_who_is_not_asked(
        self, project: Project, model: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        judged(project, model, 1, None, approval=Approval(by=["grace", "linus"]))

        be(monkeypatch, "mallory")
        with pytest.raises(UsageError, match="is not one of those who may approve: grace, linus"):
            approve(project, model)

    def test_twice(self, project: Project, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
        judged(project, model, 1, None, approval=Approval(count=2))
        be(monkeypatch, "grace")
        approve(project, model)

        with pytest.raises(UsageError, match="has approved decision"):
            approve(project, model)
        assert isinstance(promote.promote(project, model), Waiting)

    def test_too_late(self, project: Project, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(record, "now", lambda: "2026-01-01T00:00:00.000000+00:00")
            judged(project, model, 1, None, approval=Approval(expires="12h"))

        be(monkeypatch, "grace")
        with pytest.raises(UsageError, match="until 2026-01-01 12:00 UTC"):
            approve(project, model)
        with pytest.raises(UsageError, match="cannot be acted on any more"):
            promote.promote(project, model)
        waits = waiting(project, model)
        assert waits is not None
        assert "until 2026-01-01 12:00 UTC" in str(waits.lapsed)

    def test_the_champion_moved(
        self, project: Project, model: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = judged(project, model, 1, None, approval=ASKED)
        judged(project, model, 2, None)
        promote.promote(project, model)

        be(monkeypatch, "grace")
        with pytest.raises(ConflictError, match="now v2, and v1 was compared with none"):
            approve(project, model, found.id)

    def test_what_was_promoted(self, project: Project, model: str) -> None:
        judged(project, model, 1, None, approval=ASKED)
        promote.promote(project, model, override="the fair")

        with pytest.raises(UsageError, match="was promoted by decision"):
            approve(project, model)

    def test_a_decision_that_nobody_knows(self, project: Project, model: str) -> None:
        judged(project, model, 1, None, approval=ASKED)

        for asked in ("beef", "", "../x", "'; --", "\0", "🙂" * 5000, "\udc80"):
            with pytest.raises(NotFoundError, match="there is no decision"):
                approve(project, model, asked)
        with pytest.raises(NotFoundError, match="there is no model 'nope'"):
            approve(project, "nope")

    def test_a_decision_on_another_model(self, project: Project, model: str) -> None:
        other = judged(project, f"{model}-other", 1, None, approval=ASKED)
        judged(project, model, 1, None, approval=ASKED)

        with pytest.raises(UsageError, match=f"is on {model}-other, and not on {model}"):
            approve(project, model, other.id)

    def test_a_decision_that_moved_something(self, project: Project, model: str) -> None:
        judged(project, model, 1, None)
        made = promote.promote(project, model)
        assert isinstance(made, Decision)

        with pytest.raises(UsageError, match="is no verdict of a gate, but a promote"):
            approve(project, model, made.id)


def test_the_record_was_changed_after_the_approval(
    project: Project, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(project, model, 1, None, approval=ASKED)
    with project.catalog.transaction() as rows:
        rows.execute("DROP TRIGGER ledger_is_not_changed")
    change = "UPDATE ledger SET entry = replace(entry, ?, ?) WHERE decision_id = ?"
    there, other = '"when":"always"', '"when":"never"'
    with project.catalog.transaction() as rows:
        rows.execute(change, (there, other, found.id))

    be(monkeypatch, "grace")
    with pytest.raises(IntegrityError, match="was changed"):
        approve(project, model)
    with pytest.raises(IntegrityError, match="was changed"):
        promote.promote(project, model)

    with project.catalog.transaction() as rows:
        rows.execute(change, (other, there, found.id))
    assert registry.champion(project, model) is None


class TestOverride:
    @pytest.mark.parametrize("verdict", ["fail", "hold", "error"])
    def test_whatever_the_verdict(self, project: Project, model: str, verdict: str) -> None:
        judged(project, model, 1, None, verdict, ASKED)  # type: ignore[arg-type]

        made = promote.promote(project, model, override="the fair starts tomorrow")

        assert isinstance(made, Decision)
        assert (made.override, made.reason) == (True, "the fair starts tomorrow")
        kept = chain.record(project, made.id)
        assert kept is not None
        assert kept["override"] == {"by": "ada (GitHub Actions)", "reason": made.reason}
        assert history.decision(project, made.id[:6]).override

    @pytest.mark.parametrize("why", ["", "  \n ", "\0".replace("\0", "\t")])
    def test_no_reason(self, project: Project, model: str, why: str) -> None:
        judged(project, model, 1, None, "fail")

        with pytest.raises(UsageError, match="an override needs a reason"):
            promote.promote(project, model, override=why)

    def test_a_reason_that_is_too_long(self, project: Project, model: str) -> None:
        judged(project, model, 1, None, "fail")

        with pytest.raises(UsageError, match="has 10,001 characters"):
            promote.promote(project, model, override="x" * 10_001)

    @pytest.mark.parametrize("why", HOSTILE)
    def test_what_people_write(self, project: Project, model: str, why: str) -> None:
        judged(project, model, 1, None, "fail")

        made = promote.promote(project, model, override=why)

        assert isinstance(made, Decision)
        assert made.reason == why
        assert history.decision(project, made.id) == made
        assert verify(project).problems == ()

    def test_characters_that_cannot_be_shown(self, project: Project, model: str) -> None:
        judged(project, model, 1, None, "fail")

        made = promote.promote(project, model, override="a\0b\x1b[31m\u202ec\udc80")

        assert isinstance(made, Decision)
        assert made.reason == "a\ufffdb\ufffd[31m\ufffdc\ufffd"


def test_nothing_was_judged(project: Project, model: str) -> None:
    for verb in (approve, promote.promote):
        with pytest.raises(NotFoundError, match="there is no model 'never'"):
            verb(project, "never")
        with pytest.raises(UsageError, match="was judged yet"):
            verb(project, model)
