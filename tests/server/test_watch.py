"""The event "changed" arrives, whichever process wrote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.project import Project, init
from mlops_jupyter.runs import recorder
from mlops_jupyter.server.watch import CHANGED, IDLE_SECONDS, Watcher

OTHER_PROCESS = (
    "import sys; from mlops_jupyter.project import open_project;"
    "from mlops_jupyter.runs.recorder import open_run;"
    "open_run(open_project(sys.argv[1]), 'by another process')"
)


async def next_event(socket: Any) -> dict[str, Any]:
    """Return the next event of ours; those of the server itself pass by."""
    while True:
        event: dict[str, Any] = json.loads(await socket.read_message())
        if event["schema_id"] == CHANGED:
            return event


async def test_a_commit_of_another_process_is_an_event(
    ask: Any, jp_ws_fetch: Any, flights: Project
) -> None:
    socket = await jp_ws_fetch("api", "events", "subscribe")
    await ask("runs", path="flights/a.ipynb")
    await next_event(socket)  # the first look reports itself
    subprocess.run([sys.executable, "-c", OTHER_PROCESS, str(flights.root)], check=True)
    event = await next_event(socket)
    assert event["project"] == "flights"
    page = json.loads((await ask("runs", path="flights/a.ipynb")).body)
    assert page["runs"][0]["name"] == "by another process"
    socket.close()


async def test_a_change_of_the_settings_is_an_event(
    ask: Any, jp_ws_fetch: Any, flights: Project
) -> None:
    socket = await jp_ws_fetch("api", "events", "subscribe")
    await ask("project", path="flights/a.ipynb")
    await next_event(socket)
    file = flights.root / "mlops.yaml"
    os.utime(file, ns=(1, 1))
    assert (await next_event(socket))["project"] == "flights"
    socket.close()


class TestWatcher:
    """Looks are made by hand here: no clock, no waiting."""

    async def test_reports_each_change_once(
        self, tmp_path: Path, record_run: Callable[..., str]
    ) -> None:
        project, seen = init(tmp_path), []
        watcher = Watcher(seen.append)
        watcher.follow(project.root, "p")
        watcher.look()
        watcher.look()
        assert seen == ["p"]
        record_run(project, "baseline")
        watcher.look()
        watcher.look()
        assert seen == ["p", "p"]
        watcher.stop()

    async def test_a_new_catalog_under_the_old_name(self, tmp_path: Path) -> None:
        project, seen = init(tmp_path), []
        watcher = Watcher(seen.append)
        watcher.follow(project.root, "p")
        watcher.look()
        project.catalog.close()
        shutil.rmtree(project.folder)
        project = init(tmp_path)
        watcher.look()
        recorder.open_run(project, "in the new one")
        watcher.look()
        assert seen == ["p"] * 3
        watcher.stop()

    async def test_a_project_that_is_gone_is_let_go(self, tmp_path: Path) -> None:
        project, seen = init(tmp_path / "p"), []
        watcher = Watcher(seen.append)
        watcher.follow(project.root, "p")
        watcher.look()
        shutil.rmtree(project.root)
        watcher.look()
        assert watcher.followed == frozenset()

    async def test_a_project_that_nobody_asks_for_is_let_go(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, io_loop: Any
    ) -> None:
        project, seen = init(tmp_path), []
        watcher = Watcher(seen.append)
        watcher.follow(project.root, "p")
        watcher.look()
        late = io_loop.time() + IDLE_SECONDS + 1
        monkeypatch.setattr(io_loop, "time", lambda: late)
        watcher.look()
        assert watcher.followed == frozenset()

    async def test_a_look_is_cheap(self, tmp_path: Path) -> None:
        watcher = Watcher(lambda name: None)
        watcher.follow(init(tmp_path).root, "p")
        watcher.look()
        began = time.process_time()
        for _ in range(1000):
            watcher.look()
        assert (time.process_time() - began) / 1000 < 0.001
        watcher.stop()

    def test_stop_before_start(self) -> None:
        Watcher(lambda name: None).stop()
