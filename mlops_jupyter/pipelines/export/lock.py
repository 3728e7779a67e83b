"""What is installed here and needed, with hashes: the same elsewhere, or nothing.

https://pip.pypa.io/en/stable/topics/secure-installs/
"""

from __future__ import annotations

import email
import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlops_jupyter.errors import ExternalError, UsageError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OURS = "mlops-jupyter"
NEVER = frozenset({"pip", "setuptools", "wheel"})
UV_SECONDS = 600

# https://packaging.python.org/en/latest/specifications/name-normalization/
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class Pins:
    """Distributions, as they are installed here.

    Attributes
    ----------
    versions : dict of str to str
        Those that an index has.
    sources : dict of str to str
        Those that were installed from a folder or file: their place on this machine.
    """

    versions: dict[str, str]
    sources: dict[str, str]


def pins(roots: Iterable[str], told: Mapping[str, Sequence[str]] | None = None) -> Pins:
    """Return distributions and all that they need, with the versions installed here.

    Parameters
    ----------
    roots : iterable of str
        Distributions, by name; with extras as ``mlops-jupyter[s3]``.
    told : mapping of str to sequence of str, optional
        What those of these names need. Default: what was written down when they were installed,
        which of a linked folder may be old.

    Raises
    ------
    UsageError
        One is not installed, or comes from a place that cannot be told.
    """
    from packaging.requirements import Requirement

    waiting = [Requirement(root) for root in roots]
    seen: set[tuple[str, str]] = set()
    versions: dict[str, str] = {}
    sources: dict[str, str] = {}
    while waiting:
        wanted = waiting.pop()
        name = normal(wanted.name)
        if name in NEVER:
            continue
        try:
            found = metadata.distribution(wanted.name)
        except metadata.PackageNotFoundError:
            raise UsageError(f"{wanted.name} is needed and is not installed") from None
        if (place := _place(found)) is not None:
            sources[name] = place
        else:
            versions[name] = found.version
        for extra in sorted({"", *wanted.extras}):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += _needed((told or {}).get(name, found.requires or ()), extra)
    return Pins(dict(sorted(versions.items())), dict(sorted(sources.items())))


def needs_of(wheel: bytes) -> tuple[str, ...]:
    """Return what a wheel needs, as it says itself."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as file:
        (name,) = (n for n in file.namelist() if n.endswith(".dist-info/METADATA"))
        said = email.message_from_bytes(file.read(name))
    return tuple(said.get_all("Requires-Dist") or ())


def normal(name: str) -> str:
    """Return the name of a distribution as indexes write it."""
    return _SEPARATORS.sub("-", name).lower()


def _needed(requires: Iterable[str], extra: str) -> Iterable[Requirement]:
    from packaging.requirements import Requirement

    for text in requires:
        one = Requirement(text)
        if one.marker is None:
            if not extra:
                yield one
        elif one.marker.evaluate({"extra": extra}):
            yield one


def _place(found: metadata.Distribution) -> str | None:
    """Return where a distribution was installed from, if not from an index."""
    told = found.read_text("direct_url.json")
    if told is None:
        return None
    address = json.loads(told).get("url", "")
    parts = urlsplit(address)
    if parts.scheme != "file":
        raise UsageError(
            f"{found.name} was installed from {parts.scheme}://…, which a lock cannot name",
            hint="install a version of it from an index, or from a wheel",
        )
    return url2pathname(parts.path)


def locked(versions: Mapping[str, str], python: str) -> str:
    """Return the lines of a requirements file: each version with the hashes of all its files.

    They come from the index that this machine uses, which is not named. Read by uv
    (https://docs.astral.sh/uv/pip/compile/).

    Raises
    ------
    UsageError
        uv is not installed.
    ExternalError
        The index cannot be reached, or lacks one of them.
    """
    if find_spec("uv") is None:
        raise UsageError(
            "the hashes of packages are read by uv, which is not installed",
            hint="pip install 'mlops-jupyter[docker]'",
        )
    if not versions:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pins.in")
        file.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
        command = [
            sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-config", "--no-deps",
            "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url",
            "--no-emit-find-links", "--python-version", python, str(file),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=UV_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise ExternalError("the package index does not answer") from None
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise ExternalError(
            f"the hashes of the packages cannot be had: {' '.join(lines)[:300] or 'no reason'}",
            hint="is the package index in reach? UV_INDEX_URL names another one",
        )
    return done.stdout
