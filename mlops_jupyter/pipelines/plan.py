"""What a run of a pipeline would do, step by step, and why. Nothing is run, no kernel starts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlops_jupyter.errors import ConflictError, NotFoundError, UsageError
from mlops_jupyter.pipelines import cache, parameters, reads
from mlops_jupyter.pipelines.cache import Found, Place
from mlops_jupyter.pipelines.choice import Choice
from mlops_jupyter.pipelines.declared import read_graph
from mlops_jupyter.pipelines.entry import Entry
from mlops_jupyter.pipelines.graph import Graph
from mlops_jupyter.pipelines.key import Key, Keys, Part
from mlops_jupyter.project import Project, now
from mlops_jupyter.runs import secret

Action = Literal["run", "cached", "perhaps", "left out"]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What would become of a step.

    Attributes
    ----------
    step : str
    action : str
        ``run``, ``cached`` or ``left out``; ``perhaps``: it is run if a step before it, which
        will be, gives other values or files.
    why : tuple of str
        In words.
    """

    step: str
    action: Action
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run of a pipeline would do."""

    pipeline: str
    steps: tuple[PlannedStep, ...]

    @property
    def runs(self) -> bool:
        """Whether something would be run."""
        return any(step.action in {"run", "perhaps"} for step in self.steps)


@dataclass(frozen=True, slots=True)
class PartChange:
    """One part of what a step is made of: as it was, and as it is."""

    kind: str
    name: str
    was: str | None
    now: str | None

    @property
    def changed(self) -> bool:
        """Whether they differ."""
        return self.was != self.now


@dataclass(frozen=True, slots=True)
class Why:
    """Why a step would be run or not: the same as in the plan, and all parts of its key."""

    planned: PlannedStep
    parts: tuple[PartChange, ...]


def plan(
    project: Project,
    name: str,
    given: Mapping[str, Any] | None = None,
    choice: Choice | None = None,
) -> Plan:
    """Say what a run would do.

    Parameters
    ----------
    project : Project
    name : str
        Of the pipeline.
    given : mapping of str to value, optional
        Parameters.
    choice : Choice, optional
        What is to be run in any case.

    Raises
    ------
    NotFoundError, UsageError
        As `mlops_jupyter.pipelines.execute.run_pipeline`.
    """
    return Plan(name, tuple(one.planned for one in _walk(project, name, given, choice)))


def why(project: Project, name: str, step: str, given: Mapping[str, Any] | None = None) -> Why:
    """Say why one step would be run, with what it is made of, before and now.

    Raises
    ------
    NotFoundError
        There is no such pipeline or step.
    """
    walked = _step(_walk(project, name, given, None), step)
    last = walked.found.entry or cache.newest(project, name, step)
    was = {} if last is None else _shown(last.parts) | _reads_shown(last)
    is_ = _shown(walked.key.parts)
    if last is not None:
        state = reads.state(project, last.reads, last.writes, walked.put_back)
        is_ |= {_split(what): value for what, value in state.items()}
    if walked.planned.action == "perhaps":  # the values are not known yet
        is_ |= {one: was[one] for one in was if one[0] == "values"}
    parts = (PartChange(*one, was.get(one), is_.get(one)) for one in {**was, **is_})
    return Why(walked.planned, tuple(parts))


def touch(
    project: Project,
    name: str,
    step: str,
    reason: str,
    actor: str,
    given: Mapping[str, Any] | None = None,
) -> PlannedStep:
    """Say that a step is fresh though it is made of something else now; that goes on record.

    What it gave when it was last run is taken from now on, as long as all is as it is now.

    Raises
    ------
    NotFoundError
        There is no such pipeline or step.
    UsageError
        No reason is given, or it never ran to its end.
    ConflictError
        A step before it would be run, so that nobody knows what this one will get.
    """
    if not reason.strip():
        raise UsageError("a reason is needed", hint="say why, e.g. --reason 'only renamed'")
    walked = _step(_walk(project, name, given, None), step)
    if walked.planned.action == "cached":
        return walked.planned
    if walked.unknown:
        raise ConflictError(
            f"the step {walked.unknown} before {step} would be run, what it gives is not known",
            hint=f"run it, or touch it first: `mlops pipeline touch {name} {walked.unknown}`",
        )
    last = cache.newest(project, name, step)
    if last is None or last.why_not or walked.key.why_not:
        known = walked.key.why_not or (last.why_not if last is not None else "it never ran")
        raise UsageError(f"there is nothing to take for the step {step}: {known}")
    state = reads.state(project, last.reads, last.writes, walked.put_back)
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO step_touch (id, pipeline, step, entry_id, key, reason, actor, touched_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (secrets.token_hex(8), name, step, last.id, cache.touch_key(walked.key, state),
             secret.masked(reason), actor, now()),
        )  # fmt: skip
    return _step(_walk(project, name, given, None), step).planned


@dataclass(frozen=True, slots=True)
class Walked:
    """A step that was looked at: `unknown` is the first step before it that would be run."""

    planned: PlannedStep
    key: Key
    found: Found
    put_back: Mapping[str, str]
    unknown: str


def _walk(
    project: Project, name: str, given: Mapping[str, Any] | None, choice: Choice | None
) -> list[Walked]:
    graph = read_graph(project, name)
    bound = parameters.bind(graph.pipeline.parameters, given or {})
    return walk(project, graph, bound.recorded, choice or Choice())


def walk(
    project: Project, graph: Graph, recorded: Mapping[str, Any], choice: Choice
) -> list[Walked]:
    """Look at all steps, each after those that it follows."""
    choice.check(graph.names)
    keys = Keys(project, graph, recorded)
    takes_place = choice.takes_place(graph)
    passed: dict[int, str | None] = {}
    put_back: dict[str, str] = {}
    unknown: dict[int, str] = {}  # by position: the first step up to it that will be run
    walked: list[Walked] = []
    for position, node in enumerate(graph.nodes):
        step = node.step
        place = Place(graph.pipeline.name, step.name, step.passes, dict(put_back))
        key = keys.of(position).with_values(node, passed)
        found = cache.look_up(project, place, key)
        first = next((unknown[before] for before in node.before if unknown[before]), "")
        forced = choice.forced(position, graph)
        if position not in takes_place:
            words = f"not needed for {choice.only or choice.to}"
            planned = PlannedStep(step.name, "left out", (words,))
        elif forced or found.entry is None:
            planned = PlannedStep(step.name, "run", (forced,) if forced else found.why)
        elif first:
            words = f"if {first} gives other values or files"
            planned = PlannedStep(step.name, "perhaps", (words,))
        else:
            planned = PlannedStep(step.name, "cached", found.why)
        walked.append(Walked(planned, key, found, place.put_back, first))
        is_known = planned.action == "cached" and found.entry is not None
        if is_known and found.entry is not None:
            put_back |= {one.path: one.digest for one in found.entry.writes}
        unknown[position] = first or ("" if is_known else step.name)
        # of a step that will be run it is taken for granted that it gives the same again
        last = found.entry or cache.newest(project, graph.pipeline.name, step.name)
        passed[position] = "" if last is None else last.passes_digest
    return walked


def _step(walked: list[Walked], step: str) -> Walked:
    found = {one.planned.step: one for one in walked}
    if step not in found:
        raise NotFoundError("step", step, found)
    return found[step]


def _shown(parts: tuple[Part, ...]) -> dict[tuple[str, str], str]:
    return {(p.kind, p.name): p.words or p.digest.removeprefix("blake3:")[:12] for p in parts}


def _reads_shown(entry: Entry) -> dict[tuple[str, str], str]:
    return {_split(what): value for what, value in reads.before(entry.reads).items()}


def _split(what: str) -> tuple[str, str]:
    kind, _, name = what.partition(" ")
    return kind, name
