"""What is shown of a run while it runs; the events of steps side by side come mixed."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from mlops_jupyter.cli import progress
from mlops_jupyter.pipelines.execute import StepProgress
from mlops_jupyter.pipelines.pipeline import StepRun

FIT = StepProgress("fit", 2, 4, 0, 3)
PLOT = StepProgress("plot", 3, 4, 0, 1)
EVENTS = (
    StepProgress("load", 1, 4, 1, 1, "cached"),
    FIT,
    PLOT,
    replace(FIT, cell=1),
    replace(PLOT, cell=1),
    replace(FIT, cell=2),
    replace(PLOT, cell=1, status="finished"),
    replace(FIT, cell=3),
    replace(FIT, cell=3, error="the kernel died"),
)


def steps() -> dict[str, StepRun]:
    """How the steps ended, as it was written down."""
    told = {"fit": ("failed", "cell 4\nchanged [b]"), "plot": ("finished", "never ran")}
    return {
        name: StepRun(name, status, None, None, None, None, why)
        for name, (status, why) in told.items()
    }  # type: ignore[arg-type]


def test_plain_lines_name_their_step(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown("lines", steps) as tell:
        for event in EVENTS:
            tell(event)
    first, second, third, fourth, last = capsys.readouterr().out.splitlines()
    assert first == "step 1/4 load: not run again"
    assert second == "step 2/4 fit …  cell 4 changed [b]"
    assert third == "step 3/4 plot …  never ran"
    assert fourth.startswith("step 3/4 plot: 1 cell, 0.")
    assert last == "step 2/4 fit: tried again, the kernel died"


def test_json_is_one_line_for_each_event(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown("json") as tell:
        for event in EVENTS:
            tell(event)
    lines = [json.loads(line)["progress"] for line in capsys.readouterr().out.splitlines()]
    assert [line["step"] for line in lines] == [event.step for event in EVENTS]
    assert lines[-2] == {
        "step": "fit", "number": 2, "steps": 4, "cell": 3, "cells": 3, "status": "running",
        "error": None,
    }  # fmt: skip


def test_in_a_terminal_each_step_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    made = Console(
        file=terminal, force_terminal=True, width=100, legacy_windows=False, color_system=None
    )
    monkeypatch.setattr(progress, "console", lambda: made)
    with progress.shown("bars", steps) as tell:
        for event in EVENTS:
            tell(event)
    load, fit, plot = terminal.getvalue().rsplit("\x1b[2K", 1)[-1].splitlines()[:3]
    assert load.split()[:2] == ["=", "1/4"]
    assert load.rstrip().endswith("not run again")
    assert fit.split()[:3] == ["✗", "2/4", "fit"]
    assert "cell 3/3" in fit
    assert fit.rstrip().endswith("cell 4 changed [b]")
    assert plot.split()[:3] == ["✓", "3/4", "plot"]
    assert "1 cells" not in plot


@pytest.mark.parametrize(
    ("terminal", "ci", "options", "chosen"),
    [
        (True, "", {}, "bars"),
        (True, "true", {}, "lines"),
        (True, "", {"plain": True}, "lines"),
        (False, "", {}, "lines"),
        (True, "", {"as_json": True}, "json"),
    ],
)
def test_bars_only_for_people_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, ci: str, options: dict[str, bool], chosen: str
) -> None:
    made = Console(file=io.StringIO(), force_terminal=terminal)
    monkeypatch.setattr(progress, "console", lambda: made)
    monkeypatch.setenv("CI", ci)
    assert progress.manner(**options) == chosen
