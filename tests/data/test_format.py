"""docs/data-format.md says enough: a program that knows the page alone reads what we write."""

from __future__ import annotations

import json
import sqlite3
import struct
from pathlib import Path
from typing import Any

import blake3
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import zstandard

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project


def stored(project: Project, name: str) -> bytes:
    """Return an object, or its place in one."""
    digest, _, place = name.removeprefix("blake3:").partition("+")
    path = project.root / ".mlops" / "objects" / digest[:2] / digest
    content = zstandard.ZstdDecompressor().decompress(path.read_bytes())
    assert blake3.blake3(content).hexdigest() == digest
    if not place:
        return content
    start, _, length = place.partition("+")
    return content[int(start) : int(start) + int(length)]


def manifest_of(project: Project, dataset: str) -> tuple[dict[str, Any], str]:
    catalog = sqlite3.connect(project.root / ".mlops" / "catalog.sqlite")
    name, digest = catalog.execute(
        "SELECT manifest, digest FROM dataset_version WHERE dataset = ?", (dataset,)
    ).fetchone()
    catalog.close()
    return json.loads(stored(project, name)), digest


def array(project: Project, name: str) -> Any:
    batches = list(pa.ipc.open_stream(stored(project, name)))
    assert [batch.schema.names for batch in batches] == [["values"]]
    return batches[0].column("values")


def digest_of_chunk(chunk: Any) -> str:
    buffers = chunk.buffers()
    sizes = [-1 if buffer is None else buffer.size for buffer in buffers]
    hasher = blake3.blake3(struct.pack(f"<{1 + len(sizes)}q", len(chunk), *sizes))
    for buffer in buffers:
        hasher.update(b"" if buffer is None else buffer.to_pybytes())
    return "blake3:" + hasher.hexdigest()


def with_content(project: Project, part: dict[str, Any]) -> dict[str, Any]:
    """Return a part with the digests of its chunks' contents in the place of their names."""
    made = dict(part)
    if "leaf" in part:
        chunks = [digest_of_chunk(array(project, name)) for name in part["leaf"]["chunks"]]
        assert chunks == part["leaf"]["digests"]
        made["leaf"] = {"rows": part["leaf"]["rows"], "chunks": chunks}
    if "parts" in part:
        made["parts"] = {n: with_content(project, p) for n, p in part["parts"].items()}
    return made


@pytest.fixture
def frame(project: Project) -> pd.DataFrame:
    rows = 140_000
    made = pd.DataFrame(
        {
            "id": np.arange(rows),
            "price": pd.array(np.where(np.arange(rows) % 7, 1.5, np.nan), dtype="Float64"),
            "ok": np.arange(rows) % 3 == 0,
            "key": pd.array([None if n % 5 == 0 else f"k{n}" for n in range(rows)], dtype="str"),
            "region": pd.Categorical(["north", "south"] * (rows // 2)),
        }
    )
    snapshot(project, made, "train")
    return made


def test_the_columns_can_be_read_with_arrow_alone(project: Project, frame: pd.DataFrame) -> None:
    manifest, _ = manifest_of(project, "train")
    assert (manifest["format"], manifest["kind"]) == (2, "frame")
    parts = manifest["content"]["parts"]["columns"]["parts"]
    read: dict[str, list[Any]] = {}
    for position, label in enumerate(frame.columns):
        names = parts[str(position)]["leaf"]["chunks"]
        read[label] = [value for name in names for value in array(project, name).to_pylist()]
    assert read["id"] == frame["id"].tolist()
    assert read["ok"] == frame["ok"].tolist()
    assert read["price"] == [None if v is pd.NA else v for v in frame["price"].tolist()]
    assert read["key"] == [v if isinstance(v, str) else None for v in frame["key"].tolist()]
    assert read["region"] == frame["region"].cat.codes.tolist()


def test_the_digest_of_a_frame_can_be_computed_from_the_page(
    project: Project, frame: pd.DataFrame
) -> None:
    manifest, digest = manifest_of(project, "train")
    content = with_content(project, manifest["content"])
    told = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert "blake3:" + blake3.blake3(told.encode("ascii")).hexdigest() == digest


def plain(project: Project, leaf: dict[str, Any]) -> list[Any]:
    """Return the values of a leaf, whole or changed, as the page says."""
    if "base" not in leaf:
        return [value for name in leaf["chunks"] for value in array(project, name).to_pylist()]
    base = plain(project, leaf["base"])
    rows = list(range(len(base)))
    if "map" in leaf:
        rows = []
        wide, narrow = leaf["map"]["widths"]
        content, runs = stored(project, leaf["map"]["bytes"]), leaf["map"]["runs"]
        expected = 0
        for start, length in zip(
            planes(content[: runs * wide], wide),
            planes(content[runs * wide :], narrow),
            strict=True,
        ):
            if start == 0:
                rows += [None] * length
                continue
            distance = (start - 1) >> 1 if start % 2 else -(start >> 1)
            rows += range(expected + distance, expected + distance + length)
            expected += distance + length
    values = [None if row is None else base[row] for row in rows]
    if leaf["at"] is not None:
        place = -1
        gaps = planes(stored(project, leaf["at"]["bytes"]), leaf["at"]["width"])
        for gap, value in zip(gaps, plain(project, leaf["values"]), strict=True):
            place += gap + 1
            values[place] = value
    assert len(values) == leaf["rows"]
    return values


def planes(content: bytes, width: int) -> list[int]:
    count = len(content) // width
    return [int.from_bytes(content[number::count], "little") for number in range(count)]


def test_a_column_that_changed_can_be_read_from_the_page(project: Project) -> None:
    rng = np.random.default_rng(0)
    made = pd.DataFrame({"id": np.arange(5000), "x": rng.normal(size=5000), "flag": True})
    snapshot(project, made, "train")
    changed = pd.concat([made.drop(index=range(100, 200)), made[:50]]).sample(
        frac=1, random_state=1
    )
    changed.iloc[7, 1] = 0.5
    snapshot(project, changed.reset_index(drop=True), "train")
    catalog = sqlite3.connect(project.root / ".mlops" / "catalog.sqlite")
    (name,) = catalog.execute("SELECT manifest FROM dataset_version WHERE number = 2").fetchone()
    catalog.close()
    parts = json.loads(stored(project, name))["content"]["parts"]["columns"]["parts"]
    assert "base" in parts["1"]["leaf"]
    assert plain(project, parts["0"]["leaf"]) == changed["id"].tolist()
    assert plain(project, parts["1"]["leaf"]) == changed["x"].tolist()


def test_a_file_is_its_pieces(project: Project) -> None:
    content = np.random.default_rng(0).bytes(9_000_000)
    Path("raw.bin").write_bytes(content)
    snapshot(project, "raw.bin", "raw")
    manifest, digest = manifest_of(project, "raw")
    pieces = [stored(project, name) for name in manifest["pieces"]]
    assert [len(piece) for piece in pieces] == [4 * 2**20, 4 * 2**20, 9_000_000 - 8 * 2**20]
    assert b"".join(pieces) == content
    assert digest == manifest["digest"] == "blake3:" + blake3.blake3(content).hexdigest()
