"""``mlops diff`` of data versions, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from tests.cli.test_data import run


@pytest.fixture
def two(project: Project) -> Project:
    """Return a project with train@1 and train@2: one cell changed, one row new."""
    before = pd.DataFrame({"town": ["Bern", "Oslo", "Rome"], "sold": [1, 2, 3]})
    snapshot(project, before, "train")
    after = pd.DataFrame({"town": ["Bern", "Oslo", "Rome", "Pisa"], "sold": [1, 9, 3, 4]})
    snapshot(project, after, "train")
    return project


def test_it_says_the_worst_first(two: Project, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "diff", "train@1", "train@2")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "train@1 → train@2 · 3 → 4 rows · 2 columns"
    assert lines[1] == "! the table grew at its end, and 1 old row changed"
    assert "  sold: 1 changed of 3: 2 → 9" in lines
    assert "found again by town, which is unique on both sides" in out


def test_a_name_alone_is_its_newest_version(
    two: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "diff", "train", "train@2", "--check")
    assert (code, out) == (0, "train@2 → train@2 · 4 rows\nno difference\n")


def test_check_ends_with_1_when_they_differ(
    two: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "diff", "train@1", "train@2", "--check")[0] == 1


def test_json_and_a_page(two: Project, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, "diff", "train@1", "train@2", "--json", "--html", "d.html", "--key", "town"
    )
    told = json.loads(out)
    assert code == 0
    assert told["rows"]["key"] == ["town"]
    assert told["findings"][0]["code"] == "restated"
    page = Path("d.html").read_text(encoding="utf-8")
    assert "<title>train@1 → train@2</title>" in page
    assert "1 old row changed" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train@1", "train@7"), "there is no data version 'train@7'"),
        (("trian@1", "train@2"), "did you mean 'train'?"),
        (("train@1", "train@2", "--key", "twon"), "did you mean 'town'?"),
        (("3f2a", "9c1b", "--key", "town"), "--key and --html are for data versions"),
        (("train@1", "train@2", "--html", "nowhere/d.html"), "nowhere/d.html"),
    ],
)
def test_mistakes(
    two: Project, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = run(capsys, "diff", *arguments)
    assert code in (2, 7)
    assert said in err
    assert "Traceback" not in err


def test_no_run_uses_the_data_that_is_compared(
    two: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlops_jupyter.data import touched

    told: list[object] = []
    listener = lambda version, taken: told.append(version)  # noqa: E731
    touched.listeners.append(listener)
    try:
        run(capsys, "diff", "train@1", "train@2")
    finally:
        touched.listeners.remove(listener)
    assert told == []
