"""``mlops ci init``: the pipeline file of a CI system, at its usual place."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlops_jupyter.errors import (
    ConflictError,
    MlopsError,
    NotFoundError,
    UsageError,
    refused_by_disk,
)
from mlops_jupyter.pipelines.export.github import KEYS, folder_of
from mlops_jupyter.pipelines.export.packages import is_alone, packages_of
from mlops_jupyter.pipelines.export.shape import on_one_line
from mlops_jupyter.pipelines.form import parameters_of
from mlops_jupyter.pipelines.literal import Reference
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.ci import azure, circleci, github, gitlab, jenkins, teamcity, travis
from mlops_jupyter.promotion.ci.job import Job
from mlops_jupyter.store.objects import replace_file

System = Literal["github", "gitlab", "jenkins", "circleci", "azure", "teamcity", "travis"]

WRITERS = {
    "github": (".github/workflows/mlops.yml", github.workflow),
    "gitlab": (".gitlab-ci.yml", gitlab.pipeline),
    "jenkins": ("Jenkinsfile", jenkins.jenkinsfile),
    "circleci": (".circleci/config.yml", circleci.config),
    "azure": ("azure-pipelines.yml", azure.pipeline),
    "teamcity": (".teamcity/settings.kts", teamcity.settings),
    "travis": (".travis.yml", travis.config),
}
"""Of each system the place of its file, from the top of the repository, and who writes it."""

PYTHONS = ("3.11", "3.12", "3.13")
BRANCH = "main"
GIT_TIMEOUT_SECONDS = 5.0

TRACKING = "MLOPS_MLFLOW_TRACKING_URI"
STORE = "MLOPS_REMOTE_URL"
SECRET = re.compile(
    r"(?!(?:PATH|HOME|USER|PWD|LANG|SHELL|TMPDIR|CI)$|GITHUB_|RUNNER_)[A-Za-z_][A-Za-z0-9_]*"
)
"""The name of a variable that is nobody else's."""

LOGIN = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


@dataclass(frozen=True, slots=True)
class CiFile:
    """The pipeline file of a CI system.

    Attributes
    ----------
    system : str
    path : Path
        Where it belongs, absolute.
    text : str
    secrets : tuple of str
        Variables that the system's secrets must hold.
    notes : tuple of str
        What whoever uses it should know.
    """

    system: System
    path: Path
    text: str
    secrets: tuple[str, ...]
    notes: tuple[str, ...]


def ci_file(
    project: Project,
    system: System,
    model: str | None = None,
    *,
    python: str | None = None,
    branch: str | None = None,
) -> CiFile:
    """Return the pipeline file of a CI system that gates and releases a model; nothing is written.

    Parameters
    ----------
    project : Project
    system : str
        ``github``, ``gitlab``, ``jenkins``, ``circleci``, ``azure``, ``teamcity`` or ``travis``.
    model : str, optional
        From `models:` of ``mlops.yaml``. Default: the only one there.
    python : str, optional
        ``3.11``, ``3.12`` or ``3.13``. Default: the one that is used here.
    branch : str, optional
        From which the model is released. Default: the one that git says is the main one.

    Raises
    ------
    NotFoundError, UsageError
        No such system or model, a Python on which this package does not run, a name that the
        system has no way to write.
    """
    if system not in WRITERS:
        raise NotFoundError("CI system", system, WRITERS)
    job = _job(project, model, python, branch)
    place, write_text = WRITERS[system]
    top = _top(project.root, job.folder)
    return CiFile(system, top / place, write_text(job), job.secrets, tuple(_notes(project, job)))


def ci_init(
    project: Project,
    system: System,
    model: str | None = None,
    *,
    python: str | None = None,
    branch: str | None = None,
    force: bool = False,
) -> CiFile:
    """Write the pipeline file of a CI system to its usual place.

    Parameters
    ----------
    project : Project
    system, model, python, branch
        See `ci_file`.
    force : bool, default False
        Whether a file that is in the way is written over.

    Raises
    ------
    NotFoundError, UsageError
        See `ci_file`.
    ConflictError
        Another file is in the way.
    """
    made = ci_file(project, system, model, python=python, branch=branch)
    content = made.text.encode()
    try:
        if os.path.lexists(made.path) and not force and _content(made.path) != content:
            raise ConflictError(
                f"{made.path} exists, and is left as it is",
                hint="look at what would be written with --print, or write over it with --force",
            )
        made.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(made.path, content)
    except OSError as error:
        raise refused_by_disk(made.path, error) from error
    return made


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _job(project: Project, model: str | None, python: str | None, branch: str | None) -> Job:
    name = _model(project, model)
    pipeline = project.settings.models[name].pipeline
    if not pipeline:
        raise UsageError(
            f"the model {name!r} names no pipeline, so nothing can be released",
            hint=f"mlops.yaml: `models: {{{name}: {{pipeline: NAME}}}}`",
        )
    return Job(
        model=name,
        pipeline=pipeline,
        branch=_branch(project.root, branch),
        python=_python(python),
        packages=packages_of(project.root, project.settings.remote.url),
        folder=_text("the path of the project", folder_of(project.root)),
        secrets=tuple(_secrets(project, pipeline)),
        more_secrets=tuple(_more_secrets(project, pipeline)),
        has_store=project.settings.remote.url is not None,
    )


def _model(project: Project, name: str | None) -> str:
    declared = project.settings.models
    if name is not None:
        if name not in declared:
            raise NotFoundError("model", name, declared, hint="declare it in mlops.yaml: `models:`")
        return name
    if len(declared) == 1:
        return next(iter(declared))
    if not declared:
        raise UsageError("no model is declared", hint="declare one in mlops.yaml: `models:`")
    raise UsageError("say which model", hint=f"--model {'|'.join(sorted(declared)[:8])}")


def _python(asked: str | None) -> str:
    python = asked or ".".join(platform.python_version_tuple()[:2])
    if python not in PYTHONS:
        raise UsageError(
            f"mlops-jupyter does not run on Python {python!r:.20}", hint=f"{', '.join(PYTHONS)} do"
        )
    return python


def _branch(root: Path, asked: str | None) -> str:
    name = asked if asked is not None else _main_branch(root)
    _text("the name of the branch", name)
    # what git itself refuses, and what some system would take for its own; all else is quoted
    if not name or re.search(r"[ ~^:?*\[\\]|\.\.|@\{|^[-/]|/$|\.$|\.lock$|\$\{\{|<<", name):
        raise UsageError(f"{name!r:.80} is no name of a branch")
    return name


def _text(what: str, text: str) -> str:
    """Refuse what does not go into a file: an end of a line, or bytes that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} is no text in UTF-8: {text!r:.80}") from None
    return on_one_line(what, text)


def _main_branch(root: Path) -> str:
    """Return the main branch: the remote's, or the one that is checked out."""
    for words in (["refs/remotes/origin/HEAD"], ["HEAD"]):
        try:
            answer = subprocess.run(
                ["git", "-C", str(root), "symbolic-ref", "--short", *words],
                capture_output=True,
                text=True,
                timeout=GIT_TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            break
        if answer.returncode == 0 and answer.stdout.strip():
            return answer.stdout.strip().removeprefix("origin/")
    return BRANCH


def _top(root: Path, folder: str) -> Path:
    """Return the top of the repository, where CI systems look for their files."""
    return root.parents[len(Path(folder).parts) - 1] if folder else root


def _secrets(project: Project, pipeline: str) -> Iterator[str]:
    """Return the variables without which jobs do not work."""
    settings = project.settings
    if settings.mlflow.tracking_uri is None or TRACKING in os.environ:
        yield TRACKING
    if settings.remote.url is None or STORE in os.environ:
        yield STORE
    yield from sorted({one.variable for one in _references(project, pipeline) if one.is_needed})


def _more_secrets(project: Project, pipeline: str) -> Iterator[str]:
    """Return the variables that are needed by some."""
    yield from LOGIN
    yield from KEYS.get((project.settings.remote.url or "").partition("://")[0], ())
    yield from sorted({one.variable for one in _references(project, pipeline) if not one.is_needed})


def _references(project: Project, pipeline: str) -> list[Reference]:
    """Return what parameters of the pipeline read from the environment: `env:NAME`."""
    try:
        _, parameters = parameters_of(project, pipeline)
    except MlopsError:  # a notebook that cannot be read yet; `mlops release` says why
        return []
    named = [p.default for p in parameters if isinstance(p.default, Reference)]
    return [one for one in named if SECRET.fullmatch(one.variable)]


def _notes(project: Project, job: Job) -> Iterator[str]:
    settings = project.settings
    if TRACKING in job.secrets:
        yield (
            f"mlops.yaml names no MLflow server: set the secret {TRACKING}, or a job that starts"
            " with an empty folder knows no champion"
        )
    if STORE in job.secrets:
        yield f"mlops.yaml names no shared store: set the secret {STORE}, or jobs find no data"
    elif "://" not in (settings.remote.url or ""):
        yield f"the machine of the job must see the folder {settings.remote.url}"
    if not settings.remote.trust:
        yield (
            "a champion that another machine trained is not loaded before mlops.yaml says"
            " `remote: {trust: true}`"
        )
    if is_alone(job.packages):
        yield "there is no requirements.txt: the job installs mlops-jupyter alone"
