"""A snapshot is there and whole, or not there, whoever else writes and whenever it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.data import touched, versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project, open_project
from tests import full_disk
from tests.data.meddling import nobody_commits


@pytest.fixture
def train() -> pd.DataFrame:
    return pd.DataFrame({"id": [1, 2, 3], "region": ["north", None, "south"]})


def test_a_frame_becomes_a_version(project: Project, train: pd.DataFrame) -> None:
    made = snapshot(project, train, "train", note="as delivered")

    assert made.ref == str(made) == "train@1"
    assert (made.kind, made.row_count, made.note) == ("frame", 3, "as delivered")
    assert [(c.name, c.type, c.missing) for c in made.columns] == [
        ("id", "int64", 0),
        ("region", "str", 1),
    ]
    assert made.size_bytes > 0
    pd.testing.assert_frame_equal(versions.load(project, "train@1"), train)


def test_a_series_becomes_a_version(project: Project, train: pd.DataFrame) -> None:
    made = snapshot(project, train["region"], "regions")
    assert [c.name for c in made.columns] == ["region"]
    pd.testing.assert_series_equal(versions.load(project, made.ref), train["region"])


@pytest.mark.parametrize("as_what", [str, Path])
def test_a_file_becomes_a_version(project: Project, as_what: Any) -> None:
    Path("train.csv").write_text("id,region\n1,north\n")
    made = snapshot(project, as_what("train.csv"), "train")

    assert (made.kind, made.row_count, made.columns) == ("file", None, ())
    assert made.size_bytes == 18
    copy = versions.load(project, "train")
    assert isinstance(copy, Path)
    assert copy.read_text() == "id,region\n1,north\n"


def test_the_same_content_is_the_same_version(project: Project, train: pd.DataFrame) -> None:
    first = snapshot(project, train, "train", note="first")
    other = snapshot(project, train.assign(id=0), "train")
    again = snapshot(project, train.copy(), "train", note="not kept: a version does not change")

    assert other.number == 2
    assert again == first
    assert len(versions.dataset(project, "train").versions) == 2


def test_the_same_file_is_the_same_version_whatever_its_name(project: Project) -> None:
    Path("a.csv").write_text("x")
    Path("b.csv").write_text("x")
    assert snapshot(project, "a.csv", "data") == snapshot(project, "b.csv", "data")


def test_each_dataset_counts_for_itself(project: Project, train: pd.DataFrame) -> None:
    assert snapshot(project, train, "train").ref == "train@1"
    assert snapshot(project, train, "test").ref == "test@1"


def test_who_listens_hears_of_each_snapshot_and_load(
    project: Project, train: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[DatasetVersion, bool, Any]] = []
    monkeypatch.setattr(touched, "listeners", [lambda *told: heard.append(told)])
    made = snapshot(project, train, "train")
    snapshot(project, train, "train")
    versions.load(project, "train@1")
    assert [(version, taken) for version, taken, _ in heard] == [
        (made, True), (made, True), (made, False),
    ]  # fmt: skip
    assert heard[0][2] is train
    assert heard[2][2] is None


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "a@1", "-x", ".x", "a b", "ü", "🦩", "x" * 101, "a\n", None, 7]
)
def test_a_name_that_is_not_allowed(project: Project, train: pd.DataFrame, name: Any) -> None:
    with pytest.raises(UsageError, match="not a name for a dataset") as caught:
        snapshot(project, train, name)
    assert "letters, digits" in str(caught.value.hint)
    assert len(caught.value.message) < 150


@pytest.mark.parametrize("thing", [None, 3, {"a": [1]}, [1, 2], np.float64(2), b"bytes"])
def test_what_cannot_be_kept(project: Project, thing: Any) -> None:
    with pytest.raises(UsageError, match="cannot be kept as a data version") as caught:
        snapshot(project, thing, "train")
    assert "list of dicts" in str(caught.value.hint)


def test_a_note_that_is_no_text(project: Project, train: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="a note is text"):
        snapshot(project, train, "train", note=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["", "missing.csv", "mlops.yaml/inside"])
def test_a_path_to_no_file(project: Project, path: str) -> None:
    with pytest.raises(UsageError):
        snapshot(project, path, "train")
    with pytest.raises(NotFoundError):
        versions.dataset(project, "train")


# --- crashes and rivals --------------------------------------------------------------------------


def _take_many(root: Path, who: int) -> list[str]:
    project = open_project(root)
    taken = []
    for number in range(10):
        own = pd.DataFrame({"who": [who], "number": [number]})
        common = pd.DataFrame({"common": [number]})
        taken += [snapshot(project, own, "data").ref, snapshot(project, common, "data").ref]
    return taken


def test_processes_that_snapshot_one_name_at_once(project: Project) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(_take_many, [project.root] * 4, range(4)))

    kept = versions.dataset(project, "data").versions
    assert [version.number for version in kept] == list(range(50, 0, -1))
    common = [set(result[1::2]) for result in results]
    assert all(refs == common[0] for refs in common)
    for version in kept:
        assert len(versions.load(project, version.ref)) == 1


TAKE = """
import sys
import numpy as np, pandas as pd
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import open_project
random = np.random.default_rng(0)
frame = pd.DataFrame(random.random((1_000_000, 10)))
print("begins", flush=True)
try:
    snapshot(open_project(), frame, "big")
except MlopsError as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


def wait_for_objects(project: Project, count: int, writer: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and writer.poll() is None:
        if sum(1 for _ in project.objects.root.glob("??/*")) >= count:
            return
        time.sleep(0.001)
    pytest.fail("the snapshot did not write that many objects")


@pytest.mark.parametrize("count", [1, 20, 60])
def test_a_kill_leaves_no_version_and_the_next_try_succeeds(project: Project, count: int) -> None:
    with (
        nobody_commits(project),  # so that it cannot end before it is killed
        subprocess.Popen([sys.executable, "-c", TAKE], stdout=subprocess.DEVNULL) as writer,
    ):
        wait_for_objects(project, count, writer)
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    assert versions.datasets(project) == ()

    subprocess.run([sys.executable, "-c", TAKE], check=True, stdout=subprocess.DEVNULL)

    again = versions.load(project, "big@1")
    expected = pd.DataFrame(np.random.default_rng(0).random((1_000_000, 10)))
    pd.testing.assert_frame_equal(again, expected, check_exact=True)


def test_a_disk_that_takes_no_more_leaves_no_version(project: Project) -> None:
    # bytes a file may grow to; a chunk of this frame needs more
    full_disk.fails(TAKE, largest=300_000)
    assert versions.datasets(project) == ()
    assert not list(project.objects.root.rglob(".writing-*"))
