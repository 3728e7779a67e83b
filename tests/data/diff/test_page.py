"""What a person sees: text for a terminal, HTML for a notebook; hostile data stays data."""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec
import pandas as pd
import pytest

from mlops_jupyter import wire
from mlops_jupyter.data.diff import page, show
from mlops_jupyter.data.diff.difference import DataDiff
from mlops_jupyter.project import Project
from tests.data.diff.asked import asked, codes, compared

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31mred\x1b[0m",
    "a\nb\r\tc\0",
    "\u202egnp.exe",
    "{before} %s {0}",
    "x" * 10_000,
)


class Seen(HTMLParser):
    """Which elements and attributes a browser would see, and which text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile(value: str) -> DataDiff:
    before = pd.DataFrame({"key": [1, 2, 3], value: ["a", "b", "c"], "v": ["p", "q", "r"]})
    after = before.assign(v=[value, "q", "r"], new=1).rename(columns={value: value + "2"})
    return compared(before, after)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_and_values_are_shown_and_not_obeyed(value: str) -> None:
    found = hostile(value)
    assert "column_renamed" in codes(found)
    text = str(found)
    assert all(one.isprintable() or one == "\n" for one in text)
    seen = Seen(page.as_html(found))
    assert seen.tags <= {
        *("div", "ul", "li", "span", "table", "thead", "tbody", "tr", "th", "td", "code", "br")
    }
    assert seen.attributes <= {"style", "title", "data-code", "aria-hidden"}
    assert all(one.isprintable() for one in seen.text)


def test_it_fits_a_screen_and_says_what_it_leaves_out() -> None:
    before = pd.DataFrame({f"c{n}": range(50) for n in range(40)})
    found = compared(before, before + 0.5)
    lines = str(found).splitlines()
    assert len(lines) < 40
    assert "more columns; all of them with --json" in str(found)
    assert len(found.cells) == 40
    assert len(page.as_html(found)) < 40_000


def test_the_page_says_what_the_text_says(project: Project) -> None:
    before = "day,n\n" + "".join(f"2024-01-{n:02},{n}\n" for n in range(1, 20))
    after = before.replace(",3\n", ",4\n") + "2024-01-20,20\n"
    found = asked(project, before, after)
    seen = Seen(page.as_html(found))
    for one in found.findings:
        assert one.text in seen.text
    assert show.row_line(found) in seen.text
    assert "3 → 4" in seen.text
    assert found._repr_html_() == page.as_html(found)


def test_as_json_it_comes_back(project: Project) -> None:
    found = asked(project, "day,n\n1,2\n2,3\n", "day,n\n1,2\n2,4\n")
    assert msgspec.json.decode(wire.encode(found), type=DataDiff) == found


def test_half_a_surrogate_pair_leaves_the_process_as_its_number(project: Project) -> None:
    before = pd.DataFrame({"v": pd.Series(["\ud800", "b"], dtype=object)})
    after = pd.DataFrame({"v": pd.Series(["\ud801", "b"], dtype=object)})
    found = asked(project, before, after)
    assert "\\ud800 → \\ud801" in str(found)
    assert b"ud801" in wire.encode(found)


def test_text_that_is_no_table_is_escaped(project: Project) -> None:
    found = asked(project, "a\n", "<b>\x1b[2J\n", name="notes.md")
    seen = Seen(page.as_html(found))
    assert seen.tags <= {"div", "ul", "li", "span", "pre"}
    assert "+<b>\\x1b[2J" in seen.text
