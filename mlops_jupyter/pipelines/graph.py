"""The steps of a pipeline and what each of them follows: of one notebook, or of several joined.

The steps of one notebook follow each other. Of several notebooks one follows another when it
reads a variable that the other binds and itself does not, or when ``mlops.yaml`` says so:

- only variables that exactly one other notebook binds are taken from it by themselves; where
  more than one does, ``takes`` has to say which;
- notebooks that do not follow each other may run side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from mlops_jupyter.config import JoinedNotebook
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.contract import read_parameters
from mlops_jupyter.pipelines.dataflow import StepFlow, bound, unbound
from mlops_jupyter.pipelines.notebook import Cut, cut_source
from mlops_jupyter.pipelines.pipeline import Parameter, Pipeline, Step
from mlops_jupyter.pipelines.source import SourceNotebook, SourceStep


@dataclass(frozen=True, slots=True)
class Node:
    """A step of a pipeline, and where it is written.

    Attributes
    ----------
    step : Step
    cut : Cut
        Of its notebook.
    number : int
        Which step of its notebook it is, from 0.
    notebook : str
        Name of its notebook among those that are joined; empty where there is only one.
    before : tuple of int
        Positions of the steps that it follows.
    takes : mapping of int to tuple of str
        Of steps of other notebooks: the variables that it takes from them.
    """

    step: Step
    cut: Cut
    number: int
    notebook: str
    before: tuple[int, ...]
    takes: Mapping[int, tuple[str, ...]]

    @property
    def flow(self) -> StepFlow:
        """What it receives and passes on."""
        return self.cut.flows[self.number]

    @property
    def source(self) -> SourceStep:
        """Its cells."""
        return self.cut.source.steps[self.number]

    @property
    def is_last(self) -> bool:
        """Whether it ends its notebook."""
        return self.number + 1 == len(self.cut.source.steps)


@dataclass(frozen=True, slots=True)
class Graph:
    """A pipeline, and its steps in an order in which they can be run."""

    pipeline: Pipeline
    nodes: tuple[Node, ...]

    @property
    def names(self) -> list[str]:
        """Of the steps, in order."""
        return [node.step.name for node in self.nodes]

    @property
    def is_chain(self) -> bool:
        """Whether each step follows the one before it."""
        return all(node.before == ((at - 1,) if at else ()) for at, node in enumerate(self.nodes))

    def ancestors(self, position: int) -> set[int]:
        """Return all steps that a step needs."""
        found: set[int] = set()
        for before in self.nodes[position].before:
            found |= {before} | self.ancestors(before) if before not in found else set()
        return found

    def descendants(self, position: int) -> set[int]:
        """Return all steps that need a step."""
        found = {position}
        for at, node in enumerate(self.nodes):
            if not found.isdisjoint(node.before):
                found.add(at)
        return found - {position}

    def after(self, position: int) -> Iterable[int]:
        """Return the steps that directly follow a step."""
        return (at for at, node in enumerate(self.nodes) if position in node.before)


def of_one(made: Cut) -> Graph:
    """Return the steps of one notebook."""
    steps = made.pipeline.steps
    nodes = tuple(
        Node(step, made, at, "", (at - 1,) if at else (), {}) for at, step in enumerate(steps)
    )
    return Graph(made.pipeline, nodes)


def join(
    name: str, sources: Mapping[str, SourceNotebook], declared: Mapping[str, JoinedNotebook]
) -> Graph:
    """Join notebooks.

    Parameters
    ----------
    name : str
        Of the pipeline.
    sources, declared : mapping
        By the name of the notebook: what is read of it, and what ``mlops.yaml`` says of it.

    Raises
    ------
    UsageError
        They go round in a circle, or it is not clear which of them binds what another reads.
    NotFoundError
        ``mlops.yaml`` names a notebook that is none of them.
    """
    makers = _makers(sources, declared)
    follows = {
        one: list(dict.fromkeys([*said.after, *makers[one].values()]))
        for one, said in declared.items()
    }
    _check_names(follows)
    order = _ordered(name, follows)
    wanted: dict[str, dict[str, None]] = {one: {} for one in order}
    for one in order:
        for variable, maker in makers[one].items():
            wanted[maker][variable] = None
    cuts = {
        one: cut_source(sources[one], name, tuple(makers[one]), tuple(wanted[one])) for one in order
    }
    _check_setups(cuts, makers)
    nodes = _nodes(order, cuts, follows, makers)
    files = ", ".join(str(sources[one].path) for one in declared)
    parameters = parameters_of_all(sources)
    return Graph(Pipeline(name, files, parameters, tuple(n.step for n in nodes)), nodes)


def _makers(
    sources: Mapping[str, SourceNotebook], declared: Mapping[str, JoinedNotebook]
) -> dict[str, dict[str, str]]:
    """Return by notebook from which other one each variable comes that it only reads."""
    left = {one: bound(source) for one, source in sources.items()}
    found: dict[str, dict[str, str]] = {}
    for one, source in sources.items():
        said = declared[one].takes
        found[one] = dict(said)
        for variable, maker in said.items():
            if maker in left and variable not in left[maker]:
                raise UsageError(
                    f"{source.path}: takes {variable!r} from {maker}, which binds none"
                )
        for cell, variable, _ in unbound(source):
            if variable in found[one]:
                continue
            able = [other for other in sources if other != one and variable in left[other]]
            if len(able) > 1:
                raise UsageError(
                    f"{source.path}: {cell.words} reads {variable!r}, which"
                    f" {' and '.join(able)} bind",
                    hint=f"say which: `takes: {{{variable}: {able[-1]}}}` of {one} in mlops.yaml",
                )
            found[one] |= dict.fromkeys([variable], able[0]) if able else {}
    return found


def _check_names(follows: Mapping[str, Sequence[str]]) -> None:
    for before in (before for all_before in follows.values() for before in all_before):
        if before not in follows:
            raise NotFoundError("notebook", before, follows)


def _ordered(name: str, follows: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the notebooks in an order in which they can be run: as declared, if that is one."""
    try:
        TopologicalSorter(follows).prepare()
    except CycleError as error:
        circle = " after ".join(reversed(error.args[1]))
        raise UsageError(
            f"the notebooks of the pipeline {name!r} go round in a circle: {circle}",
            hint="each may only read what those before it bind: rename a variable, or take away"
            " an `after`",
        ) from None
    order: list[str] = []
    while len(order) < len(follows):
        order.append(next(
            one for one in follows if one not in order and set(follows[one]) <= set(order)
        ))  # fmt: skip
    return order


def _check_setups(cuts: Mapping[str, Cut], makers: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse a setup of several steps that reads what only the first of them receives first."""
    for one, cut in cuts.items():
        for cell in cut.source.setup if len(cut.source.steps) > 1 else ():
            read = sorted(cell.analysis.required & makers[one].keys())
            if read:
                raise UsageError(
                    f"{cut.source.path}: {cell.words} runs in each step, and reads {read[0]!r} of"
                    f" the notebook {makers[one][read[0]]}",
                    hint="let a step begin above that cell",
                )


def _nodes(
    order: Sequence[str],
    cuts: Mapping[str, Cut],
    follows: Mapping[str, Sequence[str]],
    makers: Mapping[str, Mapping[str, str]],
) -> tuple[Node, ...]:
    nodes: list[Node] = []
    last: dict[str, int] = {}
    for one in order:
        steps = cuts[one].pipeline.steps
        for number, step in enumerate(steps):
            before = (len(nodes) - 1,) if number else tuple(sorted(last[b] for b in follows[one]))
            takes: dict[int, tuple[str, ...]] = {}
            for variable, maker in makers[one].items() if not number else ():
                takes[last[maker]] = (*takes.get(last[maker], ()), variable)
            named = one if len(steps) == 1 else f"{one}.{step.name}"
            known = tuple(nodes[at].step.name for at in before)
            made = replace(step, name=named, before=known)
            nodes.append(Node(made, cuts[one], number, one, before, takes))
        last[one] = len(nodes) - 1
    return tuple(nodes)


def parameters_of_all(sources: Mapping[str, SourceNotebook]) -> tuple[Parameter, ...]:
    """Return the parameters of notebooks; one name means one thing.

    Raises
    ------
    UsageError
        Two of them have one name, and are not alike.
    """
    found: dict[str, tuple[str, Parameter]] = {}
    for one, source in sources.items():
        for parameter in read_parameters(source.parameters, source.path):
            other, same = found.setdefault(parameter.name, (one, parameter))
            if (same.kind, repr(same.default)) != (parameter.kind, repr(parameter.default)):
                raise UsageError(
                    f"the parameter {parameter.name!r} is one thing in {other} and another in"
                    f" {one}",
                    hint="make type and default alike, or give one of them another name",
                )
    return tuple(parameter for _, parameter in found.values())
