"""Executions reach the catalog, in order, even when another program holds it for long."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from mlops_jupyter.errors import ExternalError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, recorder
from mlops_jupyter.runs.journal import MOST_WAITING, Journal
from mlops_jupyter.runs.recorder import Findings, RunPart, Shown
from tests.runs.test_recorder import executed

FIGURE = Shown("image/png", b"\x89PNG")


@contextmanager
def held(project: Project) -> Iterator[None]:
    """Let another program write all the while."""
    other = sqlite3.connect(project.catalog.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


def positions(project: Project) -> list[int]:
    rows = project.catalog.rows("SELECT position FROM cell_execution ORDER BY id")
    return [row[0] for row in rows]


def test_executions_wait_in_memory_while_the_catalog_is_held(project: Project) -> None:
    session_id = recorder.open_session(project, None)
    run_id = recorder.open_run(project, "baseline", session_id=session_id)
    journal = Journal(project)
    assert journal.record(executed(session_id, 1, "x = 1"))
    with held(project):
        asked: list[str] = []
        project.catalog._connection().set_trace_callback(asked.append)
        assert not journal.record(executed(session_id, 2, "y = x"))
        assert "PRAGMA busy_timeout = 1000" in asked, "it waits for a second, not for ten"
        part = RunPart(run_id, Findings(metrics={("auc", 0): 0.9}, figures=(FIGURE,)), "finished")
        asked.clear()
        assert not journal.record(executed(session_id, 3, "auc = y"), [part], [1, 2])
        waits = [one for one in asked if one.startswith("PRAGMA busy_timeout")]
        assert set(waits) == {"PRAGMA busy_timeout = 50"}, "the next ones do not wait as long"
        project.catalog._connection().set_trace_callback(None)
        assert (journal.waiting, positions(project)) == (2, [1])
        assert "kept in memory" in str(journal.late())
    assert journal.record(executed(session_id, 4, "z = 1"))
    assert (journal.waiting, positions(project)) == (0, [1, 2, 3, 4])
    detail = history.detail(project, run_id)
    assert [cell.position for cell in detail.cells] == [1, 2, 3]
    assert (detail.run.status, detail.run.metrics) == ("finished", {"auc": 0.9})
    assert len(detail.run.artifacts) == 1


def test_memory_is_bounded(project: Project) -> None:
    session_id = recorder.open_session(project, None)
    journal = Journal(project)
    with held(project):
        for position in range(1, 4):
            journal.record(executed(session_id, position, "x"))
        # as if many more had come
        journal._waiting.extend([journal._waiting[-1]] * (MOST_WAITING - 3))
        with pytest.raises(ExternalError, match="executions wait already"):
            journal.record(executed(session_id, 4, "x"))
        assert journal.waiting == MOST_WAITING


def test_what_can_never_be_written_does_not_stop_the_others(project: Project) -> None:
    session_id = recorder.open_session(project, None)
    journal = Journal(project)
    project.folder.joinpath("objects").write_text("no folder")
    broken = executed(session_id, 1, "plot()")
    with pytest.raises((ExternalError, UsageError)):
        journal.record(replace(broken, outputs=(FIGURE,)))
    assert journal.waiting == 0
    assert journal.record(executed(session_id, 2, "x = 1"))
    assert positions(project) == [2]
