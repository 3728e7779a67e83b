"""A virtual environment with the versions that a run was recorded with."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from mlops_jupyter.errors import ExternalError, UsageError, refused_by_disk
from mlops_jupyter.project import Project
from mlops_jupyter.reproduction.replay import Place
from mlops_jupyter.runs import environment
from mlops_jupyter.runs.environment import Environment
from mlops_jupyter.runs.run import Run
from mlops_jupyter.store.lock import exclusive

FOLDER = "environments"
KERNEL = "locked"
COMPLETE = "complete"
LOCK_TIMEOUT_SECONDS = 1800.0

OURS = "mlops-jupyter"
LEFT_OUT = {OURS, "pip"}
PACKAGE = Path(__file__).parents[1]


def locked(project: Project, run: Run) -> Place:
    """Return the kernel of an environment with exactly a run's packages, made at first use.

    It is kept in ``.mlops/environments`` and serves all runs with the same packages. This
    package itself is the one that runs now, linked in.

    Raises
    ------
    UsageError
        The run recorded no environment, or its Python is not on this machine.
    ExternalError
        The packages cannot be had: no network, or one of them is on no index.
    """
    if run.environment_digest is None:
        raise UsageError(
            f"run {run.id} recorded no environment", hint="execute it here, without `--env lock`"
        )
    captured = environment.decode(project.objects.read(run.environment_digest))
    root = project.folder / FOLDER
    home = root / run.environment_digest.removeprefix("blake3:")[:32]
    try:
        root.mkdir(exist_ok=True)
        with exclusive(root / f"{home.name}.lock", LOCK_TIMEOUT_SECONDS, "make an environment"):
            if not (home / COMPLETE).exists():
                shutil.rmtree(home, ignore_errors=True)
                _make(home, captured)
                (home / COMPLETE).touch()
    except OSError as error:
        raise refused_by_disk(home, error) from error
    return Place(KERNEL, str(home / "share" / "jupyter"))


def _make(home: Path, captured: Environment) -> None:
    python = _python(captured.python)
    _run([python, "-m", "venv", "--without-pip", str(home)], "the environment cannot be made")
    packages = {k: v for k, v in captured.installed.items() if k not in LEFT_OUT}
    requirements = home / "requirements.txt"
    requirements.write_text("".join(f"{k}=={v}\n" for k, v in sorted(packages.items())))
    own = str(home / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", own, "install", "--no-deps", "--no-input"]
    if packages:
        what = f"the {len(packages)} packages of the run cannot be installed"
        quick = ["--disable-pip-version-check", "--retries", "2"]
        _run([*install, *quick, "-r", str(requirements)], what)
    place = _run([own, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], "no Python")
    (Path(place.strip()) / "mlops_jupyter").symlink_to(PACKAGE)
    kernel = home / "share" / "jupyter" / "kernels" / KERNEL
    kernel.mkdir(parents=True)
    argv = [own, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    told = {"argv": argv, "display_name": "as recorded", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(told))


def _python(version: str) -> str:
    """Return an interpreter of the same minor version."""
    minor = ".".join(version.split(".")[:2])
    if platform.python_version().startswith(f"{minor}."):
        base = Path(sysconfig.get_config_var("BINDIR") or "") / f"python{minor}"
        return str(base) if base.exists() else sys.executable
    found = shutil.which(f"python{minor}")
    if found is None:
        raise UsageError(
            f"the run was recorded with Python {version}, and python{minor} is not on this machine",
            hint=f"install Python {minor}, or execute it here, without `--env lock`",
        )
    return found


def _run(command: list[str], what: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = next((line for line in reversed(lines) if "ERROR" in line.upper()), "no reason")
        raise ExternalError(
            f"{what}: {said.removeprefix('ERROR: ')[:300]}",
            hint="is the package index in reach? else execute it here, without `--env lock`",
        )
    return done.stdout
