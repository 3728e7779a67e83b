"""Reports of a pipeline run: readers of JUnit XML and of Markdown see what happened."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines import report
from mlops_jupyter.pipelines.junit import junit
from mlops_jupyter.pipelines.report import FailedCell, Report, StepReport
from mlops_jupyter.pipelines.summary import MOST_STEPS, markdown, plain
from mlops_jupyter.project import Project

HOSTILE = "<b>&amp;]]> | `x` ``` \x00\x1b[31m\ud800\ufffe\u202e \"'\r\n# [a](http://b) ![c](d) 🙂"

CELL = FailedCell("frame['delay']", "KeyError: 'delay'", "Traceback\n\nKeyError: 'delay'")

FAILED = Report(
    pipeline="train",
    status="failed",
    error="train.ipynb, cell 4 (step:fit): KeyError: 'delay'",
    started_at="2026-01-31T12:00:00.000000+00:00",
    seconds=9.5,
    run_id="0123456789abcdef",
    parameters={"month": 2},
    metrics={"roc_auc": 0.7, "loss": None, "system/cpu": 3.0},
    steps=(
        StepReport("load", "cached", 0.0, "nothing changed"),
        StepReport("features", "finished", 4.0, "never ran"),
        StepReport("fit", "failed", 2.0, "cell 4 changed", "train.ipynb, cell 4: KeyError", CELL),
        StepReport("plot", "interrupted", 1.0, None, "the pipeline was stopped"),
        StepReport("lost", "failed", 1.0, None, "train.ipynb, cell 7: the kernel died"),
        StepReport("score", "queued", None),
    ),
)


def cases_of(told: Report) -> dict[str, list[object]]:
    """Return what a standard parser finds: of each case its results."""
    (suite,) = JUnitXml.fromroot(ET.parse(io.BytesIO(junit(told))).getroot())
    return {case.name: list(case.result) for case in suite}


def test_each_step_is_a_case() -> None:
    (suite,) = JUnitXml.fromroot(ET.parse(io.BytesIO(junit(FAILED))).getroot())
    assert (suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) == (
        "train", 6, 1, 2, 1,
    )  # fmt: skip
    assert suite.time == 9.5
    assert suite.timestamp == "2026-01-31T12:00:00"
    told = {p.name: p.value for p in suite.properties()}
    assert told["parameter.month"] == "2"
    assert told["metric.roc_auc"] == "0.7"
    assert told["run"] == "0123456789abcdef"
    cases = {case.name: case for case in suite}
    assert {case.classname for case in suite} == {"train"}
    assert cases["load"].is_passed
    assert cases["load"].system_out == "not run again: nothing changed"
    assert cases["features"].is_passed
    assert cases["features"].time == 4.0
    (failure,) = cases["fit"].result
    assert isinstance(failure, Failure)
    assert failure.type == "KeyError"
    assert failure.message == "train.ipynb, cell 4: KeyError"
    assert "frame['delay']" in failure.text
    assert failure.text.endswith("KeyError: 'delay'")
    for name in ("plot", "lost"):
        (error,) = cases[name].result
        assert isinstance(error, Error)
    assert isinstance(cases["score"].result[0], Skipped)


def test_a_run_that_was_not_started_is_a_case_too(project: Project) -> None:
    error = UsageError("there is no parameter 'depht'", hint="did you mean 'depth'?")
    told = report.report(project, "train", "0123456789abcdef", error)
    assert told.status == "refused"
    (error_of_run,) = cases_of(told)["(run)"]
    assert isinstance(error_of_run, Error)
    assert "did you mean 'depth'?" in error_of_run.text
    assert "## ❌ train: was not started" in markdown(told)
    assert "there is no parameter 'depht' (did you mean 'depth'?)" in markdown(told)
    stopped = report.report(project, "train", "0123456789abcdef", KeyboardInterrupt())
    assert stopped.status == "interrupted"
    assert cases_of(stopped)


def test_a_run_that_finished_but_was_not_handed_over_says_so() -> None:
    done = Report(
        "train", "finished", error="MLflow is away", steps=(StepReport("a", "finished", 1.0),)
    )
    assert list(cases_of(done)) == ["a", "(run)"]
    assert "MLflow is away" in markdown(done)


def test_what_is_worst_comes_first() -> None:
    text = markdown(FAILED)
    assert text.startswith("## ❌ train: failed in 9.5 s\n")
    rows = [line.split(" | ")[0].strip("| ") for line in text.splitlines() if line[:2] == "| "]
    assert rows == [
        "step", "fit", "lost", "plot", "score", "features", "load", "metric", "roc_auc", "loss",
    ]  # fmt: skip
    assert text.index("KeyError") < text.index("| step |")
    assert "| load | not run again | 0.0 | nothing changed |" in text
    assert "month=2" in text


def test_a_thousand_steps_are_one_screen() -> None:
    many = tuple(StepReport(f"s{n}", "finished", 1.0) for n in range(1000))
    text = markdown(Report("train", "finished", seconds=1.0, steps=many))
    assert len(text.splitlines()) < 60
    assert f"… {1000 - MOST_STEPS} more" in text


def test_hostile_texts_stay_texts() -> None:
    cell = FailedCell(HOSTILE, HOSTILE, HOSTILE + "\n````\n" + "x" * 10_000)
    step = StepReport(HOSTILE, "failed", 1.0, HOSTILE, HOSTILE, cell)
    told = Report(
        HOSTILE, "failed", HOSTILE, HOSTILE, parameters={HOSTILE: HOSTILE},
        metrics={HOSTILE: float("nan")}, steps=(step, step),
    )  # fmt: skip
    names = list(cases_of(told))
    assert len(names) == 2
    assert len(set(names)) == 2
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown(told))
    kinds = {t.type for t in tokens} | {c.type for t in tokens for c in t.children or ()}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "code_inline", "em_open"}
    assert sum(token.type == "heading_open" for token in tokens) == 1
    assert sum(token.type == "fence" for token in tokens) == 4
    assert not set("\x00\x1b\u202e\ud800") & set(markdown(told))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("roc_auc", "roc_auc"),
        ("_private_", r"\_private\_"),
        ("a | b", r"a \| b"),
        ("- a\n\n# b", r"\- a \# b"),
        ("https://a.b www.c.d", r"https\://a.b www\.c.d"),
    ],
)
def test_markdown_is_escaped_and_names_stay_readable(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_damaged_executed_notebook_leaves_the_rest(project: Project, tmp_path: Path) -> None:
    for content in ("{", "[]", '{"cells": 3}', '{"cells": [3]}', ""):
        (project.root / "a.ipynb").write_text(content)
        assert report._cells(project.root / "a.ipynb") == []
    assert report._cells(tmp_path / "none.ipynb") == []
