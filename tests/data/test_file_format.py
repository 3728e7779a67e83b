"""docs/data-files.md says enough: a program that knows the page alone reads what we write."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from pathlib import Path
from typing import Any

import blake3
import zstandard

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from tests.data.folders import make, tree


def stored(project: Project, name: str) -> bytes:
    digest = name.removeprefix("blake3:")
    path = project.root / ".mlops" / "objects" / digest[:2] / digest
    content = zstandard.ZstdDecompressor().decompress(path.read_bytes())
    assert blake3.blake3(content).hexdigest() == digest
    return content


def manifests_of(project: Project, dataset: str) -> list[tuple[dict[str, Any], str]]:
    catalog = sqlite3.connect(project.root / ".mlops" / "catalog.sqlite")
    rows = catalog.execute(
        "SELECT manifest, digest FROM dataset_version WHERE dataset = ? ORDER BY number", (dataset,)
    ).fetchall()
    catalog.close()
    return [(json.loads(stored(project, name)), digest) for name, digest in rows]


def bytes_of(project: Project, pieces: list[Any]) -> bytes:
    return b"".join(piece_of(project, piece) for piece in pieces)


def piece_of(project: Project, piece: Any) -> bytes:
    if isinstance(piece, str):
        return stored(project, piece)
    base = zstandard.ZstdCompressionDict(
        bytes_of(project, piece["base"]), dict_type=zstandard.DICT_TYPE_RAWCONTENT
    )
    frame = stored(project, piece["delta"])
    content = zstandard.ZstdDecompressor(dict_data=base).decompress(frame)
    if "digest" in piece:
        assert piece["digest"] == "blake3:" + blake3.blake3(content).hexdigest()
    first = piece["base"][0]
    if len(piece["base"]) == 1:
        serial = piece["serial"]
        assert (first["serial"] if isinstance(first, dict) else 0) == serial & (serial - 1)
    return content


def test_versions_of_a_file(project: Project) -> None:
    made = random.Random(0)
    rows = [b"%d,%d\n" % (n, made.randrange(10**6)) for n in range(800_000)]
    contents = []
    for number in range(4):
        rows[made.randrange(len(rows))] = b"changed\n" * (number * 50_000 + 1)
        contents.append(b"".join(rows))
        Path("raw.csv").write_bytes(contents[-1])
        snapshot(project, "raw.csv", "raw")
    for (manifest, digest), content in zip(manifests_of(project, "raw"), contents, strict=True):
        assert bytes_of(project, manifest["pieces"]) == content
        assert (manifest["format"], manifest["kind"]) == (2, "file")
        assert (manifest["name"], manifest["size_bytes"]) == ("raw.csv", len(content))
        assert digest == manifest["digest"] == "blake3:" + blake3.blake3(content).hexdigest()


def read_folder(project: Project, manifest: dict[str, Any]) -> dict[str, tuple[str, bytes]]:
    fields = bytes_of(project, manifest["listing"]).split(b"\0")
    assert fields.pop() == b""
    words = {b"f": "file", b"x": "program", b"l": "link", b"d": "folder"}
    found = {}
    for path, kind, value, size, place in zip(*[iter(fields)] * 5, strict=True):
        content = value
        if kind in b"fx":
            number, _, span = place.partition(b"+")
            start, _, length = span.partition(b"+")
            content = bytes_of(project, manifest["contents"][int(number)]) if place else b""
            content = content[int(start) :][: int(length)] if span else content
            assert len(content) == int(size)
            assert blake3.blake3(content).hexdigest().encode() == value
        found[os.fsdecode(path)] = (words[kind], content)
    for path in list(found):
        for above in list(Path(path).parents)[:-1]:
            found[str(above)] = ("folder", b"")
    return found


def digest_of_folder(project: Project, manifest: dict[str, Any]) -> str:
    fields = bytes_of(project, manifest["listing"]).split(b"\0")[:-1]
    kept = [field for place, field in enumerate(fields) if place % 5 < 3]
    content = b"folder\0" + b"".join(field + b"\0" for field in kept)
    return "blake3:" + blake3.blake3(content).hexdigest()


def test_versions_of_a_folder(project: Project) -> None:
    contents: dict[str, bytes | str] = {f"{n}/{n}.txt": os.urandom(5000) for n in range(300)}
    contents |= {"large": os.urandom(5 * 2**20), "none": b"", "empty/": b"", "link": "large"}
    root = make(Path("data"), contents)
    (root / "none").chmod(0o755)
    expected = [tree(root)]
    snapshot(project, "data", "data")
    (root / "7" / "7.txt").write_bytes(b"changed")
    with (root / "large").open("ab") as end:
        end.write(b"more")
    expected.append(tree(root))
    snapshot(project, "data", "data")
    for (manifest, digest), files in zip(manifests_of(project, "data"), expected, strict=True):
        assert read_folder(project, manifest) == files
        assert digest == manifest["digest"] == digest_of_folder(project, manifest)
        assert (manifest["format"], manifest["kind"], manifest["name"]) == (2, "folder", "data")
