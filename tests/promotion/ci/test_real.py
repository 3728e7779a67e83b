"""The scripts of GitHub and GitLab, run with the real command from empty folders, as CI does."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from junitparser import JUnitXml

from mlops_jupyter.project import open_project
from mlops_jupyter.promotion import history
from mlops_jupyter.promotion.ci.init import ci_init
from mlops_jupyter.sharing.pull import pull
from mlops_jupyter.sharing.push import push
from tests.command import program
from tests.promotion.ci.jobs import SHELLS, script_of
from tests.promotion.study import COMPARE, FLOOR, study

pytestmark = pytest.mark.tools  # a minute: each job starts a kernel and MLflow


@pytest.fixture
def command(tmp_path: Path) -> str:
    """Return a folder for the PATH with the command `mlops` of these tests."""
    return program(tmp_path / "bin")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of a project with an MLflow and a shared store beside it."""
    root = tmp_path / "repository"
    subprocess.run(["git", "init", "--quiet", "-b", "main", str(root)], check=True)
    study(root, FLOOR, COMPARE)
    file = root / "mlops.yaml"
    content = json.loads(file.read_text())
    content["models"]["late"]["approval"] = {"when": "always"}
    content["mlflow"] = {"tracking_uri": f"sqlite:///{tmp_path}/mlflow.db"}
    content["remote"] = {"url": str(tmp_path / "store"), "trust": True}
    file.write_text(json.dumps(content))
    project = open_project(root)
    push(project)
    for system in ("github", "gitlab"):
        ci_init(project, system)  # type: ignore[arg-type]
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["add", "-A"], [*who, "commit", "--quiet", "-m", "a"]):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    return root


def run_job(
    repository: Path, place: str, system: str, name: str, command: str, **told: str
) -> tuple[int, Path]:
    """Run the script of one job in a new clone; return its exit code, and the folder."""
    folder = repository.parent / place
    subprocess.run(["git", "clone", "--quiet", str(repository), str(folder)], check=True)
    file = {"github": ".github/workflows/mlops.yml", "gitlab": ".gitlab-ci.yml"}[system]
    script = script_of(system, (folder / file).read_text(), name)
    path = os.pathsep.join([command, os.environ["PATH"]])
    done = subprocess.run(
        [*SHELLS[system], "-c", script], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PATH": path, "GITHUB_OUTPUT": str(folder / "output"), **told},
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, folder


def test_a_release_waits_and_another_machine_approves_it(repository: Path, command: str) -> None:
    gh = Path(command) / "gh"
    gh.write_text("#!/bin/sh\necho reviewer\n")
    gh.chmod(0o755)
    code, folder = run_job(repository, "a", "github", "release", command, GITHUB_ACTOR="octocat")
    said = dict(line.split("=") for line in (folder / "output").read_text().splitlines())
    assert (code, said["ended"]) == (0, "4")
    report = folder / "mlops-report"
    assert json.loads((report / "decision.json").read_text())["id"] == said["MLOPS_DECISION"]
    assert JUnitXml.fromfile(str(report / "junit.xml")).tests > 0
    assert (report / "summary.md").stat().st_size > 0

    decision = said["MLOPS_DECISION"]
    code, folder = run_job(repository, "b", "github", "approve", command, MLOPS_DECISION=decision,
                           GITHUB_ACTOR="octocat")  # fmt: skip
    assert code == 0
    pull(open_project(repository))
    newest_first = history.decisions(open_project(repository), "late")
    assert [(one.kind, one.judged or one.id) for one in newest_first] == [
        ("promote", decision), ("approve", decision), ("pass", decision),
    ]  # fmt: skip
    assert newest_first[1].actor == "reviewer (GitHub Actions)"

    # a merge request is judged against that champion, and leaves nothing behind
    code, folder = run_job(repository, "c", "gitlab", "gate", command, GITLAB_USER_LOGIN="ada")
    assert code in {0, 3}, "the same model again: not worse, or too few rows to tell"
    assert (folder / "mlops-report" / "junit.xml").exists()
    pull(open_project(repository))
    assert len(history.decisions(open_project(repository), "late")) == 3
