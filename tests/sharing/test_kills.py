"""Killed at any moment, two at once: what is there is whole, and the next push or pull goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import ConflictError
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.sharing.pull import pull
from mlops_jupyter.sharing.push import Pushed, push
from tests.sharing.content import data_of

Clone = Callable[[str], Project]

VERSIONS = 12
PROGRAM = "from mlops_jupyter.cli.main import main; main()"


def frame(seed: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(400, 6)), columns=list("abcdef"))


def started(project: Project, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def killed_when(process: subprocess.Popen[bytes], is_time: Callable[[], bool]) -> None:
    """Kill a process as soon as something is so; or it has ended by itself."""
    until = time.monotonic() + 240
    while process.poll() is None and not is_time():
        assert time.monotonic() < until
        time.sleep(0.002)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def files_in(folder: Path) -> int:
    """Count files that have their name."""
    return sum(name[0] != "." for _, _, names in os.walk(folder) for name in names)


def all_load(project: Project, expected: dict[str, int]) -> bool:
    """Tell whether each version that is here is whole; and is what it should be."""
    for dataset in data_of(project):
        for version in dataset.versions:
            pd.testing.assert_frame_equal(
                versions.load(project, version.ref), frame(expected[version.digest])
            )
    return True


@pytest.fixture
def mine(clone: Clone) -> tuple[Project, dict[str, int]]:
    project = clone("mine")
    made = {snapshot(project, frame(n), "train").digest: n for n in range(VERSIONS)}
    return project, made


def test_a_push_that_is_killed_again_and_again_goes_on(
    mine: tuple[Project, dict[str, int]], tmp_path: Path, clone: Clone
) -> None:
    project, made = mine
    shared = tmp_path / "shared"
    for moment in (3, 11, 17, 25, 33):
        killed_when(
            started(project, "push", "--to", str(shared)),
            lambda moment=moment: files_in(shared) >= moment,
        )
        if (shared / "mlops.json").exists():
            theirs = clone(f"theirs-{moment}")
            pull(theirs, str(shared))
            assert all_load(theirs, made)

    push(project, str(shared))
    theirs = clone("theirs")
    pull(theirs, str(shared))
    assert all_load(theirs, made)
    assert data_of(theirs) == data_of(project)


def test_a_pull_that_is_killed_again_and_again_goes_on(
    mine: tuple[Project, dict[str, int]], url: str, clone: Clone
) -> None:
    project, made = mine
    push(project, url)
    theirs = clone("theirs")
    objects = theirs.objects.root
    for moment in (1, 5, 12, 20, 28):
        killed_when(
            started(theirs, "pull", "--from", url),
            lambda moment=moment: files_in(objects) >= moment,
        )
        assert all_load(theirs, made)

    before = files_in(objects)
    came = pull(theirs, url)
    assert came.objects <= files_in(project.objects.root) - before + 1
    assert all_load(theirs, made)
    assert data_of(theirs) == data_of(project)


def test_two_who_push_at_once_never_share_a_number(url: str, clone: Clone) -> None:
    projects = [clone("one"), clone("other")]
    for seed, project in enumerate(projects):
        for n in range(4):
            snapshot(project, frame(100 * seed + n), "train")
    together = threading.Barrier(2)
    sent: dict[int, Pushed] = {}

    def go(which: int) -> None:
        mine = open_project(projects[which].root)
        together.wait()
        try:
            sent[which] = push(mine, url)
        except ConflictError:
            pass
        finally:
            mine.catalog.close()

    threads = [threading.Thread(target=go, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 1, "one wins all of its numbers"

    loser = projects[1 - next(iter(sent))]
    came = pull(loser, url)
    assert came.versions == tuple(f"train@{n}" for n in range(1, 5))
    assert [after for _, after in came.renumbered] == [f"train@{n}" for n in range(5, 9)]
    push(loser, url)
    for project in projects:
        pull(project, url)
    assert data_of(projects[0]) == data_of(projects[1])
    assert len(data_of(projects[0])[0].versions) == 8


def test_two_who_push_different_things_at_once_both_succeed(url: str, clone: Clone) -> None:
    projects = [clone("one"), clone("other")]
    for name, project in zip(("train", "test"), projects, strict=True):
        for n in range(3):
            snapshot(project, frame(n), name)
    running = [started(project, "push", "--to", url) for project in projects]
    ended = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], ended
    theirs = clone("theirs")
    pull(theirs, url)
    assert [(d.name, len(d.versions)) for d in data_of(theirs)] == [("test", 3), ("train", 3)]


def test_two_pulls_of_one_project_at_once(
    mine: tuple[Project, dict[str, int]], url: str, clone: Clone
) -> None:
    project, made = mine
    push(project, url)
    theirs = clone("theirs")
    running = [started(theirs, "pull", "--from", url) for _ in range(2)]
    ended = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], ended
    assert all_load(theirs, made)
    assert data_of(theirs) == data_of(project)
