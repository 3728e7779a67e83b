"""What is known of classes, without asking them: a class may have a metaclass of the user."""

from __future__ import annotations

import itertools
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

ATOMS: frozenset[type] = frozenset({
    bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented), range,
    types.BuiltinFunctionType,
})  # fmt: skip
"""Types whose instances cannot change and refer to nothing that can."""

OPAQUE = frozenset({
    "IPython", "_asyncio", "_io", "_socket", "_thread", "asyncio", "concurrent", "dask", "duckdb",
    "ipykernel", "ipywidgets", "itertools", "jax", "keras", "logging", "matplotlib", "mlflow",
    "mlops_jupyter",
    "multiprocessing", "py4j", "pyspark", "queue", "ray", "requests", "seaborn", "selectors",
    "socket", "sqlalchemy", "sqlite3", "ssl", "subprocess", "tensorflow", "threading", "tqdm",
    "wandb", "weakref",
})  # fmt: skip
"""Packages whose objects hold what a pickle does not show, or too much to be walked for each cell.

``_io`` and ``itertools`` have exceptions: see `_TRANSPARENT`."""

_TRANSPARENT = frozenset({("_io", "StringIO"), ("_io", "BytesIO")})

_VALUES = ("dtype", "Dtype", "Enum")


_VALUE_PACKAGES = {"datetime", "decimal", "fractions", "pathlib", "pyarrow", "re", "uuid"}


def asked(kind: type, attribute: str) -> Any:
    """Return an attribute of a class without asking its metaclass, which may be the user's."""
    return type.__getattribute__(kind, attribute)


def name_of(kind: type) -> str:
    """Return the name of a class."""
    return str(asked(kind, "__name__"))


def module_of(kind: type) -> str:
    """Return the module of a class."""
    try:
        return str(asked(kind, "__module__"))
    except AttributeError:
        return ""


def is_one_of(kind: type, kinds: frozenset[type]) -> bool:
    """Return whether a class is one of some."""
    # a metaclass of the user may have a hash of its own
    return type(kind) is type and kind in kinds


def is_value(kind: type) -> bool:
    """Return whether sharing an instance means nothing: it never changes, or is internal.

    What a frame is made of is no concern of others, but for its memory, which counts apart.
    """
    module = module_of(kind)
    package = module.partition(".")[0]
    if package == "pandas":
        return name_of(kind) not in {"DataFrame", "Series"}
    if package == "numpy":
        return not module.startswith("numpy.random")
    bases: tuple[type, ...] = asked(kind, "__mro__")
    return package in _VALUE_PACKAGES or any(name_of(b).endswith(_VALUES) for b in bases)


_KINDS: WeakKeyDictionary[type, str] = WeakKeyDictionary()


def opaque_kind(kind: type) -> str:
    """Return why the state of instances cannot be seen; empty when it can."""
    is_plain = type(kind) is type
    reason = _KINDS.get(kind) if is_plain else None
    if reason is None:
        module, name = module_of(kind), name_of(kind)
        package = module.partition(".")[0]
        hidden = package in OPAQUE and (package, name) not in _TRANSPARENT
        reason = f"a {module}.{name}" if hidden else ""
        if is_plain:
            _KINDS[kind] = reason
    return reason


def is_atom(value: Any) -> bool:
    """Return whether a value cannot change and refers to nothing that can."""
    return is_one_of(type(value), ATOMS)


def installed_check(roots: Iterator[str] | None = None) -> Callable[[Any], bool]:
    """Return a function that tells whether a module, by name, is the user's own.

    Modules of Python and of installed packages are not; ``__main__``, modules without a file
    and files anywhere else are.
    """
    paths = sysconfig.get_paths()
    folders = roots or iter({paths[k] for k in ("stdlib", "platstdlib", "purelib", "platlib")})
    installed = tuple(itertools.chain(folders, ("<frozen",)))
    known: dict[str, bool] = {"__main__": True, "builtins": False}

    def is_user(name: Any) -> bool:
        if not isinstance(name, str):
            return False
        found = known.get(name)
        if found is None:
            module = sys.modules.get(name)
            found = module is not None and _is_own(module, installed)
            if module is not None:
                known[name] = found
        return found

    return is_user


def _is_own(module: types.ModuleType, installed: tuple[str, ...]) -> bool:
    if module.__name__.partition(".")[0] in sys.stdlib_module_names | {"mlops_jupyter"}:
        return False
    spec = getattr(module, "__spec__", None)
    file = getattr(module, "__file__", None) or getattr(spec, "origin", None)
    if file is None:  # Cython makes modules such as `_cython_3_1_2` for its own types
        return spec is None and not module.__name__.startswith("_")
    return not str(file).startswith(installed) and file not in {"built-in", "frozen"}
