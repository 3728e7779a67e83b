"""Whatever is done to a file or a folder between its versions, each of them comes back."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.data.files import file, folder, listing, pieces
from mlops_jupyter.data.files.file import Kept
from mlops_jupyter.store.objects import Objects
from tests.data.folders import tree


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> Any:
    """Let small files have many pieces, and small folders many packs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE_BYTES", 500)
        patch.setattr(pieces, "_NEAR_BYTES", 50)
        patch.setattr(pieces, "MOST_OBJECTS", 5)
        patch.setattr(folder, "SMALL_BYTES", 300)
        patch.setattr(folder, "PACK_BYTES", 1000)
        patch.setattr(folder, "_CRUMB_BYTES", 250)
        patch.setattr(folder, "_MOST_CRUMBS", 2)
        yield


blocks = st.tuples(st.integers(0, 6), st.integers(0, 1500)).map(
    lambda told: (b"%d," % told[0]) * (told[1] // 2)
)
contents = st.one_of(blocks, st.binary(max_size=1500))
edits = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 1200), contents), min_size=1, max_size=12
)


def edited(content: bytes, start: int, removed: int, new: bytes) -> bytes:
    start = min(start, len(content))
    return content[:start] + new + content[start + removed :]


@settings(deadline=None, max_examples=60)
@given(contents, edits)
def test_each_version_of_a_file_comes_back(
    content: bytes, changes: list[tuple[int, int, bytes]]
) -> None:
    with TemporaryDirectory() as place:
        objects, path = Objects(Path(place, "objects")), Path(place, "file")
        before, kept = None, []
        for start, removed, new in [(0, 0, b""), *changes]:
            content = edited(content, start, removed, new)
            path.write_bytes(content)
            kept.append((file.write(objects, path, before).manifest, content))
            before = file.read_manifest(objects, kept[-1][0])
        for manifest, expected in kept:
            assert file.read(objects, manifest, Path(place, "copies")).read_bytes() == expected


names = st.sampled_from(["a", "b", "c/a", "c/d/e", "f", "c/g", "h/i"])
steps = st.lists(
    st.tuples(names, st.sampled_from(["write", "remove", "link", "folder", "run"]), contents),
    min_size=1,
    max_size=15,
)


def do(root: Path, name: str, verb: str, content: bytes) -> None:
    path = root / name
    above = [root / folder for folder in Path(name).parents]
    if any(folder.is_symlink() or folder.is_file() for folder in above):
        return
    if os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
        path.unlink()
    if path.is_dir() or verb == "remove":
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if verb == "link":
        path.symlink_to("elsewhere")
    elif verb == "folder":
        path.mkdir()
    else:
        path.write_bytes(content)
        path.chmod(0o755 if verb == "run" else 0o644)


def take(objects: Objects, root: Path, before: str | None) -> Kept:
    told = None if before is None else file.read_manifest(objects, before)
    return folder.write(objects, folder.scan(root, "data", {}), told)[0]


@settings(deadline=None, max_examples=40)
@given(steps)
def test_each_version_of_a_folder_comes_back(changes: list[tuple[str, str, bytes]]) -> None:
    with TemporaryDirectory() as place:
        objects, root = Objects(Path(place, "objects")), Path(place, "data")
        root.mkdir()
        before, kept = None, []
        for name, verb, content in changes:
            do(root, name, verb, content)
            one = take(objects, root, before)
            before = one.manifest
            fresh = take(Objects(Path(place, "fresh")), root, None)
            assert (one.digest, one.size_bytes) == (fresh.digest, fresh.size_bytes)
            kept.append((one.manifest, tree(root)))
        for manifest, expected in kept:
            copy = file.read(objects, manifest, Path(place, "copies"))
            assert tree(copy) == expected


entries = st.lists(
    st.tuples(st.binary(min_size=1, max_size=5), st.binary(max_size=5), st.integers(0, 2**40)),
    max_size=10,
    unique_by=lambda told: told[0],
)


@given(entries)
def test_a_listing_is_read_as_it_was_written(told: list[tuple[bytes, bytes, int]]) -> None:
    plain = [(p.replace(b"\0", b"x").replace(b"/", b"y"), v.replace(b"\0", b""), s)
             for p, v, s in told]  # fmt: skip
    made = [
        listing.Entry(path, listing.FILE, value, size, b"1+2+3")
        for path, value, size in plain
        if path not in {b".", b".."}
    ]
    made = [one for n, one in enumerate(made) if one.path not in {e.path for e in made[:n]}]
    assert listing.decode(listing.encode(made)) == made
