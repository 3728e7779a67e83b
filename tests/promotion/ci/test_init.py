"""`mlops ci init`: what is written, and where; what is refused, in one line."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_jupyter.errors import ConflictError, NotFoundError, UsageError
from mlops_jupyter.pipelines.export.packages import packages_of
from mlops_jupyter.project import Project, init, open_project
from mlops_jupyter.promotion.ci.init import WRITERS, ci_file, ci_init
from tests.command import Mlops, runner
from tests.pipelines.notebooks import code, write

POLICY = {
    "pipeline": "train",
    "evaluate": {"data": "flights@latest", "label": "late"},
    "checks": [{"floor": {"metric": "accuracy", "at_least": 0.3}}],
}


@pytest.fixture
def released(project: Project) -> Project:
    """Return a project with one model."""
    return declare(project, "late")


@pytest.fixture
def mlops(released: Project, capsys: pytest.CaptureFixture[str]) -> Mlops:
    """Return a function that runs a command in that project."""
    return runner(capsys)


def declare(project: Project, *models: str, **settings: object) -> Project:
    content = {
        "pipelines": {"train": {"notebook": "train.ipynb"}},
        "models": dict.fromkeys(models, POLICY),
        **settings,
    }
    (project.root / "mlops.yaml").write_text(json.dumps(content))  # JSON is YAML
    return open_project(project.root)


@pytest.mark.parametrize(("system", "place"), [(name, one[0]) for name, one in WRITERS.items()])
def test_a_file_is_written_at_its_usual_place(
    released: Project, mlops: Mlops, system: str, place: str
) -> None:
    file = released.root / place
    code, out, err = mlops("ci", "init", system, "--python", "3.12")
    assert (code, out) == (0, f"{file}\n")
    assert "MLOPS_MLFLOW_TRACKING_URI" in err, "which secrets to set"
    text = file.read_text(encoding="utf-8")
    assert "mlops release late" in text
    assert "3.12" in text
    # the same again changes nothing; what somebody changed stays
    assert mlops("ci", "init", system, "--python", "3.12")[0] == 0
    file.write_text("mine")
    code, _, err = mlops("ci", "init", system)
    assert (code, file.read_text()) == (6, "mine")
    assert err.startswith(f"error: {file} exists, and is left as it is\n  hint: ")
    assert len(err.splitlines()) == 2
    # unless it is asked for
    assert mlops("ci", "init", system, "--python", "3.12", "--force")[0] == 0
    assert file.read_text(encoding="utf-8") == text


def test_printed_is_not_written(released: Project, mlops: Mlops) -> None:
    (released.root / "Jenkinsfile").write_text("mine")
    code, out, _ = mlops("ci", "init", "jenkins", "--print")
    assert code == 0
    assert out == ci_file(released, "jenkins").text
    assert (released.root / "Jenkinsfile").read_text() == "mine"


def link_to_nowhere(place: Path) -> None:
    place.symlink_to("nowhere")


@pytest.mark.parametrize("make", [Path.mkdir, link_to_nowhere], ids=["folder", "dangling link"])
def test_whatever_is_in_the_way_stays(released: Project, make: Callable[[Path], None]) -> None:
    make(released.root / "Jenkinsfile")
    with pytest.raises(ConflictError, match="Jenkinsfile exists"):
        ci_init(released, "jenkins")
    assert os.path.lexists(released.root / "Jenkinsfile")


def test_a_file_where_its_folder_should_be(released: Project, mlops: Mlops) -> None:
    (released.root / ".github").write_text("mine")
    code, _, err = mlops("ci", "init", "github", "--force")
    assert (code, err.count("\n")) == (7, 1), err
    assert ".github" in err


def test_the_file_stands_at_the_top_of_the_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "-b", "trunk", str(tmp_path)], check=True)
    project = declare(init(tmp_path / "studies" / "it's $HOME"), "late")
    made = ci_init(project, "gitlab")
    assert made.path == tmp_path / ".gitlab-ci.yml"
    text = made.path.read_text()
    assert """cd -- 'studies/it'"'"'s $HOME'""" in text
    assert '$CI_COMMIT_BRANCH == "trunk"' in text, "the branch that git names"
    # a clone knows the main branch of where it came from, whatever is checked out
    subprocess.run(["git", "-C", str(tmp_path), "symbolic-ref", "refs/remotes/origin/HEAD",
                    "refs/remotes/origin/release/1"], check=True)  # fmt: skip
    assert '$CI_COMMIT_BRANCH == "release/1"' in ci_file(project, "gitlab").text


@pytest.mark.parametrize("name", ["a\nb", "a\udcffb"], ids=["two lines", "no text"])
def test_a_folder_that_no_file_can_name(tmp_path: Path, name: str) -> None:
    (tmp_path / ".git").mkdir()
    project = declare(init(tmp_path / name), "late")
    for system in WRITERS:
        with pytest.raises(UsageError, match="the path of the project"):
            ci_init(project, system)  # type: ignore[arg-type]


def test_which_model(project: Project) -> None:
    with pytest.raises(UsageError, match="no model is declared"):
        ci_file(declare(project), "github")
    two = declare(project, "late", "cancelled")
    with pytest.raises(UsageError, match="say which model") as raised:
        ci_file(two, "github")
    assert raised.value.hint == "--model cancelled|late"
    with pytest.raises(NotFoundError) as raised:
        ci_file(two, "github", "latte")
    assert raised.value.hint == "did you mean 'late'?"
    assert "mlops release cancelled" in ci_file(two, "github", "cancelled").text


def test_what_cannot_be_written_is_refused(released: Project, mlops: Mlops) -> None:
    with pytest.raises(NotFoundError, match="no CI system 'gitlap'") as raised:
        ci_file(released, "gitlap")  # type: ignore[arg-type]
    assert raised.value.hint == "did you mean 'gitlab'?"
    assert mlops("ci", "init", "bamboo")[0] == 2
    for python in ("3.9", "4", "3.12; rm -rf /", "😀" * 10_000, "${{ x }}"):
        with pytest.raises(UsageError, match="does not run on Python") as raised:
            ci_file(released, "github", python=python)
        assert len(str(raised.value)) < 200
    for branch in ("", "a b", "a..b", "-x", "a\nb", "${{x}}", "a<<b", "a\udcff", "*" * 10_000):
        with pytest.raises(UsageError) as raised:
            ci_file(released, "github", branch=branch)
        assert len(str(raised.value)) < 200
    for system in ("gitlab", "travis"):
        with pytest.raises(UsageError, match="cannot be written in a condition"):
            ci_file(released, system, branch='it\'s"main"')  # type: ignore[arg-type]


def test_secrets_are_named_and_never_written(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = 'import os\ntoken = os.environ["TOKEN"]\nhome = os.environ["HOME"]'
    write(project.root / "train.ipynb", code(parameters, "parameters"), code("x = 1", "step:a"))
    declare(project, "late")
    monkeypatch.setenv("MLOPS_REMOTE_URL", "s3://KEY:hunter2@bucket/x")
    monkeypatch.setenv("MLOPS_MLFLOW_TRACKING_URI", "https://me:hunter2@mlflow.example")
    monkeypatch.setenv("TOKEN", "hunter2")
    for system in WRITERS:
        made = ci_file(open_project(project.root), system)  # type: ignore[arg-type]
        assert "hunter2" not in made.text + "".join(made.notes)
        assert made.secrets == ("MLOPS_MLFLOW_TRACKING_URI", "MLOPS_REMOTE_URL", "TOKEN")
        assert "HOME=" not in made.text.replace("export HOME=", "")
    github = ci_file(open_project(project.root), "github").text
    assert "TOKEN: ${{ secrets.TOKEN }}" in github
    assert "AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}" in github
    assert "HOME: " not in github


def test_what_jobs_need_to_know_is_said(project: Project) -> None:
    (project.root / "requirements.txt").write_text("mlops-jupyter[s3]\n")
    server = {"tracking_uri": "http://mlflow.example.org"}
    shared = {"url": "s3://team/flights", "trust": True}
    made = ci_file(declare(project, "late", mlflow=server, remote=shared), "github")
    assert (made.secrets, made.notes) == ((), ())
    assert "\n        mlops pull\n" in made.text
    made = ci_file(declare(project, "late", remote={"url": "/mnt/share"}), "github")
    notes = " ".join(made.notes)
    assert "MLOPS_MLFLOW_TRACKING_URI" in notes
    assert "must see the folder /mnt/share" in notes
    assert "trust: true" in notes


@pytest.mark.parametrize(
    ("files", "store", "words"),
    [
        ({}, None, "mlops-jupyter=={}"),
        ({}, "gs://team/x", "'mlops-jupyter[gcs]=={}'"),
        ({"requirements.txt": "pandas\n"}, None, "-r requirements.txt mlops-jupyter=={}"),
        ({"requirements.txt": "Mlops_Jupyter>=0\n"}, None, "-r requirements.txt"),
        ({"requirements.txt": "a", "requirements.lock": "a==1 --hash=sha256:0"}, None,
         "-r requirements.lock"),
        ({"pyproject.toml": "[tool.ruff]\n"}, None, "mlops-jupyter=={}"),
        ({"pyproject.toml": "[project]\nname = 'x'\n"}, None, ". mlops-jupyter=={}"),
        ({"pyproject.toml": "[project]\nname='x'\ndependencies=['mlops-jupyter']"}, None, "."),
        ({"pyproject.toml": "[project\n\xff"}, None, "mlops-jupyter=={}"),
    ],
)  # fmt: skip
def test_packages_come_from_the_files_of_the_project(
    tmp_path: Path, files: dict[str, str], store: str | None, words: str
) -> None:
    from importlib.metadata import version

    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="latin-1")
    assert packages_of(tmp_path, store) == words.format(version("mlops-jupyter"))
