"""The environment of a run: Python, platform, and the packages installed and in use."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable

import msgspec


class Environment(msgspec.Struct, frozen=True):
    """What a kernel runs on.

    Attributes
    ----------
    python, platform : str
    installed : dict of str to str
        Each installed distribution and its version.
    modules : tuple of str
        Top-level modules imported so far that do not belong to Python itself.
    """

    python: str
    platform: str
    installed: dict[str, str]
    modules: tuple[str, ...]


def capture() -> Environment:
    """Return the environment of this process, in about 2 ms.

    `importlib.metadata` needs 200 ms for the same list: it opens a file for each
    distribution. The names of the ``.dist-info`` folders say it all
    (https://packaging.python.org/en/latest/specifications/recording-installed-packages/).
    """
    names = {name.partition(".")[0] for name in list(sys.modules)}
    modules = sorted(n for n in names if n not in sys.stdlib_module_names and n != "__main__")
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        installed=installed(sys.path),
        modules=tuple(m for m in modules if not m.startswith("_")),
    )


def captured() -> bytes:
    """Return the environment of this process, encoded; the last one, if nothing has changed."""
    global _last
    state = (len(sys.modules), *map(_changed_at, sys.path))
    if _last is None or _last[0] != state:
        _last = state, encode(capture())
    return _last[1]


_last: tuple[tuple[float, ...], bytes] | None = None


def _changed_at(folder: str) -> float:
    try:
        return os.stat(folder).st_mtime  # noqa: PTH116 - at a third of the time
    except OSError:
        return 0.0


def installed(folders: Iterable[str]) -> dict[str, str]:
    """Return distributions and versions; of two with one name the first on the path counts."""
    found: dict[str, str] = {}
    for folder in folders:
        try:
            entries = sorted(os.listdir(folder))  # noqa: PTH208 - names alone, at half the time
        except OSError:
            continue
        for entry in entries:
            if entry.endswith(".dist-info"):
                name, _, version = entry.removesuffix(".dist-info").partition("-")
                found.setdefault(name.replace("_", "-").lower(), version)
    return found


def encode(environment: Environment) -> bytes:
    """Return the environment as JSON with sorted keys, so that equal ones share an object."""
    return msgspec.json.encode(environment, order="sorted")


def decode(content: bytes) -> Environment:
    """Return an environment from its JSON."""
    return msgspec.json.decode(content, type=Environment)
