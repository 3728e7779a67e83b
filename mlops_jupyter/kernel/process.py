"""The state of the process that a cell may read or change without a name for it.

Random sources, environment, working directory, import path, options of libraries, modules
made at run time, open pyplot figures. Of libraries only those are asked that are loaded.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import xxhash

RANDOM = ("process:random", "process:numpy.random", "process:torch")
"""Random sources of the process, by the module that owns them."""


class Process:
    """Compares the state of the process with what it was after the cell before."""

    def __init__(self) -> None:
        self._states: dict[str, Any] = {}
        self._modules = len(sys.modules)
        self.after()

    def begin(self) -> None:
        """Note which modules are loaded before a cell."""
        self._modules = len(sys.modules)

    @property
    def imports(self) -> bool:
        """Whether modules have been loaded since the cell began."""
        return len(sys.modules) != self._modules

    def after(self, *, options: bool = True, seeds: bool = False) -> frozenset[str]:
        """Return the resources that have changed since the last call.

        Parameters
        ----------
        options : bool
            Look at the options of libraries too.
        seeds : bool
            The cell seeds random sources: those of a library that it loads, too.

        Returns
        -------
        frozenset of str
            ``process:random``, ``process:numpy.random``, ``process:torch``,
            ``process:environ``, ``process:cwd``, ``process:sys.path``, ``process:pyplot`` and
            ``module:NAME``.
        """
        changed = set()
        for resource, state in self._now(options=options):
            if resource not in self._states:
                # a library that has just been loaded
                self._states[resource] = state
                if resource in RANDOM and (seeds or _has_drawn(state)):
                    changed.add(resource)
            elif self._states[resource] != state:
                self._states[resource] = state
                changed.add(resource)
        if self.imports:
            changed |= set(self._made_here())
        return frozenset(changed)

    def is_in_use(self, resource: str) -> bool:
        """Return whether a state is anything but its default: an open figure, for instance."""
        return bool(self._states.get(resource))

    def threads(self, is_user: Callable[[Any], bool]) -> frozenset[int]:
        """Return the living threads that run the user's functions."""
        return frozenset(
            thread.ident or 0 for thread in threading.enumerate() if _is_users(thread, is_user)
        )

    def _now(self, *, options: bool) -> Iterator[tuple[str, Any]]:
        for resource, module, probe in _PROBES:
            loaded = sys.modules.get(module)
            is_option = resource.startswith("module:") and resource in self._states
            if loaded is None or (is_option and not options):
                continue
            try:
                yield resource, probe(loaded)
            except Exception:  # noqa: BLE001, S112 - another version of the library
                continue

    def _made_here(self) -> Iterator[str]:
        for name, module in list(sys.modules.items())[self._modules :]:
            if getattr(module, "__spec__", None) is None and name != "__mp_main__":
                yield f"module:{name}"


def _is_users(thread: threading.Thread, is_user: Callable[[Any], bool]) -> bool:
    target = getattr(thread, "_target", None)
    modules = {type(thread).__module__, getattr(target, "__module__", None)}
    pool = "concurrent.futures.thread"
    return pool in modules or any(is_user(module) for module in modules)


def _digest(content: Any) -> bytes:
    return xxhash.xxh3_128_digest(content)


FRESH = 624
"""Where the Mersenne Twister stands when it is seeded: it draws 624 words at a time."""


def _has_drawn(state: tuple[Any, ...]) -> bool:
    return bool(state[0] != FRESH)


def _random(module: Any) -> Any:
    _, words, gauss = module.getstate()
    return words[-1], hash(words), gauss


def _numpy_random(module: Any) -> Any:
    state = module.get_state(legacy=False)
    inner = state["state"]
    return inner["pos"], _digest(inner["key"]), state["has_gauss"], state["gauss"]


def _torch(module: Any) -> Any:
    return FRESH, _digest(module.random.get_rng_state().numpy())


def _environ(module: Any) -> Any:
    # the copy of the mapping that `os` itself keeps: 2 µs in place of 40
    return hash(frozenset(module.environ._data.items()))  # noqa: SLF001


def _cwd(module: Any) -> Any:
    try:
        return module.getcwd()
    except OSError:  # it was removed
        return ""


def _pandas(module: Any) -> Any:
    return repr(module._config.config._global_config)  # noqa: SLF001


def _matplotlib(module: Any) -> Any:
    # its own ways to read would choose a backend, and import pyplot
    return dict(dict.items(module.rcParams))


def _pyplot(module: Any) -> Any:
    return tuple(module.Gcf.figs)


def _numpy(module: Any) -> Any:
    return tuple(module.geterr().items())


def _decimal(module: Any) -> Any:
    context = module.getcontext()
    return context.prec, context.rounding, context.Emin, context.Emax, context.capitals


def _locale(module: Any) -> Any:
    return module.setlocale(module.LC_ALL)


def _warnings(module: Any) -> Any:
    return tuple(map(id, module.filters))


_PROBES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("process:random", "random", _random),
    ("process:numpy.random", "numpy.random", _numpy_random),
    ("process:torch", "torch", _torch),
    ("process:environ", "os", _environ),
    ("process:cwd", "os", _cwd),
    ("process:sys.path", "sys", lambda module: tuple(module.path)),
    ("process:pyplot", "matplotlib._pylab_helpers", _pyplot),
    ("module:pandas", "pandas", _pandas),
    ("module:matplotlib", "matplotlib", _matplotlib),
    ("module:numpy", "numpy", _numpy),
    ("module:decimal", "decimal", _decimal),
    ("module:locale", "locale", _locale),
    ("module:warnings", "warnings", _warnings),
)
