"""What a job of a CI system has to install before it can run a project."""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib.metadata import version
from pathlib import Path

LOCKS = ("requirements.lock", "requirements.txt")
"""What names the packages of a project, the strictest first."""

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "azure", "abfss": "azure"}
"""Of this package, by the scheme of a shared store's address."""


def packages_of(root: Path, store: str | None = None) -> str:
    """Return the words of `pip install` for what a project needs, as far as its files say.

    A lock, ``requirements.txt``, or a ``pyproject.toml`` that says what it needs, in this order;
    this package is added where they do not name it, and alone where there is none of them.

    Parameters
    ----------
    root : Path
        Of the project.
    store : str, optional
        Address of its shared store, whose client is needed too.
    """
    extra = _EXTRAS.get((store or "").partition("://")[0])
    ours = f"mlops-jupyter{f'[{extra}]' if extra else ''}=={version('mlops-jupyter')}"
    file = next((name for name in LOCKS if (root / name).is_file()), None)
    if file is not None:
        words, said = ["-r", file], _read(root / file)
        # pip takes all of a file with hashes, or nothing
        if _names_us(said) or "--hash=" in said:
            return shlex.join(words)
        return shlex.join([*words, ours])
    needed = _declared(root / "pyproject.toml")
    if needed is not None:
        return "." if any(_names_us(one) for one in needed) else shlex.join([".", ours])
    return shlex.quote(ours)


def is_alone(packages: str) -> bool:
    """Tell whether `packages_of` found nothing but this package to install."""
    return not packages.startswith(("-r ", "."))


def _names_us(text: str) -> bool:
    return re.search(r"^\s*mlops[-_.]jupyter\b", text, re.MULTILINE | re.IGNORECASE) is not None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _declared(path: Path) -> list[str] | None:
    """Return what a ``pyproject.toml`` needs; None: it does not say, or is none."""
    try:
        content = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError:
        return None
    project = content.get("project")
    if not isinstance(project, dict) or "name" not in project:
        return None  # settings of tools alone
    return [str(one) for one in project.get("dependencies", ())]
