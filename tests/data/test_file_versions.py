"""The next version of a file keeps what is new in it; each version comes back byte for byte."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.data import file_state, versions
from mlops_jupyter.data.dataset import DatasetVersion, Source
from mlops_jupyter.data.files import delta, file, pieces
from mlops_jupyter.data.files.pieces import Delta
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.store.objects import Objects
from tests import full_disk
from tests.data.meddling import nobody_commits

CASES = Path(__file__).resolve().parents[2] / ".." / "shared" / "cases" / "data"


def table(rows: int, seed: int = 0) -> list[bytes]:
    made = random.Random(seed)
    return [b"%d,%d,%.6f\n" % (n, made.randrange(10**6), made.random()) for n in range(rows)]


def stored(project: Project) -> int:
    return sum(p.stat().st_size for p in project.objects.root.rglob("*") if p.is_file())


def take(project: Project, content: bytes, name: str = "train") -> DatasetVersion:
    Path("train.csv").write_bytes(content)
    return snapshot(project, "train.csv", name)


def manifest(project: Project, version: DatasetVersion) -> dict[str, Any]:
    return file.read_manifest(project.objects, version.manifest)


def objects_below(piece: pieces.Piece) -> int:
    return len(list(pieces.names([piece])))


def piece(project: Project, version: DatasetVersion, number: int = 0) -> pieces.Piece:
    return pieces.of_json(manifest(project, version)["pieces"])[number]


# --- bytes ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not CASES.is_dir(), reason=f"the real data sets are not in {CASES}")
@pytest.mark.parametrize(
    ("name", "most"), [("covid_key_countries", 0.10), ("sp500_constituents", 0.12)]
)
def test_a_real_history_is_kept_in_a_tenth(project: Project, name: str, most: float) -> None:
    contents = [path.read_bytes() for path in sorted((CASES / name).glob("v*.csv"))]
    kept = [take(project, content) for content in contents]
    assert stored(project) <= most * sum(map(len, contents))
    for version, content in zip(kept, contents, strict=True):
        assert versions.load(project, version.ref).read_bytes() == content


def test_what_a_version_added_is_told(project: Project) -> None:
    rows = table(5000)
    first = take(project, b"".join(rows))
    assert first.stored_bytes == stored(project)
    rows[2500] = b"another\n"
    second = take(project, b"".join(rows))
    assert second.stored_bytes == stored(project) - first.stored_bytes < 1000


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let a small file have many pieces."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 20_000)
    monkeypatch.setattr(pieces, "_NEAR_BYTES", 100)
    return 20_000


def inserted(content: bytes, new: bytes) -> bytes:
    return content[:30_000] + new + content[30_000:]


def removed(content: bytes, new: bytes) -> bytes:
    return content[:30_000] + content[30_000 + len(new) :]


@pytest.mark.parametrize("change", [inserted, removed])
@pytest.mark.parametrize("size", [1, 5_000, 45_000])
def test_content_that_moved_is_found_again(
    project: Project, small_pieces: int, change: Any, size: int
) -> None:
    content = b"".join(table(10_000))
    new = os.urandom(size // 2).hex().encode() + b"\n"
    first = take(project, content)
    second = take(project, change(content, new))
    assert versions.load(project, second.ref).read_bytes() == change(content, new)
    assert second.stored_bytes < first.stored_bytes / 4 + len(new)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_delta_looks_at_all_of_a_long_base(place: int) -> None:
    base = os.urandom(3 * pieces.PIECE_BYTES)
    content = base[place * pieces.PIECE_BYTES :][: pieces.PIECE_BYTES]
    frame = delta.encode(content, base)
    assert frame is not None
    assert len(frame) < 1000
    assert delta.decode(frame, base) == content


def test_pieces_that_are_the_same_are_not_kept_again(project: Project, small_pieces: int) -> None:
    content = bytearray(os.urandom(10 * small_pieces))
    first = take(project, bytes(content))
    content[45_000] ^= 1
    second = take(project, bytes(content))
    before, after = (manifest(project, v)["pieces"] for v in (first, second))
    assert [a == b for a, b in zip(before, after, strict=True)] == [True] * 2 + [False] + [True] * 7
    assert second.stored_bytes < 1000


def test_another_content_is_kept_whole(project: Project) -> None:
    take(project, os.urandom(30_000))
    second = take(project, os.urandom(30_000))
    assert isinstance(piece(project, second), str)


def test_an_empty_file_between_others(project: Project) -> None:
    contents = [b"a" * 1000, b"", b"a" * 999, b"\0", b""]
    refs = [take(project, content).ref for content in contents]
    assert refs == ["train@1", "train@2", "train@3", "train@4", "train@2"]
    for ref, content in zip(refs, contents, strict=True):
        assert versions.load(project, ref).read_bytes() == content


def test_a_version_of_format_1_is_read_and_is_a_base(project: Project) -> None:
    content = b"".join(table(2000))
    version = take(project, content)
    told = manifest(project, version)
    old = project.objects.write(json.dumps({**told, "format": 1}).encode())
    with project.catalog.transaction() as rows:
        rows.execute("UPDATE dataset_version SET manifest = ?", (old,))
    assert versions.load(project, "train@1").read_bytes() == content
    assert isinstance(piece(project, take(project, content + b"more\n")), Delta)


# --- chains --------------------------------------------------------------------------------------


@pytest.fixture
def long_history(project: Project) -> list[bytes]:
    rows = table(1500)
    made = random.Random(1)
    contents = []
    for number in range(70):
        rows[made.randrange(len(rows))] = b"changed in %d\n" % number
        contents.append(b"".join(rows))
        take(project, contents[-1])
    return contents


def test_the_way_to_a_whole_version_is_short(project: Project, long_history: list[bytes]) -> None:
    kept = sorted(versions.dataset(project, "train").versions, key=lambda v: v.number)
    found = [piece(project, version) for version in kept]
    assert isinstance(found[0], str)
    for number, one in enumerate(found[1:], start=1):
        assert isinstance(one, Delta)
        assert (one.serial, objects_below(one)) == (number, 1 + number.bit_count())
    for version, content in zip(kept, long_history, strict=True):
        assert versions.load(project, version.ref).read_bytes() == content


def test_a_chain_that_grew_too_long_begins_anew(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "MOST_OBJECTS", 3)
    rows = table(1500)
    found = []
    for number in range(12):
        rows[number] = b"changed\n"
        found.append(piece(project, take(project, b"".join(rows))))
    assert [n for n, one in enumerate(found) if isinstance(one, str)] == [0, 7]
    assert max(map(objects_below, found)) == 3


@pytest.mark.slow
def test_any_of_a_thousand_versions_stands_on_few_objects(project: Project, tmp_path: Path) -> None:
    """What restoring takes beyond the first is in benchmarks/data.py."""
    rows, before = table(20_000), None
    kept, contents = [], {}
    looked_at = random.Random(0).sample(range(1000), 20)
    for number in range(1000):
        rows[(number * 7919) % len(rows)] = b"changed in %d\n" % number
        Path("train.csv").write_bytes(b"".join(rows))
        kept.append(file.write(project.objects, Path("train.csv"), before).manifest)
        before = file.read_manifest(project.objects, kept[-1])
        if number in looked_at:
            contents[number] = b"".join(rows)
        assert max(map(objects_below, before["pieces"])) <= pieces.MOST_OBJECTS
    for number, content in contents.items():
        copy = file.read(project.objects, kept[number], tmp_path / "copies")
        assert copy.read_bytes() == content


# --- what is known is not read --------------------------------------------------------------------


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as old enough: the tests do not wait for the clock."""
    monkeypatch.setattr(file_state, "RACY_NS", -(10**18))


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_is_not_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first = take(project, b"a,b\n")

    def read(*_: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(file, "write", read)
    assert snapshot(project, "train.csv", "train") == first
    with pytest.raises(AssertionError, match="it was read"):
        snapshot(project, "train.csv", "other")  # a dataset that has no such version


@pytest.mark.usefixtures("settled")
def test_a_file_whose_time_was_put_back_is_read_again(project: Project) -> None:
    first = take(project, b"a,b\n")
    status = Path("train.csv").stat()
    Path("train.csv").write_bytes(b"c,d\n")
    os.utime("train.csv", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert snapshot(project, "train.csv", "train").number == first.number + 1


def test_a_file_as_young_as_its_snapshot_is_read_again(project: Project) -> None:
    Path("train.csv").write_bytes(b"a,b\n")
    os.utime("train.csv", (2**32, 2**32))  # as if it were written at that time, or later
    snapshot(project, "train.csv", "train")
    assert project.catalog.rows("SELECT * FROM file_digest") == []


# --- where it is from -----------------------------------------------------------------------------


def test_the_source_is_the_path_from_the_projects_root(project: Project, tmp_path: Path) -> None:
    Path("data").mkdir()
    Path("data/in.csv").write_text("1")
    (tmp_path / "out.csv").write_text("2")
    assert snapshot(project, "data/in.csv", "a").source == Source("file", "data/in.csv")
    outside = str(tmp_path / "out.csv")
    assert snapshot(project, outside, "b").source == Source("file", outside)


def test_a_source_that_is_no_utf_8_is_told_as_text(project: Project) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    Path(name).write_text("1")
    version = snapshot(project, name, "cafe")
    assert version.source == Source("file", "caf?.csv")
    assert os.fsencode(versions.load(project, "cafe").name) == b"caf\xe9.csv"


# --- damage ---------------------------------------------------------------------------------------


@pytest.fixture
def chain(project: Project) -> list[bytes]:
    rows = table(1500)
    contents = []
    for number in range(5):
        rows[number] = b"changed\n"
        contents.append(b"".join(rows))
        take(project, contents[-1])
    return contents


def spoil(path: Path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_bit_flipped_in_a_delta_is_found_and_named(project: Project, chain: list[bytes]) -> None:
    third = piece(project, versions.resolve(project, "train@3"))
    assert isinstance(third, Delta)
    spoil(project.objects.path(third.delta))
    with pytest.raises(IntegrityError, match=third.delta.removeprefix("blake3:")):
        versions.load(project, "train@3")
    with pytest.raises(IntegrityError):
        versions.load(project, "train@4")  # which is based on it
    for number in (1, 2, 5):
        assert versions.load(project, f"train@{number}").read_bytes() == chain[number - 1]


def test_what_is_new_is_not_built_on_what_is_damaged(project: Project, chain: list[bytes]) -> None:
    for name in pieces.names([piece(project, versions.resolve(project, "train"))]):
        spoil(project.objects.path(name))
    version = take(project, chain[-1] + b"more\n")
    assert versions.load(project, version.ref).read_bytes() == chain[-1] + b"more\n"


@pytest.mark.parametrize(
    "forged",
    [
        [{"delta": "blake3:" + "0" * 64, "serial": 1, "base": []}],
        [{"delta": 7}],
        [None],
        "blake3",
        [{"delta": "../../etc/passwd", "serial": 1, "base": []}],
    ],
)
def test_a_forged_manifest_is_refused(project: Project, forged: Any, tmp_path: Path) -> None:
    told = manifest(project, take(project, b"x"))
    name = project.objects.write(json.dumps({**told, "pieces": forged}).encode())
    with pytest.raises((IntegrityError, file.UsageError)):
        file.read(project.objects, name, tmp_path / "copies")


def test_a_delta_that_claims_more_than_memory_is_refused(project: Project, tmp_path: Path) -> None:
    # the header of a zstd frame of 2**60 bytes
    frame = bytes.fromhex("28b52ffde0") + (2**60).to_bytes(8, "little") + b"\x01\0\0"
    told = manifest(project, take(project, b"x"))
    bomb = {"delta": project.objects.write(frame), "serial": 1, "base": []}
    name = project.objects.write(json.dumps({**told, "pieces": [bomb]}).encode())
    with pytest.raises(IntegrityError, match="does not fit"):
        file.read(project.objects, name, tmp_path / "copies")


# --- at any moment --------------------------------------------------------------------------------

TAKE = """
from mlops_jupyter.cli.main import main
main(["snapshot", "big.bin"])
"""


def test_a_disk_that_takes_no_more_leaves_no_version(project: Project) -> None:
    Path("big.bin").write_bytes(os.urandom(2**20))
    full_disk.fails(TAKE, largest=300_000)
    assert versions.datasets(project) == ()
    assert not list(project.objects.root.rglob(".writing-*"))


def test_a_kill_leaves_the_version_before_and_the_next_can_be_taken(project: Project) -> None:
    content = os.urandom(40 * 2**20)
    Path("big.bin").write_bytes(content)
    snapshot(project, "big.bin", "big")
    changed = os.urandom(20 * 2**20) + content[: 20 * 2**20]
    Path("big.bin").write_bytes(changed)
    before = count(project)
    with (
        nobody_commits(project),  # so that it cannot end before it is killed
        subprocess.Popen([sys.executable, "-c", TAKE], stdout=subprocess.DEVNULL) as writer,
    ):
        while count(project) == before and writer.poll() is None:
            time.sleep(0.001)
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    assert versions.load(project, "big").read_bytes() == content
    assert snapshot(project, "big.bin", "big").number == 2
    assert versions.load(project, "big").read_bytes() == changed


def count(project: Project) -> int:
    return sum(path.is_file() for path in project.objects.root.rglob("*"))


def test_two_processes_that_take_the_same_file(project: Project) -> None:
    Path("big.bin").write_bytes(os.urandom(2**20))
    writers = [
        subprocess.Popen([sys.executable, "-c", TAKE], stdout=subprocess.DEVNULL) for _ in range(3)
    ]
    assert [writer.wait(240) for writer in writers] == [0, 0, 0]
    found = versions.dataset(open_project(), "big").versions
    assert [version.number for version in found] == [1]
    assert versions.load(project, "big").read_bytes() == Path("big.bin").read_bytes()


def test_a_store_without_a_catalog_can_be_read(project: Project, tmp_path: Path) -> None:
    version = take(project, b"a,b\n")
    alone = Objects(project.objects.root)
    assert file.read(alone, version.manifest, tmp_path / "copies").read_bytes() == b"a,b\n"
