"""The tools that a pipeline can be written for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlops_jupyter.errors import UsageError, refused_by_disk
from mlops_jupyter.pipelines.export import airflow, cron, docker, github, kubeflow
from mlops_jupyter.pipelines.export.packages import is_alone, packages_of
from mlops_jupyter.pipelines.export.shape import Shape, shape_of
from mlops_jupyter.pipelines.form import parameters_of
from mlops_jupyter.pipelines.parameters import convert_all
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import replace_file

Target = Literal["airflow", "kubeflow", "github", "docker", "cron"]
TARGETS: tuple[Target, ...] = ("airflow", "kubeflow", "github", "docker", "cron")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a pipeline is to be written.

    Attributes
    ----------
    cron : str or None
        When it runs: in UTC, and of `cron` in the time of the machine.
    image : str or None
        Of `kubeflow`: the container image. Default: the name of the pipeline, ``:latest``.
    is_yaml : bool
        Of `kubeflow`: what KFP makes of the file, in its place.
    given : mapping of str to str
        Of `cron`: parameters, as on the command line.
    """

    cron: str | None = None
    image: str | None = None
    is_yaml: bool = False
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exported:
    """A pipeline, written for another tool.

    Attributes
    ----------
    pipeline : str
    target : str
    files : dict of str to str or bytes
        By path, from the project's root or wherever they are put. The first one is the main one.
    notes : tuple of str
        What whoever uses them should know.
    """

    pipeline: str
    target: Target
    files: Mapping[str, str | bytes]
    notes: tuple[str, ...] = ()


def export_pipeline(
    project: Project, name: str, target: Target, wish: Wish | None = None
) -> Exported:
    """Write a pipeline for another tool; nothing is run, and no file is written yet.

    Parameters
    ----------
    project : Project
    name : str
        Of the pipeline.
    target : str
        ``airflow``, ``kubeflow``, ``github``, ``docker`` or ``cron``.
    wish : Wish, optional

    Raises
    ------
    NotFoundError, UsageError
        There is no such pipeline; what is wished cannot be had; the tool needs a shared store.
    ExternalError
        Of `docker`: the package index cannot be reached.
    """
    wish = wish or Wish()
    if wish.given:
        if target != "cron":
            raise UsageError(f"{target} asks for the parameters itself: leave `-p` out")
        convert_all(parameters_of(project, name)[1], wish.given)
    if wish.cron is not None and target in {"kubeflow", "docker"}:
        raise UsageError(f"a {target} file says nothing of when it runs", hint="leave it out")
    shape = shape_of(project, name)
    files = _written(project, shape, target, wish)
    return Exported(name, target, files, tuple(_notes(shape, target)))


def _written(
    project: Project, shape: Shape, target: Target, wish: Wish
) -> Mapping[str, str | bytes]:
    name = shape.pipeline
    if target == "airflow":
        if wish.cron is not None:
            cron.next_times(wish.cron, is_utc=True, count=1)
        return {f"{name}_airflow.py": airflow.dag(shape, wish.cron)}
    if target == "kubeflow":
        source = kubeflow.module(shape, wish.image or f"{name.lower()}:latest")
        if wish.is_yaml:
            return {f"{name}.yaml": kubeflow.compiled(source)}
        return {f"{name}_kubeflow.py": source}
    if target == "github":
        return {f".github/workflows/{name}.yml": github.workflow(shape, wish.cron)}
    if target == "docker":
        return docker.files(project, shape)
    if wish.cron is None:
        raise UsageError("cron must know when", hint="e.g. --cron '0 6 * * *': each day at six")
    return {f"{name}.cron": cron.crontab(shape, wish.cron, wish.given)}


def _notes(shape: Shape, target: Target) -> list[str]:
    notes = list(shape.notes) if target in {"airflow", "kubeflow", "github"} else []
    is_folder = shape.store is not None and "://" not in shape.store
    if target == "kubeflow" and is_folder:
        notes.append(f"each pod must have {shape.store} as a shared volume")
    goes_through_store = target == "kubeflow" or (target == "github" and not is_folder)
    if goes_through_store and shape.store and not shape.is_trusted:
        notes.append(
            "what other hosts ran is not taken before mlops.yaml says `remote: {trust: true}`:"
            " until then each task runs all steps before it"
        )
    if target == "github" and is_alone(packages_of(shape.root)):
        notes.append("there is no requirements.txt: the jobs install mlops-jupyter alone")
    return notes


def write(exported: Exported, output: Path) -> list[Path]:
    """Write the files; one file to `output` itself, several into that folder.

    Raises
    ------
    UsageError, ExternalError
        The disk does not take them.
    """
    written: list[Path] = []
    for name, content in exported.files.items():
        path = output if len(exported.files) == 1 else output / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise refused_by_disk(path, error) from error
        written.append(path)
    return written
