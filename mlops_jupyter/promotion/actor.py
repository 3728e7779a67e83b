"""Who decides: a person, or a job of a CI service."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

GIT_TIMEOUT_SECONDS = 2.0

CI = (
    ("GITHUB_ACTOR", "GitHub Actions"),
    ("GITLAB_USER_LOGIN", "GitLab CI"),
    ("BUILD_REQUESTEDFOR", "Azure Pipelines"),
    ("CIRCLE_USERNAME", "CircleCI"),
    ("TEAMCITY_BUILD_TRIGGEREDBY_USERNAME", "TeamCity"),
    ("BUILD_USER_ID", "Jenkins"),
)
"""Variables in which CI services say who started the job."""


def current(folder: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Return who is at work: ``octocat (GitHub Actions)`` or ``Ada Lovelace (ada@laptop)``.

    Parameters
    ----------
    folder : Path
        Where git is asked for its user.
    environment : mapping
        Where CI services say who started the job.
    """
    for variable, service in CI:
        if environment.get(variable):
            return f"{environment[variable]} ({service})"
    try:
        login = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        login = str(os.getuid())
    place = f"{login}@{socket.gethostname()}"
    name = _git_user(folder)
    return f"{name} ({place})" if name else place


def _git_user(folder: Path) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "config", "user.name"],
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
