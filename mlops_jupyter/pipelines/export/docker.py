"""A pipeline as a container image: a Dockerfile, and a lock of the packages that it needs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mlops_jupyter.errors import ExternalError
from mlops_jupyter.pipelines.declared import read_graph
from mlops_jupyter.pipelines.export import lock
from mlops_jupyter.pipelines.export.shape import Shape, on_one_line
from mlops_jupyter.pipelines.modules import imported
from mlops_jupyter.project import Project

FOLDER = "docker"
LOCK = "requirements.txt"

_EXTRAS = {"s3": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "azure", "abfss": "azure"}

USER = "mlops"
USER_ID = 10001
"""Of the user that runs the pipeline: above those that systems give out."""


def packages_of(project: Project, name: str) -> tuple[str, ...]:
    """Return the distributions that the notebooks of a pipeline import, and ours."""
    found: set[str] = set()
    for node in read_graph(project, name).nodes:
        source = node.cut.source
        texts = [cell.source for cell in (*source.setup, *node.source.code)]
        found |= imported(texts, source.path.parent).packages.keys()
    scheme = (project.settings.remote.url or "").partition("://")[0]
    ours = f"{lock.OURS}[{_EXTRAS[scheme]}]" if scheme in _EXTRAS else lock.OURS
    return (ours, *(one for one in sorted(found) if lock.normal(one) != lock.OURS))


def files(project: Project, shape: Shape) -> dict[str, str | bytes]:
    """Return the files of an image, by their paths from the project's root.

    Raises
    ------
    UsageError
        A package that is imported is not installed, or uv is not.
    ExternalError
        The package index cannot be reached.
    """
    packages = packages_of(project, shape.pipeline)
    pinned = lock.pins(packages)
    folder = f"{FOLDER}/{shape.pipeline}"
    built = {name: _wheel(place) for name, place in pinned.sources.items()}
    wheels = dict(built.values())
    needs = {name: lock.needs_of(content) for name, (_, content) in built.items()}
    pinned = lock.pins(packages, needs)
    lines = lock.locked(pinned.versions, shape.python)
    lines += "".join(
        f"./{name} \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"
        for name, content in wheels.items()
    )
    return {
        f"{folder}/Dockerfile": dockerfile(shape, has_wheels=bool(wheels)),
        f"{folder}/Dockerfile.dockerignore": _IGNORED.format(folder=folder),
        f"{folder}/{LOCK}": lines,
        **{f"{folder}/{name}": content for name, content in wheels.items()},
    }


def dockerfile(shape: Shape, *, has_wheels: bool = False) -> str:
    """Return a Dockerfile, built from the project's root.

    Layers that change seldom come first: a changed notebook installs nothing again.
    """
    name = on_one_line("the name of the pipeline", shape.pipeline)
    folder = f"{FOLDER}/{name}"
    copied = [f"{folder}/{LOCK}", *([f"{folder}/*.whl"] if has_wheels else []), "/lock/"]
    entry = ["mlops", "pipeline", "run", name]
    return _DOCKERFILE.format(
        python=shape.python,
        folder=folder,
        name=name,
        copied=" ".join(copied),
        user=USER,
        user_id=USER_ID,
        entry=json.dumps(entry),
    )


def _wheel(place: str) -> tuple[str, bytes]:
    """Build the wheel of what was installed from a folder; that of a file is there."""
    if place.endswith(".whl"):
        return Path(place).name, Path(place).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet"]
        command += ["--wheel-dir", folder, place]
        # an image needs no panel
        told = {**os.environ, "MLOPS_LABEXTENSION": "skip"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=told)
        made = sorted(Path(folder).glob("*.whl"))
        if done.returncode or not made:
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ExternalError(f"no wheel can be built of {place}: {said[:300]}")
        return made[0].name, made[0].read_bytes()


_DOCKERFILE = """\
# The pipeline {name}. Written by `mlops pipeline export`. From the folder with mlops.yaml:
#   docker build -f {folder}/Dockerfile -t {name} .
#   docker run --rm {name} -p NAME VALUE
FROM python:{python}-slim
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN groupadd --gid {user_id} {user} \\
 && useradd --no-log-init --uid {user_id} --gid {user} --create-home {user} \\
 && install -d -o {user} -g {user} /project /project/.mlops
COPY {copied}
WORKDIR /lock
RUN python -m pip install --require-hashes --no-deps --only-binary :all: -r {lock}
WORKDIR /project
COPY --chown={user}:{user} . .
USER {user_id}
ENTRYPOINT {entry}
""".replace("{lock}", LOCK)

_IGNORED = """\
# what the image does not need: history, caches, what was recorded, secrets
.git
.mlops
.venv*
**/__pycache__
**/.ipynb_checkpoints
**/.env
{folder}
!{folder}/*.txt
!{folder}/*.whl
"""
