"""On which earlier executions a cell stands: the dataflow of one kernel, found while it runs.

What the source says (`cells.analysis`) and what could be observed (`kernel`) become edges:
each *resource* that a cell reads, a name, a file, a random source, the working directory, was
last bound or changed by one earlier execution, its parent. A cell that changes a resource in
place stands on who made it, so the closure over the parents is the whole history of all that
it read. Where something could not be seen, a cell counts as one that changed it: a slice may
be larger than needed; where it may be too small, the reason is kept in words.
"""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from mlops_jupyter.cells.analysis import CellAnalysis
from mlops_jupyter.kernel.namespace import Changes
from mlops_jupyter.kernel.process import RANDOM

TICK_NS = 40_000_000
"""The clock by which Linux stamps files ticks 100 to 1000 times a second (CONFIG_HZ), and may
miss some ticks on a busy virtual machine."""

RESULT = "process:_"
"""The value of the last cell that showed one."""

SETTING = frozenset({
    "filterwarnings", "getcontext", "localcontext", "option_context", "options", "rc", "rcParams",
    "rc_context", "rcdefaults", "reset_option", "resetwarnings", "simplefilter", "style", "use",
})  # fmt: skip
"""Names under which options of libraries are set, beside those that begin with ``set``."""

_ENVIRONMENT = frozenset({
    "environ", "environb", "expandvars", "getenv", "getenvb", "putenv", "unsetenv", "%env",
    "%set_env",
})  # fmt: skip

_FOLDER = frozenset({
    "Path", "abspath", "chdir", "curdir", "cwd", "exists", "getcwd", "glob", "iglob", "is_file",
    "isdir", "isfile", "listdir", "realpath", "resolve", "scandir", "%cd", "%ls", "%pwd",
})  # fmt: skip


class Surroundings(msgspec.Struct, frozen=True):
    """What the process and the disk say about one execution.

    Attributes
    ----------
    changed : frozenset of str
        Resources of the process that changed: see `kernel.process.Process.after`.
    imports : bool
        Modules were loaded.
    figures : bool
        Pyplot figures are, or were, left open between cells.
    packages : frozenset of str
        Packages of the values that it read.
    modules : frozenset of str
        Modules of the user, or made at run time, that it bound or changed.
    read, written, appended, removed : tuple of str
        Files.
    listed : tuple of str
        Folders.
    mapped : tuple of str
        Files that an array which it changed writes through to.
    shows_result : bool
        It ended with a value, which IPython calls ``_``.
    starts_process, starts_thread : bool
        It started a process, a thread or a task.
    read_mtimes_ns : tuple of int
        When the files were last written that it read, in the order of `read`.
    unsure : tuple of str
        What could not be seen, in words.
    started_ns, ended_ns : int
        When it ran, by the clock that stamps files.
    """

    changed: frozenset[str] = frozenset()
    imports: bool = False
    figures: bool = False
    packages: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()
    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    appended: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    mapped: tuple[str, ...] = ()
    read_mtimes_ns: tuple[int, ...] = ()
    starts_process: bool = False
    starts_thread: bool = False
    unsure: tuple[str, ...] = ()
    shows_result: bool = False
    started_ns: int = 0
    ended_ns: int = 0


class Traced(msgspec.Struct, frozen=True):
    """One execution in the dataflow.

    Attributes
    ----------
    position : int
    parents : tuple of int
        Positions of the executions that it directly stands on.
    bound, changed, deleted : frozenset of str
        Names.
    unsure : tuple of str
        Why a slice through it may be too small, in words.
    """

    position: int
    parents: tuple[int, ...]
    bound: frozenset[str]
    changed: frozenset[str]
    deleted: frozenset[str]
    unsure: tuple[str, ...]


class Trace:
    """The dataflow of one kernel so far.

    Parameters
    ----------
    found : iterable of str
        Names that were there before the first execution was seen.
    """

    def __init__(self, found: Iterable[str] = ()) -> None:
        self._found = frozenset(found)
        self._latest: dict[str, int] = {}
        self._parents: dict[int, tuple[int, ...]] = {}
        self._unsure: dict[int, tuple[str, ...]] = {}
        self._seeded: set[str] = set()
        self._windows: list[tuple[int, int, int]] = []
        self._processes: list[int] = []
        self._beside: set[str] = set()
        self._handles: set[str] = set()
        self._read: dict[int, frozenset[tuple[str, int]]] = {}

    def add(
        self, position: int, analysis: CellAnalysis, changes: Changes, around: Surroundings
    ) -> Traced:
        """Add an execution.

        Parameters
        ----------
        position : int
            One more than that of the execution before, or later.
        analysis : CellAnalysis
        changes : Changes
            Of the names.
        around : Surroundings
        """
        changed = changes.changed | self._changed_beside(changes, around)
        reads = set(self._reads(analysis, changes, around))
        if analysis.mentions.history:
            parents = set(range(1, position))
        elif analysis.opaque or changes.reads_all:
            parents = set(self._latest.values())
        else:
            parents = self._makers(reads)
        self._read[position] = frozenset(
            (name, self._latest.get(name, 0)) for name in changes.needs | analysis.reads
        )
        sets, alters = self._effects(analysis, changes, around)
        parents |= self._makers(changed | changes.deleted | (alters - sets))
        parents |= set(self._writers_by_time(around))
        unsure = tuple(self._doubts(position, analysis, changes, around))
        for resource in (*changes.bound, *changed, *changes.deleted, *sets, *alters):
            self._latest[resource] = position
        if around.shows_result:
            self._latest[RESULT] = position
        if around.starts_process:
            self._processes.append(position)
        if analysis.opaque or analysis.mentions.calls:  # only such a cell can have written
            self._windows.append((around.started_ns, around.ended_ns, position))
        self._parents[position] = ordered = tuple(sorted(parents))
        if unsure:
            self._unsure[position] = unsure
        return Traced(position, ordered, changes.bound, changed, changes.deleted, unsure)

    def _changed_beside(self, changes: Changes, around: Surroundings) -> frozenset[str]:
        """Return the names that a thread or task may change because of this execution.

        What it was given when it was started may change at any time; it goes on when somebody
        waits for it, or speaks to it through an object whose state cannot be seen: a queue, an
        event, a future.
        """
        if around.starts_thread or changes.needs & self._handles:
            self._beside |= changes.needs & (changes.bound | self._latest.keys())
            self._handles |= changes.hidden
            return frozenset(self._beside)
        return frozenset()

    def slice_of(self, position: int) -> list[int]:
        """Return the positions on which an execution stands, in order, itself included."""
        return closure(self._parents, position)

    def doubts(self, positions: Iterable[int]) -> list[str]:
        """Return why a slice of these executions may be too small, in words."""
        found = (reason for p in positions for reason in self._unsure.get(p, ()))
        return list(dict.fromkeys(found))

    def maker(self, name: str) -> int | None:
        """Return the execution that last bound or changed a name."""
        return self._latest.get(name)

    def read(self, position: int) -> frozenset[tuple[str, int]]:
        """Return the names that an execution read, and who had bound or changed them; 0: nobody."""
        return self._read.get(position, frozenset())

    def _makers(self, resources: Iterable[str]) -> set[int]:
        return {self._latest[r] for r in resources if r in self._latest}

    def _reads(
        self, analysis: CellAnalysis, changes: Changes, around: Surroundings
    ) -> Iterator[str]:
        """Yield the resources that an execution read."""
        mentions = analysis.mentions
        own = changes.needs - analysis.uses - analysis.settles
        yield from own | changes.through | analysis.reads
        yield from analysis.builtins
        if "_" in mentions.words:
            yield RESULT
        yield from self._reads_of_process(mentions.words | changes.mentions, around)
        yield from (f"module:{name}" for name in mentions.imports | around.packages)
        yield from (f"file:{path}" for path in (*around.read, *around.appended))
        for folder in around.listed:
            inside = f"file:{folder.rstrip('/')}/"
            yield from (resource for resource in self._latest if resource.startswith(inside))
        if not mentions.seeds:
            yield from around.changed & _SOURCES

    def _reads_of_process(self, words: Collection[str], around: Surroundings) -> Iterator[str]:
        yield "module:locale"
        if around.starts_process or around.imports or not _ENVIRONMENT.isdisjoint(words):
            yield "process:environ"
        touches_files = around.read or around.written or around.listed or around.starts_process
        if touches_files or not _FOLDER.isdisjoint(words):
            yield "process:cwd"
        if around.imports:
            yield "process:sys.path"
        if around.figures:
            yield from ("process:pyplot", "module:matplotlib")

    def _effects(
        self, analysis: CellAnalysis, changes: Changes, around: Surroundings
    ) -> tuple[set[str], set[str]]:
        """Return the resources that an execution set anew, and those that it altered."""
        sets = {f"file:{path}" for path in around.written}
        unseen = self._written_unseen(around)
        changed = (*around.appended, *around.removed, *around.mapped, *unseen)
        alters = {f"file:{path}" for path in changed}
        alters |= {f"module:{name}" for name in around.modules}
        for resource in around.changed:
            is_set = resource == "process:cwd" or (resource in _SOURCES and analysis.mentions.seeds)
            (sets if is_set else alters).add(resource)
        if around.figures:
            alters.add("process:pyplot")
        return sets, alters

    def _writers_by_time(self, around: Surroundings) -> Iterator[int]:
        """Yield the executions in which a file that is read may last have been written.

        Libraries and processes write files that no hook sees; the file's own time tells. It is
        that of the last tick of the system's clock: as much as `TICK_NS` too early.
        """
        for path, mtime in zip(around.read, around.read_mtimes_ns, strict=False):
            known = self._latest.get(f"file:{path}", 0)
            index = bisect.bisect_right(self._windows, (mtime + TICK_NS,)) - 1
            while index >= 0 and self._windows[index][1] >= mtime:
                position = self._windows[index][2]
                if position > known:
                    yield position
                    # a process may have added to what earlier ones had written
                    yield from (p for p in self._processes if p < position)
                index -= 1

    def _written_unseen(self, around: Surroundings) -> Iterator[str]:
        """Yield the files that it read, and that were written while it ran."""
        for path, mtime in zip(around.read, around.read_mtimes_ns, strict=False):
            known = f"file:{path}" in self._latest
            if mtime >= around.started_ns - (0 if known else TICK_NS):
                yield path

    def _doubts(
        self, position: int, analysis: CellAnalysis, changes: Changes, around: Surroundings
    ) -> Iterator[str]:
        here = f"execution {position}"
        drawn = around.changed & _SOURCES
        if drawn:
            yield from self._unseeded(here, sorted(drawn), analysis, around)
        for source in analysis.mentions.unseeded:
            yield f"unseeded: {here} calls {source} without a seed"
        for name in changes.too_large:
            yield f"too large: {name!r} was not looked through at {here}; it counts as changed"
        if self._found:
            given = changes.needs & self._found
            for name in sorted(n for n in given if n not in self._latest):
                yield f"not recorded: {name!r}, read by {here}, was bound before recording began"
        for reason in around.unsure:
            yield f"files: {here}: {reason}"
        if analysis.mentions.history:
            yield f"history: {here} reads earlier outputs, which depend on the order of all cells"
        if around.starts_thread:
            yield f"thread: {here} started a thread or a task, which may go on beside other cells"

    def _unseeded(
        self, here: str, drawn: Iterable[str], analysis: CellAnalysis, around: Surroundings
    ) -> Iterator[str]:
        about = {*around.packages, *analysis.mentions.words, *analysis.mentions.imports}
        for resource in drawn:
            source = resource.removeprefix("process:")
            if analysis.mentions.seeds:
                self._seeded.add(source)
            elif source in self._seeded or (around.imports and source not in about):
                continue  # some libraries draw when they are loaded, for names of files
            else:
                yield f"unseeded: {here} draws from {source}, which no cell has seeded"


_SOURCES = frozenset(RANDOM)


def sets_options(words: Collection[str]) -> bool:
    """Return whether code that mentions these words may set options of a library."""
    return any(
        word in SETTING or word.startswith(("set", "%matplotlib", "%config", "%precision"))
        for word in words
    )


def closure(parents: Mapping[int, Collection[int]], position: int) -> list[int]:
    """Return the positions on which one stands, in order, itself included."""
    found = {position}
    waiting = [position]
    while waiting:
        fresh = set(parents.get(waiting.pop(), ())) - found
        found |= fresh
        waiting.extend(fresh)
    return sorted(found)
