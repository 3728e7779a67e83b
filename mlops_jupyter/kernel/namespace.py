"""What a cell did to the names of the notebook: bound, deleted, changed in place.

Found at run time, by comparing identities and fingerprints with those that the names had
after the cell before: only names that the cell can have reached are looked at, and those that
share a mutable object or memory with one of them (co-variables: Kishu, VLDB 2025).
"""

from __future__ import annotations

import io
import os
import re
import types
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from mlops_jupyter.kernel.code import ANYTHING
from mlops_jupyter.kernel.fingerprint import TOO_LARGE, Clock, Fingerprint, fingerprint
from mlops_jupyter.kernel.kind import is_atom, module_of, name_of

_SHELL = re.compile(r"_{1,3}|_i{0,3}\d*|_[iod]h|In|Out|exit|quit|get_ipython|__\w+__")
"""Names that IPython itself puts into the namespace."""

MOST_STEPS = 10_000
"""Names that are followed from one cell, through the functions that it calls."""


class Changes(msgspec.Struct, frozen=True):
    """What a cell did to the names.

    Attributes
    ----------
    needs : frozenset of str
        Names that its own code reads, and all that the functions and classes read that it met.
    through : frozenset of str
        Those that functions and classes read which were there before the cell: what such a
        name held before the cell may have been read, though the cell binds it itself.
    mentions : frozenset of str
        All that those functions mention, attributes too.
    bound, deleted, changed : frozenset of str
        Names bound to another object, deleted, and changed in place.
    hidden : frozenset of str
        Of the names that it read or bound, those whose state cannot be seen.
    too_large : tuple of str
        Names whose values could not be looked through in the time there was; they count as
        changed.
    reads_all : bool
        A function that it met may read any name.
    """

    needs: frozenset[str]
    through: frozenset[str]
    mentions: frozenset[str]
    bound: frozenset[str]
    deleted: frozenset[str]
    changed: frozenset[str]
    hidden: frozenset[str]
    too_large: tuple[str, ...]
    reads_all: bool


class _Held(msgspec.Struct):
    """What a name held after the last cell that touched it."""

    identity: int
    print: Fingerprint | None


class Namespace:
    """The names of one notebook.

    Parameters
    ----------
    space : dict
        The kernel's namespace: read, never changed.
    is_user : callable
        See `fingerprint`.
    """

    def __init__(self, space: dict[str, Any], is_user: Callable[[Any], bool]) -> None:
        self._space = space
        self._is_user = is_user
        self._held: dict[str, _Held] = {}
        self._sharers: defaultdict[int, set[str]] = defaultdict(set)
        self._size = 0

    def find(self, clock: Clock) -> frozenset[str]:
        """Take the names that are there as given, and return those of the user."""
        seen: dict[int, Fingerprint | None] = {}
        found = self.visible()
        for name in found:
            self._keep(name, self._print(name, seen, clock))
        # ipykernel puts an `open` of IPython's own there
        return frozenset(found - {"open"}) if _is_shells(self._space.get("open")) else found

    def begin(self) -> None:
        """Note how many names there are before a cell."""
        self._size = len(self._space)

    def after(
        self,
        uses: Iterable[str],
        writes: Iterable[str],
        settles: Iterable[str],
        defines: Iterable[str],
        clock: Clock,
        *,
        opaque: bool,
    ) -> Changes:
        """Compare with what the names held before the cell.

        Parameters
        ----------
        uses : iterable of str
            Names that the cell's own code reads.
        writes : iterable of str
            Names that it may have bound.
        settles : iterable of str
            Those that it has certainly bound.
        defines : iterable of str
            Functions and classes that it has defined.
        clock : Clock
            Started.
        opaque : bool
            It may have bound any name.
        """
        seen: dict[int, Fingerprint | None] = {}
        uses = set(uses)
        through, mentions = self._reach(uses.difference(defines), seen, clock)
        through_own, mentions_own = self._reach(uses.intersection(defines), seen, clock)
        mentions |= mentions_own
        needs = {name for name in uses if self._is_known(name)} | through | through_own
        reads_all = ANYTHING in mentions
        candidates = {*needs, *writes}
        if opaque or reads_all or self._grew(candidates):
            candidates |= self.visible()
        bound, deleted = self._rebound(candidates, frozenset(settles))
        touched = needs if not opaque else candidates
        changed, too_large = self._changed((touched | self._sharing(touched)) - bound, seen, clock)
        for name in bound:
            self._keep(name, self._print(name, seen, clock))
        return Changes(
            needs=frozenset(needs),
            through=frozenset(through),
            mentions=frozenset(mentions),
            bound=bound,
            deleted=deleted,
            changed=changed,
            hidden=frozenset(n for n in needs | bound if self._is_hidden(n)),
            too_large=too_large,
            reads_all=reads_all,
        )

    def value_kinds(self, names: Iterable[str]) -> set[str]:
        """Return the packages of what the names hold."""
        found = set()
        for name in names:
            value: Any = self._space.get(name)
            kind: Any = type(value)
            if kind is types.FunctionType or kind is types.BuiltinFunctionType:
                module = value.__module__
            elif issubclass(kind, type):
                module = module_of(value)
            else:
                module = value.__name__ if kind is types.ModuleType else module_of(kind)
            found.add(str(module).partition(".")[0])
        return found

    def _reach(
        self, roots: Iterable[str], seen: dict[int, Fingerprint | None], clock: Clock
    ) -> tuple[set[str], set[str]]:
        """Return the names that functions, classes and instances read, and all they mention."""
        reached: set[str] = set()
        mentions: set[str] = set()
        followed: set[str] = set()
        waiting = list(roots)
        while waiting and len(followed) < MOST_STEPS:
            name = waiting.pop()
            if name in followed or not self._is_known(name):
                continue
            followed.add(name)
            held = self._held.get(name)
            found = self._print(name, seen, clock) or (held.print if held else None)
            if found is not None and found.names:
                mentions |= found.names
                fresh = {n for n in found.names if self._is_known(n)}
                reached |= fresh
                waiting.extend(fresh)
        return reached, mentions

    def _is_hidden(self, name: str) -> bool:
        held = self._held.get(name)
        return held is not None and held.print is not None and bool(held.print.opaque)

    def mapped_files(self, names: Iterable[str]) -> Iterator[str]:
        """Return the files that arrays among the names write through to."""
        for name in names:
            value: Any = self._space.get(name)
            if name_of(type(value)) == "memmap" and module_of(type(value)) == "numpy":
                filename = value.filename
                if filename is not None and value.mode != "r":
                    yield os.path.realpath(filename)

    def results(self) -> int:
        """Return how many results IPython has shown so far."""
        shown = self._space.get("_oh")
        return len(shown) if type(shown) is dict else 0

    def _is_known(self, name: str) -> bool:
        return (name in self._space or name in self._held) and _SHELL.fullmatch(name) is None

    def visible(self) -> frozenset[str]:
        """Return the names of the user."""
        known = {*self._space, *self._held}
        return frozenset(name for name in known if _SHELL.fullmatch(name) is None)

    def _grew(self, expected: set[str]) -> bool:
        """Return whether names have appeared, or gone, that the cell's source does not explain.

        The history of IPython grows by an input and perhaps an output for each cell.
        """
        fresh = sum(1 for n in expected if n in self._space and n not in self._held)
        gone = sum(1 for n in expected if n in self._held and n not in self._space)
        return not 0 <= len(self._space) - self._size - fresh + gone <= 2

    def _rebound(
        self, names: set[str], settled: frozenset[str]
    ) -> tuple[frozenset[str], frozenset[str]]:
        bound, deleted = set(), set()
        for name in names:
            held = self._held.get(name)
            if name not in self._space:
                if held is not None:
                    deleted.add(name)
                    self._forget(name)
            elif held is None or held.identity != id(self._space[name]) or name in settled:
                bound.add(name)
        return frozenset(bound), frozenset(deleted)

    def _sharing(self, names: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for name in names:
            held = self._held.get(name)
            if held is not None and held.print is not None:
                for identity in held.print.shares:
                    found |= self._sharers.get(identity, _NOBODY)
        return found

    def _changed(
        self, names: set[str], seen: dict[int, Fingerprint | None], clock: Clock
    ) -> tuple[frozenset[str], tuple[str, ...]]:
        changed, too_large = set(), []
        for name in names:
            held = self._held.get(name)
            if held is None or name not in self._space:
                continue
            new, old = self._print(name, seen, clock), held.print
            if new is None and old is None:
                continue
            if new is None or old is None or not new.digest or new != old:
                if new is None or old is None or _differs(new, old):
                    changed.add(name)
                if new is not None and new.opaque == TOO_LARGE:
                    too_large.append(name)
                self._keep(name, new)
        return frozenset(changed), tuple(sorted(too_large))

    def _print(
        self, name: str, seen: dict[int, Fingerprint | None], clock: Clock
    ) -> Fingerprint | None:
        if name not in self._space:
            return None
        value = self._space[name]
        identity = id(value)
        held = self._held.get(name)
        if held is not None and held.identity == identity and _is_too_large(held.print):
            seen[identity] = held.print  # not walked again in each cell that reads it
        if identity not in seen:
            seen[identity] = None if is_atom(value) else fingerprint(value, clock, self._is_user)
        return seen[identity]

    def _keep(self, name: str, new: Fingerprint | None) -> None:
        self._forget(name)
        self._held[name] = _Held(id(self._space[name]), new)
        if new is not None:
            for identity in new.shares:
                self._sharers[identity].add(name)

    def _forget(self, name: str) -> None:
        held = self._held.pop(name, None)
        if held is None or held.print is None:
            return
        for identity in held.print.shares:
            names = self._sharers.get(identity)
            if names is not None:
                names.discard(name)
                if not names:
                    del self._sharers[identity]


_NOBODY: frozenset[str] = frozenset()


def _is_too_large(print_: Fingerprint | None) -> bool:
    return print_ is not None and print_.opaque == TOO_LARGE


def _is_shells(value: Any) -> bool:
    return type(value) is types.FunctionType and getattr(value, "__wrapped__", None) is io.open


def _differs(new: Fingerprint, old: Fingerprint) -> bool:
    # what cannot be seen may have changed
    return bool(new.opaque or old.opaque) or new.digest != old.digest
