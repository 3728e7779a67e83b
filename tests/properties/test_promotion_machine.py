"""Whatever happens to a promotion, the registry and the chain of decisions say the same.

Judge, approve, override, promote, roll back, move the alias by hand, lose a race, lose MLflow
and die at every step, in any order. The model of it all: the alias, the champions that stand,
and the last verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mlops_jupyter.config import Approval
from mlops_jupyter.errors import ConflictError, ExternalError, UsageError
from mlops_jupyter.models import notes, registry
from mlops_jupyter.project import Project, init
from mlops_jupyter.promotion import approval, history, moving, promote
from mlops_jupyter.promotion.decision import Decision, Verdict, Waiting
from mlops_jupyter.promotion.recording import chain, record
from mlops_jupyter.promotion.recording.ledger import verify
from tests.models.training import keep_run
from tests.promotion.decided import judged
from tests.promotion.training import blind_model, good_model, upside_down_model

Seam = tuple[ModuleType, str]

CALLS: dict[Seam, int] = {
    (registry, "champion"): 3,
    (moving, "try_out"): 1,
    (record, "write"): 1,
    (chain, "append"): 2,
    (registry, "move_alias"): 1,
    (record, "close"): 1,
    (notes, "keep_text"): 1,
    (notes, "tag_version"): 1,
    (notes, "tag_model"): 1,
}
"""The steps of a promotion, and how often it takes each."""

POINTS = tuple(
    (seam, call, done)
    for seam, calls in CALLS.items()
    for call in range(1, calls + 1)
    for done in (False, True)
)
"""Before and after each step: any may be the last one of a process."""

RACES = tuple(p for p in POINTS if p[0] in {(registry, "champion"), (registry, "move_alias")})
"""Where it makes a difference that somebody else moves the alias."""

POLICIES = (None, Approval(when="always"), Approval(when="hold"), Approval(when="always", count=2))
PEOPLE = ("ada", "grace", "linus")
VERSIONS = st.sampled_from([1, 2, 3])


class Killed(BaseException):
    """Ends a verb where a `kill` would."""


@contextmanager
def at(seam: Seam, call: int, done: bool, act: Callable[[], None]) -> Iterator:
    """Do something before or after a step of the verb within, the so-manyth time."""
    module, name = seam
    step, count = getattr(module, name), 0

    def stepping(*arguments: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        if count == call and not done:
            act()
        answer = step(*arguments, **more)
        if count == call and done:
            act()
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, stepping)
        yield


def die() -> None:
    raise Killed


def lose_mlflow() -> None:
    raise ExternalError("MLflow does not answer")


@dataclass
class Verdicted:
    """The last verdict, and what came of it."""

    id: str
    version: int
    champion: int | None
    verdict: Verdict
    policy: Approval | None
    approved: set[str] = field(default_factory=set)
    is_promoted: bool = False

    @property
    def needed(self) -> int:
        if self.policy is None or self.verdict not in {"pass", "hold"}:
            return 0
        asked = self.policy.when == "always" or self.verdict == "hold"
        return self.policy.count if asked else 0

    @property
    def may_be_promoted(self) -> bool:
        if self.verdict == "hold" and not self.needed:
            return False
        return self.verdict in {"pass", "hold"} and len(self.approved) >= self.needed


class Promotion(RuleBasedStateMachine):
    count = 0
    project: Project
    runs: tuple[str, ...]

    def __init__(self) -> None:
        super().__init__()
        Promotion.count += 1
        self.model = f"late-{Promotion.count}"
        self.alias: int | None = None
        self.standing: list[int] = []
        self.decided: int | None = None  # the champion, as far as the chain knows
        self.last: Verdicted | None = None
        for run_id in self.runs:
            registry.register(self.project, self.model, run_id)

    # --- what people do --------------------------------------------------------------------------

    @rule(
        version=VERSIONS,
        verdict=st.sampled_from(["pass", "pass", "pass", "hold", "fail", "error"]),
        policy=st.sampled_from(POLICIES),
    )
    def judge(self, version: int, verdict: Verdict, policy: Approval | None) -> None:
        if version != self.alias:
            made = judged(self.project, self.model, version, self.alias, verdict, policy)
            self.last = Verdicted(made.id, version, self.alias, verdict, policy)

    @precondition(lambda self: self.last)
    @rule(person=st.sampled_from(PEOPLE))
    def approve(self, person: str) -> None:
        assert self.last is not None
        asked = self.last.needed and not self.last.is_promoted and person not in self.last.approved
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GITHUB_ACTOR", person)
            if not asked:
                with pytest.raises(UsageError):
                    approval.approve(self.project, self.model)
            elif self.alias != self.last.champion:
                with pytest.raises(ConflictError):
                    approval.approve(self.project, self.model)
            else:
                made = approval.approve(self.project, self.model, comment="I looked")
                assert (made.kind, made.judged) == ("approve", self.last.id)
                self.last.approved.add(person)

    @precondition(lambda self: self.last)
    @rule(why=st.sampled_from([None, None, "the fair starts tomorrow"]))
    def promote(self, why: str | None) -> None:
        assert self.last is not None
        if self.last.is_promoted and self.alias != self.last.version:
            with pytest.raises(UsageError, match="is not champion any more"):
                promote.promote(self.project, self.model, override=why)
            return
        if not self.last.is_promoted and self.alias != self.last.champion:
            with pytest.raises(ConflictError):
                promote.promote(self.project, self.model, override=why)
            return
        made = promote.promote(self.project, self.model, override=why)
        if self.last.is_promoted or why or self.last.may_be_promoted:
            assert isinstance(made, Decision)
            assert (made.kind, made.state, made.judged) == ("promote", "applied", self.last.id)
            if not self.last.is_promoted:
                assert made.override == bool(why)
                self.moved(self.last.version)
            self.last.is_promoted = True
        elif self.last.needed:
            assert isinstance(made, Waiting)
            assert len(made.approved) == len(self.last.approved) < made.needed
        else:
            assert isinstance(made, Decision)
            assert made.id == self.last.id

    @rule()
    def roll_back(self) -> None:
        target = self.target()
        if target is None:
            with pytest.raises(UsageError, match="no champion to go back to"):
                promote.rollback(self.project, self.model)
            return
        made = promote.rollback(self.project, self.model)
        assert (made.from_version, made.to_version) == (self.alias, target)
        self.back(target)

    @rule(version=VERSIONS)
    def move_by_hand(self, version: int) -> None:
        registry.move_alias(self.project, self.model, version)
        self.alias = version

    # --- what goes wrong -------------------------------------------------------------------------

    @rule(
        version=VERSIONS,
        point=st.sampled_from(POINTS),
        act=st.sampled_from([die, die, lose_mlflow]),
    )
    def ended_in_a_promotion(
        self, version: int, point: tuple[Seam, int, bool], act: Callable[[], None]
    ) -> None:
        if version == self.alias:
            return
        self.judge(version, "pass", None)
        with at(*point, act), suppress(Killed, ExternalError):
            promote.promote(self.project, self.model)
        self.recovered(version)

    @rule(point=st.sampled_from(POINTS))
    def ended_in_a_rollback(self, point: tuple[Seam, int, bool]) -> None:
        target = self.target()
        if target is None:
            return
        with at(*point, die), suppress(Killed):
            promote.rollback(self.project, self.model)
        promote.finish_dangling(self.project)
        if registry.champion(self.project, self.model) == target:
            self.back(target)

    @rule(version=VERSIONS, rival=VERSIONS, point=st.sampled_from(RACES))
    def raced(self, version: int, rival: int, point: tuple[Seam, int, bool]) -> None:
        """Somebody without us moves the alias while we are at it."""
        if version == self.alias:
            return
        self.judge(version, "pass", None)
        before = self.alias
        move = registry.move_alias

        def meddle() -> None:
            move(self.project, self.model, rival)

        with at(*point, meddle):
            try:
                promote.promote(self.project, self.model)
            except ConflictError:
                is_ours = False
            else:
                is_ours = True
        assert self.last is not None
        self.alias = registry.champion(self.project, self.model)
        applied = history.champion_of(history.decisions(self.project, self.model))
        assert self.alias in {version, rival, before}
        seam, call, done = point
        looks = seam == (registry, "champion")
        if rival != before and looks and (call, done) in {(1, False), (1, True), (2, False)}:
            assert not is_ours, "it was there when we looked for the last time"
        if rival != version and (call, done) == ((3, False) if looks else (1, True)):
            assert not is_ours, "it was there when we looked at what we had done"
        if is_ours:
            assert applied == version
            there = self.alias
            self.moved(version)
            self.alias = there  # they may have moved it when we had looked for the last time
            self.last.is_promoted = True

    # --- the model -------------------------------------------------------------------------------

    def recovered(self, version: int) -> None:
        """A later command finds what was left, and finishes or voids it."""
        promote.finish_dangling(self.project)
        assert self.last is not None
        if registry.champion(self.project, self.model) == version:
            self.moved(version)
            self.last.is_promoted = True

    def moved(self, version: int) -> None:
        if self.standing[-1:] != [version]:
            self.standing.append(version)
        self.alias = self.decided = version

    def back(self, target: int) -> None:
        while self.standing and self.standing[-1] != target:
            self.standing.pop()
        self.alias = self.decided = target

    def target(self) -> int | None:
        standing = list(self.standing)
        if self.alias not in standing:
            return standing[-1] if standing else None
        while standing.pop() != self.alias:
            pass
        return standing[-1] if standing else None

    @invariant()
    def the_registry_and_the_chain_say_the_same(self) -> None:
        decided = history.decisions(self.project, self.model) if self.last else ()
        assert registry.champion(self.project, self.model) == self.alias
        assert history.succession(decided) == self.standing
        assert history.champion_of(decided) == self.decided
        assert all(made.state != "intended" for made in decided)

    def teardown(self) -> None:
        found = verify(self.project)
        assert found.problems == ()
        assert not any("MLflow:" in note for note in found.notes)


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Make the one project for all."""
    project = init(tmp_path_factory.mktemp("machine") / "flights")
    Promotion.project = project
    Promotion.runs = tuple(
        keep_run(project, make()) for make in (good_model, blind_model, upside_down_model)
    )


def test_every_step_may_be_the_last_one() -> None:
    machine = Promotion()
    machine.move_by_hand(1)
    for point in POINTS:
        for act in (die, lose_mlflow):
            machine.ended_in_a_promotion(2 if machine.alias == 1 else 1, point, act)
            machine.the_registry_and_the_chain_say_the_same()
    machine.teardown()


def test_somebody_else_is_at_it_at_every_step() -> None:
    machine = Promotion()
    for point in RACES:
        machine.move_by_hand(1)
        machine.raced(2, 3, point)
        machine.the_registry_and_the_chain_say_the_same()
    machine.teardown()


def test_any_order_of_events() -> None:
    run_state_machine_as_test(
        Promotion,
        settings=settings(
            max_examples=8,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
