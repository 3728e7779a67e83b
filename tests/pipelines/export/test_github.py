"""A pipeline as a workflow of GitHub Actions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.export.github import workflow
from mlops_jupyter.pipelines.export.shape import Shape, Task
from mlops_jupyter.pipelines.export.target import Wish, export_pipeline
from mlops_jupyter.project import Project
from tests.pipelines.export.study import EVIL, HOSTILE, QUOTES

LOCAL = replace(HOSTILE, store=None)
CHAIN = replace(HOSTILE, tasks=(Task("load"), Task("fit", ("load",))))


def read(text: str) -> dict[str, Any]:
    found = yaml.safe_load(text)
    assert isinstance(found, dict)
    return found


def scripts(made: dict[str, Any]) -> Iterator[str]:
    for job in made["jobs"].values():
        yield from (step["run"] for step in job["steps"] if "run" in step)


@pytest.mark.parametrize("shape", [HOSTILE, LOCAL, CHAIN], ids=["shared", "artifacts", "chain"])
def test_it_fits_the_published_schema_and_its_scripts_are_sound(
    shape: Shape, tmp_path: Path
) -> None:
    file = tmp_path / "pipeline.yml"
    file.write_text(workflow(shape, "0 6 * * *"), encoding="utf-8")
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    done = subprocess.run(
        [*schema, "vendor.github-workflows", str(file)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = read(file.read_text(encoding="utf-8"))
    for number, script in enumerate(dict.fromkeys(scripts(made))):
        (tmp_path / f"{number}.sh").write_text(f"#!/bin/bash -e\n{script}", encoding="utf-8")
    found = subprocess.run(
        ["shellcheck", *map(str, tmp_path.glob("*.sh"))], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout


def test_jobs_stand_in_the_order_of_the_steps() -> None:
    jobs = read(workflow(HOSTILE))["jobs"]
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "load": None,
        "a_b": ["load"],
        "a_b_2": ["load"],
        "step_2-end": ["a_b", "a_b_2"],
        "import": ["load"],
        "report": ["step_2-end", "import"],
    }
    assert jobs["a_b"]["timeout-minutes"] == 2
    used = {step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step}
    assert all(re.search("@[0-9a-f]{40}$", one) for one in used), "tags can be moved"
    (last,) = [step["run"] for step in jobs["report"]["steps"] if step.get("name") == "Run"]
    assert '--junit mlops-junit.xml --summary "$GITHUB_STEP_SUMMARY"' in last
    assert "--to" not in last


def test_the_last_step_of_a_chain_reports() -> None:
    jobs = read(workflow(CHAIN))["jobs"]
    assert list(jobs) == ["load", "fit"]
    assert "--junit" in "".join(step.get("run", "") for step in jobs["fit"]["steps"])


def test_what_people_write_reaches_no_script() -> None:
    text = workflow(LOCAL)
    made = read(text)
    assert not any("${{" in script or "touch" in script for script in scripts(made))
    asked = made["on"]["workflow_dispatch"]["inputs"]
    assert asked["label"]["default"] == "", "an expression: it is left to the notebook"
    assert asked["month"]["description"] == " ".join(EVIL.split()).replace("${{", "$ {{")
    assert asked["method"]["options"] == ["fast", "exact"]
    assert "token" not in asked, "a secret comes from the secrets"
    assert {"größe"}.isdisjoint(asked)
    assert len({name.lower() for name in asked}) == len(asked), "GitHub ignores case"
    assert made["jobs"]["load"]["env"] == {"TOKEN": "${{ secrets.TOKEN }}"}


@pytest.mark.parametrize("given", ["7", "", QUOTES, EVIL])
def test_a_value_is_one_word_of_the_command(given: str, tmp_path: Path) -> None:
    """The script is run by a real shell, with `mlops` that notes what it was given."""
    shape = Shape("train", tmp_path, (Task("load"), Task("fit", ("load",))), LOCAL.inputs[:1])
    script = next(s for s in scripts(read(workflow(shape))) if "--to load" in s)
    noted = tmp_path / "noted"
    program = f"import os, sys\nprint(sys.argv[1:], file=open({str(noted)!r}, 'a'))"
    (tmp_path / "mlops").write_text(f"#!{sys.executable}\n{program}\n")
    (tmp_path / "mlops").chmod(0o755)
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    told = {"PATH": path, "MLOPS_PIPELINE": "train", "PARAMETER_month": given}
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run([bash, "-e", "-c", script], env=told, cwd=tmp_path, check=True)
    passed = ["-p", "month", given] if given else []
    run = ["pipeline", "run", "train", "--to", "load", *passed]
    assert noted.read_text().splitlines() == [str(["push"]), str(["pull"]), str(run), str(["push"])]
    assert not list(tmp_path.rglob("harmed"))


def test_the_project_may_be_a_folder_of_its_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    made = read(workflow(replace(LOCAL, root=tmp_path / "studies" / "flights")))
    assert made["defaults"] == {"run": {"working-directory": "studies/flights"}}
    kept = [
        step for step in made["jobs"]["report"]["steps"] if "cache/save" in step.get("uses", "")
    ]
    assert kept[0]["with"]["path"] == "studies/flights/.mlops-store"


def test_of_a_real_pipeline(study: Project) -> None:
    exported = export_pipeline(study, "train", "github", Wish(cron="0 6 * * 1"))
    made = read(str(exported.files[".github/workflows/train.yml"]))
    assert made["on"]["schedule"] == [{"cron": "0 6 * * 1"}]
    assert list(made["jobs"]) == ["load", "fit", "report"]
    assert "requirements.txt" in exported.notes[-1]
    with pytest.raises(UsageError, match="no cron expression"):
        export_pipeline(study, "train", "github", Wish(cron="@daily"))
