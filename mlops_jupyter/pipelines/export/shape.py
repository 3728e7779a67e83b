"""What other tools need to know of a pipeline: its tasks, their order, and its parameters."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_jupyter import config
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.declared import declared, read_graph
from mlops_jupyter.pipelines.form import schema
from mlops_jupyter.pipelines.graph import Graph
from mlops_jupyter.pipelines.key import Keys
from mlops_jupyter.pipelines.literal import Reference
from mlops_jupyter.pipelines.parameters import is_secret, recorded
from mlops_jupyter.pipelines.pipeline import Parameter
from mlops_jupyter.project import Project

SPARE_SECONDS = 600
"""Beside the time limits of the steps: for the start of kernels, and for data on its way."""


@dataclass(frozen=True, slots=True)
class Task:
    """One step, as another tool runs it.

    Attributes
    ----------
    step : str
    before : tuple of str
        Steps that it follows.
    retries : int
        How often it is tried again.
    limit_seconds : int or None
        How long it may take together with all before it, should they have to be run again;
        None: one of them has no time limit.
    cpu, gpu : float or None
    memory_bytes : int or None
        What it needs of the machine.
    """

    step: str
    before: tuple[str, ...] = ()
    retries: int = 0
    limit_seconds: int | None = None
    cpu: float | None = None
    gpu: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter, as another tool asks for it.

    Attributes
    ----------
    name : str
    schema : dict
        JSON Schema of its values.
    """

    name: str
    schema: dict[str, Any]

    @property
    def has_default(self) -> bool:
        """False: only the notebook can make its default."""
        return "default" in self.schema

    @property
    def help(self) -> str:
        """What the notebook says of it, on one line."""
        return " ".join(str(self.schema.get("description", "")).split())

    @property
    def default_text(self) -> str:
        """The default as people write it on the command line; empty: there is none."""
        if not self.has_default:
            return ""
        value = self.schema["default"]
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Shape:
    """A pipeline as other tools see it.

    Attributes
    ----------
    pipeline : str
    root : Path
        Of the project.
    tasks : tuple of Task
        Each stands after those that it follows.
    inputs : tuple of Input
    python : str
        Version of the interpreter here.
    variables : tuple of str
        Variables of the environment that the parameters refer to: secrets.
    store : str or None
        Address of the shared store, as ``mlops.yaml`` says it.
    is_trusted : bool
        Whether what others put there may be taken.
    notes : tuple of str
        What whoever exports should know.
    """

    pipeline: str
    root: Path
    tasks: tuple[Task, ...]
    inputs: tuple[Input, ...] = ()
    python: str = field(default_factory=platform.python_version)
    variables: tuple[str, ...] = ()
    store: str | None = None
    is_trusted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def last(self) -> tuple[Task, ...]:
        """The tasks that no other one follows."""
        followed = {name for task in self.tasks for name in task.before}
        return tuple(task for task in self.tasks if task.step not in followed)


def shape_of(project: Project, name: str) -> Shape:
    """Return the shape of a pipeline; nothing is run.

    Raises
    ------
    NotFoundError, UsageError
        There is no such pipeline, or its notebook cannot be cut.
    """
    pipeline = declared(project, name)
    graph = read_graph(project, name)
    parameters = graph.pipeline.parameters
    remote = project.settings.remote
    return Shape(
        name,
        project.root,
        _tasks(graph, pipeline),
        _inputs(name, parameters),
        variables=tuple(sorted(_variables(parameters))),
        store=remote.url,
        is_trusted=remote.trust,
        notes=tuple(_notes(project, graph, pipeline)),
    )


def _inputs(name: str, parameters: Sequence[Parameter]) -> tuple[Input, ...]:
    found: dict[str, dict[str, Any]] = schema(name, parameters)["properties"]
    for parameter in parameters:
        default = parameter.default
        if not isinstance(default, Reference) and is_secret(parameter.name, default):
            found[parameter.name].pop("default", None)  # it stands masked there
    return tuple(Input(key, said) for key, said in found.items())


def _tasks(graph: Graph, pipeline: config.Pipeline) -> tuple[Task, ...]:
    names = graph.names
    tasks: list[Task] = []
    for position, node in enumerate(graph.nodes):
        name = node.step.name
        needs = pipeline.resources.get(name, config.Resources())
        tasks.append(
            Task(
                name,
                tuple(names[before] for before in node.before),
                pipeline.retries_of(name),
                _limit({names[one] for one in (position, *graph.ancestors(position))}, pipeline),
                needs.cpu,
                needs.gpu,
                _memory(pipeline, name),
            )
        )
    return tuple(tasks)


def _memory(pipeline: config.Pipeline, step: str) -> int | None:
    needs = pipeline.resources.get(step)
    if needs is None or needs.memory is None:
        return pipeline.memory_bytes(step)
    return config.size_in_bytes(needs.memory, f"memory of {step}")


def _limit(steps: Collection[str], pipeline: config.Pipeline) -> int | None:
    limits = [(pipeline.timeout_seconds(one), pipeline.retries_of(one)) for one in steps]
    if any(limit is None for limit, _ in limits):
        return None
    return int(sum((limit or 0) * (1 + tries) for limit, tries in limits)) + SPARE_SECONDS


def _variables(parameters: Iterable[Parameter]) -> set[str]:
    return {p.default.variable for p in parameters if isinstance(p.default, Reference)}


def _notes(project: Project, graph: Graph, pipeline: config.Pipeline) -> Iterable[str]:
    """Say which steps are run by each task after them, because they are never taken as known."""
    defaults = {p.name: recorded(p.name, p.default) for p in graph.pipeline.parameters}
    keys = Keys(project, graph, defaults)
    for position, step in enumerate(graph.names):
        off = "" if pipeline.caches(step) else "`cache: off` in mlops.yaml"
        why = off or keys.of(position).why_not
        if why and graph.descendants(position):
            yield f"the step {step} is run again by each task after it: {why}"


def ids(
    names: Iterable[str], pattern: str, first: str = "", taken: Collection[str] = ()
) -> dict[str, str]:
    """Give each name an id of its own, of the characters that a tool takes.

    Ids that differ by case alone are the same for some.

    Parameters
    ----------
    names : iterable of str
    pattern : str
        Characters that are not taken, as a regular expression; they become ``_``.
    first : str
        Put before an id that does not begin with a letter.
    taken : collection of str
        Ids that are somebody else's.
    """
    given: dict[str, str] = {}
    used = {one.casefold() for one in taken}
    for name in names:
        made = re.sub(pattern, "_", name) or "_"
        if first and not re.match(r"[A-Za-z]", made):
            made = first + made
        unique, number = made, 2
        while unique.casefold() in used:
            unique, number = f"{made}_{number}", number + 1
        used.add(unique.casefold())
        given[name] = unique
    return given


def on_one_line(what: str, text: str) -> str:
    """Refuse text that would not stay on its line.

    Raises
    ------
    UsageError
        It holds a line's end, or another control character.
    """
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise UsageError(f"{what} holds a control character: {text!r:.80}")
    return text
