"""The known ways in which files go wrong: each is found, said in words, and nothing else is."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from mlops_jupyter.project import Project
from tests.data.diff.asked import asked, codes, the

SHOPS = "id,town,opened,price\n" + "".join(
    f"{100 + n},{town},{day},{price}\n"
    for n, (town, day, price) in enumerate(
        [
            ("Göteborg", "2024-01-31", "1000.50"),
            ("Malmö", "2024-02-29", "18.62999"),
            ("Kiruna", "2024-03-15", "7.125"),
            ("Lund", "2024-04-01", "2500.00"),
            ("Malmö", "2024-05-07", "3.5"),
            ("Lund", "2024-06-11", "44.25"),
        ]
    )
)
LINES = SHOPS.splitlines(keepends=True)
PLAIN = SHOPS.replace("ö", "o")


def test_the_same_file_has_no_difference(project: Project) -> None:
    found = asked(project, SHOPS, SHOPS)
    assert found.is_same
    assert str(found) == "data@1 → data@1\nno difference"


@pytest.mark.parametrize(
    ("after", "code", "said"),
    [
        (SHOPS.replace("\n", "\r\n"), "line_ends", "only the line ends differ: LF → CRLF"),
        (SHOPS.replace("\n", "\r"), "line_ends", "only the line ends differ: LF → CR"),
        (SHOPS[:-1], "last_line_end", "only the last line no longer has an end"),
        ("\ufeff" + SHOPS, "mark", "only the file has a byte-order mark before its text"),
        (SHOPS.encode("cp1252"), "encoding", "the text is in Windows-1252, before in UTF-8"),
        (SHOPS.replace(",", ";"), "delimiter", "fields are divided by ';', before by ','"),
        (
            SHOPS.replace("Lund", '"Lund"'),
            "written",
            "the same cells, written otherwise: quotes, blank lines or trailing fields",
        ),
    ],
)
def test_only_the_bytes_differ(project: Project, after: str | bytes, code: str, said: str) -> None:
    found = asked(project, SHOPS, after)
    assert [(one.code, one.text) for one in found.findings] == [(code, said)]
    assert found.rows is not None
    assert (found.rows.same, found.rows.rewritten, found.cells) == (6, 0, ())


def test_utf_16_is_another_encoding_with_a_mark(project: Project) -> None:
    found = asked(project, SHOPS, SHOPS.encode("utf-16"))
    assert set(codes(found)) == {"encoding", "mark"}
    assert found.rows is not None
    assert found.rows.same == 6


def test_packed_otherwise(project: Project) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("shops.csv", SHOPS)
    found = asked(project, gzip.compress(SHOPS.encode()), packed.getvalue(), name="shops.csv.x")
    assert codes(found) == ["packing"]


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("1000.50", '"1,000.50"', "number_format", "1000.50 → 1,000.50 (1 of 6 cells)"),
        ("2500.00", "2500", "number_format", "2500.00 → 2500 (1 of 6 cells)"),
        ("Kiruna", " Kiruna ", "whitespace", "'Kiruna' → ' Kiruna ' (1 of 6 cells)"),
        ("Kiruna", "KIRUNA", "case", "'Kiruna' → 'KIRUNA' (1 of 6 cells)"),
        ("Göteborg", "Go\u0308teborg", "unicode", "'Göteborg' → "),
        ("Göteborg", "GÃ¶teborg", "mojibake", "'Göteborg' → 'GÃ¶teborg' (1 of 6 cells)"),
    ],
)
def test_a_value_in_another_form(
    project: Project, old: str, new: str, code: str, said: str
) -> None:
    found = asked(project, SHOPS, SHOPS.replace(old, new))
    assert codes(found) == [code]
    assert said in the(found, code).text
    assert found.rows is not None
    assert (found.rows.same, found.rows.rewritten, found.rows.changed) == (6, 1, 0)


def test_the_decimal_comma(project: Project) -> None:
    after = SHOPS.replace(",", ";").replace(".", ",")
    found = asked(project, SHOPS, after)
    assert codes(found) == ["number_format", "delimiter"]
    assert "1000.50 → 1000,50 (6 of 6 cells)" in the(found, "number_format").text


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("%d.%m.%Y", "DD.MM.YYYY"),
        ("%m/%d/%y", "MM/DD/YY"),
        ("%d/%m/%Y", "DD/MM/YYYY"),
        ("%Y%m%d", "YYYYMMDD"),
        ("%b %d %Y", None),
        ("%Y-%m-%dT%H:%M:%S", "YYYY-MM-DDThh:mm:ss"),
    ],
)
def test_dates_in_another_form(project: Project, way: str, words: str | None) -> None:
    table = pd.read_csv(io.StringIO(SHOPS), parse_dates=["opened"])
    table["opened"] = table["opened"].dt.strftime(way)
    table["price"] = [line.rsplit(",", 1)[1].strip() for line in LINES[1:]]
    found = asked(project, SHOPS, table.to_csv(index=False))
    if words is None:  # not a way that is known: each cell is another
        assert codes(found) == ["cells_changed"]
    else:
        assert codes(found) == ["date_format"]
        assert f"YYYY-MM-DD → {words} (6 of 6 cells)" in the(found, "date_format").text


def test_missing_values_in_another_form(project: Project) -> None:
    before = SHOPS.replace("Kiruna", "")
    found = asked(project, before, before.replace(",,", ",NA,"))
    assert codes(found) == ["missing_marker"]


def test_rounding_is_another_value(project: Project) -> None:
    found = asked(project, SHOPS, SHOPS.replace("18.62999", "18.63"))
    assert [(one.code, one.text) for one in found.findings] == [
        ("rounding", "price: numbers were rounded to 2 decimals (1 of 6 cells)")
    ]
    assert found.cells[0].examples[0].before == "18.62999"
    back = asked(project, SHOPS.replace("18.62999", "18.63"), SHOPS)
    assert codes(back) == ["more_digits"]


def test_zeros_before_a_code_are_lost(project: Project) -> None:
    before = "zip,town\n" + "".join(f"0{1000 + n},t{n}\n" for n in range(5))
    found = asked(project, before, before.replace("\n0", "\n"))
    assert codes(found) == ["leading_zeros"]
    assert "01000 → 1000 (5 of 5 cells)" in the(found, "leading_zeros").text


def test_text_where_numbers_were(project: Project) -> None:
    found = asked(project, SHOPS, SHOPS.replace("7.125", "ask"))
    assert codes(found) == ["text_for_numbers", "cells_changed"]
    assert the(found, "text_for_numbers").text == (
        "price: only numbers before, now 1 cell hold text, e.g. 'ask' in row 3"
    )


def test_a_row_with_fewer_fields(project: Project) -> None:
    before = SHOPS.replace("44.25", "")
    found = asked(project, before, before[: before.rindex(",")] + "\n")
    assert [(one.code, one.text) for one in found.findings] == [
        ("ragged", "row 6 (105) has 3 fields of 4")
    ]
    back = asked(project, before[: before.rindex(",")] + "\n", before)
    assert codes(back) == ["ragged_mended"]


def test_the_header_as_a_row_of_data(project: Project) -> None:
    found = asked(project, SHOPS, SHOPS + LINES[0])
    assert codes(found)[0] == "header_row"
    assert the(found, "header_row").text.endswith("row 7")


def test_a_file_without_its_header(project: Project) -> None:
    found = asked(project, SHOPS, "".join(LINES[1:]))
    assert codes(found) == ["header_lost"]
    assert found.rows is not None
    assert found.rows.same == 6


@pytest.mark.parametrize("again", [SHOPS, "".join(LINES[1:])], ids=["header", "rows"])
def test_a_file_pasted_twice(project: Project, again: str) -> None:
    found = asked(project, SHOPS, SHOPS + again)
    assert "pasted_twice" in codes(found)[:2]
    assert the(found, "pasted_twice").text == (
        "the same 6 rows stand twice, one block after the other"
    )
    assert "6 values stand more than once" in the(found, "key_not_unique").text


def test_a_byte_order_mark_in_a_name(project: Project) -> None:
    found = asked(project, SHOPS, "\ufeff\ufeff" + SHOPS)
    assert the(found, "mark_in_name").text == (
        "a byte-order mark is glued to the name of the column id"
    )


def test_a_file_cut_short(project: Project) -> None:
    found = asked(project, SHOPS, SHOPS[:-20])
    assert "cut_short" in codes(found)
    assert "ragged" in codes(found)


def test_text_that_is_no_table(project: Project) -> None:
    found = asked(project, "one\ntwo\nthree\n", "one\n2\nthree\nfour\n", name="notes.md")
    assert codes(found) == ["text_changed"]
    assert found.rows is None
    assert "-two\n+2" in found.lines
    assert "-two" in str(found)


def test_bytes_that_are_no_text(project: Project) -> None:
    found = asked(project, b"\x00\x01", b"\x00\x02", name="model.bin")
    assert codes(found) == ["bytes"]


def test_a_table_that_no_longer_is_one(project: Project) -> None:
    found = asked(project, SHOPS, b"\x00\x01\x02")
    assert codes(found)[0] == "unreadable"


def test_parquet_and_json_lines_are_tables(project: Project) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "x": [0.5, 1.5, 2.5]})
    sides = []
    for number, one in enumerate((frame, frame.assign(x=[0.5, 9.5, 2.5]))):
        one.to_parquet(f"{number}.parquet")
        sides.append(Path(f"{number}.parquet").read_bytes())
    assert codes(asked(project, *sides, name="a.parquet")) == ["cells_changed"]
    lines = frame.to_json(orient="records", lines=True)
    found = asked(project, lines, lines.replace("2.5", "2.75"), name="a.jsonl")
    assert codes(found) == ["cells_changed"]
    # a file and a frame are compared by their values
    found = asked(project, "id,x\n1,0.5\n2,1.50\n3,2.5\n", frame)
    assert {one.changed for one in found.cells} <= {0}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"a,b\n",
        b'a,b\n"1,2\n',
        b"a,b\n1,2\n" * 3 + b"\xff\xfe\x00",
        b"\x1f\x8bnot gzip",
        b"PK\x03\x04not zip",
        b"PAR1 not parquet PAR1",
        b'{"a": 1}\n{"a": ',
        b"a,a\n1,2\n",
        ",".join(f"c{n}" for n in range(3000)).encode() + b"\n",
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_files_that_are_hardly_one(project: Project, content: bytes, name: str) -> None:
    for before, after in ((SHOPS.encode(), content), (content, SHOPS.encode())):
        found = asked(project, before, after, name=name)
        assert found.findings
        assert str(found)
