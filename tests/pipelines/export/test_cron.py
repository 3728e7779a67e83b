"""When a pipeline runs, and the line of a crontab that runs it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines import history
from mlops_jupyter.pipelines.export.cron import crontab, next_times
from mlops_jupyter.pipelines.export.target import Wish, export_pipeline
from mlops_jupyter.project import Project
from tests.pipelines.export.study import EVIL, HOSTILE, QUOTES


def test_the_next_times_are_told() -> None:
    times = next_times("0 6 * * 1", is_utc=True)
    assert [time.strftime("%a %H:%M") for time in times] == ["Mon 06:00"] * 3
    assert times[1] - times[0] == timedelta(days=7)
    assert times[0] > datetime.now(UTC)
    assert next_times("30 5 * * MON-FRI", is_utc=False)[0].tzinfo is not None


@pytest.mark.parametrize(
    "expression",
    ["", "each day", "0 6 * *", "0 6 * * * *", "@daily", "61 * * * *", "0 0 30 2 *", "0 0 L * *",
     "0 0 * * 1#2", "0 0 * * 5L", "0 6 * * *\n* * * * * harm", "٣ * * * *", "0 6 * * *;x",
     "1" * 10_000],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(UsageError) as failed:
        next_times(expression, is_utc=True)
    assert len(str(failed.value)) < 400


def words_of(line: str, tmp_path: Path) -> str:
    """Return what a shell makes of the command of a line, as cron hands it over."""
    command = line.rstrip("\n").split(" ", 5)[5].replace(r"\%", "%")
    shell = shutil.which("sh")
    assert shell is not None
    echo = command.replace(" && ", " ; printf '%s\\n' ", 1).rpartition(" >> ")[0]
    done = subprocess.run([shell, "-c", echo], capture_output=True, text=True, cwd=tmp_path)
    return done.stdout


def test_names_that_mean_harm_are_words_of_the_line(tmp_path: Path) -> None:
    line = crontab(replace(HOSTILE, root=tmp_path), "0  6 * * *", {"label": QUOTES})
    assert line.startswith("0 6 * * * cd ")
    assert "%" not in line.replace(r"\%", "")
    assert words_of(line, tmp_path).endswith(f"\n-p\nlabel\n{QUOTES}\n")
    assert not list(tmp_path.rglob("harmed"))


def test_a_value_of_two_lines_is_refused() -> None:
    with pytest.raises(UsageError, match="control character"):
        crontab(HOSTILE, "0 6 * * *", {"label": EVIL})


def test_cron_runs_the_pipeline(study: Project) -> None:
    exported = export_pipeline(study, "train", "cron", Wish("0 6 * * *", given={"label": "100%"}))
    (line,) = exported.files.values()
    command = str(line).rstrip("\n").split(" ", 5)[5].replace(r"\%", "%")
    shell = shutil.which("sh")
    assert shell is not None
    done = subprocess.run([shell, "-c", command], cwd="/", capture_output=True, text=True)
    log = (study.folder / "train.cron.log").read_text()
    assert (done.returncode, done.stderr) == (0, ""), log
    assert (study.root / "reported.txt").read_text().endswith("100%")
    assert (study.folder / "train.junit.xml").exists()
    assert history.summaries(study)[0].runs[0].status == "finished"


def test_a_parameter_that_is_none_is_refused_at_once(study: Project) -> None:
    with pytest.raises(NotFoundError, match="lable"):
        export_pipeline(study, "train", "cron", Wish("0 6 * * *", given={"lable": "x"}))
    with pytest.raises(UsageError, match="month"):
        export_pipeline(study, "train", "cron", Wish("0 6 * * *", given={"month": "x"}))
    with pytest.raises(UsageError, match="must know when"):
        export_pipeline(study, "train", "cron")
