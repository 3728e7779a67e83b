"""A pipeline as a container image: what its Dockerfile does is done for real, without Docker."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from mlops_jupyter.errors import ExternalError, UsageError
from mlops_jupyter.pipelines.export import lock
from mlops_jupyter.pipelines.export.docker import USER_ID, dockerfile, packages_of
from mlops_jupyter.pipelines.export.target import export_pipeline, write
from mlops_jupyter.project import Project
from tests.pipelines.export.study import HOSTILE


def instructions(text: str, tmp_path: Path) -> list[tuple[str, str]]:
    parser = DockerfileParser(str(tmp_path), fileobj=None)
    parser.content = text
    return [(one["instruction"], one["value"]) for one in parser.structure]


@pytest.mark.parametrize("has_wheels", [True, False])
def test_the_linter_finds_nothing(has_wheels: bool, tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(dockerfile(HOSTILE, has_wheels=has_wheels))
    found = subprocess.run(["hadolint", str(file)], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


def test_it_runs_the_pipeline_and_not_as_root(tmp_path: Path) -> None:
    made = instructions(dockerfile(HOSTILE), tmp_path)
    kinds = [kind for kind, _ in made if kind != "COMMENT"]
    assert kinds.index("RUN") < kinds.index("USER") < kinds.index("ENTRYPOINT")
    assert ("USER", str(USER_ID)) in made, "as Kubernetes wants to see it"
    assert ("FROM", "python:3.11.7-slim") in made
    assert json.loads(dict(made)["ENTRYPOINT"]) == ["mlops", "pipeline", "run", "train.x-1"]
    # what changes often comes last: a changed notebook installs nothing again
    copies = [value for kind, value in made if kind == "COPY"]
    assert copies == ["docker/train.x-1/requirements.txt /lock/", "--chown=mlops:mlops . ."]


def test_a_name_on_two_lines_is_refused() -> None:
    with pytest.raises(UsageError, match="control character"):
        dockerfile(replace(HOSTILE, pipeline="train\nRUN touch harmed"))


def test_pins_are_what_is_installed_and_all_that_it_needs() -> None:
    made = lock.pins(["moto[server]"])
    assert made.versions.keys() >= {"moto", "flask", "boto3", "jinja2"}
    assert made.versions["flask"] == version("flask")
    assert made.versions.keys().isdisjoint({"pytest", "pip", "pandas"})
    assert made.sources == {}


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(UsageError, match="no-such-thing is needed"):
        lock.pins(["no-such-thing"])


def test_an_index_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path))
    with pytest.raises(ExternalError, match="hashes of the packages cannot be had") as failed:
        lock.locked({"pandas": "2.2.3"}, "3.11.7")
    assert failed.value.exit_code == 7


def test_what_the_notebooks_import_is_installed(study: Project) -> None:
    file = study.root / "train.ipynb"
    file.write_text(file.read_text().replace("rows = ", "import yaml\\nrows = "))
    assert packages_of(study, "train") == ("mlops-jupyter", "pyyaml")


@pytest.mark.tools
def test_the_same_in_a_fresh_environment(study: Project, tmp_path: Path) -> None:
    """Install as the image does, then run as it does: on a copy of the sources, not as root."""
    exported = export_pipeline(study, "train", "docker")
    files = write(exported, study.root)
    folder = study.root / "docker" / "train"
    assert {file.name for file in files} >= {"Dockerfile", "Dockerfile.dockerignore"}
    locked = (folder / "requirements.txt").read_text()
    assert "://" not in locked, "no address of an index"
    assert not re.search(r"^[^# ./][^\n]*[^\\\n]$", locked, re.MULTILINE), "each has its hashes"
    assert "pytest==" not in locked
    (wheel,) = folder.glob("*.whl")  # of what was installed from a folder: this package
    assert not any(".ipynb" in name for name in zipfile.ZipFile(wheel).namelist())

    made = instructions((folder / "Dockerfile").read_text(), tmp_path)
    (install,) = [value for kind, value in made if kind == "RUN" and "pip install" in value]
    image = tmp_path / "image"
    subprocess.run([sys.executable, "-m", "venv", str(image / "venv")], check=True)
    environment = {
        "PATH": f"{image / 'venv' / 'bin'}:{os.environ['PATH']}",
        "HOME": str(image / "home"),
        **{k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_"))},
    }
    subprocess.run(install, shell=True, cwd=folder, env=environment, check=True)
    project = image / "project"
    shutil.copytree(study.root, project, ignore=shutil.ignore_patterns(".mlops", ".git", "docker"))
    for folder in (image / "home", project / ".mlops"):
        folder.mkdir(exist_ok=True)
    told = dict[str, int]()
    interpreter = Path(sys.base_prefix)
    is_open = all(one.stat().st_mode & 0o001 for one in (interpreter, *interpreter.parents))
    if os.geteuid() == 0 and is_open:  # else other users cannot start this Python
        told = {"user": USER_ID, "group": USER_ID}
        for path in (image, *image.rglob("*")):
            if not path.is_relative_to(image / "venv"):
                os.chown(path, USER_ID, USER_ID)
        for path in (*project.parents,):
            if path.stat().st_uid == 0 and path.is_relative_to(tmp_path.parents[1]):
                path.chmod(0o755)
    entry = [*json.loads(dict(made)["ENTRYPOINT"]), "-p", "month", "9"]
    done = subprocess.run(
        entry, cwd=project, env=environment, capture_output=True, text=True,
        executable=str(image / "venv" / "bin" / "mlops"), **told,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "reported.txt").read_text() == "5.5 None"
