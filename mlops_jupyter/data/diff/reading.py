"""A file as bytes, as text, and as a grid where it is a table."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from mlops_jupyter.data.diff import grid
from mlops_jupyter.data.diff.grid import Grid, Ragged
from mlops_jupyter.data.value import arrow

LARGEST = 2**30
"""Bytes, unpacked, of a file that is still read as a table or as text."""

_SNIFFED = 64 * 1024
_BLOCK = 16 * 2**20
_DELIMITERS = (",", "\t", ";", "|")
_TABLES = {".csv", ".tsv", ".tab", ".psv", ".txt", ".dat", ".data", ""}
_SURELY = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
"""Endings of tables, and the delimiter of those that have one column only."""

_UNREADABLE = (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, zipfile.BadZipFile,
               NotImplementedError, RuntimeError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileRead:
    """What a file turned out to be.

    Attributes
    ----------
    name : str
    packed : str
        How it is compressed: ``gzip``, ``zip``, …; else empty.
    content : bytes or None
        Its text in UTF-8 without a byte-order mark; None when it is no text, or too large.
    encoding : str
        Empty when it is no text.
    has_mark : bool
        It begins with a byte-order mark.
    line_ends : str
        ``LF``, ``CRLF``, ``CR``, ``mixed`` or empty.
    delimiter : str
        Empty when it is no table of text.
    grid : Grid or None
        None when it is no table.
    """

    name: str
    packed: str = ""
    content: bytes | None = None
    encoding: str = ""
    has_mark: bool = False
    line_ends: str = ""
    delimiter: str = ""
    grid: Grid | None = None


def read(path: Path) -> FileRead:
    """Read a file, as far as it is known what it is."""
    if path.stat().st_size > LARGEST:
        return FileRead(path.name)
    raw, packed, name = _unpacked(path)
    if raw is None:
        return FileRead(path.name, packed)
    typed = _typed(raw)
    if typed is not None:
        return FileRead(path.name, packed, grid=typed)
    decoded = _decoded(raw)
    if decoded is None:
        return FileRead(path.name, packed)
    content, encoding, has_mark = decoded
    delimiter, found = _table(content, PurePosixPath(name).suffix.lower())
    return FileRead(
        path.name, packed, content, encoding, has_mark, _line_ends(content), delimiter, found
    )


def unix_lines(content: bytes) -> bytes:
    """Return text with LF as the end of each line."""
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


_Opener = Callable[[Path], Any]
_PACKERS: tuple[tuple[bytes, str, _Opener], ...] = (
    (b"\x1f\x8b", "gzip", gzip.open),
    (b"BZh", "bzip2", bz2.open),
    (b"\xfd7zXZ\x00", "xz", lzma.open),
    (b"\x28\xb5\x2f\xfd", "zstd", lambda path: _zstd(path)),
)


def _zstd(path: Path) -> Any:
    import zstandard

    return zstandard.open(path, "rb")


def _unpacked(path: Path) -> tuple[bytes | None, str, str]:
    """Return the bytes of a file, how it was packed, and the name of what was in it."""
    with path.open("rb") as file:
        head = file.read(8)
    try:
        for magic, packed, opener in _PACKERS:
            if head.startswith(magic):
                with opener(path) as file:
                    raw = file.read(LARGEST + 1)
                return (None if len(raw) > LARGEST else raw), packed, path.stem
        if head.startswith(b"PK\x03\x04"):
            return _from_zip(path)
    except _UNREADABLE:
        return None, "", path.name  # damaged, or with a password
    return path.read_bytes(), "", path.name


def _from_zip(path: Path) -> tuple[bytes | None, str, str]:
    with zipfile.ZipFile(path) as archive:
        inside = [
            one
            for one in archive.infolist()
            if not one.is_dir() and not one.filename.startswith("__MACOSX/")
        ]
        if len(inside) != 1 or inside[0].file_size > LARGEST:
            return None, "zip", path.name
        with archive.open(inside[0]) as file:
            raw = file.read(LARGEST + 1)
        return (None if len(raw) > LARGEST else raw), "zip", inside[0].filename


def _typed(raw: bytes) -> Grid | None:
    """Return the grid of a Parquet or Arrow file."""
    try:
        if raw[:4] == b"PAR1" and raw[-4:] == b"PAR1":
            table = pa.parquet.read_table(pa.BufferReader(raw))
        elif raw[:6] == b"ARROW1":
            table = pa.feather.read_table(pa.BufferReader(raw))
        else:
            return None
    except (pa.ArrowException, OSError):
        return None  # damaged
    return grid.grid_of(table)


_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)


def _decoded(raw: bytes) -> tuple[bytes, str, bool] | None:
    """Return text in UTF-8, the encoding that it had, and whether a mark stood before it."""
    for mark, codec, name in _MARKS:
        if raw.startswith(mark):
            try:
                return raw[len(mark) :].decode(codec).encode(), name, True
            except UnicodeError:
                return None
    if b"\0" in raw[:_SNIFFED]:
        return None
    try:
        raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
        return text.encode(), "Windows-1252", False
    return raw, ("ASCII" if raw.isascii() else "UTF-8"), False


def _line_ends(content: bytes) -> str:
    both = content.count(b"\r\n")
    counts = {
        "CRLF": both,
        "LF": content.count(b"\n") - both,
        "CR": content.count(b"\r") - both,
    }
    found = [name for name, count in counts.items() if count]
    return "mixed" if len(found) > 1 else "".join(found)


def _table(content: bytes, ending: str) -> tuple[str, Grid | None]:
    """Return the delimiter and the grid of text, if it is a table."""
    if ending in {".jsonl", ".ndjson", ".json"}:
        return "", _json(content, is_lines=ending != ".json")
    if ending not in _TABLES or not content.strip():
        return "", None
    delimiter = _delimiter(content, ending)
    if not delimiter:
        return "", None
    try:
        return delimiter, _csv(content, delimiter)
    except (pa.ArrowException, csv.Error):
        return "", None


def _json(content: bytes, *, is_lines: bool) -> Grid | None:
    try:
        found = (
            msgspec.json.Decoder().decode_lines(content)
            if is_lines
            else msgspec.json.decode(content)
        )
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return None
    return grid.grid_of(found)


def _delimiter(content: bytes, ending: str) -> str:
    """Return the delimiter that gives the most even rows of two fields and more."""
    # the last line of the sample may be cut
    sample = content[:_SNIFFED].decode("utf-8", "ignore")
    lines = sample.splitlines()[: 200 if len(content) <= _SNIFFED else -1][:200]
    best, best_even = _SURELY.get(ending, ""), 0.9 if not _SURELY.get(ending) else 0.5
    most = 1
    for delimiter in _DELIMITERS:
        counts = Counter(_widths(lines, delimiter))
        width, often = counts.most_common(1)[0] if counts else (1, 0)
        even = often / max(sum(counts.values()), 1)
        if width > 1 and even >= best_even and (even, width) > (best_even, most):
            best, best_even, most = delimiter, even, width
    is_prose = most == 1 and ending not in _SURELY
    return "" if is_prose else best


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    try:
        return [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return []


def _csv(content: bytes, delimiter: str) -> Grid:
    if b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    if content.startswith(codecs.BOM_UTF8):
        content = codecs.BOM_UTF8 + content  # a second mark: Arrow takes one off
    head = content[:_SNIFFED].decode("utf-8", "ignore").splitlines()
    widths = _widths(head[:200], delimiter)
    width = widths[0] if widths else 1
    usual = Counter(widths[1:]).most_common(1)
    if usual and usual[0][0] == width + 1:
        width += 1  # the header lacks the name of the row labels, as R writes it
    ragged: list[tuple[Ragged, list[str]]] = []

    def handle(row: Any) -> str:
        cells = next(csv.reader([row.text], delimiter=delimiter), [])
        ragged.append((Ragged((row.number or 1) - 1, row.actual_columns, width), cells))
        return "skip"

    names = [f"c{number}" for number in range(width)]
    table = pa.csv.read_csv(
        io.BytesIO(content),
        # on one thread, for the numbers of ragged rows
        read_options=pa.csv.ReadOptions(use_threads=False, column_names=names, block_size=_BLOCK),
        parse_options=pa.csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=handle
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()),
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    return _grid(table, ragged, width)


def _grid(table: Any, ragged: Sequence[tuple[Ragged, list[str]]], width: int) -> Grid:
    """Take the header off, and put ragged rows back in their places, cut or filled."""
    header = [column[0].as_py() for column in table.columns] if table.num_rows else []
    inside = [(mark, cells) for mark, cells in ragged if mark.row > 0]
    if len(inside) != len(ragged):  # the header itself
        header = (["", *ragged[0][1]] if len(ragged[0][1]) < width else ragged[0][1])[:width]
    else:
        table = table.slice(1)
    columns = []
    for place, (name, column) in enumerate(zip(header, table.columns, strict=True)):
        cells = arrow.single(column)
        if inside:
            fields = [
                (mark.row - 1, row[place] if place < len(row) else "") for mark, row in inside
            ]
            cells = _with(cells, fields)
        columns.append(grid.text_column(name, cells))
    rows = table.num_rows + len(inside)
    return Grid(tuple(columns), rows, is_text=True, ragged=tuple(mark for mark, _ in inside))


def _with(cells: Any, missing: Sequence[tuple[int, str]]) -> Any:
    """Put cells in at the places that they have in the result."""
    parts, start = [], 0
    for count, (place, text) in enumerate(missing):
        stop = place - count
        parts += [cells.slice(start, stop - start), pa.array([text], pa.large_string())]
        start = stop
    return pa.concat_arrays([*parts, cells.slice(start)])
