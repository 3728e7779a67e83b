"""Runs of other machines that share the folder: neither taken for dead, nor running for ever."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from mlops_jupyter.errors import ExternalError
from mlops_jupyter.pipelines import cancel, history, record
from mlops_jupyter.pipelines.lease import Lease
from mlops_jupyter.project import Project
from mlops_jupyter.runs import liveness
from mlops_jupyter.runs.liveness import HOST, MACHINE
from tests.pipelines.test_interrupt import until

NO_PROCESS = 2**22 + 1


def begun(
    project: Project, host: str, machine: str | None = None, beat: float | None = None
) -> str:
    """Write down a running pipeline run that last gave a sign of life some seconds ago."""

    def ago(seconds: float) -> str:
        return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()

    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO pipeline_run (id, pipeline, notebook, notebook_digest, parameters,"
            " status, host, pid, started_at, machine, beat_at)"
            " VALUES ('aa11', 'study', '', '', '{}', 'running', ?, ?, ?, ?, ?)",
            (host, NO_PROCESS, ago(86400), machine, None if beat is None else ago(beat)),
        )
    return "aa11"


@pytest.mark.parametrize(
    ("host", "machine", "beat", "status"),
    [
        ("other", "boot 1", 10, "running"),
        ("other", "boot 1", liveness.LOST_SECONDS + 10, "interrupted"),
        ("other", None, None, "interrupted"),  # it was killed before it said anything
        ("other", "boot 1", -3600, "running"),  # its clock is ahead
        # here there is no such process, so a beat does not count
        (HOST, MACHINE, 10, "interrupted"),
        (HOST, None, None, "interrupted"),
        # a container of the same name, or this host before it was started again
        (HOST, "boot 1", 10, "running"),
        (HOST, "boot 1", liveness.LOST_SECONDS + 10, "interrupted"),
    ],
)
def test_who_is_taken_for_dead(
    offline: Project, host: str, machine: str | None, beat: float | None, status: str
) -> None:
    run = begun(offline, host, machine, beat)
    record.reconcile(offline)
    assert history.get(offline, run).status == status


@pytest.fixture
def terminated(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Return an event: this process was asked to end."""
    asked = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    monkeypatch.setattr(liveness, "BEAT_SECONDS", 0.02)
    yield asked
    signal.signal(signal.SIGTERM, before)


def test_a_run_says_that_it_lives(offline: Project, terminated: threading.Event) -> None:
    run = begun(offline, HOST)

    def beat() -> str:
        row = offline.catalog.row("SELECT beat_at, machine FROM pipeline_run WHERE id = ?", (run,))
        assert row is not None
        assert row["machine"] == MACHINE
        return str(row["beat_at"])

    with Lease(offline, run):
        first = beat()
        until(lambda: beat() > first)
    assert not terminated.is_set()


@pytest.mark.parametrize("change", ["status = 'interrupted'", "cancelled_by = 'Ada'"])
def test_a_run_ends_that_others_have_ended(
    offline: Project, terminated: threading.Event, change: str
) -> None:
    run = begun(offline, HOST)
    with Lease(offline, run):
        with offline.catalog.transaction() as rows:
            rows.execute(f"UPDATE pipeline_run SET {change} WHERE id = ?", (run,))
        until(terminated.is_set)


def test_cancel_a_run_of_another_machine(offline: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(offline, "other", "boot 1", 1)
    monkeypatch.setattr(cancel, "BEAT_SECONDS", 0.0)
    monkeypatch.setattr(cancel, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(ExternalError, match="aa11 on other was told, and has not ended yet"):
        cancel.cancel(offline, None, "Ada")
    assert record.cancelled(offline, run) == "cancelled by Ada"
    monkeypatch.setattr(cancel, "PATIENCE_SECONDS", 60)
    there = threading.Timer(0.1, record.end, (offline, run, "interrupted"))
    there.start()
    assert cancel.cancel(offline, run, "Bob").status == "interrupted"
    there.join()
    assert record.cancelled(offline, run) == "cancelled by Ada"
