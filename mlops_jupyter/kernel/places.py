"""Where a file does not count as one that a cell read: Python itself, caches, our own folder."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

OURS = "/.mlops/"
GIT = "/.git/"

_SYSTEM = (
    "/proc/", "/sys/", "/dev/", "/run/", "/etc/", "/bin/", "/sbin/", "/lib/", "/lib64/",
    "/usr/lib/", "/usr/lib64/", "/usr/share/", "/usr/local/lib/", "/usr/local/share/",
    "/var/cache/", "/var/lib/", "/System/", "/Library/", "/tmp/ipykernel_",  # noqa: S108
)  # fmt: skip

_HOMES = (
    ".cache", ".config", ".ipython", ".jupyter", ".local/share/jupyter", ".matplotlib",
    ".fontconfig", ".mlflow", "Library/Caches", "Library/Jupyter", "Library/Fonts",
)  # fmt: skip

_VARIABLES = (
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR",
    "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR",
)  # fmt: skip


def outside() -> tuple[str, ...]:
    """Return the beginnings of paths that do not count, each with a slash at its end."""
    found = dict.fromkeys(_SYSTEM)
    for folder in _folders():
        for path in {folder, os.path.realpath(folder)}:
            if os.path.isabs(path) and path.count("/") > 1:  # noqa: PTH117
                found.setdefault(path.rstrip("/") + "/")
    return tuple(found)


def _folders() -> Iterator[str]:
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix}:
        if prefix not in {"/usr", "/usr/local"}:  # there, people keep data too
            yield prefix
    paths = sysconfig.get_paths()
    yield from (paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    yield from (*site.getsitepackages(), site.getusersitepackages())
    yield from (p for p in sys.path if p.endswith(("site-packages", "dist-packages")))
    home = Path.home()
    yield from (str(home / name) for name in _HOMES)
    yield from (os.environ[name] for name in _VARIABLES if os.environ.get(name))
    yield str(Path(__file__).parents[1])  # this package, where it is not installed
