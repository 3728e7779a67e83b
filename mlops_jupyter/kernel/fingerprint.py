"""Fingerprints of values: they tell what has changed, and what shares memory with what.

A value is walked by CPython's own pickler, which is fast and knows how each class shows its
state (protocol 5, PEP 574: large buffers are handed over without a copy); nothing is kept
but a digest. xxh3 (https://xxhash.com) is no cryptographic hash: it answers "changed?" within
one process, and is never a name for content.

No method of a class that the user wrote is called: its instances are read by their
``__dict__`` and slots. What cannot be walked (generators, connections, figures, what is too
large for now) is *opaque*: a cell that reads it counts as one that changed it.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import marshal
import operator
import pickle
import sys
import time
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import xxhash

from mlops_jupyter.kernel.code import names_of
from mlops_jupyter.kernel.kind import (
    ATOMS,
    asked,
    is_one_of,
    is_value,
    module_of,
    name_of,
    opaque_kind,
)
from mlops_jupyter.quiet import unwarned

_CODE: frozenset[type] = frozenset({types.FunctionType, classmethod, staticmethod, property})

_CONTAINERS: frozenset[type] = frozenset({list, dict, set, bytearray, deque})

_QUIET = frozenset({"builtins", "collections", "datetime", "numpy", "pandas", "sklearn", "scipy"})
"""Packages that pickle without a warning; for others Python's warnings are held back."""

BYTES_PER_SECOND = 5e9
"""What xxh3 does at least: a buffer that would take longer than there is time is not begun."""

LONG = 1000
"""Items from which on a list of plain values has a way of its own."""

ITEM_BYTES = 300
"""An item of a long list takes as long as so many bytes of a buffer, at least."""

OBJECT_BYTES = 5000
"""To see what an object shares takes as long as so many bytes of a buffer."""

LONGEST_FRAME = 2**17
"""Bytes that a pickler hands over at once, when it is not a single value."""

GAP_BYTES = 100
"""So does an element of an array with gaps: each is a cache line of its own."""

AT_ONCE = 10_000
"""Items of a long list between two looks at the clock."""

MOST_REFERENTS = 100
"""Objects of an opaque value that are followed to find what it shares."""

STEP = 64
"""Objects between two looks at the clock."""


TOO_LARGE = "too large"
"""Why a value is opaque whose walk would cost more than it may."""


class TooMuchError(Exception):
    """The walk would cost more than it may."""


class Fingerprint(msgspec.Struct, frozen=True):
    """What a value held at one moment.

    Attributes
    ----------
    digest : bytes
        Equal for equal state, 16 bytes; empty when it is opaque.
    shares : frozenset of int
        Identities of the mutable objects and of the memory that can be reached from it.
    names : frozenset of str
        Global names, and attributes, that the functions in it mention.
    opaque : str
        Why its state cannot be seen; empty when it can.
    """

    digest: bytes
    shares: frozenset[int]
    names: frozenset[str] = frozenset()
    opaque: str = ""


class Clock:
    """The CPU time that fingerprints may take: a share of what the user's cells take.

    Parameters
    ----------
    credit_seconds : float
        What may be spent at once, before any cell has run.
    share : float
        Of the time of the cells.
    least_seconds : float
        What each cell may take, whatever was spent before.
    """

    def __init__(
        self, credit_seconds: float = 0.5, share: float = 0.015, least_seconds: float = 0.02
    ) -> None:
        self._left = credit_seconds
        self._share = share
        self._least = least_seconds
        self._began = 0.0
        self.deadline = 0.0

    def start(self, cell_seconds: float) -> None:
        """Begin the fingerprints of a cell."""
        self._left += self._share * cell_seconds
        self._began = time.thread_time()
        self.deadline = self._began + max(self._least, self._left)

    def stop(self) -> None:
        """End them."""
        self._left -= time.thread_time() - self._began

    def check(self, size_bytes: int = 0) -> None:
        """Raise `TooMuchError` when hashing so many bytes would pass the deadline."""
        if time.thread_time() + size_bytes / BYTES_PER_SECOND > self.deadline:
            raise TooMuchError


def fingerprint(value: Any, clock: Clock, is_user: Callable[[Any], bool]) -> Fingerprint:
    """Return the fingerprint of a value that is no atom.

    Parameters
    ----------
    value : object
    clock : Clock
        Started.
    is_user : callable
        Tells for the name of a module whether it is the user's own: its classes are walked
        without calling their methods, its functions and variables count as state.
    """
    kind = type(value)
    reason = opaque_kind(kind)
    if reason:
        return Fingerprint(b"", _hidden_share(value), opaque=reason)
    reader = _Reader(_Sink(clock), is_user)
    try:
        clock.check()
        if kind is list and len(value) > LONG:
            clock.check(len(value) * ITEM_BYTES)
            if ATOMS.issuperset(map(type, value)):
                return Fingerprint(_digest_of_atoms(value, clock), frozenset({id(value)}))
        if module_of(kind).partition(".")[0] in _QUIET:
            reader.dump(value)
        else:
            with unwarned():
                reader.dump(value)
        shares = reader.shares()
    except TooMuchError:
        return Fingerprint(b"", frozenset({id(value)}), frozenset(reader.names), TOO_LARGE)
    except (Exception, RecursionError):  # noqa: BLE001 - whatever a class does when it is pickled
        return Fingerprint(
            b"", frozenset({id(value)}), frozenset(reader.names), f"a {name_of(kind)}"
        )
    finally:
        reader.clear_memo()  # it holds all that was met, which must not outlive the cell
    return Fingerprint(reader.digest(), shares, frozenset(reader.names), reader.opaque)


def _digest_of_atoms(values: list[Any], clock: Clock) -> bytes:
    # a tenth of what the pickler needs, which remembers each string that it meets
    content = xxhash.xxh3_128()
    for begin in range(0, len(values), AT_ONCE):
        clock.check()
        content.update(marshal.dumps(values[begin : begin + AT_ONCE], 2))
    return content.digest()


class _Reader(pickle.Pickler):
    """Walks one value."""

    def __init__(self, sink: _Sink, is_user: Callable[[Any], bool]) -> None:
        self._sink = sink
        self._is_user = is_user
        self._steps = 0
        self._instances: set[int] = set()
        self._memories: set[int] = set()
        self._hidden: set[int] = set()
        self.names: set[str] = set()
        self.opaque = ""
        super().__init__(sink, protocol=5, buffer_callback=sink.take)

    def digest(self) -> bytes:
        return self._sink.digest()

    def shares(self) -> frozenset[int]:
        """Return the identities of what is shared; the walk has ended, and is forgotten.

        What lists and dicts were made for the pickle alone shows when they are let go, the
        outer ones first: nobody else holds them.
        """
        shares = self._memories | self._hidden
        with _uncollected():
            memo = self.memo.copy()
            self.clear_memo()
            found = [
                entry
                for identity, entry in memo.items()
                if identity in self._instances or is_one_of(type(entry[1]), _CONTAINERS)
            ]
            del memo
            found.sort(key=_place, reverse=True)
            while found:
                _, one = found.pop()
                if sys.getrefcount(one) > _OURS:
                    shares.add(id(one))
        return frozenset(shares)

    def reducer_override(self, obj: Any) -> Any:
        self._steps += 1
        if self._steps % STEP == 0:
            self._sink.check()
        if obj is _seen:
            return NotImplemented
        kind = type(obj)
        if kind is types.FunctionType:
            return self._function(obj)
        if issubclass(kind, type):
            return self._class(obj)
        if issubclass(kind, types.ModuleType):
            return self._module(obj)
        special = _SPECIAL.get(kind) if type(kind) is type else None
        if special is not None:
            return _walk(special(obj))
        return self._instance(obj, kind)

    def _instance(self, obj: Any, kind: type) -> Any:
        reason = opaque_kind(kind)
        if reason:
            return self._hide(obj, reason)
        if module_of(kind) == "numpy" and name_of(kind) in _ARRAYS:
            return self._array(obj)
        if self._is_user(module_of(kind)):
            self._instances.add(id(obj))
            return _walk((kind, *_state(obj, kind)))
        try:
            reduced = obj.__reduce_ex__(5)
        except Exception:  # noqa: BLE001 - locks, generators, handles: each says it in its own way
            return self._hide(obj, f"a {name_of(kind)}")
        if isinstance(reduced, str):  # a global of a library
            return _walk((module_of(kind), reduced))
        if not is_value(kind) and "function" not in name_of(kind):
            self._instances.add(id(obj))
        if module_of(kind).partition(".")[0] == "pandas" and len(reduced) > 2:
            return _own_state(reduced)
        return reduced

    def _hide(self, obj: Any, reason: str) -> Any:
        self.opaque = self.opaque or reason
        self._hidden |= _hidden_share(obj)
        return _walk(("opaque", id(obj)))

    def _array(self, array: Any) -> Any:
        memory = array
        while module_of(type(memory)) == "numpy" and getattr(memory, "base", None) is not None:
            memory = memory.base
        self._memories.add(id(memory))
        if array.dtype.hasobject or array.flags.forc:
            return array.__reduce_ex__(5)
        # a view with gaps: a pickle would copy it; the memory below says as much
        self._sink.check(max(array.nbytes, array.size * GAP_BYTES))
        return _walk((array.shape, array.dtype.str, array.tobytes()))

    def _function(self, function: types.FunctionType) -> Any:
        if not self._is_user(function.__module__):
            return _walk((function.__module__, function.__qualname__))
        self.names |= names_of(function.__code__)
        cells = [_content(cell) for cell in function.__closure__ or ()]
        state = (function.__defaults__, function.__kwdefaults__, function.__dict__, cells)
        return _walk(("function", hash(function.__code__), *state))

    def _class(self, kind: type) -> Any:
        if not self._is_user(module_of(kind)):
            return _walk((module_of(kind), name_of(kind)))
        self._instances.add(id(kind))
        mapping, bases = asked(kind, "__dict__"), asked(kind, "__bases__")
        own = [(name, part) for name, part in mapping.items() if _counts(name, part)]
        meta = type(kind) if type(kind) is not type else None
        return _walk(("class", name_of(kind), bases, meta, own))

    def _module(self, module: types.ModuleType) -> Any:
        name = module.__name__
        if not self._is_user(name) or name == "__main__":
            return _walk(("module", name))
        self._instances.add(id(module))
        own = [(n, part) for n, part in vars(module).items() if not n.startswith("__")]
        return _walk(("module", name, own))


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    # as many tuples as there are objects would set off a collection again and again
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


_OURS = 2
"""References to an object from the loop and from the call."""

_place = operator.itemgetter(0)


def _walk(parts: tuple[Any, ...]) -> Any:
    # as state, not as arguments: the pickler then knows the object before it walks its parts,
    # so that cycles end
    return _seen, (), parts


class _Sink:
    """Takes the bytes of a pickle and keeps only their hash."""

    def __init__(self, clock: Clock) -> None:
        self._hash = xxhash.xxh3_128()
        self._count = 0
        self.check = clock.check

    def write(self, content: bytes) -> None:
        if len(content) <= LONGEST_FRAME:  # else one long text
            self._count += content.count(pickle.MEMOIZE)
        self.check(self._count * OBJECT_BYTES)
        self._hash.update(content)

    def take(self, buffer: pickle.PickleBuffer) -> None:
        raw = buffer.raw()
        self.check(raw.nbytes)
        self._hash.update(raw)

    def digest(self) -> bytes:
        return self._hash.digest()


def _seen(*parts: Any) -> None:
    """Stand in a pickle for what is walked in our own way; pickles are never read back."""


_ARRAYS = frozenset({"ndarray", "memmap", "recarray", "matrix", "MaskedArray"})


def _hidden_share(value: Any) -> frozenset[int]:
    """Return what an opaque value shares, as far as the garbage collector sees it."""
    if module_of(type(value)).startswith("matplotlib"):  # axes and figures belong together
        figure = getattr(value, "figure", None)
        return frozenset({id(value), id(figure if figure is not None else value)})
    found: set[int] = set()
    waiting = deque([value])
    while waiting and len(found) < MOST_REFERENTS:
        one = waiting.popleft()
        if id(one) not in found and _may_be_shared(one):
            found.add(id(one))
            waiting.extend(gc.get_referents(one))
    return frozenset(found)


_NEVER_SHARED = (type, types.ModuleType, types.FunctionType, types.CodeType, types.FrameType)


def _may_be_shared(value: Any) -> bool:
    kind = type(value)
    if is_one_of(kind, ATOMS) or issubclass(kind, _NEVER_SHARED) or is_value(kind):
        return False
    return not (kind is dict and "__builtins__" in value)


def _state(obj: Any, kind: type) -> Iterator[Any]:
    """Yield what an instance of the user's class holds, without calling its methods."""
    if issubclass(kind, dict):
        yield list(dict.items(obj))
    for base in (list, tuple, set, frozenset, deque):
        if issubclass(kind, base):
            yield list(base.__iter__(obj))
    yield from (base.__repr__(obj) for base in (str, bytes, int, float) if issubclass(kind, base))
    with contextlib.suppress(AttributeError):
        yield object.__getattribute__(obj, "__dict__")
    for base in asked(kind, "__mro__"):
        for name, slot in asked(base, "__dict__").items():
            if type(slot) is types.MemberDescriptorType:
                with contextlib.suppress(AttributeError):
                    yield name, slot.__get__(obj, kind)
    if issubclass(kind, BaseException):
        yield BaseException.__reduce__(obj)[1:]


def _own_state(reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """Leave out of a frame's state the list that all frames share."""
    make, arguments, state, *rest = reduced
    if isinstance(state, dict):
        state = {key: part for key, part in state.items() if key != "_metadata"}
    return make, arguments, state, *rest


def _counts(name: str, part: Any) -> bool:
    if name in {"__dict__", "__weakref__", "_abc_impl"}:
        return False
    return not name.startswith("__") or is_one_of(type(part), _CODE)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "an empty cell"


_SPECIAL: Mapping[type, Callable[[Any], tuple[Any, ...]]] = {
    types.CellType: lambda cell: ("cell", _content(cell)),
    types.MappingProxyType: lambda proxy: ("proxy", dict(proxy)),
    classmethod: lambda method: ("classmethod", method.__func__),
    staticmethod: lambda method: ("staticmethod", method.__func__),
    property: lambda part: ("property", part.fget, part.fset, part.fdel),
    functools._lru_cache_wrapper: lambda cached: ("cached", cached.__wrapped__),  # noqa: SLF001
    types.GetSetDescriptorType: lambda part: ("descriptor", part.__name__),
    types.MemberDescriptorType: lambda part: ("descriptor", part.__name__),
    types.WrapperDescriptorType: lambda part: ("descriptor", part.__name__),
    types.MethodDescriptorType: lambda part: ("descriptor", part.__name__),
    types.CodeType: lambda code: ("code", hash(code)),
}
