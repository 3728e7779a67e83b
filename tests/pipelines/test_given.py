"""Files of parameters, and where in them something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.given import read_file
from mlops_jupyter.pipelines.parameters import convert_all
from tests.pipelines.test_contract import parameters

CELL = "month: Annotated[int, '1..12'] = 1\nnames = ['a']\nzip = '00000'\ndepth: int | None = 3"


def read(path: Path, text: str) -> dict[str, object]:
    path.write_text(text, encoding="utf-8")
    return convert_all(tuple(parameters(CELL).values()), read_file(path))


def test_a_file_gives_values(tmp_path: Path) -> None:
    text = "# July\nmonth: 7\nnames:\n  - b # c\n  - 'no'\nzip: 01234\ndepth:\n"
    assert read(tmp_path / "july.yaml", text) == {
        "month": 7, "names": ["b", "no"], "zip": "01234", "depth": None,
    }  # fmt: skip
    assert read(tmp_path / "july.json", '{"month": 7, "zip": "a\\nb"}') == {
        "month": 7,
        "zip": "a\nb",
    }
    assert read(tmp_path / "empty.yaml", "# nothing yet\n") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("month: 7\nmnth: 8", "july.yaml:2: there is no parameter 'mnth'"),
        ("zip: a\nmonth: 13", "july.yaml:2: parameter 'month' is a whole number, at least 1"),
        ("zip: a\nmonth: [1]", "july.yaml:2: parameter 'month'"),
        ("month: 7\nmonth: 8", "july.yaml:2: 'month' stands there twice"),
        ("- month", "july.yaml:1: no mapping"),
        ("month: 7\n  zip: 1", "july.yaml:2: not YAML"),
        ("month: [1", "july.yaml:1: not YAML"),
        ("names: [&a 1, *a]", "july.yaml:1: anchors and aliases are not read"),
        ("names: !!python/name:os.system ''", "july.yaml:1: the tag"),
        ("[1]: 2", "july.yaml:1: "),
        ("? {a: 1}\n: 2", "july.yaml:1: "),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "july.yaml", text)
    assert words in str(caught.value)
    assert caught.value.hint


def test_an_unknown_name_has_a_near_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        read(tmp_path / "july.yaml", "mnth: 8")
    assert caught.value.hint == "did you mean 'month'?"


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        read_file(tmp_path / "june.yaml")
    (tmp_path / "image.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UsageError, match="not YAML"):
        read_file(tmp_path / "image.yaml")
    with pytest.raises(UsageError):
        read(tmp_path / "deep.yaml", "names: " + "[" * 50_000)
