"""The digest of a CodeVersion, and the state of git beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from mlops_jupyter.store.objects import digest_of

GIT_TIMEOUT_SECONDS = 2.0


def digest(code_digests: Iterable[str]) -> str:
    """Return the digest of a CodeVersion: of its cells' digests, in order."""
    return digest_of("\n".join(code_digests).encode())


def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit and whether tracked files differ from it; None outside of git."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "-uno"],
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, None
    if answer.returncode != 0:
        return None, None
    lines = answer.stdout.splitlines()
    commit = next((x[13:] for x in lines if x.startswith("# branch.oid ")), "(initial)")
    if commit == "(initial)":
        return None, None
    return commit, any(not line.startswith("#") for line in lines)
