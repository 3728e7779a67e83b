"""Who decides: a person, or a job of a CI service."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

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

JOBS = ("CI_JOB_URL", "CIRCLE_BUILD_URL", "TRAVIS_JOB_WEB_URL", "BUILD_URL")
"""Variables in which GitLab, CircleCI, Travis, Jenkins and TeamCity say where a job is shown."""

MADE_OF = (
    (
        ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"),
        "{}/{}/actions/runs/{}",
    ),
    (
        ("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID"),
        "{}/{}/_build/results?buildId={}",
    ),
)
"""Those of GitHub and Azure Pipelines, and how the address is made of them."""


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


def job(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the address of the CI job that is at work, without what may be secret in it."""
    named = next((environment[name] for name in JOBS if environment.get(name)), None)
    if named is None:
        for variables, form in MADE_OF:
            if all(environment.get(name) for name in variables):
                named = form.format(*(environment[name].rstrip("/") for name in variables))
                break
    if named is None:
        return None
    try:
        parts = urlsplit(named)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:  # what a variable says need not be an address
        return None
    query = parts.query if parts.query.startswith("buildId=") else ""
    return urlunsplit((parts.scheme, host, parts.path, query, "")) if host else None


def name_of(actor: str) -> str:
    """Return the name alone: ``Ada Lovelace`` of ``Ada Lovelace (ada@laptop)``."""
    return actor.partition(" (")[0]


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
