"""What the cells of a step print, written as it comes and read while it grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.pipelines import history, live, log, record
from mlops_jupyter.pipelines.live import StepLog
from mlops_jupyter.pipelines.notebook import cut_source
from mlops_jupyter.pipelines.source import read_notebook
from mlops_jupyter.project import Project
from tests.pipelines import notebooks


def stream(text: str) -> dict[str, Any]:
    return {"msg_type": "stream", "content": {"name": "stdout", "text": text}}


@pytest.fixture
def run(project: Project) -> record.Opened:
    """A pipeline run of two steps, as the runner writes it down; the first one runs."""
    path = notebooks.steps(project.root / "study.ipynb", "", "x = 1", "y = x")
    opened = notebooks.begin(project, cut_source(read_notebook(path)))
    record.begin_step(project, opened, 0)
    return opened


def test_outputs_come_as_plain_text_below_their_cell(project: Project, run: record.Opened) -> None:
    written = StepLog(project.root / "s1.ipynb")
    written.begin("cell 1", 1, 2)
    written.begin("cell 2", 2, 2)
    for message in (
        stream("\x1b[32mgreen\x1b[0m\x07 10 %\r20 %\n"),
        {"msg_type": "execute_result", "content": {"data": {"text/plain": "42"}}},
        {"msg_type": "display_data", "content": {"data": {"image/png": "…"}}},
        {"msg_type": "status", "content": {"execution_state": "idle"}},
        {"msg_type": "error", "content": {"traceback": ["\x1b[31mKeyError\x1b[0m", "'a'"]}},
        {"msg_type": "stream", "content": None},
    ):
        written.add(message)
    part = log.log(project, run.id, "s1")
    assert part.text == "── cell 2\ngreen 10 %\r20 %\n42\nKeyError\n'a'\n"
    assert (part.offset, part.is_ended) == (0, False)
    (first, second) = history.get(project, run.id).steps
    assert (first.cell, first.cells) == (2, 2)
    assert (second.cell, second.cells) == (None, None)
    written.end()
    assert history.get(project, run.id).steps[0].cell is None


def test_it_is_read_on_from_where_one_was(project: Project, run: record.Opened) -> None:
    assert log.log(project, run.id, "s1") == log.log(project, run.id, "s1", 0)
    file = live.log_of(project.root / "s1.ipynb")
    file.write_bytes("aé🙂".encode()[:-1])  # a character that is not all there yet
    first = log.log(project, run.id, "s1", 0)
    assert (first.text, first.next_offset) == ("aé", 3)
    file.write_bytes("aé🙂b".encode())
    second = log.log(project, run.id, "s1", first.next_offset)
    assert second.text == "🙂b"
    record.end(project, run.id, "finished")
    assert log.log(project, run.id, "s1", second.next_offset).is_ended
    file.write_bytes(b"\xff\xfe.\n")
    assert log.log(project, run.id, "s1", 0).next_offset == 4


def test_of_a_long_log_the_end_is_shown_first(project: Project, run: record.Opened) -> None:
    lines = "".join(f"line {n}\n" for n in range(60_000))
    live.log_of(project.root / "s1.ipynb").write_text(lines)
    part = log.log(project, run.id, "s1")
    assert part.offset > 0
    assert part.text.startswith("line ")
    assert part.text.endswith("line 59999\n")
    assert part.next_offset == len(lines)


def test_a_log_does_not_grow_without_end(
    project: Project, monkeypatch: pytest.MonkeyPatch, run: record.Opened
) -> None:
    monkeypatch.setattr(live, "LARGEST_LOG_BYTES", 100)
    written = StepLog(project.root / "s1.ipynb")
    for _ in range(1000):
        written.add(stream("x" * 40 + "\n"))
    text = log.log(project, run.id, "s1").text
    assert text.count("x" * 40) == 2
    assert text.endswith("… more than that is in the executed notebook only\n")


def test_secrets_are_not_told(project: Project, run: record.Opened) -> None:
    written = StepLog(project.root / "s1.ipynb", ["hunter2-hunter2", "ab", ""])
    written.add(stream("hunter2-hunter2 and about, password='Zu7-qWe4_Rt9.Pa1'\n"))
    assert log.log(project, run.id, "s1").text == "‹masked› and about, password='‹masked›'\n"


def test_a_folder_that_is_gone_is_no_failure(tmp_path: Path) -> None:
    written = StepLog(tmp_path / "nowhere" / "s1.ipynb")
    written.begin("cell 1", 1, 1)
    written.add(stream("lost\n"))
    written.end()
    assert live.place_of(tmp_path / "nowhere" / "s1.ipynb") is None
    (tmp_path / "s1.cell").write_text("of/no use")
    assert live.place_of(tmp_path / "s1.ipynb") is None


def test_which_run_is_meant(project: Project, run: record.Opened) -> None:
    assert log.find(project).id == run.id
    for which in (run.id, run.id[:6], run.run_id[:6], "study"):
        assert log.find(project, which).id == run.id
    for which in ("nothing", "%", "_", "' OR 1=1 --", "\x00"):
        with pytest.raises(NotFoundError, match="there is no pipeline run"):
            log.find(project, which)
    with pytest.raises(NotFoundError, match="did you mean 's1'"):
        log.log(project, run.id, "s11")
    with pytest.raises(NotFoundError, match="written when the step begins"):
        log.executed(project, run.id, "s2")
