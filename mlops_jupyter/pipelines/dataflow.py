"""What crosses the boundaries between steps.

Steps run one after the other, each in a kernel of its own that first runs the setup. For each
boundary three things are found from the source alone:

- *definitions* (imports, functions, classes) of the steps before it are taken along as code, and
  so are settings of modules and classes such as ``os.environ["A"] = "1"``;
- *variables* that a later step may read are passed on, all of them together in one pickle, so
  that two names for one object stay so;
- of the variables that the setup makes, only those are passed on that a step may have changed;
  the others are as the setup of the next kernel makes them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate

from mlops_jupyter.cells.analysis import CellAnalysis, is_given
from mlops_jupyter.cells.statement import SHELL, Statement, statements
from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.pipelines.contract import fixed_parameters
from mlops_jupyter.pipelines.source import PARAMETERS, SourceCell, SourceNotebook

UNCHANGING = (int, float, str, bool, type(None))


@dataclass(frozen=True, slots=True)
class StepFlow:
    """What a step takes from those before it, and gives to those after.

    Attributes
    ----------
    receives : tuple of str
        Variables that it may read.
    passes : tuple of str
        Variables that a later step may read.
    code : tuple of str
        Definitions of the steps before it.
    definitions : mapping of str to tuple of str
        Functions and classes that the next step has as code, and the variables that they read:
        a value of such a class takes them along.
    recreated : tuple of str
        Variables that the setup of the next step makes anew, and that no step binds.
    """

    receives: tuple[str, ...]
    passes: tuple[str, ...]
    code: tuple[str, ...]
    definitions: Mapping[str, tuple[str, ...]]
    recreated: tuple[str, ...]


def flows_of(
    notebook: SourceNotebook, given: Collection[str] = (), wanted: Collection[str] = ()
) -> tuple[StepFlow, ...]:
    """Find what crosses the boundaries between the steps of a notebook.

    Parameters
    ----------
    notebook : SourceNotebook
    given : collection of str
        Names that other notebooks bind, and that its first step gets before all else.
    wanted : collection of str
        Names that other notebooks read; its last step passes them on.

    Raises
    ------
    UsageError
        A cell reads a name that no cell before it binds.
    """
    names = _Names(notebook)
    _check(notebook, names, given)
    setup = _Setup(notebook.setup, names)
    parts = [
        reduce(_Part.then, (_part_of(cell, names) for cell in step.code)) for step in notebook.steps
    ]
    so_far = list(accumulate(parts, _Part.then))
    live = _live([*given, *setup.variables, *so_far[-1].variables], parts, wanted)
    known = {*given, *setup.variables, *names.defined, *so_far[-1].variables}
    carried = _Carried(notebook, names, parts, wanted)
    flows: list[StepFlow] = []
    for step, (part, past) in enumerate(zip(parts, so_far, strict=True)):
        unseen = _unseen(live[step] - known, past, setup)
        order = {**dict.fromkeys(given), **setup.changed_by(past), **past.variables, **unseen}
        if step + 1 == len(parts):
            order |= dict.fromkeys(wanted)
        received = flows[-1].passes if flows else given
        again = {**setup.variables, **(unseen if setup.opaque else {})}
        flows.append(
            StepFlow(
                # what comes from other notebooks may be read by a later step only
                receives=tuple(name for name in received if name in part.needs or not flows),
                passes=tuple(name for name in order if name in live[step]),
                code=carried.code(step),
                definitions=carried.definitions(step, setup.variables, past.variables),
                recreated=tuple(name for name in again if name not in past.variables),
            )
        )
    return tuple(flows)


class _Names:
    """The names of the whole notebook: which functions read what, which builtins are rebound."""

    def __init__(self, notebook: SourceNotebook) -> None:
        cells = [*notebook.setup, *(c for step in notebook.steps for c in step.code)]
        found = [cell.analysis for cell in cells]
        self.rebound = {n for a in found for n in a.writes if is_given(n) and n != "_"}
        self._reads: dict[str, set[str]] = {}
        self._writes: dict[str, set[str]] = {}
        for analysis in found:
            for name, free in analysis.functions.items():
                self._reads.setdefault(name, set()).update(free, self.builtins_of(analysis))
            for name, free in analysis.function_writes.items():
                self._writes.setdefault(name, set()).update(free)
        self.defined: set[str] = set()
        self._variables: set[str] = set()
        self._modules = {
            name for s in statements_of(cells) if s.imports for name in s.analysis.writes
        }
        self._see(notebook.setup, constants=constants_of(notebook.setup))
        for statement in statements_of(notebook.setup):
            # an instance of a class reads what the methods of its class read; those that are
            # passed on show their class when they are stored, these are made anew
            made = () if self.carries(statement) else self.binds(statement)
            for name in made:
                called = statement.analysis.uses & self._reads.keys()
                self._reads.setdefault(name, set()).update(called)
        self._see(cells[len(notebook.setup) :], constants=set())

    def _see(self, cells: Iterable[SourceCell], constants: set[str]) -> None:
        for statement in statements_of(cells):
            if self.carries(statement):
                self.defined.update(statement.analysis.writes)
            else:
                self._variables.update(self.binds(statement).keys() - constants)

    def builtins_of(self, analysis: CellAnalysis) -> set[str]:
        """Return the builtins that a cell names and some cell of this notebook binds."""
        return set(analysis.builtins) & self.rebound

    def reach(self, names: Iterable[str]) -> set[str]:
        """Return `names` and what the functions among them read when they are called."""
        names = set(names)
        return names | self.read_by(names)

    def read_by(self, functions: Iterable[str]) -> set[str]:
        """Return what functions read when they are called, and those that they call."""
        read: set[str] = set()
        waiting = set(functions)
        while waiting:
            found = set().union(*(self._reads.get(name, ()) for name in waiting))
            waiting = found - read
            read |= found
        return read

    def bound_by(self, functions: Iterable[str]) -> set[str]:
        """Return what functions bind by ``global`` when they are called."""
        return set().union(*(self._writes.get(name, ()) for name in functions))

    def binds(self, statement: Statement) -> dict[str, None]:
        """Return what a statement binds, itself or through the functions that it calls."""
        analysis = statement.analysis
        kept = [name for name in analysis.writes if name not in analysis.deletes]
        return dict.fromkeys([*kept, *sorted(self.bound_by(self.reach(analysis.uses)))])

    def carries(self, statement: Statement) -> bool:
        """Return whether a statement can be taken along as code.

        A definition that reads a variable when it is made, e.g. as a default, cannot: the
        variable may be another by then. Nor can one that keeps something from call to call. They
        are passed on as values. A setting that reads a variable cannot be taken along either.
        """
        analysis = statement.analysis
        is_decorated = bool(analysis.uses & analysis.definitions)
        reads = self.reach(analysis.reads) if is_decorated else analysis.reads
        defines = statement.defines and not statement.keeps
        can = defines or statement.configures in self._modules | self.defined | {SHELL}
        return can and (statement.imports or not reads & self._variables)


class _Setup:
    """The variables that the setup makes, grouped by who may share an object with whom."""

    def __init__(self, cells: Sequence[SourceCell], names: _Names) -> None:
        self.opaque = any(cell.analysis.opaque for cell in cells)
        self.variables: dict[str, None] = {}
        self._group: dict[str, set[str]] = {}
        made = [s for s in statements_of(cells) if not names.carries(s)]
        for statement in made:
            self.variables |= names.binds(statement)
        self._constant = constants_of(cells)
        for statement in made:
            together = names.reach(statement.analysis.uses) | names.binds(statement).keys()
            self._join(together & self.variables.keys() - self._constant)

    def changed_by(self, part: _Part) -> dict[str, None]:
        """Return the variables that may be other than the setup made them."""
        return {
            name: None
            for name in self.variables
            if name not in self._constant and (part.opaque or self._group[name] & part.touched)
        }

    def _join(self, names: set[str]) -> None:
        group = names.union(*(self._group.get(name, ()) for name in names))
        self._group.update(dict.fromkeys(group, group))


@dataclass(frozen=True, slots=True)
class _Part:
    """What the cells of one step, or of some in a row, do with names."""

    needs: frozenset[str]
    touched: frozenset[str]
    settles: frozenset[str]
    variables: Mapping[str, None]
    opaque: bool

    def then(self, after: _Part) -> _Part:
        """Return both as one."""
        return _Part(
            self.needs | (after.needs - self.settles),
            self.touched | after.touched,
            self.settles | after.settles,
            {**self.variables, **after.variables},
            self.opaque or after.opaque,
        )


def _part_of(cell: SourceCell, names: _Names) -> _Part:
    analysis = cell.analysis
    reached = names.reach(analysis.uses | names.builtins_of(analysis))
    variables: dict[str, None] = {}
    for statement in statements(cell.source):
        if not names.carries(statement):
            variables |= names.binds(statement)
    return _Part(
        needs=analysis.reads | names.read_by(analysis.uses) | names.builtins_of(analysis),
        touched=frozenset(reached.union(analysis.writes, analysis.deletes)),
        settles=analysis.settles,
        variables=variables,
        opaque=analysis.opaque,
    )


def statements_of(cells: Iterable[SourceCell]) -> Iterator[Statement]:
    """Return the statements of cells, one after the other."""
    return (statement for cell in cells for statement in statements(cell.source))


def constants_of(cells: Iterable[SourceCell]) -> set[str]:
    """Return the names that are bound to nothing but literals that cannot change in place.

    Parameters that cannot, too.
    """
    found: dict[str, bool] = {}
    for cell in cells:
        # what a parameter is by default says little of what it is in this run
        fixed = fixed_parameters(cell) if PARAMETERS in cell.tags else set()
        for name in cell.analysis.writes:
            literal = cell.analysis.literals.get(name, found)
            found[name] = found.get(name, True) and (
                name in fixed if PARAMETERS in cell.tags else type(literal) in UNCHANGING
            )
    return {name for name, is_constant in found.items() if is_constant}


class _Carried:
    """Definitions that later steps take along as code."""

    def __init__(
        self,
        notebook: SourceNotebook,
        names: _Names,
        parts: Sequence[_Part],
        wanted: Collection[str],
    ) -> None:
        self._names, self._parts, self._wanted_outside = names, parts, wanted
        self._setup = [s for s in statements_of(notebook.setup) if names.carries(s)]
        self._steps = [
            [s for s in statements_of(step.code) if names.carries(s)] for step in notebook.steps
        ]
        everywhere = [c.analysis for step in notebook.steps for c in step.code]
        self._used = names.reach(n for a in everywhere for n in (*a.uses, *a.functions))

    def code(self, step: int) -> tuple[str, ...]:
        """Return the definitions that a step needs; imports only if something there uses them."""
        before = [s for part in self._steps[:step] for s in part]
        made = [s for s in before if not s.imports]
        needed = set(self._parts[step].touched)
        if step + 1 == len(self._parts):
            needed |= set(self._wanted_outside)
        for statement in made:
            needed |= statement.analysis.uses.union(*statement.analysis.functions.values())
        needed = self._names.reach(needed)
        return tuple(s.source for s in before if not s.imports or self._wanted(s, needed))

    def definitions(
        self, step: int, setup: Mapping[str, None], bound: Mapping[str, None]
    ) -> Mapping[str, tuple[str, ...]]:
        """Return what the next step has as code, and which variables each of it reads."""
        made = [*self._setup, *(s for part in self._steps[: step + 1] for s in part)]
        names = dict.fromkeys(n for s in made if not s.imports for n in s.analysis.functions)
        order = {**setup, **bound}
        reads = {name: self._names.read_by([name]) - {name} for name in names if name not in order}
        return {
            name: tuple(v for v in order if v in read) if read else ()
            for name, read in reads.items()
        }

    def _wanted(self, statement: Statement, needed: set[str]) -> bool:
        # an import whose names nobody uses is there for what it does
        writes = set(statement.analysis.writes)
        return not writes or bool(writes & needed) or not writes & self._used


def _live(
    variables: Sequence[str], parts: Sequence[_Part], wanted: Collection[str]
) -> list[frozenset[str]]:
    """Return for each step the names that a later one, or another notebook, may read."""
    live: list[frozenset[str]] = [frozenset(wanted)]
    for part in reversed(parts[1:]):
        needs = part.needs | frozenset(variables) if part.opaque else part.needs
        live.append(needs | (live[-1] - part.settles))
    return live[::-1]


def _unseen(names: Iterable[str], past: _Part, setup: _Setup) -> dict[str, None]:
    """Return names that are read later and that only code we cannot see through may bind."""
    return {
        name: None
        for name in sorted(names)
        if past.opaque or (setup.opaque and name in past.touched)
    }


def unbound(notebook: SourceNotebook) -> Iterator[tuple[SourceCell, str, str | None]]:
    """Return each name that a cell reads and no cell before it binds, and what may help."""
    return _unbound(notebook, _Names(notebook))


def bound(notebook: SourceNotebook) -> set[str]:
    """Return the names that a notebook may leave behind when it was run to its end."""
    names = _Names(notebook)
    cells = [*notebook.setup, *(c for step in notebook.steps for c in step.code)]
    left: set[str] = set()
    for cell in cells:
        left |= names.bound_by(names.reach(cell.analysis.uses))
        left.update(cell.analysis.writes)
        left -= set(cell.analysis.deletes) - set(cell.analysis.writes)
    return left


def _check(notebook: SourceNotebook, names: _Names, given: Collection[str]) -> None:
    """Refuse a name that no cell before it binds, before anything runs."""
    for cell, name, hint in _unbound(notebook, names):
        if name in given:
            continue
        what = f"{notebook.path}: {cell.words} reads {name!r}, which no cell before it binds"
        raise UsageError(what, hint=hint)


def _unbound(
    notebook: SourceNotebook, names: _Names
) -> Iterator[tuple[SourceCell, str, str | None]]:
    bound: set[str] = set()
    cells = [*notebook.setup, *(c for step in notebook.steps for c in step.code)]
    for cell in cells:
        analysis = cell.analysis
        if analysis.opaque:
            return
        for name in sorted(analysis.required - bound):
            yield cell, name, _help(notebook, name, bound)
        bound.update(analysis.writes)
        bound |= names.bound_by(names.reach(analysis.uses))


def _help(notebook: SourceNotebook, name: str, bound: set[str]) -> str | None:
    later = [c for step in notebook.steps for c in step.code if name in c.analysis.writes]
    left_out = [c for c in notebook.skipped if name in c.analysis.writes]
    if left_out:
        return f"{left_out[0].words} binds it, and is tagged `skip`"
    if later:
        return f"{later[0].words} binds it: move that above"
    return did_you_mean(name, bound)
