"""However a pipeline run ends: the exit code of the command, its reports, its log."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml

from mlops_jupyter.cli.main import main
from mlops_jupyter.project import Project, init
from tests.pipelines.notebooks import PARAMETERS, code, declare, write

WAIT_SECONDS = 240

ENDS = """\
import os, signal, time
print("it is", how, "\\x1b[31mred\\x1b[0m", os.environ["FLIGHTS"])
if how == "raise" or number:
    raise ValueError("<b>no such carrier</b> ``` | " + os.environ["FLIGHTS"])
if how == "die":
    os.kill(os.getpid(), signal.SIGKILL)
while how == "wait":
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def ending(shared_project: Project) -> Project:
    """A pipeline whose second step ends as its parameter says; the first runs once for all."""
    setup = code("how = 'well'\nnumber = 0\ncarrier: 'Secret' = 'env:FLIGHTS'", PARAMETERS)
    steps = code("n = 2", "step:load"), code(ENDS, "step:fit"), code("score = n / 4", "step:score")
    write(shared_project.root / "train.ipynb", setup, *steps)
    declare(shared_project, train="train.ipynb")
    return shared_project


@pytest.fixture
def mlops(
    ending: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command in the project; return how it ended and what it printed."""
    monkeypatch.chdir(ending.root)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setenv("FLIGHTS", "united-4711")

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["pipeline", *words])
        shown = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, shown.out, shown.err

    return run


def cases(path: Path) -> dict[str, str]:
    """Return of each case how it ended."""
    (suite,) = JUnitXml.fromfile(str(path))
    return {case.name: type(case.result[0]).__name__ if case.result else "passed" for case in suite}


def test_0_finished_and_known_steps_pass_with_a_note(mlops, tmp_path: Path) -> None:
    junit, summary = tmp_path / "new" / "a.xml", tmp_path / "new" / "a.md"
    status, shown, _ = mlops("run", "train", "--junit", str(junit), "--summary", str(summary))
    assert status == 0
    assert "step 2/3 fit …  never ran" in shown
    assert cases(junit) == dict.fromkeys(("load", "fit", "score"), "passed")
    assert "## ✅ train: finished in " in summary.read_text()
    assert "| score | 0.5 |" in summary.read_text()

    status, shown, _ = mlops("run", "train", "--json", "--junit", str(junit))
    *events, end = [json.loads(line) for line in shown.splitlines()]
    assert [event["progress"]["status"] for event in events] == ["cached"] * 3
    assert end["run"]["status"] == "finished"
    (suite,) = JUnitXml.fromfile(str(junit))
    assert [case.system_out[:13] for case in suite] == ["not run again"] * 3


def test_1_a_check_says_no(mlops) -> None:
    assert mlops("plan", "train", "--check", "-p", "how=anew")[0] == 1


def test_2_misuse_starts_nothing(mlops, ending: Project, tmp_path: Path) -> None:
    junit, summary = tmp_path / "a.xml", tmp_path / "a.md"
    words = ["run", "train", "-p", "hwo=well", "--junit", str(junit), "--summary", str(summary)]
    status, shown, errors = mlops(*words)
    assert (status, shown) == (2, "")
    assert cases(junit) == {"(run)": "Error"}
    assert "did you mean 'how'?" in summary.read_text()

    before = ending.catalog.rows("SELECT id FROM pipeline_run")
    status, _, errors = mlops("run", "train", "--junit", str(tmp_path))
    assert (status, errors) == (2, f"error: {tmp_path}: a folder\n  hint: name a file\n")
    assert ending.catalog.rows("SELECT id FROM pipeline_run") == before


def test_5_a_cell_that_raises(
    mlops, monkeypatch: pytest.MonkeyPatch, ending: Project, tmp_path: Path
) -> None:
    page = tmp_path / "step-summary"
    page.write_text("of the step before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    junit = tmp_path / "a.xml"
    status, _, _ = mlops("run", "train", "-p", "how", "raise", "--junit", str(junit))
    assert status == 5
    assert cases(junit) == {"load": "passed", "fit": "Failure", "score": "Skipped"}
    (suite,) = JUnitXml.fromfile(str(junit))
    (failure,) = next(case.result for case in suite if case.name == "fit")
    assert isinstance(failure, Failure)
    assert failure.message.startswith("train.ipynb, cell 3 (step:fit): ValueError: <b>no such")
    assert 'raise ValueError("<b>' in failure.text
    text = page.read_text()
    assert text.startswith("of the step before\n## ❌ train: failed in ")
    assert r"ValueError: \<b\>no such carrier\</b\>" in text
    # neither the value of a secret nor where the project lies
    for told in (text, junit.read_text()):
        assert "united-4711" not in told
        assert str(ending.root) not in told
    status, shown, _ = mlops("log", "train", "fit")
    assert status == 0
    assert shown.splitlines()[:2] == ["── cell 3 (step:fit)", "it is raise red ‹masked›"]
    assert shown.rstrip().endswith("ValueError: <b>no such carrier</b> ``` | ‹masked›")


def test_6_what_has_ended_cannot_be_stopped(mlops, ending: Project) -> None:
    row = ending.catalog.row("SELECT id FROM pipeline_run WHERE status != 'running'")
    assert row is not None
    assert mlops("cancel", row["id"])[0] == 6


def test_7_a_kernel_that_dies(mlops, tmp_path: Path) -> None:
    junit, summary = tmp_path / "a.xml", tmp_path / "a.md"
    words = ["run", "train", "-p", "how=die", "--junit", str(junit), "--summary", str(summary)]
    assert mlops(*words)[0] == 7
    assert cases(junit) == {"load": "passed", "fit": "Error", "score": "Skipped"}
    assert "cell 3 (step:fit): the kernel died" in summary.read_text()


def test_of_a_sweep_the_trials_are_the_cases(mlops, tmp_path: Path) -> None:
    junit, summary = tmp_path / "a.xml", tmp_path / "a.md"
    words = ["run", "train", "-p", "number=0,1", "--junit", str(junit)]
    assert mlops(*words, "--summary", str(summary))[0] == 5
    assert cases(junit) == {"trial 1: number=0": "passed", "trial 2: number=1": "Failure"}
    assert r"**trial 2: number=1** failed: train.ipynb, cell 3" in summary.read_text()


def test_8_stored_data_that_is_damaged(
    mlops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = init(tmp_path / "damaged")
    damaged.catalog.close()
    for file in damaged.folder.glob("catalog.sqlite*"):
        file.write_bytes(b"no database" * 1000)
    monkeypatch.chdir(damaged.root)
    junit = tmp_path / "a.xml"
    assert mlops("run", "train", "--junit", str(junit))[0] == 8
    assert cases(junit) == {"(run)": "Error"}


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def test_130_stopped_by_the_ci_and_the_log_followed_meanwhile(
    mlops, ending: Project, tmp_path: Path
) -> None:
    junit, summary = tmp_path / "a.xml", tmp_path / "a.md"
    command = [sys.executable, "-m", "mlops_jupyter.cli.main", "pipeline"]
    words = ["run", "train", "-p", "how=wait", "--junit", str(junit), "--summary", str(summary)]
    with subprocess.Popen(
        [*command, *words], cwd=ending.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        try:
            until(lambda: "it is wait" in mlops("log", "train", "fit")[1])
            with subprocess.Popen(
                [*command, "log", "--follow"], cwd=ending.root, stdout=subprocess.PIPE, text=True
            ) as follow:
                assert follow.stdout is not None
                lines = iter(follow.stdout.readline, "")
                try:
                    assert [next(lines) for _ in range(3)] == [
                        "==> fit\n", "── cell 3 (step:fit)\n", "it is wait red ‹masked›\n",
                    ]  # fmt: skip
                    running.send_signal(signal.SIGTERM)
                    _, errors = running.communicate(timeout=WAIT_SECONDS)
                    assert follow.wait(WAIT_SECONDS) == 0
                finally:
                    follow.kill()
        finally:
            running.kill()
    assert (running.returncode, errors.decode().strip()) == (130, "interrupted")
    (suite,) = JUnitXml.fromfile(str(junit))
    results = {case.name: case.result for case in suite}
    assert isinstance(results["fit"][0], Error)
    assert "## 🟠 train: interrupted in " in summary.read_text()


def test_a_report_that_cannot_be_written_does_not_hide_the_end(
    mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/dev/full")
    status, _, errors = mlops("run", "train", "-p", "hwo=well")
    assert status == 2
    assert "warning: no report: /dev/full: No space left on device" in errors
    status, _, errors = mlops("run", "train")
    assert status == 7
    assert "error: /dev/full: No space left on device" in errors
