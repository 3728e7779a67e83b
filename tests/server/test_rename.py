"""A notebook that is renamed while its kernel runs is known by its new path."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, recorder
from mlops_jupyter.server.rename import Renames


async def renamed(jp_fetch: Any, old: str, new: str) -> None:
    """Rename as the browser does, and wait until all listeners have been told."""
    body = json.dumps({"path": new})
    await jp_fetch("api", "contents", *old.split("/"), method="PATCH", body=body)
    mine = asyncio.current_task()
    waiting = [t for t in asyncio.all_tasks() if t is not mine and Renames.__name__ in repr(t)]
    await asyncio.gather(*waiting)


def notebooks(project: Project) -> list[str]:
    rows = project.catalog.rows("SELECT notebook FROM session ORDER BY started_at")
    return [row[0] for row in rows]


async def test_a_rename_is_seen_by_the_next_execution(
    jp_fetch: Any, jp_root_dir: Path, flights: Project
) -> None:
    study = flights.root / "study.ipynb"
    study.write_text("{}")
    session_id = recorder.open_session(flights, str(study))
    await renamed(jp_fetch, "flights/study.ipynb", "flights/delays.ipynb")
    assert notebooks(flights) == [str(flights.root / "delays.ipynb")]
    run_id = recorder.open_run(flights, "baseline", session_id=session_id)
    assert history.get(flights, run_id).notebook == str(flights.root / "delays.ipynb")


async def test_a_folder_is_renamed_too_and_others_keep_their_paths(
    jp_fetch: Any, flights: Project
) -> None:
    for name in ("old", "older"):
        (flights.root / name).mkdir()
        (flights.root / name / "a.ipynb").write_text("{}")
        recorder.open_session(flights, str(flights.root / name / "a.ipynb"))
    await renamed(jp_fetch, "flights/old", "flights/new")
    assert notebooks(flights) == [
        str(flights.root / "new" / "a.ipynb"),
        str(flights.root / "older" / "a.ipynb"),
    ]


async def test_the_dead_keep_the_path_that_they_knew(
    jp_fetch: Any, flights: Project, record_run: Callable[..., str]
) -> None:
    study = flights.root / "study.ipynb"
    study.write_text("{}")
    recorder.open_session(flights, str(study))
    with flights.catalog.transaction() as rows:
        rows.execute("UPDATE session SET pid = 2147483646")
    await renamed(jp_fetch, "flights/study.ipynb", "flights/delays.ipynb")
    assert notebooks(flights) == [str(study)]


async def test_outside_of_projects_nothing_happens(jp_fetch: Any, jp_root_dir: Path) -> None:
    (jp_root_dir / "a.txt").write_text("")
    await renamed(jp_fetch, "a.txt", "b.txt")
    assert (jp_root_dir / "b.txt").exists()
